"""How a history becomes one surrogate per objective, and how that is kept as JSON between two asks.

A trial with losses is told; one that is open is pending; any other has failed (refused before training, or stopped
without values, included).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trimtab_service.domain.space import Params
from trimtab_service.domain.study import Problem
from trimtab_service.optimizer import surrogate as gp
from trimtab_service.optimizer import warping
from trimtab_service.optimizer.encoding import Encoding, Floats
from trimtab_service.optimizer.observed import Observed
from trimtab_service.optimizer.pareto import non_dominated
from trimtab_service.optimizer.surrogate import Rows, Surrogate
from trimtab_service.optimizer.warping import Warp

__all__ = ["Model", "Past", "model"]

_WORSE = 0.5
"""A failed trial counts as this much worse than the worst told one, in standard deviations."""
_MOST = 300
"""At most so many told trials are modelled, so that an ask stays fast however long the study."""
_MOST_FAILED = 60
_VAGUE = 1e6
"""A told variance above this (in units of z) says nothing more."""


@dataclass(frozen=True, slots=True)
class Past(Observed):
    """What is known before a proposal. Made by `Past.of`."""

    def awaiting(self, encoding: Encoding, params: Params) -> Past:
        """The past with one more pending configuration, as it will read when it comes back as a trial."""
        levels = encoding.levels([params])
        return replace(
            self, pending=np.vstack([self.pending, levels]), keys=self.keys | frozenset(encoding.keys(levels))
        )

    def reduced(self, encoding: Encoding) -> Past:
        """The past with at most 300 told and 60 failed trials; every key and all that is pending are kept.

        40 % are the best, 40 % the nearest to the best one, 20 % any; of the failed, the latest.
        """
        if len(self.told) <= _MOST and len(self.failed) <= _MOST_FAILED:
            return self
        chosen = np.arange(len(self.told))
        if len(self.told) > _MOST:
            best = _by_merit(self.losses)
            points = encoding.points(self.told)
            near = np.argsort(np.sum((points - points[best[0]]) ** 2, axis=1), kind="stable")
            # Knuth's multiplicative hash: a trial that is among "any" stays there while the study grows
            any_order = np.argsort(np.array(self.numbers) * 2_654_435_761 % 2**32, kind="stable")
            chosen = _merged([best, near, any_order], [_MOST * 2 // 5, _MOST * 4 // 5, _MOST])
        return replace(
            self,
            told=self.told[chosen],
            losses=self.losses[chosen],
            variances=self.variances[chosen],
            failed=self.failed[-_MOST_FAILED:],
            numbers=tuple(self.numbers[place] for place in chosen),
            failed_numbers=self.failed_numbers[-_MOST_FAILED:],
        )


def _by_merit(losses: Floats) -> NDArray[np.intp]:
    """Places from best to worst: the front first, then by the mean rank over the objectives. (n, m) -> (n,)"""
    ranks = np.argsort(np.argsort(losses, axis=0, kind="stable"), axis=0, kind="stable").mean(axis=1)
    return np.lexsort((ranks, ~non_dominated(losses)))


def _merged(orders: Sequence[NDArray[np.intp]], sizes: Sequence[int]) -> NDArray[np.intp]:
    """The first of each order that are not there yet, until there are as many as its size says; sorted."""
    found: dict[int, None] = {}
    for order, size in zip(orders, sizes, strict=True):
        for place in order:
            if len(found) >= size:
                break
            found[int(place)] = None
    return np.array(sorted(found), dtype=np.intp)


@dataclass(frozen=True, slots=True)
class Model:
    """One objective's surrogate and the warp between its losses and what the surrogate sees.

    diagnostics: how the fit went, as JSON; fit is "map", or "prior" when it failed, and then reason says why.
    """

    surrogate: Surrogate
    warp: Warp
    diagnostics: Mapping[str, Any]

    def to_state(self, encoding: Encoding, past: Past) -> dict[str, Any]:
        """The JSON form. The factor of the covariance is not kept: it is rebuilt from the trials."""
        return {
            "theta": gp.theta_to_state(self.surrogate.theta, encoding.names),
            "warp": self.warp.to_state(),
            "trials": sorted((*past.numbers, *past.failed_numbers)),
            "diagnostics": dict(self.diagnostics),
        }


def model(problem: Problem, encoding: Encoding, past: Past, states: Mapping[str, Mapping[str, Any]]) -> list[Model]:
    """One model per objective, fitted to what was told. states: of an earlier fit, by metric, to start from."""
    X = encoding.points(np.vstack([past.told, past.failed]))
    return [
        _one(encoding, X, past.losses[:, place], past.variances[:, place], states.get(objective.metric))
        for place, objective in enumerate(problem.objectives)
    ]


def _one(encoding: Encoding, X: Floats, losses: Floats, variances: Floats, state: Mapping[str, Any] | None) -> Model:
    """X: (n + f, D), the told points and then the failed ones."""
    warm = gp.theta_from_state(state.get("theta", {}), encoding.names) if state else None
    theta = gp.default_theta(encoding.dims) if warm is None else warm
    failures = len(X) - len(losses)

    def spread(warp: Warp) -> Floats:
        """The told variances in units of z."""
        with np.errstate(over="ignore"):  # what overflows says nothing
            errors = np.sqrt(variances) * warp.slope(losses)
        return np.minimum(errors, math.sqrt(_VAGUE)) ** 2

    def observed(warp: Warp, z: Floats) -> Rows:
        worst = np.full(failures, z.max() + _WORSE)
        return gp.rows(X, np.concatenate([z, worst]), np.concatenate([spread(warp), np.zeros(failures)]))

    def misfit(warp: Warp, z: Floats) -> float:
        return gp.misfit(theta, gp.rows(X[: len(z)], z, spread(warp)), encoding.groups)[0]

    warp = warping.choose(losses, misfit)
    data = observed(warp, warp.apply(losses))
    try:
        found = gp.fit(data, encoding.groups, encoding.dims, warm)
    except np.linalg.LinAlgError as error:
        prior = Surrogate.prior(gp.default_theta(encoding.dims), encoding.groups)
        return Model(prior, warp, {"fit": "prior", "reason": str(error), "rows": len(data), "failures": failures})
    fitted = found.surrogate
    return Model(
        fitted,
        warp,
        {
            "fit": "map",
            "misfit": found.value,
            "evaluations": found.evaluations,
            "jitter": fitted.jitter,
            "mean": fitted.mean,
            "rows": len(data),
            "failures": failures,
        },
    )
