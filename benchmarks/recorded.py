"""What other optimizers reached on the tasks, read from benchmarks/data. data/README.md says how it was recorded."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from benchmarks.tasks.tables import DATA

FEWEST_SEEDS = 3
"""A peer with fewer seeds on a problem, of its own or of ours, is shown there, not judged."""
Curve = list[float]
"""What was reached after each trial."""


@dataclass(frozen=True)
class Row:
    """A line of a comparison: one optimizer on one problem. curves: seed -> what was reached after each trial."""

    name: str
    recorded: bool
    curves: dict[int, Curve]
    ask_cpu_ms: float

    @property
    def reached(self) -> dict[int, float]:
        """Seed -> what was reached in the end."""
        return {seed: curve[-1] for seed, curve in self.curves.items()}

    @property
    def median(self) -> float:
        """Over the seeds."""
        return float(np.median(list(self.reached.values())))

    @property
    def judged(self) -> bool:
        """Whether there are seeds enough."""
        return len(self.curves) >= FEWEST_SEEDS


@cache
def _runs() -> tuple[dict[str, Any], ...]:
    return tuple(json.loads(line) for line in (DATA / "peers.jsonl").read_text().splitlines())


def peers(problem: str, trials: int) -> list[Row]:
    """The peers that have at least so many trials recorded on the problem, cut there, by name.

    A seed that was recorded twice counts once, with the mean of its curves. A run that was ended early stays where it
    was; none of those is of a peer with seeds enough to be judged.
    """
    curves: dict[str, dict[int, list[Curve]]] = defaultdict(lambda: defaultdict(list))
    asks: dict[str, list[float]] = defaultdict(list)
    for run in _runs():
        if run["problem"] == problem and run["n"] >= trials:
            curve = run["best_so_far"] if run["n_obj"] == 1 else run["hypervolume"]
            whole = curve + [curve[-1]] * (trials - len(curve))
            curves[run["peer"]][run["seed"]].append(whole[:trials])
            asks[run["peer"]].append(1e3 * run["ask_cpu_seconds_median"])
    return [
        Row(
            peer,
            recorded=True,
            curves={seed: np.mean(each, axis=0).tolist() for seed, each in sorted(seeds.items())},
            ask_cpu_ms=float(np.median(asks[peer])),
        )
        for peer, seeds in sorted(curves.items())
    ]


def medians(kind: str, problem: str) -> dict[str, Any]:
    """Peer -> {"median", "seeds"} on a table, of which only medians were kept. kind: regret, share_of_hypervolume."""
    kinds = json.loads((DATA / "tables_recorded.json").read_text())
    found: dict[str, Any] = kinds[kind].get(problem, {})
    return found
