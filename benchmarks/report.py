"""Writes docs/benchmarks.md from the runs in benchmarks/out: what there is, and how to make what there is not.

Figures come from the runs alone. What was tried comes from benchmarks/tried.jsonl, a line each: {"what", "on",
"figure", "kept", "command"}; without that file a section "Tried" of the page stays as it is.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks import sections, trade_offs
from benchmarks.latencies import OURS, RIVAL, RIVAL_HELPED
from benchmarks.markdown import cell, figure, name, score, table
from benchmarks.parts import Part, gather
from benchmarks.sections import GPSAMPLER

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "benchmarks.md"
TRIED = ROOT / "benchmarks" / "tried.jsonl"

HEAD = """# Benchmarks

How good a result after how many trials, also for several objectives and under limits, how long a suggestion takes,
and what parallel workers cost, beside the optimizers that people use now. `python -m benchmarks.report` writes this
page from the runs in `benchmarks/out`; no figure is typed by hand. `make bench` makes a short form of all of it in
about ten minutes, and `make bench-peers` installs the optimizers that run beside ours. Where the problems, the
tables and the peers' recorded runs come from: [benchmarks/data](../benchmarks/data/README.md)."""

BEHIND = {
    "ackley5": """**ackley5** is `python -m benchmarks.optimizer --set peers --problems ackley5 --seeds 10`. Its
surface is thousands of small basins in a funnel with a cusp at the bottom, which no smooth surrogate has: expected
improvement looks into one unexplored basin after the other, where Nevergrad's evolution strategy just goes down.
Nevergrad's three recorded runs are one and the same run. What was tried for it is [below](#tried): greedy proposals,
a trust region, less noise, weaker warps, fewer starts, warped inputs, trees. Each either left it behind or cost more
on other problems than it gave here.""",
}
"""Problem -> what holds it back, for the page while an aim is missed because of it."""


def page(parts: Mapping[str, Part], tried: str) -> str:
    """The whole page. tried: its section of that name, or nothing."""
    all_of_it = [
        HEAD,
        in_short(parts),
        aims(parts),
        sections.results(parts["peers"]),
        sections.tables([parts[one] for one in ("tables", "fronts", "failing")]),
        trade_offs.fronts(parts["pareto"]),
        trade_offs.limits(parts["constrained"]),
        trade_offs.preflight(parts["preflight"]),
        sections.many_parameters(parts["embedded"]),
        sections.varied(parts["varied"]),
        sections.workers(parts["batch"]),
        sections.latency(parts["latency"]),
        tried,
    ]
    return "\n\n".join(one for one in all_of_it if one) + "\n"


# --- In short -------------------------------------------------------------------------------------------------------


def in_short(parts: Mapping[str, Part]) -> str:
    """The main figures of what was measured, a sentence each."""
    said = [*_of_peers(parts["peers"]), *_of_tables(parts["tables"]), *_of_latency(parts["latency"])]
    judged = [one for part in parts.values() for one in part.summary.get("statements", ())]
    if judged:
        said.append(f"{sum(one['passed'] for one in judged)} of {len(judged)} [aims](#aims) are reached.")
    missing = [f"`{part.name}`" for part in parts.values() if not part.summary]
    if missing:
        said.append(f"Not measured yet: {', '.join(missing)}.")
    return "\n".join(["## In short", "", *(f"- {one}" for one in said)])


def _of_peers(part: Part) -> list[str]:
    judged = [one for one in part.summary.get("peers", ()) if one["judged"] and one["score"] is not None]
    said = [
        f"Over {one['single']} problems of one objective a mean score of {score(one['ours'])}, and of Optuna's "
        f"GPSampler {score(one['score'])}; 0 is random search, 1 the optimum. On all {len(one['problems'])} problems "
        f"that it was recorded on: {one['wins']} won, {one['ties']} tied, {one['losses']} lost."
        for one in judged
        if one["peer"] == GPSAMPLER
    ]
    best = max((one for one in judged if one["peer"] != GPSAMPLER), key=lambda one: one["score"], default=None)
    if best:
        others = f"Of the other peers {name(best['peer'])} has the best mean score, {score(best['score'])}"
        said.append(f"{others}; ours is {score(best['ours'])} on the same problems.")
    return said


def _of_tables(part: Part) -> list[str]:
    regrets = [
        f"{figure(line['regret'])} on {one['problem']} (GPSampler {figure(one['published'][GPSAMPLER]['median'])})"
        for one in part.summary.get("problems", ())
        for line in one["rows"]
        if line["name"] == "gp" and GPSAMPLER in one["published"]
    ]
    return [f"What is left to the optimum on tables of trained models: {', '.join(regrets)}."] if regrets else []


def _of_latency(part: Part) -> list[str]:
    rows = [one for one in part.summary.get("rows", ()) if one["d"] == 6]
    ours = [one for one in rows if one["optimizer"] == OURS and one["asks"]]
    if not ours:
        return []
    takes = ", ".join(
        f"{figure(one['cpu_p50'])} ms (mean {figure(one['cpu_mean'])}) after {one['n']:,}" for one in ours
    )
    said = [f"One suggestion of 6 parameters, fit included, takes {takes} trials, on one thread (CPU time)."]
    for rival, words in ((RIVAL, "Optuna's GPSampler takes"), (RIVAL_HELPED, "Helped by greenlet it takes")):
        those = [one for one in rows if one["optimizer"] == rival and one["asks"] and "cpu_ratio" in one]
        times = ", ".join(f"{one['cpu_ratio']:.1f} times ours after {one['n']:,}" for one in those)
        said += [f"{words} {times}."] if those else []
    peak = max(one["peak_mb"] for one in ours)
    return [*said, f"Our process held at most {figure(peak)} MB, at up to {ours[-1]['n']:,} trials."]


def aims(parts: Mapping[str, Part]) -> str:
    """What was to be reached, and whether it is."""
    rows = [
        [
            cell(one["text"]),
            "reached" if one["passed"] else "**not reached**",
            cell(one["detail"]),
            f"{part.name}, {part.form}",
        ]
        for part in parts.values()
        for one in part.summary.get("statements", ())
    ]
    every = [one for part in parts.values() for one in part.summary.get("statements", ())]
    missed = " ".join(str(one["detail"]) for one in every if not one["passed"])
    behind = [text for problem, text in BEHIND.items() if problem in missed]
    return "\n\n".join([f"## Aims\n\n{table(['aim', '', 'found', 'part'], rows, words=4)}", *behind]) if rows else ""


# --- Tried ----------------------------------------------------------------------------------------------------------


def tried(file: Path, former: str) -> str:
    """The section of what was tried: from its file, or without one as it stands in the page's former text."""
    if not file.exists():
        found = re.search(r"^## Tried\n.*?(?=^## |\Z)", former, re.MULTILINE | re.DOTALL)
        return found.group().rstrip() if found else ""
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    rows = [
        [
            *(cell(str(one[key])) for key in ("what", "on", "figure")),
            *("kept" if one["kept"] else "left", f"`{cell(one['command'])}`"),
        ]
        for one in lines
    ]
    text = (
        "What else was tried, also what lost. The reasons for larger choices are in [decisions](decisions/README.md)."
    )
    return f"## Tried\n\n{text}\n\n{table(['what', 'on', 'found', '', 'where, or how'], rows, words=5)}"


def main(words: list[str] | None = None) -> int:
    """Write the page; the exit code."""
    parser = argparse.ArgumentParser("python -m benchmarks.report", description=__doc__)
    parser.add_argument("--runs", type=Path, default=ROOT / "benchmarks" / "out", help="the folder of runs")
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--tried", type=Path, default=TRIED)
    given = parser.parse_args(words)
    former = given.page.read_text(encoding="utf-8") if given.page.exists() else ""
    given.page.write_text(page(gather(given.runs), tried(given.tried, former)), encoding="utf-8")
    print(f"wrote {given.page}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
