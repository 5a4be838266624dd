"""Scores of points under fitted surrogates, with gradients: what the maximiser climbs.

k points, D columns, p pending points, S fantasies: joint samples of what may come of the pending trials.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from trimtab_service.optimizer.acquisition import (
    MEASURES,
    Measure,
    log_ehvi,
    log_ehvi_value,
    log_probability_below,
    log_sampled_ehvi,
)
from trimtab_service.optimizer.available import Mask
from trimtab_service.optimizer.encoding import Floats
from trimtab_service.optimizer.pareto import Boxes
from trimtab_service.optimizer.surrogate import Pullback, Surrogate

__all__ = ["Acquisition", "Below", "ImprovementOfFront", "ImprovementOnBest", "SampledImprovementOfFront", "Sum"]

DIRECTIONS = 256
"""So many directions, each with an outcome, stand for all where there are more than four objectives."""
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
        eligible: Mask | None = None,
    ) -> ImprovementOnBest:
        """The score given pending points, (p, D). Raises LinAlgError as `Surrogate.of` does.

        eligible: (p,), which of them may become the incumbent; None for all.

        A point is scored exactly in each fantasy, so few of them will do: of a joint sample over the pending points
        and the new one, the last is integrated in closed form. Snoek et al. 2012, section 3.3, in logarithms.
        """
        if pending is None or len(pending) == 0 or len(surrogate.data) == 0:
            return cls(surrogate, surrogate.alpha[:, None], np.array([best]), measure)
        believing = surrogate.believing(pending)
        may = slice(None) if eligible is None else eligible
        if len(pending) > MOST_PENDING or rng is None:
            lowest = min(best, float(surrogate.predict(pending)[0][may].min(initial=math.inf)))
            return cls(believing, believing.alpha[:, None], np.array([lowest]), measure)
        samples = surrogate.sample(pending, rng.standard_normal((len(pending), FANTASIES)))
        told = np.repeat(surrogate.data.z[:, None], FANTASIES, axis=1)
        alphas = believing.alphas(np.vstack([told, samples]))
        return cls(believing, alphas, np.minimum(best, samples[may].min(axis=0, initial=math.inf)), measure)

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
        return log_ehvi_value(*_predicted(self.surrogates, points), self.boxes)

    def with_gradient(self, points: Floats) -> tuple[Floats, Floats]:
        """The scores and their gradients by the columns of a point. (k, D) -> (k,), (k, D)"""
        mean, variance, back = _predicted_with_pullback(self.surrogates, points)
        value, by_mean, by_variance = log_ehvi(mean, variance, self.boxes)
        return value, back(by_mean, by_variance)


@dataclass(frozen=True, slots=True)
class SampledImprovementOfFront:
    """ln EHVI of many objectives by random directions, as a score of points.

    directions: (l, m).  lengths: (l,), how far the front reaches in each, from the reference, (m,).  normals: (l, m),
    of the outcome that is drawn in each.
    """

    surrogates: tuple[Surrogate, ...]
    reference: Floats
    directions: Floats
    lengths: Floats
    normals: Floats

    @classmethod
    def of(
        cls,
        surrogates: tuple[Surrogate, ...],
        front: Floats,
        reference: Floats,
        weights: Floats,
        rng: np.random.Generator,
    ) -> SampledImprovementOfFront:
        """The score over a front, (n, m). weights: (m,), by which evenly drawn directions are stretched."""
        normals, outcomes = rng.standard_normal((2, DIRECTIONS, len(weights)))
        directions = np.abs(normals) * weights
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        reached = ((reference - front)[:, None, :] / directions).min(axis=2)
        return cls(surrogates, reference, directions, reached.max(axis=0, initial=0.0), outcomes)

    def __call__(self, points: Floats) -> Floats:
        """The scores. (k, D) -> (k,)"""
        return self._score(*_predicted(self.surrogates, points))[0]

    def with_gradient(self, points: Floats) -> tuple[Floats, Floats]:
        """The scores and their gradients by the columns of a point. (k, D) -> (k,), (k, D)"""
        mean, variance, back = _predicted_with_pullback(self.surrogates, points)
        value, by_mean, by_variance = self._score(mean, variance)
        return value, back(by_mean, by_variance)

    def _score(self, mean: Floats, variance: Floats) -> tuple[Floats, Floats, Floats]:
        return log_sampled_ehvi(mean, variance, self.reference, self.directions, self.lengths, self.normals)


@dataclass(frozen=True, slots=True)
class Below:
    """ln of the probability that an outcome is at most 0, as a score of points.

    spread: the variance of an outcome around what the surrogate models.
    """

    surrogate: Surrogate
    spread: float = 0.0

    def believing(self, points: Floats) -> Below:
        """The score as if the surrogate's mean had turned out to be true at the points. (k, D)"""
        return Below(self.surrogate.believing(points), self.spread)

    def __call__(self, points: Floats) -> Floats:
        """The scores. (k, D) -> (k,)"""
        mean, variance = self.surrogate.predict(points)
        return log_probability_below(mean, variance + self.spread)[0]

    def with_gradient(self, points: Floats) -> tuple[Floats, Floats]:
        """The scores and their gradients by the columns of a point. (k, D) -> (k,), (k, D)"""
        means, variance, back = self.surrogate.predict_with_pullback(points)
        value, by_mean, by_variance = log_probability_below(means[:, 0], variance + self.spread)
        return value, back(by_mean[:, None], by_variance)


@dataclass(frozen=True, slots=True)
class Sum:
    """The sum of several scores: of logarithms, the logarithm of the product of what is independent."""

    parts: tuple[Acquisition, ...]

    def __call__(self, points: Floats) -> Floats:
        """The scores. (k, D) -> (k,)"""
        total: Floats = np.sum([part(points) for part in self.parts], axis=0)
        return total

    def with_gradient(self, points: Floats) -> tuple[Floats, Floats]:
        """The scores and their gradients by the columns of a point. (k, D) -> (k,), (k, D)"""
        values, gradients = zip(*(part.with_gradient(points) for part in self.parts), strict=True)
        return np.sum(values, axis=0), np.sum(gradients, axis=0)


def _predicted(surrogates: Sequence[Surrogate], points: Floats) -> tuple[Floats, Floats]:
    """Means and variances. (k, D) -> (k, m), (k, m)"""
    predicted = [surrogate.predict(points) for surrogate in surrogates]
    return np.stack([one[0] for one in predicted], axis=1), np.stack([one[1] for one in predicted], axis=1)


def _predicted_with_pullback(surrogates: Sequence[Surrogate], points: Floats) -> tuple[Floats, Floats, Pullback]:
    """The same, and what turns derivatives by them, (k, m) each, into a gradient by the columns of the points."""
    predicted = [surrogate.predict_with_pullback(points) for surrogate in surrogates]

    def back(by_mean: Floats, by_variance: Floats) -> Floats:
        parts = [pull(by_mean[:, [place]], by_variance[:, place]) for place, (_, _, pull) in enumerate(predicted)]
        total: Floats = np.sum(parts, axis=0)
        return total

    mean = np.concatenate([one[0] for one in predicted], axis=1)
    return mean, np.stack([one[1] for one in predicted], axis=1), back


def _log_mean_exp(logs: Floats) -> tuple[Floats, Floats]:
    """ln of the mean of exp, by row, and its derivatives. (k, S) -> (k,), (k, S)"""
    largest = logs.max(axis=1, keepdims=True)
    parts = np.exp(logs - largest)
    total = parts.sum(axis=1, keepdims=True)
    value: Floats = largest[:, 0] + np.log(total[:, 0]) - math.log(logs.shape[1])
    return value, parts / total


def _equal(scores: Floats) -> Floats:
    return np.full_like(scores, 1.0 / scores.shape[1])
