"""How a history becomes one surrogate per objective, and how that is kept as JSON between two asks.

Each objective rests on every trial that has a value of it: told, or known in part. A failed one counts as bad.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from trimtab_service.domain.study import Problem
from trimtab_service.optimizer import surrogate as gp
from trimtab_service.optimizer import warping
from trimtab_service.optimizer.encoding import Encoding, Floats
from trimtab_service.optimizer.past import Past
from trimtab_service.optimizer.priors import Prior
from trimtab_service.optimizer.surrogate import Rows, Surrogate
from trimtab_service.optimizer.warping import Warp

__all__ = ["Model", "Past", "State", "States", "active", "is_exact", "model", "refit"]

State = Mapping[str, Any]
States = Mapping[str, State]
"""By metric."""

_WORSE = 0.5
"""A failed trial counts as this much worse than the worst told one, in standard deviations."""
_VAGUE = 1e6
"""A told variance above this (in units of z) says nothing more."""
_FITTED_EACH_TIME = 50
"""Up to so many told trials, θ is fitted anew with every one of them; later when 4 % more were told."""
_WARPED_EACH_TIME = 20
"""The same for the choice of the warp's power; later when 5 % more were told."""


@dataclass(frozen=True, slots=True)
class Model:
    """One objective's surrogate and the warp between its losses and what the surrogate sees.

    fitted, warped: trials told when θ was fitted (0: that failed) and when the warp's power was chosen.
    diagnostics: how the fit went, as JSON; fit is "map", "kept" where θ is the state's, or "prior" when it failed,
    and then reason says why.
    """

    surrogate: Surrogate
    warp: Warp
    fitted: int
    warped: int
    diagnostics: Mapping[str, Any]

    def to_state(self, encoding: Encoding, past: Past) -> dict[str, Any]:
        """The JSON form. The factor of the covariance is not kept: it is rebuilt from the trials."""
        return {
            "theta": gp.theta_to_state(self.surrogate.theta, encoding.names),
            "warp": self.warp.to_state(),
            "fitted": self.fitted,
            "warped": self.warped,
            "trials": sorted((*past.numbers, *past.failed_numbers)),
            "diagnostics": dict(self.diagnostics),
        }


def active(problem: Problem, encoding: Encoding, past: Past, states: States) -> Past:
    """The past with the trials that are modelled. states: of an earlier fit, by metric; the first one's ℓ measure."""
    theta = _theta(encoding, states.get(problem.objectives[0].metric))
    theta = Prior.of(encoding.choices).start() if theta is None else theta
    return past.active(encoding, np.exp(theta[:-2])[encoding.groups])


def model(problem: Problem, encoding: Encoding, past: Past, states: States) -> list[Model]:
    """One model per objective of what was told, and of what is known in part. states: of an earlier fit, by metric.

    θ starts from its state, and in a long study it is kept until enough more were told than at the last fit: it is a
    matter of the history and the state, not of how often one asks.
    """
    return [
        _model(problem, encoding, past, place, states.get(objective.metric))
        for place, objective in enumerate(problem.objectives)
    ]


def _model(problem: Problem, encoding: Encoding, past: Past, place: int, state: State | None) -> Model:
    """The model of one objective. What is known of a metric is exact, so a failed trial is not a bad one there."""
    objective, partial = problem.objectives[place], past.partial
    known = problem.is_known(objective.metric)
    some = np.isfinite(partial.losses[:, place])
    losses = np.concatenate([past.losses[:, place], partial.losses[some, place]])
    variances = np.concatenate([past.variances[:, place], partial.variances[some, place]])
    X = encoding.points(np.vstack([past.told, partial.levels[some], past.failed[: 0 if known else None]]))
    prior = Prior.of(encoding.choices, deterministic=is_exact(problem, objective.metric))
    return _Data(encoding, prior, X, losses, variances).model(past.count + int(some.sum()), state)


def is_exact(problem: Problem, *metrics: str) -> bool:
    """Whether evaluations of all these metrics have no noise that is left to be learned."""
    said = {one.metric for one in problem.objectives if one.noise is not None}
    return bool(problem.options.get("deterministic")) or all(
        metric in said or problem.is_known(metric) for metric in metrics
    )


@dataclass(frozen=True, slots=True)
class _Data:
    """What one objective's model is made of. X: (n + f, D), the points with a loss and then the failed ones.

    losses, variances: (n,).
    """

    encoding: Encoding
    prior: Prior
    X: Floats
    losses: Floats
    variances: Floats

    def model(self, count: int, state: State | None) -> Model:
        """The model. count: trials told, with those that are not modelled."""
        warm = _theta(self.encoding, state)
        theta = self.prior.start() if warm is None else warm
        last = {} if state is None or warm is None else state  # of another space: as if there were none
        if _due(count, last.get("warped"), _WARPED_EACH_TIME, 20):
            warp, warped = warping.choose(self.losses, lambda warp, z: self._misfit(theta, warp, z)), count
        else:
            warp, warped = warping.standardise(self.losses, float(last["warp"]["power"])), int(last["warped"])
        sizes = {"failures": len(self.X) - len(self.losses)}
        surrogate, fitted, how = refit(self.encoding, self.prior, self._rows(warp), count, state)
        return Model(surrogate, warp, fitted, warped, how | sizes)

    def _rows(self, warp: Warp) -> Rows:
        """What the surrogate sees: a failed trial is a bad one."""
        z = warp.apply(self.losses)
        worst = np.full(len(self.X) - len(z), z.max() + _WORSE)
        variances = np.concatenate([self._spread(warp), np.zeros(len(worst))])
        return gp.rows(self.X, np.concatenate([z, worst]), variances)

    def _misfit(self, theta: Floats, warp: Warp, z: Floats) -> float:
        told = gp.rows(self.X[: len(z)], z, self._spread(warp))
        return gp.misfit(theta, told, self.encoding.groups, self.prior)[0]

    def _spread(self, warp: Warp) -> Floats:
        """The told variances in units of z."""
        with np.errstate(over="ignore"):  # what overflows says nothing
            errors = np.sqrt(self.variances) * warp.slope(self.losses)
        return np.minimum(errors, math.sqrt(_VAGUE)) ** 2


def refit(
    encoding: Encoding, prior: Prior, data: Rows, count: int, state: State | None
) -> tuple[Surrogate, int, dict[str, Any]]:
    """A surrogate of the rows, how many were told when its θ was fitted, and how it went; θ may be the state's.

    count: trials told, with those that are not modelled.
    """
    warm = _theta(encoding, state)
    last = None if warm is None or state is None else state.get("fitted")
    sizes = {"rows": len(data)}
    try:
        if warm is None or last is None or _due(count, last, _FITTED_EACH_TIME, 25):
            found = gp.fit(data, encoding.groups, prior, warm)
            surrogate, fitted = found.surrogate, count
            how: dict[str, Any] = {"fit": "map", "misfit": found.value, "evaluations": found.evaluations}
        else:
            surrogate, fitted = Surrogate.of(warm, data, encoding.groups), int(last)
            how = {"fit": "kept"}
    except np.linalg.LinAlgError as error:
        return Surrogate.prior(prior.start(), encoding.groups), 0, {"fit": "prior", "reason": str(error)} | sizes
    return surrogate, fitted, how | {"jitter": surrogate.jitter, "mean": surrogate.mean} | sizes


def _theta(encoding: Encoding, state: State | None) -> Floats | None:
    return gp.theta_from_state(state.get("theta", {}), encoding.names) if state else None


def _due(count: int, last: Any, each_time: int, share: int) -> bool:
    """Whether something is done anew: at each call up to so many told trials, then when that share more were told.

    last: trials told when it was done last, if that is known.  share: 1 / the share.
    """
    if not isinstance(last, int) or count <= each_time or count < last:
        return True
    return count - last >= max(1, last // share)
