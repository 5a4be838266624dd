"""NSGA-II as pymoo has it, in a process of .venv-peers that is asked for params and told their losses, line by line.

`python -m benchmarks.nsga2 SEED POPULATION` reads {"space", "objectives"} and then writes {"params"} as often as it
is answered with {"losses"}. What has a logarithmic scale is varied in its logarithm, an ordered choice as
its index. A space of floats alone is pymoo's NSGA2's, any other its MixedVariableGA's with NSGA-II's survival, with
all else at pymoo's defaults. Knows nothing of Trimtab.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).parent.parent
PYTHON = ROOT / ".venv-peers" / "bin" / "python"
POPULATION = 10
"""pymoo's default, 100, leaves no generation to a study of 100 trials."""
Params = Mapping[str, Any]


class Nsga2:
    """The process, from the side that asks. Raises FileNotFoundError where .venv-peers is not made."""

    def __init__(self, space: Mapping[str, Any], objectives: int, seed: int, population: int = POPULATION) -> None:
        if not PYTHON.exists():
            raise FileNotFoundError(f"{PYTHON} is not there; make bench-peers makes it")
        self._process = subprocess.Popen(
            [PYTHON, "-m", "benchmarks.nsga2", str(seed), str(population)],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._write({"space": space, "objectives": objectives})

    def __enter__(self) -> Nsga2:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._process.kill()
        with self._process:
            pass

    def ask(self) -> Params:
        """The params that are to be evaluated next. Raises RuntimeError where the process has ended."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"NSGA-II's process ended with {self._process.wait()}")
        found: Params = json.loads(line)["params"]
        return found

    def tell(self, losses: Sequence[float]) -> None:
        """The losses of the params that were asked for last."""
        self._write({"losses": list(losses)})

    def _write(self, line: object) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()


# --- In the process -------------------------------------------------------------------------------------------------


def _variable(parameter: Params) -> Any:
    from pymoo.core.variable import Choice, Integer, Real

    if parameter["type"] == "categorical":
        count = len(parameter["choices"])
        return Integer(bounds=(0, count - 1)) if parameter["ordered"] else Choice(options=list(range(count)))
    low, high = parameter["low"], parameter["high"]
    if parameter["type"] == "int":
        return (
            Real(bounds=(math.log(low - 0.5), math.log(high + 0.5)))
            if parameter["log"]
            else Integer(bounds=(low, high))
        )
    return Real(bounds=(math.log(low), math.log(high)) if parameter["log"] else (low, high))


def _value(parameter: Params, varied: Any) -> Any:
    """A variable's value as the parameter's own."""
    if parameter["type"] == "categorical":
        return parameter["choices"][int(varied)]
    value = math.exp(varied) if parameter["log"] else float(varied)
    kept = min(max(value, parameter["low"]), parameter["high"])
    return round(kept) if parameter["type"] == "int" else kept


def serve(seed: int, population: int) -> None:
    """Ask and be told, until the input ends."""
    import numpy as np
    from pymoo.algorithms.moo.nsga2 import NSGA2, RankAndCrowdingSurvival
    from pymoo.core.mixed import MixedVariableGA
    from pymoo.core.problem import Problem

    about = json.loads(sys.stdin.readline())
    space, objectives = about["space"], about["objectives"]
    variables = {name: _variable(one) for name, one in space.items()}
    if all(one["type"] == "float" for one in space.values()):
        low, high = np.array([one.bounds for one in variables.values()]).T
        problem = Problem(n_var=len(space), n_obj=objectives, xl=low, xu=high)
        algorithm = NSGA2(pop_size=population)
    else:
        problem = Problem(vars=variables, n_obj=objectives)
        algorithm = MixedVariableGA(pop_size=population, survival=RankAndCrowdingSurvival())
    algorithm.setup(problem, seed=seed, termination=("n_gen", 10**9))
    while True:
        generation = algorithm.ask()
        for one in generation:
            row = one.X.items() if isinstance(one.X, dict) else zip(space, one.X, strict=True)
            print(json.dumps({"params": {name: _value(space[name], varied) for name, varied in row}}), flush=True)
            line = sys.stdin.readline()
            if not line:
                return
            one.set("F", np.array(json.loads(line)["losses"]))
            one.evaluated.add("F")
        algorithm.tell(infills=generation)


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))
