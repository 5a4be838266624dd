"""The predicted best: params that the surrogates, searched over the whole space, expect to be best under the limits.

k: configurations.  p: parameters of the space.  The problem that is asked about has every metric of which an interval
is wanted as an objective, and every limit among its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.special import ndtri

from trimtab_service.domain.errors import NoSurrogate
from trimtab_service.domain.insight import PREDICTED_LEVEL, Interval, Neighbour, PredictedBest
from trimtab_service.domain.study import Problem
from trimtab_service.domain.trial import History
from trimtab_service.optimizer.available import Available
from trimtab_service.optimizer.borders import borders
from trimtab_service.optimizer.crossvalidation import leave_one_out
from trimtab_service.optimizer.encoding import Floats
from trimtab_service.optimizer.modelling import Model
from trimtab_service.optimizer.posterior import Posterior
from trimtab_service.optimizer.scores import Below
from trimtab_service.optimizer.space_constraints import SpaceConstraints
from trimtab_service.optimizer.spread import around, spread
from trimtab_service.optimizer.surrogate import Surrogate

__all__ = ["best"]

LEAST = 0.8
"""The least probability that all limits hold: as much as the intervals have. A lower one would mostly choose what
breaks a limit, since what is best lies at it; at 1 nothing would do while a surrogate is in doubt."""
_ANYWHERE, _NEAR = 1_024, 512
_ROUNDS = 3
"""So many times further configurations around the best ones are looked at."""
_KEPT = 8
_ENOUGH = 10
_WIDEST = 3.0


def best(
    problem: Problem, history: History, surrogates: Mapping[str, Mapping[str, Any]], objective: str
) -> PredictedBest:
    """The configuration of the best expected value of an objective that keeps all limits with probability LEAST.

    Where none does, the one that keeps them likeliest. Raises NoSurrogate where too little was told.
    """
    posterior = Posterior.of(problem, history, surrogates)
    search = _Search.of(posterior, objective)
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
        probability_feasible=math.exp(search.log_probability(chosen)[0]),
        nearest=_nearest(posterior, chosen),
        trials=len(posterior.past.told),
    )


@dataclass(frozen=True, slots=True)
class _Search:
    """What makes one configuration better than another. holding: ln of the probability of what must hold, by part."""

    posterior: Posterior
    expected: Surrogate
    holding: tuple[Below, ...]

    @classmethod
    def of(cls, posterior: Posterior, objective: str) -> Self:
        """The search for the best of an objective."""
        every = borders(posterior.problem, posterior.encoding, posterior.past, {})
        model, _ = posterior.by_metric()[objective]
        return cls(posterior, model.surrogate, tuple(one.score for one in every if one.score is not None))

    def merit(self, levels: Floats) -> Floats:
        """Larger is better: minus the expected loss, or below all of those ln of the probability. (k, p) -> (k,)"""
        expected = -self.expected.predict(self.posterior.encoding.points(levels))[0]
        lacking = np.minimum(self.log_probability(levels) - math.log(LEAST), 0.0)
        merit: Floats = np.where(lacking < 0.0, expected.min() + lacking, expected)
        return merit

    def log_probability(self, levels: Floats) -> Floats:
        """ln of the probability that all holds, of parts that are independent. (k, p) -> (k,)"""
        points = self.posterior.encoding.points(levels)
        found: Floats = np.zeros(len(levels))
        for one in self.holding:
            found = found + one(points)
        return found


def _intervals(posterior: Posterior, chosen: Floats) -> dict[str, Interval]:
    """What one evaluation there would tell, by metric. chosen: (1, p)"""
    points = posterior.encoding.points(chosen)
    found = {}
    for metric, (one, scale) in posterior.by_metric().items():
        mean, variance = one.surrogate.predict(points)
        told = scale.beliefs(mean, _widened(one) * (variance + one.surrogate.noise), PREDICTED_LEVEL)[0]
        found[metric] = Interval(told.median, told.lower, told.upper)
    return found


def _widened(one: Model) -> float:
    """By how much a variance is multiplied, at least 1, so that intervals hold PREDICTED_LEVEL of held-out results.

    The quantile of leave-one-out residuals, in units of their own standard deviations, over that of the normal
    distribution, squared. Barber et al. 2021, Predictive inference with the jackknife+, section 1.
    """
    residuals = np.abs(leave_one_out(one.surrogate).residual)
    if len(residuals) < _ENOUGH:
        return 1.0
    found = float(np.quantile(residuals, PREDICTED_LEVEL) / ndtri((1.0 + PREDICTED_LEVEL) / 2.0))
    return min(max(found, 1.0), _WIDEST) ** 2


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
