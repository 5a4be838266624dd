"""What parallel workers cost: how good a result 8 or 32 of them reach, and whether their trials keep apart.

A study with w workers has w trials open at any time; they are told one by one, in an order that the seed shuffles.
With 8 workers 80 trials must reach what 60 reach one after the other, though each was asked with 7 results missing.
Every run is a line of JSON in benchmarks/out/batch.jsonl. --check ends with 1 when a statement at the end is false.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import scoring, studies
from benchmarks.statements import points, verdicts
from benchmarks.studies import OUT, Plan, Record
from benchmarks.tasks import task

PROBLEMS = ("branin", "hartmann6", "ackley5", "rosenbrock4", "levy10", "mixed6", "fcnet_protein")
QUICK = ("branin", "hartmann6", "ackley5", "mixed6")
SEQUENTIAL = 60
"""Trials of the study without parallel workers."""
PARALLEL = {8: 80, 32: 160}
"""Workers -> trials of their studies."""
JUDGED = 8
"""The workers that must reach what the sequential study reaches; of more it is shown."""
APART = 1e-3
"""How far apart trials that are open together must be at least, where all parameters are floats."""
SEEDS, QUICK_SEEDS = 10, 5
Table = dict[str, Any]


def plans(problems: Sequence[str], seeds: int, workers: Sequence[int]) -> list[Plan]:
    """For each problem and seed: random search, the sequential study, and one for each number of workers."""
    return [
        plan
        for problem in problems
        for seed in range(seeds)
        for plan in (
            Plan("batch", problem, "random", seed, SEQUENTIAL),
            Plan("batch", problem, "gp", seed, SEQUENTIAL),
            *(Plan("batch", problem, "gp", seed, PARALLEL[count], count, shuffled=True) for count in workers),
        )
    ]


def summary(path: Path) -> dict[str, Any]:
    """The runs of a file as plain data: a table for each problem, and the statements that they make true or false."""
    records = sorted(studies.read(path), key=lambda one: PROBLEMS.index(one["problem"]))
    tables = [
        _table(problem, list(group)) for problem, group in groupby(records, key=lambda one: str(one["problem"]))
    ]
    return {"problems": tables, "statements": statements(tables)}


def _table(problem: str, records: Sequence[Record]) -> Table:
    about = task(problem)
    if about.optimum is None:
        raise ValueError(f"expected a problem whose optimum is known, got {problem!r}")
    random = float(np.median([one["best_so_far"][-1] for one in records if one["algorithm"] == "random"]))
    ours = [one for one in records if one["algorithm"] == "gp"]
    groups = {workers: list(group) for workers, group in groupby(ours, key=lambda one: int(one["workers"]))}
    scores = {
        workers: {one["seed"]: scoring.score(one["best_so_far"][-1], random, about.optimum) for one in group}
        for workers, group in groups.items()
    }
    return {
        "problem": problem,
        "random": random,
        "optimum": about.optimum,
        "floats": all(one["type"] == "float" for one in about.space.values()),
        "rows": [_row(workers, group, scores) for workers, group in groups.items()],
    }


def _row(workers: int, records: Sequence[Record], scores: dict[int, dict[int, float]]) -> Table:
    row: Table = {
        "workers": workers,
        "trials": records[0]["n"],
        "seeds": len(records),
        "median": float(np.median([one["best_so_far"][-1] for one in records])),
        "score": float(np.median(list(scores[workers].values()))),
        "ask_cpu_ms": float(np.median([ms for one in records for ms in one["ask_cpu_ms"]])),
        "closest_open": min((one["closest_open"] for one in records), default=None) if workers > 1 else None,
        "difference": None,
    }
    if workers > 1:
        row["difference"] = asdict(scoring.difference(scores[workers], scores[1]))
    return row


def statements(tables: Sequence[Table]) -> list[Table]:
    """{"text", "passed", "detail"}: no worse than one worker over the problems and on each; open trials kept apart.

    On one problem a few seeds can't tell a small loss from luck, so there the whole interval must be a loss.
    """
    rows = [(table, row) for table in tables for row in table["rows"] if row["workers"] > 1]
    apart = {table["problem"]: row["difference"] for table, row in rows if row["workers"] == JUDGED}
    mean = float(np.mean([one["middle"] for one in apart.values()])) if apart else 0.0
    lower = [f"{name} {100 * one['middle']:.1f}" for name, one in apart.items() if one["middle"] < -scoring.BAND]
    worse = [f"{name} {points(one)}" for name, one in apart.items() if one["high"] < -scoring.BAND]
    shared = [f"{table['problem']} with {row['workers']}" for table, row in rows if row["closest_open"] == 0]
    floats = [(table, row) for table, row in rows if table["floats"]]
    near = [
        f"{table['problem']} with {row['workers']}: {row['closest_open']:.2g}"
        for table, row in floats
        if row["closest_open"] < APART
    ]
    least = min((row["closest_open"] for _, row in floats), default=None)
    return [
        {
            "text": f"{JUDGED} workers score no less in {PARALLEL[JUDGED]} trials than 1 in {SEQUENTIAL}, on average",
            "passed": bool(apart) and mean >= -scoring.BAND,
            "detail": f"{100 * mean:+z.1f} points over {len(apart)} problems"
            + (f"; medians behind: {', '.join(lower)}" if lower else ""),
        },
        {
            "text": f"on none of {len(apart)} problems is the interval wholly below",
            "passed": bool(apart) and not worse,
            "detail": f"below: {', '.join(worse)}" if worse else "",
        },
        {
            "text": "no two trials that are open together share their params",
            "passed": not shared,
            "detail": f"shared: {', '.join(shared)}" if shared else "",
        },
        {
            "text": f"where all parameters are floats, they are at least {APART:g} apart in the unit cube",
            "passed": not near,
            "detail": f"nearer: {', '.join(near)}" if near else "" if least is None else f"at least {least:.2g}",
        },
    ]


def text(found: dict[str, Any]) -> str:
    """A summary as it is printed."""
    lines = []
    for table in found["problems"]:
        lines.append(f"\n{table['problem']}: random {table['random']:.5g}, optimum {table['optimum']:.5g}")
        lines.append(
            f"  {'workers':>7} {'trials':>6} {'seeds':>5} {'median':>10} {'score':>8} {'ask ms':>7} {'nearest':>9}"
            "  lead on one worker [95 %]"
        )
        for row in table["rows"]:
            nearest = "" if row["closest_open"] is None else f"{row['closest_open']:.2g}"
            said = f"  {row['workers']:>7} {row['trials']:>6} {row['seeds']:>5} {row['median']:>10.5g} "
            said += f"{row['score']:>8.4f} {row['ask_cpu_ms']:>7.4g} {nearest:>9}"
            lines.append(said + (f"  {points(row['difference'])}" if row["difference"] else ""))
    return "\n".join([*lines, "", *verdicts(found["statements"])])


def main(words: list[str] | None = None) -> int:
    """Make the runs, print how they compare; the exit code."""
    parser = argparse.ArgumentParser("python -m benchmarks.batch", description=__doc__)
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, metavar="NAME", help=", ".join(PROBLEMS))
    parser.add_argument("--workers", nargs="+", type=int, choices=PARALLEL, default=list(PARALLEL))
    parser.add_argument("--seeds", type=int, help=f"studies of each kind; else {SEEDS}")
    parser.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 8), help="processes")
    parser.add_argument("--out", type=Path, default=OUT / "batch.jsonl", help="the file of runs")
    parser.add_argument("--quick", action="store_true", help="fewer problems and seeds")
    parser.add_argument("--check", action="store_true", help="end with 1 when a statement is false")
    given = parser.parse_args(words)
    start = time.perf_counter()
    problems = given.problems or (QUICK if given.quick else PROBLEMS)
    made = plans(problems, given.seeds or (QUICK_SEEDS if given.quick else SEEDS), given.workers)
    studies.write(given.out, made, jobs=given.jobs)
    found = summary(given.out)
    print(text(found))
    print(f"\n{len(made)} runs in {time.perf_counter() - start:.0f} s, {given.jobs} processes; {given.out}")
    return int(given.check and not all(one["passed"] for one in found["statements"]))


if __name__ == "__main__":
    sys.exit(main())
