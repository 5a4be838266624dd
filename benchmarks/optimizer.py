"""Compares gp, random, sobol and grid on three small functions: how close to the optimum each comes, and how fast.

Prints a table and appends a JSON line per run to benchmarks/out/optimizer.jsonl. The optimizer is used bare, without
a server, on functions that give the same value each time.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from trimtab_service.domain.study import Problem
from trimtab_service.domain.trial import Observation, TrialState
from trimtab_service.optimizer.suggest import suggest

ALGORITHMS = ("gp", "sobol", "random", "grid")
OUT = Path(__file__).parent / "out" / "optimizer.jsonl"


@dataclass(frozen=True)
class Function:
    """Something to be minimised. lowest: the least value that there is in the space."""

    space: dict[str, dict[str, Any]]
    value: Callable[[dict[str, Any]], float]
    lowest: float


def branin(params: dict[str, Any]) -> float:
    """Branin's function, moved a little so that its three minima lie on no grid. Two floats."""
    x, y = params["x"] + 0.7, params["y"] - 0.4
    bowl = y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6
    return float(bowl**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10)


_HEIGHTS = np.array([1.0, 1.2, 3.0, 3.2])
_WIDTHS = np.array(
    [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
)
_CENTRES = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def hartmann6(params: dict[str, Any]) -> float:
    """Hartmann's function of six floats: four Gaussian hollows."""
    x = np.array(list(params.values()))
    return float(-_HEIGHTS @ np.exp(-np.sum(_WIDTHS * (x - _CENTRES) ** 2, axis=1)))


def training(params: dict[str, Any]) -> float:
    """The shape of a training's error: floats and ints on log scales, a condition, an order and a plain choice.

    A sum of terms that are all zero at relu, depth 3, learning rate 10^-2.7, widths 64 and 32, and 4 bits.
    """
    depth = params["depth"]
    error = {"relu": 0.0, "elu": 0.05, "tanh": 0.15}[params["activation"]]
    error += {2: 0.3, 4: 0.0, 8: 0.02, 32: 0.05}[params["bits"]]
    error += 0.08 * abs(depth - 3) + 0.3 * (math.log10(params["lr"]) + 1.5 + 0.4 * depth) ** 2
    error += 0.03 * math.log2(params["width_1"] / 64) ** 2
    error += 0.03 * math.log2(params["width_2"] / 32) ** 2 if depth > 1 else 0.1
    return error


FUNCTIONS = {
    "branin, moved": Function(
        {"x": {"type": "float", "low": -5, "high": 10}, "y": {"type": "float", "low": 0, "high": 15}},
        branin,
        0.397887357729738,
    ),
    "hartmann6": Function(
        {f"x{place}": {"type": "float", "low": 0, "high": 1} for place in range(6)},
        hartmann6,
        -3.322368011415515,
    ),
    "training, mixed": Function(
        {
            "activation": {"type": "categorical", "choices": ["tanh", "elu", "relu"]},
            "depth": {"type": "int", "low": 1, "high": 4},
            "lr": {"type": "float", "low": 1e-5, "high": 1.0, "log": True},
            "width_1": {"type": "int", "low": 8, "high": 512, "log": True},
            "width_2": {"type": "int", "low": 8, "high": 512, "log": True, "when": {"depth": [2, 3, 4]}},
            "bits": {"type": "categorical", "choices": [2, 4, 8, 32], "ordered": True},
        },
        training,
        0.0,
    ),
}


def run(name: str, algorithm: str, seed: int, trials: int) -> dict[str, Any]:
    """One study. regret: the best value's distance from the lowest; ask_ms: milliseconds of each ask."""
    function = FUNCTIONS[name]
    problem = Problem.from_spec(
        {"space": function.space, "objectives": {"value": "minimize"}, "algorithm": algorithm, "seed": seed}
    )
    history: tuple[Observation, ...] = ()
    surrogates: dict[str, dict[str, Any]] = {}
    ask_ms = []
    for number in range(trials):
        start = time.perf_counter()
        proposals = suggest(problem, history, surrogates, [number])
        ask_ms.append(1e3 * (time.perf_counter() - start))
        if not proposals.items:
            break
        params = proposals.items[0].params
        surrogates = proposals.surrogates or surrogates
        history += (Observation(number, TrialState.COMPLETE, params, (function.value(params),), (0.0,)),)
    best = min(observation.losses[0] for observation in history)
    return {
        "function": name,
        "algorithm": algorithm,
        "seed": seed,
        "trials": len(history),
        "regret": best - function.lowest,
        "ask_ms": [round(one, 2) for one in ask_ms],
    }


def table(rows: Iterable[dict[str, Any]]) -> str:
    """Median regret over the seeds with its range, and the median and 95th percentile of an ask."""
    lines = [f"{'function':17} {'algorithm':9} {'regret':>9} {'least':>9} {'most':>9} {'ask ms':>8} {'p95':>8}"]
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["function"], row["algorithm"]), []).append(row)
    for (function, algorithm), group in groups.items():
        regrets = [row["regret"] for row in group]
        asks = np.concatenate([row["ask_ms"] for row in group])
        lines.append(
            f"{function:17} {algorithm:9} {median(regrets):9.2g} {min(regrets):9.2g} {max(regrets):9.2g} "
            f"{np.median(asks):8.1f} {np.percentile(asks, 95):8.1f}"
        )
    return "\n".join(lines)


def main() -> None:
    """Run every function with every algorithm and seed, in as many processes as there are cores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=40, help="trials of each study")
    parser.add_argument("--seeds", type=int, default=10, help="studies of each function and algorithm")
    given = parser.parse_args()
    start = time.perf_counter()
    cores = min(os.cpu_count() or 1, 8)
    studies = [
        (name, algorithm, seed) for name in FUNCTIONS for algorithm in ALGORITHMS for seed in range(given.seeds)
    ]
    with ProcessPoolExecutor(cores) as pool:
        futures = [pool.submit(run, *study, given.trials) for study in studies]
        rows = [future.result() for future in futures]
    OUT.parent.mkdir(exist_ok=True)
    with OUT.open("a") as file:
        for row in rows:
            file.write(json.dumps({"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **row}) + "\n")
    print(table(rows))
    print(
        f"\n{given.trials} trials, {given.seeds} seeds, {time.perf_counter() - start:.0f} s, {cores} processes, "
        f"Python {platform.python_version()} on {platform.machine()}; every run is in {OUT}"
    )


if __name__ == "__main__":
    main()
