"""What a study's surrogates believe, brought back from what they see to the objectives' own units.

k: configurations.  z: what a surrogate sees, Normal(mean, variance) at a configuration.
loss = w(z), the inverse of the warp, increasing.  The warp cuts the bad side at a cap: what lies beyond was modelled
as the cap, so there the surrogate knows no more than "bad": z beyond the cap stands for any of the told losses beyond
it, each as probable as the others.
value = ±loss, or 10^±loss on a log scale; minus when the metric is maximised.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from trimtab_service.domain.errors import NoSurrogate
from trimtab_service.domain.insight import LEVEL, Beliefs, Fitted
from trimtab_service.domain.metric import Direction, Objective
from trimtab_service.domain.study import Problem
from trimtab_service.domain.trial import History
from trimtab_service.optimizer.encoding import Encoding, Floats
from trimtab_service.optimizer.modelling import Model, Past, active, model
from trimtab_service.optimizer.warping import Warp

__all__ = ["Posterior", "Scale", "below", "told_values"]

FEWEST = 2
"""A surrogate needs so many told trials."""
_ABSCISSAS, _WEIGHTS = np.polynomial.legendre.leggauss(64)
_FARTHEST = 9.0
"""Beyond so many standard deviations a normal variable has nothing left to count."""
_LOWEST_LOG, _HIGHEST_LOG = math.log10(5e-324), math.log10(sys.float_info.max) - 1e-13
"""log10 of the least and the largest positive float."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How an objective's z becomes values of its metric. Made by `Scale.of`.

    least, cap: the ends of the losses that the warp tells apart.  beyond: (b,), the told losses above the cap, in
    order; the cap itself where there are none.
    """

    objective: Objective
    warp: Warp
    least: float
    cap: float
    beyond: Floats

    @classmethod
    def of(cls, objective: Objective, warp: Warp, losses: Floats) -> Scale:
        """The scale of an objective whose told losses are these. (n,)"""
        with np.errstate(over="ignore"):  # what overflows is held at an end
            ends = warp.invert(warp.apply(np.array([-np.inf, np.inf])))
        least, cap = np.clip(ends, -sys.float_info.max, sys.float_info.max).tolist()
        beyond = np.sort(losses[losses > cap])
        return cls(objective, warp, least, cap, beyond if len(beyond) else np.array([cap]))

    def losses(self, z: Floats) -> Floats:
        """z as losses, held at the cap."""
        with np.errstate(over="ignore"):
            return np.clip(self.warp.invert(z), self.least, self.cap)

    def values(self, losses: Floats) -> Floats:
        """Losses as values of the metric."""
        return values(self.objective, losses)

    def beliefs(self, mean: Floats, variance: Floats, level: float = LEVEL) -> Beliefs:
        """Of values: mean and standard deviation by quadrature up to the cap and a sum beyond, median and interval.

        mean, variance: (k,), of z.  level: of the interval.
        """
        sd = np.sqrt(variance)
        to_cap = (self.warp.apply(np.array([np.inf])) - mean) / sd
        t, weights = below(to_cap)
        beyond = np.tile(self.beyond, (len(mean), 1))
        at_nodes = self.values(np.column_stack([self.losses(mean[:, None] + sd[:, None] * t), beyond]))
        weights = np.column_stack([weights, np.tile(ndtr(-to_cap)[:, None] / len(self.beyond), len(self.beyond))])
        size = np.maximum(np.max(np.abs(at_nodes), axis=1), sys.float_info.min)
        scaled = at_nodes / size[:, None]  # squares of values near the largest float would overflow
        centre = np.sum(weights * scaled, axis=1)
        spread = np.sqrt(np.sum(weights * (scaled - centre[:, None]) ** 2, axis=1))
        good, median, bad = (
            self.values(self._quantile(mean, sd, to_cap, share)) for share in ((1 - level) / 2, 0.5, (1 + level) / 2)
        )
        return Beliefs(
            mean=(centre * size).tolist(),
            sd=(spread * size).tolist(),
            median=median.tolist(),
            lower=np.minimum(good, bad).tolist(),
            upper=np.maximum(good, bad).tolist(),
        )

    def _quantile(self, mean: Floats, sd: Floats, to_cap: Floats, share: float) -> Floats:
        """The losses that this share of the probability goes up to. mean, sd, to_cap: (k,) -> (k,)"""
        under = ndtr(to_cap)
        place = (share - under) / np.maximum(1.0 - under, 1e-300) * len(self.beyond)
        beyond = self.beyond[np.clip(place, 0, len(self.beyond) - 1).astype(int)]
        return np.where(share <= under, self.losses(mean + sd * ndtri(share)), beyond)


@dataclass(frozen=True, slots=True)
class Posterior:
    """The models of a problem's objectives, their scales, and the past that they rest on. Made by `Posterior.of`."""

    problem: Problem
    encoding: Encoding
    past: Past
    models: tuple[Model, ...]
    scales: tuple[Scale, ...]

    @classmethod
    def of(cls, problem: Problem, history: History, surrogates: Mapping[str, Mapping[str, Any]]) -> Posterior:
        """The posterior given a history. surrogates: states of an earlier fit, where θ starts. Raises NoSurrogate."""
        encoding = Encoding.of(problem.space)
        if encoding.dims == 0:
            raise NoSurrogate("no parameter of this study has more than one value, so there is nothing to model")
        past = Past.of(encoding, len(problem.objectives), history, len(problem.limits))
        if len(past.told) < FEWEST:
            raise NoSurrogate(f"a surrogate needs {FEWEST} complete trials, this study has {len(past.told)}")
        past = active(problem, encoding, past, surrogates)
        models = tuple(model(problem, encoding, past, surrogates))
        scales = tuple(
            Scale.of(objective, one.warp, past.losses[:, place])
            for place, (objective, one) in enumerate(zip(problem.objectives, models, strict=True))
        )
        return cls(problem, encoding, past, models, scales)

    def by_metric(self) -> dict[str, tuple[Model, Scale]]:
        """Metric -> its model and scale, in the order of the objectives."""
        pairs = zip(self.models, self.scales, strict=True)
        return dict(zip(self.problem.objective_names, pairs, strict=True))

    def beliefs(self, levels: Floats) -> dict[str, Beliefs]:
        """What each objective is believed to be, free of noise. (k, p) -> metric -> k beliefs"""
        points = self.encoding.points(levels)
        return {
            metric: scale.beliefs(*one.surrogate.predict(points)) for metric, (one, scale) in self.by_metric().items()
        }

    def told_values(self) -> list[dict[str, float]]:
        """Of each told trial: metric -> value."""
        return told_values(self.problem, self.past.losses)

    def fitted(self) -> dict[str, Fitted]:
        """Metric -> how its surrogate was fitted."""
        return {metric: _fitted(self.encoding, one) for metric, (one, _) in self.by_metric().items()}


def below(top: Floats) -> tuple[Floats, Floats]:
    """Nodes t and weights of the integral of g(t) φ(t) up to top, by Gauss and Legendre. (k,) -> (k, 64), (k, 64)

    Abramowitz & Stegun 1972, Eq. 25.4.30.
    """
    half = (np.clip(top, -_FARTHEST, _FARTHEST) + _FARTHEST)[:, None] / 2.0
    t = half * (_ABSCISSAS + 1.0) - _FARTHEST
    return t, half * _WEIGHTS * np.exp(-0.5 * t * t) / math.sqrt(2.0 * math.pi)


def values(objective: Objective, losses: Floats) -> Floats:
    """Losses as values of the metric: the inverse of `Objective.loss`."""
    signed = -losses if objective.direction is Direction.MAXIMIZE else losses
    found: Floats = 10.0 ** np.clip(signed, _LOWEST_LOG, _HIGHEST_LOG) if objective.log else signed
    return found


def told_values(problem: Problem, losses: Floats) -> list[dict[str, float]]:
    """Losses as values, as they were told but for the last digits of logarithms. (n, m) -> n of metric -> value"""
    columns = [
        [float(f"{value:.14g}") if objective.log else float(value) for value in values(objective, losses[:, place])]
        for place, objective in enumerate(problem.objectives)
    ]
    return [dict(zip(problem.objective_names, row, strict=True)) for row in zip(*columns, strict=True)]


def _fitted(encoding: Encoding, one: Model) -> Fitted:
    theta = np.exp(one.surrogate.theta)
    found = one.diagnostics
    return Fitted(
        length_scales=dict(zip(encoding.names, theta[:-2].tolist(), strict=True)),
        scale=float(theta[-2]),
        noise=float(theta[-1]),
        warp=one.warp.to_state(),
        fit=str(found["fit"]),
        reason=str(found.get("reason", "")),
        evaluations=int(found.get("evaluations", 0)),
        rows=int(found["rows"]),
        failures=int(found["failures"]),
    )
