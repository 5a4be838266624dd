"""Searches under limits: what is reached within them, how often they are broken, and what they cost an ask.

Ours runs beside random search, which gets four times as many trials, on a front of which half is not allowed
(C2-DTLZ2, where 2 % of the space keep the limit) and on a table of nets of at most 5,000 parameters (36 %). The limit
is on a metric that is told with each trial. Every run is a line of JSON in benchmarks/out/constrained.jsonl, and so
are the asks of one study with and without limits. --check ends with 1 when a statement at the end is false.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import scoring, studies
from benchmarks.statements import points, verdicts
from benchmarks.studies import OUT, Plan, Record
from benchmarks.tasks import task
from trimtab_service.domain.metric import Value
from trimtab_service.domain.study import Problem
from trimtab_service.domain.trial import Observation, TrialState
from trimtab_service.optimizer.suggest import suggest

PROBLEMS = ("c2_dtlz2_6", "fcnet_protein_limited")
AT = (50, 100)
"""Our trials after which is compared."""
TIMES = 4
"""How many times as many trials random search gets."""
SEEDS, QUICK_SEEDS = 10, 3
TOLD, ASKS = 100, 12
"""Trials that are told before the asks that are timed, and how many these are."""
MOST_TIMES = 3.0
"""How many times as long an ask may take with two limits on metrics."""
Table = dict[str, Any]


def plans(problems: Sequence[str], seeds: int) -> list[Plan]:
    """Ours and random search for each problem and seed."""
    return [
        plan
        for problem in problems
        for seed in range(seeds)
        for plan in (
            Plan("constrained", problem, "gp", seed, AT[-1]),
            Plan("constrained", problem, "random", seed, AT[-1] * TIMES),
        )
    ]


def summary(path: Path) -> dict[str, Any]:
    """The runs of a file as plain data: problems, the asks of `costs`, and what they make true or false."""
    records = studies.read(path)
    runs = sorted((one for one in records if one["set"] == "constrained"), key=lambda one: str(one["problem"]))
    tables = [_table(problem, list(group)) for problem, group in groupby(runs, key=lambda one: str(one["problem"]))]
    asks = [one for one in records if one["set"] == "asks"]
    return {"problems": tables, "asks": asks, "statements": statements(tables, asks)}


def _table(problem: str, records: Sequence[Record]) -> Table:
    """problem, limits, optimum; rows, one for each of AT.

    A row: trials, seeds; ours, random: means of what is reached, random's in TIMES as many trials; lead: ours on it,
    in shares of the distance from what random search reaches in as many trials as ours to the optimum; broken,
    broken_random: shares of the trials that broke a limit.
    """
    about = task(problem)
    assert about.optimum is not None
    ours = {one["seed"]: one for one in records if one["algorithm"] == "gp"}
    random = {one["seed"]: one for one in records if one["algorithm"] == "random"}
    return {
        "problem": problem,
        "limits": dict(about.limits),
        "optimum": about.optimum,
        "rows": [_row(at, ours, random, about.optimum) for at in AT],
    }


def _row(at: int, ours: Mapping[int, Record], random: Mapping[int, Record], optimum: float) -> Table:
    mine = {seed: one["best_so_far"][at - 1] for seed, one in ours.items()}
    theirs = {seed: one["best_so_far"][at * TIMES - 1] for seed, one in random.items()}
    level = float(np.mean([one["best_so_far"][at - 1] for one in random.values()]))
    scores = [
        {seed: scoring.score(one, level, optimum) for seed, one in reached.items()} for reached in (mine, theirs)
    ]
    return {
        "trials": at,
        "seeds": len(mine),
        "ours": float(np.mean(list(mine.values()))),
        "random": float(np.mean(list(theirs.values()))),
        "lead": asdict(scoring.difference(*scores, middle=np.mean)),
        "broken": float(np.mean([sum(number < at for number in one["broken_at"]) for one in ours.values()])) / at,
        "broken_random": float(np.mean([len(one["broken_at"]) / one["n"] for one in random.values()])),
    }


# --- What limits cost an ask ----------------------------------------------------------------------------------------

_SPACE = {
    "lr": {"type": "float", "low": 1e-5, "high": 1.0, "log": True},
    "decay": {"type": "float", "low": 1e-7, "high": 1e-1, "log": True},
    "dropout": {"type": "float", "low": 0.0, "high": 0.8},
    "depth": {"type": "int", "low": 1, "high": 12},
    "width": {"type": "int", "low": 8, "high": 512, "log": True},
    "act": {"type": "categorical", "choices": ["relu", "gelu", "tanh"]},
}
CASES: dict[str, dict[str, Any]] = {
    "no limit": {},
    "a limit on params": {"space_constraints": ["width * depth <= 1024 and (act != 'tanh' or dropout < 0.5)"]},
    "two limits on metrics": {"constraints": ["size_kb <= 300", "latency_ms <= 8"]},
    "both": {
        "space_constraints": ["width * depth <= 1024 and (act != 'tanh' or dropout < 0.5)"],
        "constraints": ["size_kb <= 300", "latency_ms <= 8"],
    },
}
"""What is timed -> what its study has besides."""


def _evaluated(params: Mapping[str, Any], rng: np.random.Generator) -> dict[str, float]:
    error = 0.1 + 0.05 * (np.log10(params["lr"]) + 2.7) ** 2 + 0.02 * (np.log10(params["decay"]) + 4.2) ** 2
    error += 0.3 * (params["dropout"] - 0.2) ** 2 + 0.5 / np.sqrt(params["width"] * params["depth"])
    return {
        "loss": float(error + 0.01 * rng.standard_normal()),
        "size_kb": 4e-3 * (params["depth"] * params["width"] ** 2 + 100 * params["width"]),
        "latency_ms": 0.5 + 0.04 * params["depth"] * params["width"] ** 0.7,
    }


class _Asked:
    """A study of which every ask is timed, with one more trial told before each."""

    def __init__(self, more: Mapping[str, Any]) -> None:
        spec = {"space": _SPACE, "objectives": {"loss": "minimize"}, "metrics": ["size_kb", "latency_ms"]}
        named = {"size_kb", "latency_ms"} if "constraints" in more else set()
        self.problem = Problem.from_spec({**spec, "metrics": sorted({"size_kb", "latency_ms"} - named), **more})
        self.rng = np.random.default_rng(0)
        self.history: list[Observation] = []
        self.surrogates: Mapping[str, Mapping[str, Any]] = {}
        self.ms: list[float] = []
        drawn = Problem.from_spec({**spec, "algorithm": "sobol", **more})
        for number in range(TOLD):
            self.tell(suggest(drawn, self.history, {}, [number]).items[0].params)

    def ask(self) -> None:
        """One ask, and its trial told."""
        start = time.process_time()
        proposals = suggest(self.problem, tuple(self.history), self.surrogates, [len(self.history)])
        self.ms.append(1e3 * (time.process_time() - start))
        self.surrogates = proposals.surrogates or self.surrogates
        self.tell(proposals.items[0].params)

    def tell(self, params: Mapping[str, Any]) -> None:
        """One trial more in the history."""
        values = {name: Value(value) for name, value in _evaluated(params, self.rng).items()}
        self.history.append(Observation.of(self.problem, len(self.history), TrialState.COMPLETE, params, values))


def costs() -> list[Record]:
    """The asks of each case, which take turns; the first of each, which fits from nothing, is left out."""
    asked = {name: _Asked(more) for name, more in CASES.items()}
    for _ in range(ASKS + 1):
        for one in asked.values():
            one.ask()
    same = {"set": "asks", "algorithm": "gp", "workers": 1, "seed": 0, "n": TOLD}
    return [{**same, "problem": name, "ask_cpu_ms": one.ms[1:]} for name, one in asked.items()]


# --- What is to be shown --------------------------------------------------------------------------------------------


def statements(tables: Sequence[Table], asks: Sequence[Record]) -> list[Table]:
    """{"text", "passed", "detail"}: no worse than random search with more trials, asks that are not much longer."""
    made = [
        {
            "text": f"{row['trials']} trials on {table['problem']} reach at least what random search does in "
            f"{TIMES * row['trials']}",
            "passed": row["lead"]["middle"] >= 0,
            "detail": f"{row['ours']:.5g} and {row['random']:.5g}, {points(row['lead'])}",
        }
        for table in tables
        for row in table["rows"]
    ]
    medians = {one["problem"]: float(np.median(one["ask_cpu_ms"])) for one in asks}
    if medians:
        times = medians["two limits on metrics"] / medians["no limit"]
        made.append(
            {
                "text": f"with two limits on metrics an ask after {TOLD} trials takes at most {MOST_TIMES:g} times "
                "as long as without",
                "passed": times <= MOST_TIMES,
                "detail": f"{times:.1f} times; {', '.join(f'{case} {ms:.1f} ms' for case, ms in medians.items())}",
            }
        )
    return made


# --- The command ----------------------------------------------------------------------------------------------------


def text(found: dict[str, Any]) -> str:
    """A summary as it is printed."""
    lines = []
    for table in found["problems"]:
        limits = " and ".join(f"{metric} <= {most:g}" for metric, most in table["limits"].items())
        lines.append(f"\n{table['problem']}: {limits}, optimum {table['optimum']:.5g}")
        lines.append(f"  {'trials':>6} {'ours':>9} {'random':>9}, {TIMES} times the trials  share that broke a limit")
        lines += [
            f"  {row['trials']:>6} {row['ours']:>9.5g} {row['random']:>9.5g}  {points(row['lead'])}  "
            f"{row['broken']:.3f}, random {row['broken_random']:.3f}"
            for row in table["rows"]
        ]
    lines += [
        f"an ask with {one['problem']}: median {np.median(one['ask_cpu_ms']):.1f} ms of CPU time"
        for one in found["asks"]
    ]
    return "\n".join([*lines, "", *verdicts(found["statements"])])


def main(words: list[str] | None = None) -> int:
    """Make the runs, print how they compare; the exit code."""
    parser = argparse.ArgumentParser("python -m benchmarks.constrained", description=__doc__)
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS), metavar="NAME")
    parser.add_argument("--seeds", type=int, help=f"runs of each; else {SEEDS}")
    parser.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 8), help="runs at a time")
    parser.add_argument("--out", type=Path, default=OUT / "constrained.jsonl", help="the file of runs")
    parser.add_argument("--quick", action="store_true", help="fewer seeds")
    parser.add_argument("--check", action="store_true", help="end with 1 when a statement is false")
    given = parser.parse_args(words)
    start = time.perf_counter()
    made = plans(given.problems, given.seeds or (QUICK_SEEDS if given.quick else SEEDS))
    studies.write(given.out, made, jobs=given.jobs)
    studies.keep(given.out, costs(), {"asks"}, count=len(CASES))
    found = summary(given.out)
    print(text(found))
    print(f"\n{len(made)} runs in {time.perf_counter() - start:.0f} s, {given.jobs} at a time; {given.out}")
    return int(given.check and not all(one["passed"] for one in found["statements"]))


if __name__ == "__main__":
    sys.exit(main())
