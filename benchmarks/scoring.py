"""How runs are judged: the score of a value, differences of medians with bootstrap intervals, and wins, ties, losses.

R: what random search reaches, the median over its seeds at the same number of trials.  v*: the optimum, or the best
that anyone has seen.  Scores are shares: 0 is random search, 1 the optimum; a point is 0.01.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]

BAND = 0.005
"""Scores this near each other tie: half a point."""
RESAMPLES = 4_000
LEVEL = 0.95
"""The share of resampled differences that an interval holds."""


def score(value: float, random: float, optimum: float) -> float:
    """(R - v) / (R - v*), for losses and hypervolumes. Raises ValueError where R = v*: nothing is left to gain."""
    if random == optimum:
        raise ValueError(f"a score needs a random search that misses the optimum, got {random!r} for both")
    return (random - value) / (random - optimum)


@dataclass(frozen=True)
class Difference:
    """The median of ours less the median of theirs, and the interval that holds LEVEL of what resampling gives."""

    median: float
    low: float
    high: float


def difference(ours: Mapping[int, float], theirs: Mapping[int, float], *, seed: int = 0) -> Difference:
    """Of scores by seed. The same arguments give the same interval.

    A seed that both ran is drawn for both at once, for it had the same noise; what only one side ran is drawn for
    that side alone (percentile bootstrap, Efron and Tibshirani 1993, section 13.3). Raises ValueError when a side is
    empty.
    """
    if not ours or not theirs:
        raise ValueError(f"a difference needs a score on both sides, got {len(ours)} and {len(theirs)}")
    rng = np.random.default_rng([seed, len(ours), len(theirs)])
    shared = sorted(ours.keys() & theirs.keys())
    drawn = rng.integers(len(shared), size=(RESAMPLES, len(shared))) if shared else np.empty((RESAMPLES, 0), int)
    medians = [
        np.median(np.hstack([_chosen(side, shared, drawn), _alone(side, shared, rng)]), axis=1)
        for side in (ours, theirs)
    ]
    low, high = np.quantile(medians[0] - medians[1], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    middle = np.median(list(ours.values())) - np.median(list(theirs.values()))
    return Difference(float(middle), float(low), float(high))


def _chosen(side: Mapping[int, float], seeds: list[int], drawn: np.ndarray[Any, Any]) -> Array:
    scores = np.array([side[seed] for seed in seeds], float)
    return np.asarray(scores[drawn])


def _alone(side: Mapping[int, float], shared: list[int], rng: np.random.Generator) -> Array:
    alone = sorted(side.keys() - set(shared))
    drawn = rng.integers(max(len(alone), 1), size=(RESAMPLES, len(alone)))
    return _chosen(side, alone, drawn)


def outcome(margin: float) -> str:
    """win, tie or loss, by how much our score is above theirs."""
    if abs(margin) <= BAND:
        return "tie"
    return "win" if margin > 0 else "loss"
