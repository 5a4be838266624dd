"""Proposals that need no model: grid, random, Sobol, and the points a model starts from.

Every function returns levels (see encoding) of configurations that are available, or None when none is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum

import numpy as np
from scipy.stats import qmc

from trimtab_service.domain.parameter import Float, Int
from trimtab_service.optimizer.available import Available
from trimtab_service.optimizer.configurations import Choices, Configurations
from trimtab_service.optimizer.encoding import Axis, Encoding, Floats
from trimtab_service.optimizer.repair import repaired

__all__ = ["Purpose", "draw", "fallback", "grid", "initial_size", "random", "sobol", "unused"]

GRID_POINTS = 3
"""Values that the grid takes of a number, unless the option points says otherwise."""
_TRIES = 64
"""Draws that may be repeats before the remaining configurations are looked through one by one."""
_MORE_TRIES = 1_024
"""Further draws where there are space constraints."""
_REPAIRED = 32
"""So many of those draws, the least far from being allowed, are then repaired."""


class Purpose(IntEnum):
    """What a stream of random numbers is for: streams of one trial never overlap."""

    RANDOM = 1
    SOBOL = 2
    FALLBACK = 3
    GRID = 4
    UNUSED = 5
    CANDIDATES = 6
    FANTASIES = 7
    DIRECTIONS = 8


def initial_size(encoding: Encoding, n_initial: int | None) -> int:
    """How many configurations the model wants to start from: d + 3, at most 10, or what the option says."""
    return n_initial if n_initial is not None else min(10, encoding.dims + 3)


def draw(encoding: Encoding, number: int, seed: int, purpose: Purpose) -> Floats:
    """The number-th point of the scrambled Sobol sequence of this seed and purpose. -> (1, p)"""
    if encoding.dims == 0:
        return encoding.spread(np.empty((1, 0)))
    # Each purpose has its own scrambling; all trials of a study share it, else the points would not fill the space.
    sequence = qmc.Sobol(encoding.dims, scramble=True, rng=np.random.default_rng([seed, purpose]))
    if number:
        sequence.fast_forward(number)
    return encoding.spread(sequence.random(1))


def sobol(available: Available, number: int, seed: int) -> Floats | None:
    """The trial's Sobol point, or a random one where that is not available. None: exhausted. -> (1, p)"""
    levels = draw(available.encoding, number, seed, Purpose.SOBOL)
    return levels if available(levels)[0] else random(available, number, seed)


def fallback(available: Available, number: int, seed: int) -> Floats | None:
    """The same from a sequence of its own. None: exhausted. -> (1, p)"""
    levels = draw(available.encoding, number, seed, Purpose.FALLBACK)
    return levels if available(levels)[0] else random(available, number, seed, Purpose.FALLBACK)


def random(available: Available, number: int, seed: int, purpose: Purpose = Purpose.RANDOM) -> Floats | None:
    """A configuration drawn uniformly among those available. None: exhausted. -> (1, p)

    Where fewer than one in some hundred are allowed it may be a repaired one, which is not drawn uniformly.
    """
    encoding = available.encoding
    levels = encoding.spread(np.random.default_rng([seed, number, purpose]).random((_TRIES, encoding.dims)))
    found = levels[available(levels)]
    return found[:1] if len(found) else unused(available, number, seed)


def unused(available: Available, number: int, seed: int) -> Floats | None:
    """Some configuration that is available, by looking through them. None: exhausted. -> (1, p)

    Where there are space constraints, among further draws and repaired ones first.
    """
    encoding = available.encoding
    fresh = np.random.default_rng([seed, number])
    value = float(fresh.random())
    if available.constraints:
        levels = encoding.spread(fresh.random((_MORE_TRIES, encoding.dims)))
        found = levels[available(levels)]
        if len(found) == 0:
            nearest = levels[np.argsort(available.constraints.violation(levels), kind="stable")[:_REPAIRED]]
            found = repaired(encoding, available.constraints, nearest, fresh, _REPAIRED)
            found = found[available(found)]
        if len(found):
            return found[:1]
    choices = tuple(range(axis.size) if axis.size else (value,) for axis in encoding.axes)
    # a continuous parameter gets one fresh value, so that only the discrete ones can be used up
    rows = Configurations(encoding, choices).unused(available, [seed, number, Purpose.UNUSED])
    row = next(rows, None)
    return None if row is None else row[None, :]


def grid(available: Available, points: Mapping[str, int], seed: int) -> Iterator[Floats]:
    """The configurations of the grid that are available, in an order shuffled by the seed. Each -> (1, p)"""
    encoding = available.encoding
    choices = tuple(grid_levels(axis, points.get(axis.parameter.name)) for axis in encoding.axes)
    for row in Configurations(encoding, choices).unused(available, [seed, Purpose.GRID]):
        yield row[None, :]


def grid_levels(axis: Axis, points: int | None) -> Choices:
    """The levels of one parameter on the grid, ends included.

    All choices of a categorical; all values of a float with a step, unless points says how many; of other numbers as
    many as points says, evenly spaced (on a log scale where the parameter has one), each at most once.
    """
    match axis.parameter:
        case Float(step=None):
            return tuple(np.linspace(0.0, 1.0, points or GRID_POINTS).tolist())
        case Float() if points is not None and points < axis.size:
            return _distinct(np.linspace(0.0, axis.size - 1.0, points))
        case Int(low=low, high=high, log=log) if (points or GRID_POINTS) < axis.size:
            count = points or GRID_POINTS
            if log:
                return _distinct(np.geomspace(low, high, count) - low)
            return _distinct(np.linspace(0.0, axis.size - 1.0, count))
    return range(axis.size)


def _distinct(levels: Floats) -> Choices:
    return tuple(np.unique(np.rint(levels)).tolist())
