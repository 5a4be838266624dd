"""Scores of points under fitted surrogates, with gradients: what the maximiser climbs.

k points, D columns, p pending points, S fantasies: joint samples of what may come of the pending trials.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from trimtab_service.optimizer.acquisition import MEASURES, Measure, log_ehvi
from trimtab_service.optimizer.encoding import Floats
from trimtab_service.optimizer.pareto import Boxes
from trimtab_service.optimizer.surrogate import Surrogate

__all__ = ["Acquisition", "ImprovementOfFront", "ImprovementOnBest"]

FANTASIES = 32
MOST_PENDING = 32
"""With more pending points than this, their posterior means are believed instead of samples drawn."""


class Acquisition(Protocol):
    """A score of points, larger is better, with its gradient by the columns of a point."""

    def __call__(self, points: Floats) -> Floats:
        """The scores. (k, D) -> (k,)"""
        ...

    def with_gradient(self, points: Floats) -> tuple[Floats, Floats]:
        """The scores and their gradients. (k, D) -> (k,), (k, D)"""
        ...


@dataclass(frozen=True, slots=True)
class ImprovementOnBest:
    """What one objective promises over its incumbent, averaged over what pending trials may give.

    surrogate: has seen the pending points as well.  alphas: (n + p, S), its α for each fantasy.  bests: (S,), the
    incumbent of each.
    """

    surrogate: Surrogate
    alphas: Floats
    bests: Floats
    measure: Measure

    @classmethod
    def of(
        cls,
        surrogate: Surrogate,
        best: float,
        pending: Floats | None = None,
        rng: np.random.Generator | None = None,
        measure: Measure = MEASURES["log_ei"],
    ) -> ImprovementOnBest:
        """The score given pending points, (p, D). Raises LinAlgError as `Surrogate.of` does.

        A point is scored exactly in each fantasy, so few of them will do: of a joint sample over the pending points
        and the new one, the last is integrated in closed form. Snoek et al. 2012, section 3.3, in logarithms.
        """
        if pending is None or len(pending) == 0 or len(surrogate.data) == 0:
            return cls(surrogate, surrogate.alpha[:, None], np.array([best]), measure)
        believing = surrogate.believing(pending)
        if len(pending) > MOST_PENDING or rng is None:
            means = surrogate.predict(pending)[0]
            return cls(believing, believing.alpha[:, None], np.array([min(best, float(means.min()))]), measure)
        samples = surrogate.sample(pending, rng.standard_normal((len(pending), FANTASIES)))
        told = np.repeat(surrogate.data.z[:, None], FANTASIES, axis=1)
        alphas = believing.alphas(np.vstack([told, samples]))
        return cls(believing, alphas, np.minimum(best, samples.min(axis=0)), measure)

    def __call__(self, points: Floats) -> Floats:
        """The scores. (k, D) -> (k,)"""
        means, variance = self.surrogate.predict_each(points, self.alphas)
        return self._averaged(self.measure.score(means, variance[:, None], self.bests)[0])[0]

    def with_gradient(self, points: Floats) -> tuple[Floats, Floats]:
        """The scores and their gradients by the columns of a point. (k, D) -> (k,), (k, D)"""
        means, variance, back = self.surrogate.predict_with_pullback(points, self.alphas)
        scores, by_mean, by_variance = self.measure.score(means, variance[:, None], self.bests)
        value, shares = self._averaged(scores)
        return value, back(shares * by_mean, (shares * by_variance).sum(axis=1))

    def _averaged(self, scores: Floats) -> tuple[Floats, Floats]:
        """The score over all fantasies, and its derivatives by that of each. (k, S) -> (k,), (k, S)"""
        return _log_mean_exp(scores) if self.measure.logarithmic else (scores.mean(axis=1), _equal(scores))


@dataclass(frozen=True, slots=True)
class ImprovementOfFront:
    """ln EHVI of several objectives over the boxes that their front leaves open, as a score of points."""

    surrogates: tuple[Surrogate, ...]
    boxes: Boxes

    def __call__(self, points: Floats) -> Floats:
        """The scores. (k, D) -> (k,)"""
        predicted = [surrogate.predict(points) for surrogate in self.surrogates]
        mean = np.stack([one[0] for one in predicted], axis=1)
        variance = np.stack([one[1] for one in predicted], axis=1)
        return log_ehvi(mean, variance, self.boxes)[0]

    def with_gradient(self, points: Floats) -> tuple[Floats, Floats]:
        """The scores and their gradients by the columns of a point. (k, D) -> (k,), (k, D)"""
        predicted = [surrogate.predict_with_pullback(points) for surrogate in self.surrogates]
        mean = np.concatenate([one[0] for one in predicted], axis=1)
        variance = np.stack([one[1] for one in predicted], axis=1)
        value, by_mean, by_variance = log_ehvi(mean, variance, self.boxes)
        gradient = np.zeros_like(points)
        for place, (_, _, back) in enumerate(predicted):
            gradient += back(by_mean[:, [place]], by_variance[:, place])
        return value, gradient


def _log_mean_exp(logs: Floats) -> tuple[Floats, Floats]:
    """ln of the mean of exp, by row, and its derivatives. (k, S) -> (k,), (k, S)"""
    largest = logs.max(axis=1, keepdims=True)
    parts = np.exp(logs - largest)
    total = parts.sum(axis=1, keepdims=True)
    value: Floats = largest[:, 0] + np.log(total[:, 0]) - math.log(logs.shape[1])
    return value, parts / total


def _equal(scores: Floats) -> Floats:
    return np.full_like(scores, 1.0 / scores.shape[1])
