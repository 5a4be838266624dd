"""The sections of the page of benchmarks on several objectives, on limits, and on costs known before training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks import constrained
from benchmarks import preflight as preflights
from benchmarks.markdown import figure, lead, name, table
from benchmarks.pareto import AT
from benchmarks.parts import Part

FRONTS = """The share of the true front's hypervolume after 50 trials and after 100, the mean over the seeds; on
momlp_digits, whose front nobody knows, of the largest that was seen. Random search and NSGA-II ran beside ours,
with the same noise for the same seed; recorded peers had 50 trials. A lead is a difference of means in points
of the share, and the brackets hold 95 % of what resampling the seeds gives."""
LIMITS = f"""What is reached within the limit, the mean over the seeds, beside random search with {constrained.TIMES}
times as many trials; and which share of the trials broke the limit. The limit is on a metric that comes with each
trial's result. A lead is in points of the way from what random search reaches in as many trials as ours to the
optimum."""
ASKS = f"One ask of a study of {constrained.TOLD} told trials, the median of {constrained.ASKS}, on one thread:"
PREFLIGHT = f"""Studies of {preflights.TRAININGS} trainings in a space of which 60 % is over the limit. Told: the cost
comes with each trial's result, and a training over the limit is wasted. Preflight: the worker sends the exact cost
first and trains what is accepted. Probes: before its first ask it also sends the costs of {preflights.PROBES} models
that it doesn't train. The lead is of half of the trainings on all of `told`'s."""
Row = Mapping[str, Any]


def fronts(part: Part) -> str:
    """Hypervolumes beside NSGA-II, random search and the recorded peers."""
    rows = [
        [one["problem"], name(row["name"]) + (", recorded" if row["recorded"] else ""), str(row["seeds"]), *_at(row)]
        for one in part.summary.get("problems", ())
        for row in one["rows"]
    ]
    heads = ["problem", "optimizer", "seeds", *(cell for at in AT for cell in (f"share after {at}", "our lead"))]
    grid = [FRONTS, table(heads, rows, words=2)] if rows else []
    return "\n\n".join(["## Several objectives", part.origin, *grid])


def _at(row: Row) -> list[str]:
    found = [row["at"].get(at) for at in AT]
    return [cell for one in found for cell in ((f"{one['share']:.3f}", lead(one["lead"])) if one else ("", ""))]


def limits(part: Part) -> str:
    """Searches under limits, and what limits cost an ask."""
    rows = [
        [
            *(one["problem"], " and ".join(f"{metric} <= {most:g}" for metric, most in one["limits"].items())),
            *(str(row["trials"]), str(row["seeds"]), figure(row["ours"]), figure(row["random"]), lead(row["lead"])),
            *(f"{row[key]:.1%}" for key in ("broken", "broken_random")),
        ]
        for one in part.summary.get("problems", ())
        for row in one["rows"]
    ]
    if not rows:
        return f"## Limits\n\n{part.origin}"
    heads = ["problem", "limit", "trials", "seeds", "ours", f"random, {constrained.TIMES} times", "our lead"]
    medians = {one["problem"]: float(np.median(one["ask_cpu_ms"])) for one in part.summary["asks"]}
    asks = [[case, figure(medians[case])] for case in constrained.CASES if case in medians]
    grid = table([*heads, "ours broke it", "random broke it"], rows, words=2)
    return "\n\n".join(["## Limits", part.origin, LIMITS, grid, ASKS, table(["with", "CPU ms of an ask"], asks)])


def preflight(part: Part) -> str:
    """What it saves to know the cost before training."""
    rows = [
        [
            *(one["problem"], row["mode"], str(row["seeds"]), figure(row["half"]), figure(row["end"])),
            *(f"{row['over']:.1f}", f"{row['refused']:.1f}", lead(row["lead"])),
        ]
        for one in part.summary.get("problems", ())
        for row in one["rows"]
    ]
    half, end = (f"after {count}" for count in (preflights.TRAININGS // 2, preflights.TRAININGS))
    heads = [
        "problem",
        "cost is known by",
        "seeds",
        f"loss {half}",
        f"loss {end}",
        "trained over the limit",
        "refused",
        "lead",
    ]
    grid = [PREFLIGHT, table(heads, rows, words=2)] if rows else []
    return "\n\n".join(["## Preflight", part.origin, *grid])
