"""What must hold of a configuration, one surrogate each: every limit, and that its trial works out at all.

c: a margin, at most 0 where a limit holds.  z: what the surrogate sees, at most 0 on the good side of the border.
Of a limit z = b(c / unit) / size with b(c) = sign(c) ln(1 + |c|) (Eriksson & Poloczek 2021, section 4): what is far
from the limit counts less, and 0 stays 0. Of failures z is -1 where a trial was told and 1 where it failed, which is
read as the latent of a probit (Rasmussen & Williams 2006, Eq. 3.25, without the Laplace step).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import log_ndtr

from trimtab_service.domain.study import Problem
from trimtab_service.optimizer import surrogate as gp
from trimtab_service.optimizer.crossvalidation import leave_one_out
from trimtab_service.optimizer.encoding import Encoding, Floats
from trimtab_service.optimizer.modelling import State, States, is_exact, refit
from trimtab_service.optimizer.past import Past
from trimtab_service.optimizer.priors import Prior
from trimtab_service.optimizer.scores import Below
from trimtab_service.optimizer.surrogate import Surrogate

__all__ = ["FAILURES", "Border", "borders", "known_borders"]

FAILURES = "a trial works out"
"""The name of the border between told and failed trials. No limit reads so."""
_FEWEST = 3
"""With fewer told or failed trials nothing is said of where trials fail."""
_ENOUGH = 10
_FAR = 4.0
"""A limit of which so many margins are known, all so many standard deviations within, needs no surrogate."""


@dataclass(frozen=True, slots=True)
class Border:
    """The surrogate of one thing that must hold.

    name: the limit's text, or FAILURES. surrogate: None where the limit was never near to be broken. spread: the
    variance of one outcome around what is modelled, 1 for a probit.  fitted, diagnostics: as of a Model.
    """

    name: str
    surrogate: Surrogate | None
    spread: float
    fitted: int
    diagnostics: Mapping[str, Any]

    @property
    def score(self) -> Below | None:
        """ln of the probability that it holds, as a score of points. None: it always does."""
        return None if self.surrogate is None else Below(self.surrogate, self.spread)

    def probability(self, points: Floats) -> Floats:
        """How probable it is that it holds. (k, D) -> (k,)"""
        return np.ones(len(points)) if self.score is None else np.exp(self.score(points))

    def to_state(self, encoding: Encoding) -> dict[str, Any]:
        """The JSON form, as of a Model."""
        theta = {} if self.surrogate is None else gp.theta_to_state(self.surrogate.theta, encoding.names)
        return {"theta": theta, "fitted": self.fitted, "diagnostics": dict(self.diagnostics)}


def borders(problem: Problem, encoding: Encoding, past: Past, states: States) -> tuple[Border, ...]:
    """One for each limit, in the problem's order, and one for failures where there are enough of them.

    states: of an earlier fit, by name.
    """
    limits = [
        _of_limit(encoding, past, place, limit.text, is_exact(problem, *limit.metrics), states.get(limit.text))
        for place, limit in enumerate(problem.limits)
    ]
    if min(len(past.told), len(past.failed)) < _FEWEST:
        return tuple(limits)
    return (*limits, _of_failures(encoding, past, states.get(FAILURES)))


def known_borders(problem: Problem, encoding: Encoding, past: Past) -> tuple[Border, ...]:
    """Those of the limits on known metrics, where enough is known of those, if only from probes and refusals."""
    if encoding.dims == 0:
        return ()
    found = (
        _of_limit(encoding, past, place, limit.text, True, None)
        for place, limit in enumerate(problem.limits)
        if problem.is_known(*limit.metrics)
    )
    return tuple(border for border in found if border.surrogate is not None and len(border.surrogate.data) >= _ENOUGH)


def _of_limit(encoding: Encoding, past: Past, place: int, text: str, exact: bool, state: State | None) -> Border:
    margins = np.concatenate([past.margins[:, place], past.partial.margins[:, place]])
    known = np.isfinite(margins)
    z = scaled(margins[known])
    if len(z) >= _ENOUGH and z.max() < -_FAR * z.std():
        return Border(text, None, 0.0, 0, {"fit": "none", "rows": len(z)})
    prior = Prior.of(encoding.choices, deterministic=exact)
    if len(z) == 0:
        return Border(text, Surrogate.prior(prior.start(), encoding.groups), 0.0, 0, {"fit": "prior", "rows": 0})
    X = encoding.points(np.vstack([past.told, past.partial.levels])[known])
    count = past.count - len(past.told) + len(z)
    return Border(text, *_refit(encoding, prior, gp.rows(X, z, np.zeros(len(z))), count, state, spread=0.0))


def _of_failures(encoding: Encoding, past: Past, state: State | None) -> Border:
    z = np.concatenate([np.full(len(past.told), -1.0), np.ones(len(past.failed))])
    data = gp.rows(encoding.points(np.vstack([past.told, past.failed])), z, np.zeros(len(z)))
    count = past.count + len(past.failed)
    surrogate, spread, fitted, how = _refit(encoding, Prior.of(encoding.choices), data, count, state, spread=1.0)
    if not _tells(surrogate):
        return Border(FAILURES, None, spread, 0, {"fit": "none", "rows": len(z)})
    return Border(FAILURES, surrogate, spread, fitted, how)


def _tells(surrogate: Surrogate) -> bool:
    """Whether held-out outcomes are likelier under the process than under the share of failures alone.

    Where nothing tells failures apart, a process would only keep the search from where it has been.
    """
    z = surrogate.data.z
    held = leave_one_out(surrogate)
    likely = log_ndtr(np.where(z > 0.0, held.mean, -held.mean) / np.sqrt(1.0 + held.sd**2))
    share = float(np.mean(z > 0.0))
    alone = np.where(z > 0.0, math.log(max(share, 1e-9)), math.log(max(1.0 - share, 1e-9)))
    return float(np.mean(likely)) > float(np.mean(alone))


def _refit(
    encoding: Encoding, prior: Prior, data: gp.Rows, count: int, state: State | None, *, spread: float
) -> tuple[Surrogate, float, int, dict[str, Any]]:
    surrogate, fitted, how = refit(encoding, prior, data, count, state)
    return surrogate, spread, fitted, how


def scaled(margins: Floats) -> Floats:
    """Margins as a surrogate sees them: in units of their median size, the far ones drawn in, of root mean square 1.

    Not centred, so that 0 stays the border. (n,) -> (n,)
    """
    sizes = np.abs(margins)
    unit = float(np.sort(sizes)[len(sizes) // 2]) if len(sizes) else 0.0
    unit = unit or float(sizes.max(initial=0.0)) or 1.0
    with np.errstate(over="ignore"):  # the largest floats over the smallest
        drawn = np.sign(margins) * np.log1p(np.minimum(sizes / unit, np.finfo(float).max))
    size = float(np.sqrt(np.mean(drawn**2))) if len(drawn) else 0.0
    return drawn / (size or 1.0)
