"""The hypervolume of two losses, reckoned without the engine that it judges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]


def front_of(losses: Array) -> Array:
    """The rows of (n, 2) that no other row beats in both, by the first loss. -> (k, 2)"""
    ordered = losses[np.lexsort((losses[:, 1], losses[:, 0]))]
    lowest = np.minimum.accumulate(ordered[:, 1])
    return ordered[np.r_[True, ordered[1:, 1] < lowest[:-1]]]


def hypervolume(losses: Array, reference: Sequence[float]) -> float:
    """The area between (n, 2) losses and the reference: what some loss beats. 0 where none is below the reference."""
    inside = losses[np.all(losses < np.asarray(reference), axis=1)]
    if not len(inside):
        return 0.0
    front = front_of(inside)
    heights = np.r_[reference[1], front[:-1, 1]] - front[:, 1]
    return float(np.sum((reference[0] - front[:, 0]) * heights))
