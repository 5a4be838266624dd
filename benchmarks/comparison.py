"""Compares runs with each other and with recorded peers: plain data for whoever prints or writes it.

R, v* and score as in `scoring`.  ours: the row of the algorithm gp.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

import numpy as np

from benchmarks import recorded, scoring
from benchmarks.recorded import Row
from benchmarks.studies import Record
from benchmarks.tasks import SETS, Task, task

OURS = "gp"
LATE = 20
"""The trial from which on a search should have learned what fails."""
Table = dict[str, Any]


def problems(records: Sequence[Record]) -> list[Table]:
    """A table for each problem of each set, in the order of SETS.

    A table: set, problem, trials, workers, options, objectives; random: R, or None where random search was not run;
    optimum: v*, optimum_known; rows; published: medians of which no runs were kept (`recorded.medians`); of gp's runs
    failed: failed trials of a run; failed_late: the share of those from LATE on that failed; failed_again, repeated:
    counts over all runs; engine_cpu_s: seconds of each run's asks.
    A row: name, recorded, seeds; judged: of a peer, whether it and gp have seeds enough; median, quartiles, regret;
    score: of the median over seeds, or None; shares: of the largest hypervolume after 50 and 100 trials;
    ask_cpu_ms: median; difference: gp's lead in score with its interval {middle, low, high}; outcome: win, tie or
    loss of gp.
    """
    order = [(name, problem) for name, known in SETS.items() for problem in known]
    ordered = sorted(records, key=lambda one: (order.index((one["set"], one["problem"])), one["algorithm"]))
    groups = groupby(ordered, key=lambda one: (one["set"], one["problem"]))
    return [_problem(name, task(problem), list(group)) for (name, problem), group in groups]


def rows(name: str, records: Sequence[Record]) -> list[Row]:
    """Our rows, and for the set of that name the recorded peers at the same number of trials."""
    own = [_row(list(group)) for _, group in groupby(records, key=lambda one: str(one["algorithm"]))]
    trials, problem = records[0]["n"], records[0]["problem"]
    return [*own, *(recorded.peers(problem, trials) if name == "peers" else ())]


def _row(records: Sequence[Record]) -> Row:
    curves = {one["seed"]: one["best_so_far"] for one in records}
    asks = [ms for one in records for ms in one["ask_cpu_ms"]]
    return Row(records[0]["algorithm"], recorded=False, curves=curves, ask_cpu_ms=float(np.median(asks)))


def _problem(name: str, about: Task, records: Sequence[Record]) -> Table:
    found = rows(name, records)
    # Peers come last, so that recorded random search is preferred to our own.
    random = next((row.median for row in reversed(found) if row.name == "random"), None)
    ends = [value for row in found for value in row.reached.values()]
    optimum = about.optimum if about.optimum is not None else max(ends) if about.reference else min(ends)
    scored = random is not None and random != optimum
    scores = {
        (row.name, row.recorded): {seed: scoring.score(one, random, optimum) for seed, one in row.reached.items()}
        for row in found
        if scored and random is not None
    }
    ours = scores.get((OURS, False))
    gp = [one for one in records if one["algorithm"] == OURS]
    return {
        "set": name,
        "problem": about.name,
        "trials": records[0]["n"],
        "workers": records[0]["workers"],
        "options": records[0]["options"],
        "objectives": about.objectives,
        "random": random,
        "optimum": optimum,
        "optimum_known": about.optimum is not None,
        "rows": [_line(row, scores.get((row.name, row.recorded)), ours, optimum, about) for row in found],
        "published": recorded.medians("share_of_hypervolume" if about.reference else "regret", about.name),
        "failed": float(np.mean([one["failed"] for one in gp])) if gp else None,
        "failed_late": _late(gp),
        "failed_again": sum(one["failed_again"] for one in gp),
        "repeated": sum(one["repeated"] for one in gp),
        "engine_cpu_s": [sum(one["ask_cpu_ms"]) / 1e3 for one in gp],
    }


def _late(records: Sequence[Record]) -> float | None:
    """None where there are no such trials, or a run does not say which failed."""
    if not records or any("failed_at" not in one or one["n"] <= LATE for one in records):
        return None
    return float(np.mean([sum(at >= LATE for at in one["failed_at"]) / (one["n"] - LATE) for one in records]))


def _line(
    row: Row, scores: dict[int, float] | None, ours: dict[int, float] | None, optimum: float, about: Task
) -> Table:
    values = list(row.reached.values())
    two = about.reference is not None
    line: Table = {
        "name": row.name,
        "recorded": row.recorded,
        "seeds": len(values),
        "judged": row.recorded and row.judged and len(ours or ()) >= recorded.FEWEST_SEEDS,
        "median": row.median,
        "quartiles": [float(one) for one in np.quantile(values, [0.25, 0.75])],
        "regret": None if two else row.median - optimum,
        "shares": [float(np.median([curve[at - 1] for curve in row.curves.values()])) / optimum for at in (50, 100)]
        if two and min(len(curve) for curve in row.curves.values()) >= 100
        else None,
        "score": float(np.median(list(scores.values()))) if scores else None,
        "ask_cpu_ms": row.ask_cpu_ms,
        "difference": None,
        "outcome": None,
    }
    if scores and ours and (row.recorded or row.name != OURS):
        apart = scoring.difference(ours, scores)
        line["difference"] = asdict(apart)
        line["outcome"] = scoring.outcome(apart.middle)
    return line


def peers(tables: Sequence[Table]) -> list[Table]:
    """Each recorded peer over the problems where it is judged; one that is judged nowhere, over all that it has.

    score, ours: means over the problems of one objective. wins, ties, losses: of ours, over all of the problems.
    """
    compared = [one for one in tables if one["set"] == "peers"]
    names = sorted({line["name"] for one in compared for line in one["rows"] if line["recorded"]})
    return [found for name in names if (found := _peer(name, compared))]


def _peer(name: str, tables: Sequence[Table]) -> Table | None:
    met = [
        (one, line, mine)
        for one in tables
        for line in one["rows"]
        if line["recorded"] and line["name"] == name and (mine := our_line(one)) and line["score"] is not None
    ]
    judged = any(line["judged"] for _, line, _ in met)
    met = [pair for pair in met if pair[1]["judged"] or not judged]
    single = [(line, mine) for one, line, mine in met if one["objectives"] == 1]
    if not met:
        return None
    outcomes = [line["outcome"] for _, line, _ in met]
    return {
        "peer": name,
        "judged": judged,
        "problems": [one["problem"] for one, _, _ in met],
        "single": len(single),
        "score": float(np.mean([line["score"] for line, _ in single])) if single else None,
        "ours": float(np.mean([mine["score"] for _, mine in single])) if single else None,
        **{f"{one}s" if one != "loss" else "losses": outcomes.count(one) for one in ("win", "tie", "loss")},
    }


def our_line(table: Table) -> Table | None:
    """The line of the algorithm gp."""
    return next((line for line in table["rows"] if line["name"] == OURS and not line["recorded"]), None)
