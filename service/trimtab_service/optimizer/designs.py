"""Proposals that need no model: grid, random, Sobol, and the points a model starts from.

Every function returns levels (see encoding). `taken` holds the keys of all configurations tried or pending.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from enum import IntEnum

import numpy as np
from scipy.stats import qmc

from trimtab_service.domain.parameter import Float, Int
from trimtab_service.optimizer.configurations import Choices, Configurations
from trimtab_service.optimizer.encoding import Axis, Encoding, Floats, Key

__all__ = ["Purpose", "draw", "fallback", "grid", "initial_size", "random", "sobol", "unused"]

GRID_POINTS = 3
"""Values that the grid takes of a number, unless the option points says otherwise."""
_TRIES = 64
"""Draws that may be repeats before the remaining configurations are looked through one by one."""


class Purpose(IntEnum):
    """What a stream of random numbers is for: streams of one trial never overlap."""

    RANDOM = 1
    SOBOL = 2
    FALLBACK = 3
    GRID = 4
    UNUSED = 5
    CANDIDATES = 6


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


def sobol(encoding: Encoding, number: int, seed: int, taken: Container[Key]) -> Floats | None:
    """The trial's Sobol point, or a random one where that is taken. None: exhausted. -> (1, p)"""
    levels = draw(encoding, number, seed, Purpose.SOBOL)
    if encoding.keys(levels)[0] not in taken:
        return levels
    return random(encoding, number, seed, taken)


def fallback(encoding: Encoding, number: int, seed: int, taken: Container[Key]) -> Floats | None:
    """The same from a sequence of its own. None: exhausted. -> (1, p)"""
    levels = draw(encoding, number, seed, Purpose.FALLBACK)
    if encoding.keys(levels)[0] not in taken:
        return levels
    return random(encoding, number, seed, taken, Purpose.FALLBACK)


def random(
    encoding: Encoding, number: int, seed: int, taken: Container[Key], purpose: Purpose = Purpose.RANDOM
) -> Floats | None:
    """A configuration drawn uniformly among those not taken. None: exhausted. -> (1, p)"""
    rng = np.random.default_rng([seed, number, purpose])
    for _ in range(_TRIES):
        levels = encoding.spread(rng.random((1, encoding.dims)))
        if encoding.keys(levels)[0] not in taken:
            return levels
    return unused(encoding, number, seed, taken)


def unused(encoding: Encoding, number: int, seed: int, taken: Container[Key]) -> Floats | None:
    """Some configuration that is not taken, by looking through them. None: exhausted. -> (1, p)"""
    choices = tuple(
        range(axis.size) if axis.size else (float(np.random.default_rng([seed, number]).random()),)
        for axis in encoding.axes
    )  # a continuous parameter gets one fresh value, so that only the discrete ones can be used up
    rows = Configurations(encoding, choices).unused(taken, [seed, number, Purpose.UNUSED])
    row = next(rows, None)
    return None if row is None else row[None, :]


def grid(encoding: Encoding, points: Mapping[str, int], seed: int, taken: Container[Key]) -> Iterator[Floats]:
    """The configurations of the grid that are not taken, in an order shuffled by the seed. Each -> (1, p)"""
    choices = tuple(grid_levels(axis, points.get(axis.parameter.name)) for axis in encoding.axes)
    for row in Configurations(encoding, choices).unused(taken, [seed, Purpose.GRID]):
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
