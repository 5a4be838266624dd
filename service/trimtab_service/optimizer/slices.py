"""The surrogates along one parameter and over two, all others held: what is believed, drawn functions, acquisition.

p: parameters, k: places on the slice.  base: (1, p) levels; a parameter that is absent there stands in the middle,
in case the slice makes it present. Parents of a parameter that is shown are set so that it is present.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trimtab_service.domain.insight import Contour, Curve, Slice, Surface, ToldPoint, View
from trimtab_service.domain.parameter import Choice
from trimtab_service.optimizer.acquisition import expected_improvement
from trimtab_service.optimizer.designs import grid_levels
from trimtab_service.optimizer.encoding import Encoding, Floats
from trimtab_service.optimizer.modelling import Model
from trimtab_service.optimizer.pareto import non_dominated
from trimtab_service.optimizer.posterior import Posterior, Scale

__all__ = ["best_place", "contour", "slice_along"]

_PATHS = 8
"""Marks the stream of random numbers that functions are drawn with."""


def slice_along(posterior: Posterior, view: View) -> Slice:
    """The posterior along the one parameter of a view."""
    encoding = posterior.encoding
    (name,) = view.parameters
    held, trial = _held(posterior, view)
    column = encoding.space.names.index(name)
    levels = _swept(held, {column: _places(encoding, column, view.points)})
    curves = {
        metric: _curve(posterior, one, scale, levels, view) for metric, (one, scale) in posterior.by_metric().items()
    }
    return Slice(
        parameter=name,
        base=encoding.params(encoding.canonical(held)[0]),
        base_trial=trial,
        x=_values(encoding, column, levels[:, column]),
        metrics=curves,
        told=_told(posterior, [column]),
    )


def contour(posterior: Posterior, view: View) -> Contour:
    """The posterior over the two parameters of a view, on a grid."""
    encoding = posterior.encoding
    held, trial = _held(posterior, view)
    first, second = (encoding.space.names.index(name) for name in view.parameters)
    x, y = _places(encoding, first, view.points), _places(encoding, second, view.points)
    shape = (len(y), len(x))
    levels = _swept(held, {first: np.tile(x, len(y)), second: np.repeat(y, len(x))})
    surfaces = {
        metric: Surface(
            mean=np.reshape(beliefs.mean, shape).tolist(),
            sd=np.reshape(beliefs.sd, shape).tolist(),
            median=np.reshape(beliefs.median, shape).tolist(),
        )
        for metric, beliefs in posterior.beliefs(encoding.canonical(levels)).items()
    }
    return Contour(
        parameter=view.parameters[0],
        second=view.parameters[1],
        base=encoding.params(encoding.canonical(held)[0]),
        base_trial=trial,
        x=_values(encoding, first, x),
        y=_values(encoding, second, y),
        metrics=surfaces,
        told=_told(posterior, [first, second]),
    )


def best_place(posterior: Posterior) -> int:
    """The place among the told of the best trial; with several objectives, of the front's best in the first."""
    losses = posterior.past.losses
    front = np.flatnonzero(non_dominated(losses))
    return int(front[np.lexsort((front, losses[front, 0]))[0]])


def _held(posterior: Posterior, view: View) -> tuple[Floats, int | None]:
    """The levels that are held, (1, p), and the number of the trial that they are of."""
    encoding, past = posterior.encoding, posterior.past
    place = best_place(posterior)
    levels = past.told[place : place + 1] if view.base is None else encoding.levels([view.base])
    middle = encoding.spread_all(np.full((1, encoding.dims), 0.5))
    held = np.where(encoding.active(levels), levels, middle)
    for name in view.parameters:
        _make_present(encoding, held, encoding.space.names.index(name))
    return held, past.numbers[place] if view.base is None else view.base_trial


def _make_present(encoding: Encoding, held: Floats, column: int) -> None:
    """Set the parents of a parameter, and theirs, in place, to levels with which it is present."""
    for parent, allowed in encoding.axes[column].parents:
        if held[0, parent] not in allowed:
            held[0, parent] = allowed[0]
        _make_present(encoding, held, parent)


def _places(encoding: Encoding, column: int, points: int) -> Floats:
    """The levels at which a parameter is looked at: all of a few, else evenly spaced ones, ends included."""
    return np.array(grid_levels(encoding.axes[column], points))


def _swept(held: Floats, swept: dict[int, Floats]) -> Floats:
    """Copies of the levels held, with columns replaced. -> (k, p)"""
    levels = np.repeat(held, len(next(iter(swept.values()))), axis=0)
    for column, places in swept.items():
        levels[:, column] = places
    return levels


def _curve(posterior: Posterior, one: Model, scale: Scale, levels: Floats, view: View) -> Curve:
    encoding, surrogate = posterior.encoding, one.surrogate
    points = encoding.points(encoding.canonical(levels))
    mean, variance = surrogate.predict(points)
    promised = None
    if len(posterior.models) == 1:
        promised = expected_improvement(mean, np.sqrt(variance), surrogate.incumbent).tolist()
    normal = np.random.default_rng([view.seed, _PATHS]).standard_normal((view.paths, len(mean)))
    drawn = mean + normal @ _root(surrogate.covariance(points)).T if view.paths else normal
    return Curve(
        belief=scale.beliefs(mean, variance),
        paths=[scale.values(scale.losses(path)).tolist() for path in drawn],
        acquisition=promised,
    )


def _root(covariance: Floats) -> Floats:
    """R with RR' = covariance, which may be singular. (k, k) -> (k, k)"""
    sizes, directions = np.linalg.eigh(covariance)
    found: Floats = directions * np.sqrt(np.maximum(sizes, 0.0))  # round-off can make them -1e-16
    return found


def _values(encoding: Encoding, column: int, levels: Floats) -> list[Choice]:
    return [encoding.axes[column].value(float(level)) for level in levels]


def _told(posterior: Posterior, columns: Sequence[int]) -> list[ToldPoint]:
    """The told trials that have all of these one or two parameters."""
    encoding, past = posterior.encoding, posterior.past
    values = posterior.told_values()
    names = [encoding.axes[column].parameter.name for column in columns]
    found = []
    for place, levels in enumerate(past.told):
        params = encoding.params(levels)
        if all(name in params for name in names):
            found.append(
                ToldPoint(
                    number=past.numbers[place],
                    x=params[names[0]],
                    y=params[names[1]] if len(names) > 1 else None,
                    values=values[place],
                )
            )
    return found
