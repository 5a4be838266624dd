"""The predicted best: params that the surrogates, searched over the whole space, expect to be best under the limits.

k: configurations.  p: parameters of the space.  Every metric that a limit looks at is an objective of the problem
that is asked about, so that it has a surrogate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import ndtri

from trimtab_service.domain.errors import NoSurrogate
from trimtab_service.domain.insight import PREDICTED_LEVEL, Interval, Neighbour, PredictedBest
from trimtab_service.domain.study import Problem
from trimtab_service.domain.trial import History
from trimtab_service.optimizer.available import Available
from trimtab_service.optimizer.encoding import Floats
from trimtab_service.optimizer.posterior import Posterior, told_values
from trimtab_service.optimizer.space_constraints import SpaceConstraints
from trimtab_service.optimizer.spread import around, spread

__all__ = ["best"]

LEAST = 0.8
"""The least probability that all limits hold: as much as the intervals have. A lower one would mostly choose what
breaks a limit, since what is best lies at it; at 1 nothing would do while a surrogate is in doubt."""
_ANYWHERE, _NEAR = 1_024, 512
_ROUNDS = 3
"""So many times further configurations around the best ones are looked at."""
_KEPT = 8
_SAMPLES = 64


def best(
    problem: Problem, history: History, surrogates: Mapping[str, Mapping[str, Any]], objective: str
) -> PredictedBest:
    """The configuration of the best expected value of an objective that keeps all limits with probability LEAST.

    Where none does, the one that keeps them likeliest. Raises NoSurrogate where too little was told.
    """
    posterior = Posterior.of(problem, history, surrogates)
    search = _Search(posterior, problem.objective_names.index(objective), _baseline(problem, history))
    encoding = posterior.encoding
    available = Available(encoding, frozenset(), SpaceConstraints.of(encoding, problem.space_constraints))
    rng = np.random.default_rng([problem.seed, len(posterior.past.told)])
    told = posterior.past.told
    levels = np.vstack([told[available(told)], spread(available, rng, _ANYWHERE)])
    if len(levels) == 0:
        raise NoSurrogate("no configuration was found that the space constraints allow")
    for _ in range(_ROUNDS):
        front = levels[np.argsort(-search.merit(levels), kind="stable")[:_KEPT]]
        levels = np.vstack([front, around(available, rng, front, _NEAR)])
    chosen = levels[[int(np.argmax(search.merit(levels)))]]
    return PredictedBest(
        objective=objective,
        params=encoding.params(chosen[0]),
        metrics=_intervals(posterior, chosen),
        probability_feasible=float(search.feasible(chosen)[0]),
        nearest=_nearest(posterior, chosen),
        trials=len(posterior.past.told),
    )


class _Search:
    """What makes one configuration better than another. baseline: values of the baseline trial, where it has any."""

    def __init__(self, posterior: Posterior, place: int, baseline: Mapping[str, float] | None) -> None:
        self.posterior, self.place, self.baseline = posterior, place, baseline
        self.normal = ndtri((np.arange(_SAMPLES) + 0.5) / _SAMPLES)

    def merit(self, levels: Floats) -> Floats:
        """Larger is better: the expected loss, negated, or below all of those the probability. (k, p) -> (k,)"""
        expected = -self.posterior.models[self.place].surrogate.predict(self.posterior.encoding.points(levels))[0]
        feasible = self.feasible(levels)
        merit: Floats = np.where(feasible >= LEAST, expected, expected.min() - 2.0 + feasible)
        return merit

    def feasible(self, levels: Floats) -> Floats:
        """The probability that all limits hold: metrics are independent, each at quantiles in an order of its own.

        (k, p) -> (k,)
        """
        limits = self.posterior.problem.limits
        if not limits:
            return np.ones(len(levels))
        points = self.posterior.encoding.points(levels)
        wanted = {key for limit in limits for key in limit.metrics}
        drawn: dict[str, Floats] = {}
        for place, (metric, (one, scale)) in enumerate(self.posterior.by_metric().items()):
            if metric in wanted:
                mean, variance = one.surrogate.predict(points)
                order = np.random.default_rng(place).permutation(_SAMPLES)
                z = mean[:, None] + np.sqrt(variance)[:, None] * self.normal[order]
                drawn[metric] = scale.values(scale.losses(z))
        kept = np.ones((len(levels), _SAMPLES), dtype=bool)
        for row in range(len(levels)):
            columns = {metric: one[row].tolist() for metric, one in drawn.items()}
            for sample in range(_SAMPLES):
                values = {metric: column[sample] for metric, column in columns.items()}
                margins = (limit.margin(values, self.baseline) for limit in limits)
                kept[row, sample] = all(margin is not None and margin <= 0.0 for margin in margins)
        shares: Floats = kept.mean(axis=1)
        return shares


def _baseline(problem: Problem, history: History) -> Mapping[str, float] | None:
    """What the baseline trial, which is the first, told of the problem's objectives."""
    if not any(limit.relative for limit in problem.limits):
        return None
    for one in history:
        if one.number == 0 and len(one.losses):
            (values,) = told_values(problem, np.array([one.losses]))
            return {metric: value for metric, value in values.items() if np.isfinite(value)}
    return None


def _intervals(posterior: Posterior, chosen: Floats) -> dict[str, Interval]:
    """What one evaluation there would tell, by metric. chosen: (1, p)"""
    points = posterior.encoding.points(chosen)
    found = {}
    for metric, (one, scale) in posterior.by_metric().items():
        mean, variance = one.surrogate.predict(points)
        told = scale.beliefs(mean, variance + one.surrogate.noise, PREDICTED_LEVEL)[0]
        found[metric] = Interval(told.median, told.lower, told.upper)
    return found


def _nearest(posterior: Posterior, chosen: Floats) -> Neighbour:
    """The told trial that is nearest by the surrogates' shortest length scales. chosen: (1, p)"""
    scales = np.min([one.surrogate.length_scales for one in posterior.models], axis=0)
    away = (posterior.encoding.points(posterior.past.told) - posterior.encoding.points(chosen)) / scales
    distances = np.sqrt(np.sum(away**2, axis=1))
    place = int(np.argmin(distances))
    return Neighbour(
        number=posterior.past.numbers[place],
        distance=float(distances[place]),
        params=posterior.encoding.params(posterior.past.told[place]),
        values=posterior.told_values()[place],
    )
