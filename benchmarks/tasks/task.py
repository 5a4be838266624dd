"""A task: losses over a search space, all to be minimised, its limits, and what is known. Knows no optimizer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Params = Mapping[str, Any]
Losses = tuple[float, ...]
Space = dict[str, dict[str, Any]]
"""A search space in its JSON form: parameter -> {"type": …}."""


def nothing(_params: Params) -> Mapping[str, float]:
    """What is measured of a trial beside its losses, where that is nothing."""
    return {}


def exactly(_params: Params, true: Losses, _rng: np.random.Generator) -> Losses:
    """What a trial without noise tells: the true losses."""
    return true


@dataclass(frozen=True)
class Task:
    """Something to optimise whose truth is known.

    losses: params -> the true losses, or None where the trial fails.
    tell: (params, true losses, rng) -> the losses that a trial tells.
    measures: params -> further metrics, without noise. limits: metric -> the most that it may be.
    trials: how many a run has unless it is told otherwise.
    optimum: the lowest loss within the limits, or of two objectives the largest hypervolume; None where nobody knows.
    worst: of one objective, what a run has reached before the first trial within the limits: the highest loss.
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
    measures: Callable[[Params], Mapping[str, float]] = nothing
    limits: Mapping[str, float] = field(default_factory=dict)

    @property
    def objectives(self) -> int:
        """How many losses a trial has."""
        return len(self.reference) if self.reference else 1

    def within(self, params: Params) -> bool:
        """Whether the params keep every limit."""
        measured = self.measures(params)
        return all(measured[metric] <= most for metric, most in self.limits.items())


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
