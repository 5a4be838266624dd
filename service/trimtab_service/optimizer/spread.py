"""Configurations to ask the surrogates about: all over the space, or around some of it; none that is not allowed.

p: parameters of the space.  Levels: see encoding.
"""

from __future__ import annotations

import numpy as np

from trimtab_service.optimizer.available import Available
from trimtab_service.optimizer.configurations import Configurations
from trimtab_service.optimizer.encoding import Floats
from trimtab_service.optimizer.repair import repaired

__all__ = ["around", "spread"]

_TIMES = 8
"""So many times as many are drawn as are wanted, where space constraints refuse some."""
_REPAIRED = 64
_NEAREST, _FARTHEST = -2.5, -0.5
"""log10 of how far variations lie from what they vary, in units of a parameter's range."""
_MOVED = 0.3
"""How often each parameter is varied, beside one that always is."""


def spread(available: Available, rng: np.random.Generator, most: int) -> Floats:
    """At most so many configurations all over the space; all of them where there are no more. -> (k, p)"""
    encoding = available.encoding
    if encoding.discrete:
        every = Configurations.every(encoding)
        if every.count <= most:
            levels = every.all()
            return levels[available(levels)]
    drawn = encoding.spread(rng.random((most * (_TIMES if available.constraints else 1), encoding.dims)))
    found = drawn[available(drawn)][:most]
    if len(found) < min(most, _REPAIRED) and available.constraints:
        nearest = drawn[np.argsort(available.constraints.violation(drawn), kind="stable")[:_REPAIRED]]
        found = np.vstack([found, repaired(encoding, available.constraints, nearest, rng, _REPAIRED)])
    return found


def around(available: Available, rng: np.random.Generator, centres: Floats, most: int) -> Floats:
    """At most so many variations of the centres, near ones and far ones. centres: (c, p) -> (k, p)"""
    encoding = available.encoding
    if len(centres) == 0:
        return centres
    levels = centres[rng.integers(len(centres), size=most)]
    searched = [place for place, axis in enumerate(encoding.axes) if axis.searched]
    moved = rng.random((most, len(searched))) < _MOVED
    moved[np.arange(most), rng.integers(len(searched), size=most)] = True
    steps = 10.0 ** rng.uniform(_NEAREST, _FARTHEST, size=(most, 1)) * rng.standard_normal((most, len(searched)))
    elsewhere = encoding.spread_all(rng.random((most, encoding.dims)))
    for column, place in enumerate(searched):
        axis = encoding.axes[place]
        if axis.one_hot:
            there = elsewhere[:, place]
        else:
            span = axis.size - 1.0 if axis.size else 1.0
            there = np.clip(levels[:, place] + np.round(steps[:, column] * span, 0 if axis.size else 12), 0.0, span)
        levels[:, place] = np.where(moved[:, column], there, levels[:, place])
    levels = encoding.canonical(levels)
    return levels[available(levels)]
