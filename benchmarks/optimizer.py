"""Compares the optimizer with its peers: how good a result after how many trials.

Sets: `peers`, problems that other optimizers' runs are recorded for; `tables`, models that others have trained, one
objective; `fronts`, two objectives of them; `failing`, tables of which a quarter fails; `embedded`, six floats that
matter among twenty; `varied`, functions by which the engine's constants were chosen. Every run is a line of JSON in
benchmarks/out/optimizer.jsonl; a set's new runs replace its old. --check ends with 1 when a statement at the end is
false.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import comparison, curves, statements, studies
from benchmarks.comparison import Table
from benchmarks.recorded import FEWEST_SEEDS
from benchmarks.studies import OUT, Plan, Record
from benchmarks.tasks import SETS, task

ALGORITHMS = ("gp", "grid", "random", "sobol")
SEEDS = {"peers": 10, "tables": 20, "fronts": 10, "failing": 20, "embedded": 1, "varied": 10}
QUICK = {
    "peers": ("branin", "hartmann6", "ackley5", "rosenbrock4", "mixed6", "zdt1_6"),
    "tables": SETS["tables"],
    "failing": ("fcnet_protein_failing", "hartmann6_failing"),
    "embedded": SETS["embedded"],
}
QUICK_SEEDS = 5


def summary(path: Path) -> dict[str, Any]:
    """The runs of a file as plain data.

    problems: a table for each problem of each set, with a line for each optimizer (`comparison.problems`).
    peers: means over the problems and wins, ties, losses (`comparison.peers`). statements: what is shown or not.
    """
    return _summary(studies.read(path))


def _summary(records: Sequence[Record]) -> dict[str, Any]:
    tables = comparison.problems(records)
    peers = comparison.peers(tables)
    return {"problems": tables, "peers": peers, "statements": statements.statements(tables, peers)}


def plans(given: argparse.Namespace) -> list[Plan]:
    """The runs that were asked for, a set after the other. Raises ValueError for a problem that is in none."""
    names = given.set or (list(QUICK) if given.quick else ["peers"])
    unknown = set(given.problems or ()) - {problem for name in names for problem in SETS[name]}
    if unknown:
        raise ValueError(f"expected problems of {', '.join(names)}, got {', '.join(sorted(unknown))}")
    return [
        Plan(
            name,
            problem,
            algorithm,
            seed,
            given.budget or task(problem).trials,
            workers=given.workers,
            options=given.options,
        )
        for name in names
        for problem in (QUICK.get(name, SETS[name]) if given.quick else SETS[name])
        if not given.problems or problem in given.problems
        for algorithm in given.algorithms
        for seed in range(given.seeds or (min(QUICK_SEEDS, SEEDS[name]) if given.quick else SEEDS[name]))
    ]


def text(found: dict[str, Any]) -> str:
    """A summary as it is printed."""
    parts = [_table(one) for one in found["problems"]]
    if found["peers"]:
        parts.append(_peers(found["peers"]))
    if found["statements"]:
        parts.append("\n".join(statements.verdicts(found["statements"])))
    return "\n\n".join(parts)


def _table(table: Table) -> str:
    known = "optimum" if table["optimum_known"] else "best seen"
    random = "not run" if table["random"] is None else f"{table['random']:.5g}"
    said = f"{table['problem']}: {table['trials']} trials, random {random}, {known} {table['optimum']:.5g}"
    if table["workers"] > 1:
        said += f", {table['workers']} workers"
    if table["options"]:
        said += f", options {json.dumps(table['options'])}"
    heads = f"  {'':15}{'seeds':>6} {'median':>10} {'score':>8} {'regret':>9} {'ask ms':>7}  gp's lead [95 %]"
    return "\n".join([said, heads, *(_row(line) for line in table["rows"]), *_published(table)])


def _row(line: Table) -> str:
    score = "" if line["score"] is None else f"{line['score']:z.4f}"
    regret = "" if line["regret"] is None else f"{line['regret']:.4g}"
    name = line["name"] if line["recorded"] else f"{line['name']} (ours)"
    said = f"  {name:15}{line['seeds']:>6} {line['median']:>10.5g} {score:>8} {regret:>9} {line['ask_cpu_ms']:>7.4g}"
    if line["shares"]:
        said += "  share of the hypervolume {:.3f} after 50, {:.3f} after 100".format(*line["shares"])
    apart = line["difference"]
    if apart:
        said += f"  {statements.points(apart)}"
        enough = line["judged"] if line["recorded"] else line["seeds"] >= FEWEST_SEEDS
        said += f" {line['outcome']}" if enough else " too few seeds to judge"
    return said


def _published(table: Table) -> list[str]:
    measure = "share of the hypervolume after 50, 100:" if table["objectives"] == 2 else "regret after 50:"
    return [
        f"  {peer:15}{one['seeds']:>6}  recorded {measure} {one['median']}"
        for peer, one in table["published"].items()
    ]


def _peers(found: Sequence[Table]) -> str:
    lines = [f"  {'peer':15}{'mean score':>11}{'ours':>9}{'problems':>10}{'wins':>6}{'ties':>6}{'losses':>8}"]
    for one in found:
        score, ours = ("" if one[key] is None else f"{one[key]:z.4f}" for key in ("score", "ours"))
        lines.append(
            f"  {one['peer']:15}{score:>11}{ours:>9}{one['single']:>10}{one['wins']:>6}{one['ties']:>6}"
            f"{one['losses']:>8}{'' if one['judged'] else '  too few seeds to judge'}"
        )
    head = "Mean scores over problems of one objective; wins, ties and losses of gp over those of two as well:"
    return "\n".join([head, *lines])


def parser() -> argparse.ArgumentParser:
    """The command's words."""
    made = argparse.ArgumentParser("python -m benchmarks.optimizer", description=__doc__)
    made.add_argument("--set", nargs="+", choices=SETS, help="which sets; peers if not said")
    made.add_argument("--problems", nargs="+", metavar="NAME", help="only these of the sets")
    made.add_argument(
        "--algorithms", nargs="+", choices=ALGORITHMS, default=list(ALGORITHMS), help="which of ours; all if not said"
    )
    made.add_argument("--seeds", type=int, help="runs of each problem and algorithm; else as many as the set wants")
    made.add_argument("--budget", type=int, metavar="TRIALS", help="trials of a run; else the problem's own")
    made.add_argument("--workers", type=int, default=1, help="trials open at a time, told in their order")
    made.add_argument("--options", type=json.loads, default={}, metavar="JSON", help="options of gp")
    made.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 8), help="runs at a time")
    made.add_argument("--out", type=Path, default=OUT / "optimizer.jsonl", help="the file of runs")
    made.add_argument("--quick", action="store_true", help="a few problems of each set, few seeds")
    made.add_argument("--check", action="store_true", help="end with 1 when a statement is false")
    return made


def main(words: list[str] | None = None) -> int:
    """Make the runs, print how they compare, draw their curves; the exit code."""
    given = parser().parse_args(words)
    start = time.perf_counter()
    made = plans(given)
    studies.write(given.out, made, jobs=given.jobs)
    records = [one for one in studies.read(given.out) if one["set"] in {plan.purpose for plan in made}]
    found = _summary(records)
    print(text(found))
    drawn = len(curves.draw(records, given.out.parent))
    print(
        f"\n{len(made)} runs in {time.perf_counter() - start:.0f} s, {given.jobs} at a time, "
        f"Python {platform.python_version()} on {platform.machine()}; {given.out}, "
        f"with {drawn} {'picture' if drawn == 1 else 'pictures'} beside it"
    )
    return int(given.check and not all(one["passed"] for one in found["statements"]))


if __name__ == "__main__":
    sys.exit(main())
