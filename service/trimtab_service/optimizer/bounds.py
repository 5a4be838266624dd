"""Finds ends of parameters that the best trials press against: there the search space may be too small.

An end is active when all of this holds: at least half of the best trials, and three, lie there; chance would put so
many there in one of a hundred studies; three told trials lie elsewhere; and the surrogate of some objective expects
worse a little further inside.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc

from trimtab_service.domain.insight import ActiveBound
from trimtab_service.optimizer.encoding import Axis, Floats
from trimtab_service.optimizer.pareto import non_dominated
from trimtab_service.optimizer.posterior import Posterior
from trimtab_service.optimizer.slices import best_place

__all__ = ["active_bounds"]

_ENOUGH = 10
"""With fewer told trials nothing is said."""
_EDGE = 0.05
"""An end is this part of a parameter's line, or its last value."""
_INSIDE = 0.15
"""How far in from the end the surrogate is asked."""
_CHANCE = 0.01
_FEW = 3
_WORSE = 0.02
"""So much worse must it be inside, in units of what the surrogate sees."""


def active_bounds(posterior: Posterior) -> list[ActiveBound]:
    """The active ends, in the order of the space. Choices without order have none."""
    past, encoding = posterior.past, posterior.encoding
    if len(past.told) < _ENOUGH:
        return []
    best = _best(past.losses)
    there = encoding.active(past.told)
    return [
        bound
        for column, axis in enumerate(encoding.axes)
        if axis.searched and not axis.one_hot
        for bound in _of_axis(posterior, column, axis, best[there[best, column]])
    ]


def _best(losses: Floats) -> NDArray[np.intp]:
    """Places of the best tenth of the trials, at least 5: by loss; of several objectives, the front."""
    if losses.shape[1] > 1:
        return np.flatnonzero(non_dominated(losses))
    return np.argsort(losses[:, 0], kind="stable")[: max(5, len(losses) // 10)]


def _of_axis(posterior: Posterior, column: int, axis: Axis, best: NDArray[np.intp]) -> Iterator[ActiveBound]:
    """best: places of the best trials that have the parameter."""
    past, there = posterior.past, posterior.encoding.active(posterior.past.told)[:, column]
    spread = axis.spread((np.arange(1_000) + 0.5) / 1_000)
    for end in ("low", "high"):
        lying = best[_at_end(axis, past.told[best, column], end)]
        by_chance = float(bdtrc(len(lying) - 1, len(best), _at_end(axis, spread, end).mean())) if len(lying) else 1.0
        elsewhere = int(np.sum(~_at_end(axis, past.told[there, column], end)))
        if 2 * len(lying) < max(len(best), 2 * _FEW) or elsewhere < _FEW or by_chance > _CHANCE:
            continue
        if not _worse_inside(posterior, column, end):
            continue
        value = axis.value((axis.size - 1.0 if axis.size else 1.0) if end == "high" else 0.0)
        yield ActiveBound(
            parameter=axis.parameter.name,
            end=end,
            value=value,
            trials=[past.numbers[place] for place in lying],
            of=len(best),
            sentence=f"{len(lying)} of the {len(best)} best trials press against {axis.parameter.name} = {value}: "
            "widen it if it can be wider.",
        )


def _at_end(axis: Axis, levels: Floats, end: str) -> NDArray[np.bool_]:
    """Which levels lie at the end. (k,) -> (k,)"""
    units, last = axis.units(levels), 0.0 if end == "low" else axis.size - 1.0
    near: NDArray[np.bool_] = units <= _EDGE if end == "low" else units >= 1.0 - _EDGE
    return near | (levels == last) if axis.size else near


def _worse_inside(posterior: Posterior, column: int, end: str) -> bool:
    """Whether some surrogate expects worse inside than at the end, the rest as in the best trial."""
    encoding, place = posterior.encoding, best_place(posterior)
    axis = encoding.axes[column]
    levels = np.repeat(posterior.past.told[place : place + 1], 2, axis=0)
    inner = axis.nearest(np.array([_INSIDE if end == "low" else 1.0 - _INSIDE]))[0]
    if axis.size:
        inner = max(inner, 1.0) if end == "low" else min(inner, axis.size - 2.0)
        levels[:, column] = (0.0 if end == "low" else axis.size - 1.0, inner)
    else:
        levels[:, column] = (0.0 if end == "low" else 1.0, inner)
    points = encoding.points(encoding.canonical(levels))
    means = np.array([one.surrogate.predict(points)[0] for one in posterior.models])
    return bool(np.any(means[:, 1] - means[:, 0] > _WORSE))
