"""How runs are judged: the score of a value, differences with bootstrap intervals, and wins, ties, losses.

R: what random search reaches, the median over its seeds at the same number of trials.  v*: the optimum, or the best
that anyone has seen.  Scores are shares: 0 is random search, 1 the optimum; a point is 0.01.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]
Middle = Callable[..., Any]
"""np.median or np.mean: of values (…, n) along an axis."""

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
    """The middle of ours less the middle of theirs, and the interval that holds LEVEL of what resampling gives."""

    middle: float
    low: float
    high: float


def difference(
    ours: Mapping[int, float], theirs: Mapping[int, float], *, seed: int = 0, middle: Middle = np.median
) -> Difference:
    """Of scores by seed: of their medians, or what else is said to be their middle. The same arguments give the same
    interval.

    A seed that both ran is drawn for both at once, for it had the same noise; what only one side ran is drawn for
    that side alone (percentile bootstrap, Efron and Tibshirani 1993, section 13.3). Raises ValueError when a side is
    empty.
    """
    if not ours or not theirs:
        raise ValueError(f"a difference needs a score on both sides, got {len(ours)} and {len(theirs)}")
    rng = np.random.default_rng([seed, len(ours), len(theirs)])
    shared = sorted(ours.keys() & theirs.keys())
    drawn = rng.integers(len(shared), size=(RESAMPLES, len(shared))) if shared else np.empty((RESAMPLES, 0), int)
    middles = [
        middle(np.hstack([_chosen(side, shared, drawn), _alone(side, shared, rng)]), axis=1)
        for side in (ours, theirs)
    ]
    low, high = np.quantile(middles[0] - middles[1], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    lead = middle(np.array(list(ours.values())), axis=0) - middle(np.array(list(theirs.values())), axis=0)
    return Difference(float(lead), float(low), float(high))


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
