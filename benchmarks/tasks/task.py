"""A task: losses over a search space, all to be minimised, and what is known of them. Knows no optimizer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Params = Mapping[str, Any]
Losses = tuple[float, ...]
Space = dict[str, dict[str, Any]]
"""A search space in its JSON form: parameter -> {"type": …}."""


def exactly(_params: Params, true: Losses, _rng: np.random.Generator) -> Losses:
    """What a trial without noise tells: the true losses."""
    return true


@dataclass(frozen=True)
class Task:
    """Something to optimise whose truth is known.

    losses: params -> the true losses, or None where the trial fails.
    tell: (params, true losses, rng) -> the losses that a trial tells.
    trials: how many a run has unless it is told otherwise.
    optimum: the lowest loss, or of two objectives the largest hypervolume; None where nobody knows it.
    worst: of one objective, what a run has reached while all of its trials failed: the highest loss.
    reference: of two objectives, the point that the hypervolume is measured from.
    judged_by_told: a run has reached the true loss of the trial with the best *told* loss; else the best true loss.
    """

    name: str
    space: Space
    losses: Callable[[Params], Losses | None]
    tell: Callable[[Params, Losses, np.random.Generator], Losses] = exactly
    trials: int = 50
    optimum: float | None = None
    worst: float = math.inf
    reference: Losses | None = None
    judged_by_told: bool = False

    @property
    def objectives(self) -> int:
        """How many losses a trial has."""
        return len(self.reference) if self.reference else 1


def decimal(low: float, high: float, *, log: bool = False) -> dict[str, Any]:
    """The JSON form of a float."""
    return {"type": "float", "low": float(low), "high": float(high), "log": log}


def whole(low: int, high: int, *, log: bool = False) -> dict[str, Any]:
    """The JSON form of an int."""
    return {"type": "int", "low": low, "high": high, "log": log}


def choice(*choices: Any, ordered: bool = False) -> dict[str, Any]:
    """The JSON form of a categorical."""
    return {"type": "categorical", "choices": list(choices), "ordered": ordered}


def noisy(deviation: float) -> Callable[[Params, Losses, np.random.Generator], Losses]:
    """A tell with Gaussian noise on every loss."""

    def tell(_params: Params, true: Losses, rng: np.random.Generator) -> Losses:
        return tuple(loss + deviation * float(rng.standard_normal()) for loss in true)

    return tell
