"""Compares fronts: the hypervolume that a search for two objectives has found after 50 trials and after 100.

Ours, random search and NSGA-II (pymoo) run here, with the same noise for the same seed; beside them stands what
other optimizers' recorded runs had after 50. Figures are means over the seeds, in shares of the true front's
hypervolume, or where nobody knows it of the largest that was seen. Every run is a line of JSON in
benchmarks/out/pareto.jsonl. --check ends with 1 when a statement at the end is false.
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

from benchmarks import recorded, scoring, studies
from benchmarks.nsga2 import PYTHON
from benchmarks.recorded import FEWEST_SEEDS
from benchmarks.statements import points, verdicts
from benchmarks.studies import OUT, Plan, Record
from benchmarks.tasks import task

PROBLEMS = ("zdt1_6", "zdt2_6", "dtlz2_6", "fcnet_protein_front", "mlp_vehicle_front", "momlp_digits")
OURS, HERE = "gp", ("gp", "random", "nsga2")
"""Ours, and all that run here."""
AT = (50, 100)
"""Trials after which hypervolumes are compared; peers were recorded up to the first."""
SEEDS, QUICK_SEEDS = 10, 3
QUICK = ("zdt1_6", "dtlz2_6", "fcnet_protein_front", "mlp_vehicle_front")
GPSAMPLER = "optuna-gp"
Table = dict[str, Any]


def plans(problems: Sequence[str], algorithms: Sequence[str], seeds: int) -> list[Plan]:
    """A run of each algorithm on each problem for each seed."""
    return [
        Plan("pareto", problem, algorithm, seed, AT[-1])
        for problem in problems
        for algorithm in algorithms
        for seed in range(seeds)
    ]


def summary(path: Path) -> dict[str, Any]:
    """The runs of a file as plain data: a table for each problem, and the statements that they make true or false."""
    records = sorted(studies.read(path), key=lambda one: PROBLEMS.index(one["problem"]))
    tables = [
        _table(problem, list(group)) for problem, group in groupby(records, key=lambda one: str(one["problem"]))
    ]
    return {"problems": tables, "statements": statements(tables)}


def _table(problem: str, records: Sequence[Record]) -> Table:
    """problem, optimum, optimum_known, published; rows: one for each optimizer, ours first, recorded peers last.

    A row: name, recorded, seeds, ask_cpu_ms; at: trials -> {"share", "median", "lead"}: the mean share, and the
    lead of ours on it, of means.
    """
    about = task(problem)
    order = {name: place for place, name in enumerate(HERE)}
    groups: dict[str, list[Record]] = {name: [] for name in HERE}
    for one in records:
        groups[one["algorithm"]].append(one)
    curves = [
        (name, False, {one["seed"]: one["best_so_far"] for one in group}, _asks(group))
        for name, group in sorted(groups.items(), key=lambda pair: order[pair[0]])
        if group
    ]
    curves += [(row.name, True, row.curves, row.ask_cpu_ms) for row in recorded.peers(problem, AT[0])]
    seen = max(curve[-1] for _, _, seeds, _ in curves for curve in seeds.values())
    optimum = seen if about.optimum is None else about.optimum
    ours = next((seeds for name, _, seeds, _ in curves if name == OURS), None)
    return {
        "problem": problem,
        "optimum": optimum,
        "optimum_known": about.optimum is not None,
        "published": recorded.medians("share_of_hypervolume", problem),
        "rows": [
            {
                "name": name,
                "recorded": of_record,
                "seeds": len(seeds),
                "ask_cpu_ms": ask,
                "at": {at: _at(at, seeds, None if seeds is ours else ours, optimum) for at in AT if _long(seeds, at)},
            }
            for name, of_record, seeds, ask in curves
        ],
    }


def _long(curves: Mapping[int, Sequence[float]], at: int) -> bool:
    return min(len(curve) for curve in curves.values()) >= at


def _asks(records: Sequence[Record]) -> float | None:
    """Median milliseconds of an ask; None of NSGA-II's, which are in another process."""
    if records[0]["algorithm"] == "nsga2":
        return None
    return float(np.median([ms for one in records for ms in one["ask_cpu_ms"]]))


def _at(
    at: int, curves: Mapping[int, Sequence[float]], ours: Mapping[int, Sequence[float]] | None, optimum: float
) -> Table:
    shares = {seed: curve[at - 1] / optimum for seed, curve in curves.items()}
    values = list(shares.values())
    found: Table = {"share": float(np.mean(values)), "median": float(np.median(values)), "lead": None}
    if ours and _long(ours, at):
        mine = {seed: curve[at - 1] / optimum for seed, curve in ours.items()}
        found["lead"] = asdict(scoring.difference(mine, shares, middle=np.mean))
    return found


# --- What is to be shown --------------------------------------------------------------------------------------------


def statements(tables: Sequence[Table]) -> list[Table]:
    """{"text", "passed", "detail"}: above everybody on each problem, and above GPSampler's shares of the tables."""
    return [one for table in tables for one in (*_above_others(table), *_above_published(table))]


def _above_others(table: Table) -> list[Table]:
    made = []
    for at in AT:
        rivals = [
            (row["name"], row["at"][at]["lead"])
            for row in table["rows"]
            if at in row["at"] and row["at"][at]["lead"] and row["seeds"] >= FEWEST_SEEDS
        ]
        if not rivals or _ours(table)["seeds"] < FEWEST_SEEDS:
            continue
        nearest, lead = min(rivals, key=lambda pair: pair[1]["middle"])
        behind = [name for name, one in rivals if one["middle"] <= 0]
        made.append(
            {
                "text": f"hypervolume on {table['problem']} above that of each of {len(rivals)} others, "
                f"on the mean after {at} trials",
                "passed": not behind,
                "detail": f"{'behind ' + ', '.join(behind) if behind else 'nearest: ' + nearest}, {points(lead)}",
            }
        )
    return made


def _above_published(table: Table) -> list[Table]:
    limits = table["published"].get(GPSAMPLER)
    if not limits:
        return []
    shares = [_ours(table)["at"][at]["median"] for at in AT]
    most = limits["median"]
    return [
        {
            "text": f"median share of {table['problem']}'s hypervolume more than GPSampler's "
            + " and ".join(f"{one:.2f} after {at}" for one, at in zip(most, AT, strict=True)),
            "passed": all(mine > one for mine, one in zip(shares, most, strict=True)),
            "detail": ", ".join(f"{one:.3f}" for one in shares) + f" over {_ours(table)['seeds']} seeds",
        }
    ]


def _ours(table: Table) -> Table:
    found: Table = next(row for row in table["rows"] if row["name"] == OURS)
    return found


# --- The command ----------------------------------------------------------------------------------------------------


def text(found: dict[str, Any]) -> str:
    """A summary as it is printed."""
    lines = []
    for table in found["problems"]:
        known = "true hypervolume" if table["optimum_known"] else "largest seen"
        lines.append(f"\n{table['problem']}: {known} {table['optimum']:.5g}")
        lines.append(f"  {'':24}{'seeds':>6}" + "".join(f"  {f'share at {at}':>12}  {'our lead':<30}" for at in AT))
        for row in table["rows"]:
            name = row["name"] + (", recorded" if row["recorded"] else "")
            lines.append(f"  {name:24}{row['seeds']:>6}" + "".join(_cell(row["at"].get(at)) for at in AT))
        for peer, kept in table["published"].items():
            shares = ", ".join(f"{one:.2f}" for one in kept["median"])
            lines.append(f"  {peer:24}{kept['seeds']:>6}  medians that were recorded: {shares}")
    return "\n".join([*lines, "", *verdicts(found["statements"])])


def _cell(found: Table | None) -> str:
    if found is None:
        return f"  {'':12}  {'':30}"
    return f"  {found['share']:>12.4f}  {points(found['lead']) if found['lead'] else '':<30}"


def main(words: list[str] | None = None) -> int:
    """Make the runs, print how they compare; the exit code."""
    parser = argparse.ArgumentParser("python -m benchmarks.pareto", description=__doc__)
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, metavar="NAME", help=", ".join(PROBLEMS))
    parser.add_argument("--algorithms", nargs="+", choices=HERE, default=list(HERE))
    parser.add_argument("--seeds", type=int, help=f"runs of each; else {SEEDS}")
    parser.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 8), help="runs at a time")
    parser.add_argument("--out", type=Path, default=OUT / "pareto.jsonl", help="the file of runs")
    parser.add_argument("--quick", action="store_true", help="fewer problems and seeds")
    parser.add_argument("--check", action="store_true", help="end with 1 when a statement is false")
    given = parser.parse_args(words)
    start = time.perf_counter()
    algorithms = [one for one in given.algorithms if one != "nsga2" or PYTHON.exists()]
    if len(algorithms) < len(given.algorithms):
        print(f"nsga2 is left out: {PYTHON.parents[1].name} is not there; make bench-peers makes it")
    problems = given.problems or (QUICK if given.quick else PROBLEMS)
    made = plans(problems, algorithms, given.seeds or (QUICK_SEEDS if given.quick else SEEDS))
    studies.write(given.out, made, jobs=given.jobs)
    found = summary(given.out)
    print(text(found))
    print(f"\n{len(made)} runs in {time.perf_counter() - start:.0f} s, {given.jobs} at a time; {given.out}")
    return int(given.check and not all(one["passed"] for one in found["statements"]))


if __name__ == "__main__":
    sys.exit(main())
