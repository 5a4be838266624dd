"""Moves configurations towards what the space constraints allow, one parameter at a time.

n: configurations.  p: parameters of the space.  Only parameters that a constraint names are moved.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trimtab_service.optimizer.encoding import Axis, Encoding, Floats
from trimtab_service.optimizer.space_constraints import SpaceConstraints

__all__ = ["repaired"]

_SWEEPS = 4
"""So many times each of the parameters is moved."""
_PLACES = 16
"""A parameter's line is looked at in so many places, and then in as many around the best of them."""
_ZOOMS = 4


def repaired(
    encoding: Encoding, constraints: SpaceConstraints, levels: Floats, rng: np.random.Generator, most: int
) -> Floats:
    """Allowed configurations made of rows that are not, at most so many; perhaps none. (n, p) -> (k, p)

    Along one parameter after the other, in random order, a row goes where the violation is smallest, and of equal
    places to the nearest. A row that no parameter alone brings further has one of them drawn anew.
    """
    columns = np.array([column for column in constraints.columns if encoding.axes[column].searched], dtype=np.intp)
    found: list[Floats] = []
    for row in levels if len(columns) else levels[:0]:
        if len(found) == most:
            break
        absent = ~encoding.active(row[None, :])[0]
        filled = np.where(absent, encoding.spread_all(rng.random((1, encoding.dims)))[0], row)
        moved = _moved(encoding, constraints, filled, columns, rng)
        if moved is not None:
            found.append(moved)
    return np.array(found).reshape(len(found), levels.shape[1])


def _moved(
    encoding: Encoding,
    constraints: SpaceConstraints,
    row: Floats,
    columns: NDArray[np.intp],
    rng: np.random.Generator,
) -> Floats | None:
    """The row where it is allowed; None where it does not come so far. row: with a level for what is absent. (p,)"""
    left = np.inf
    for _ in range(_SWEEPS):
        before = left
        for column in rng.permutation(columns):
            if not encoding.active(row[None, :])[0, column]:
                continue
            row, left = _along(encoding, constraints, row, column, rng)
            if left == 0.0:
                found: Floats = encoding.canonical(row[None, :])[0]
                return found
        if left >= before:
            row = row.copy()
            column = rng.choice(columns)
            row[column] = encoding.axes[column].spread(rng.random(1))[0]
    return None


def _along(
    encoding: Encoding, constraints: SpaceConstraints, row: Floats, column: int, rng: np.random.Generator
) -> tuple[Floats, float]:
    """The row at the best place along one parameter, and its violation there."""
    axis = encoding.axes[column]
    low, high = 0.0, axis.size - 1.0 if axis.size else 1.0
    for _ in range(_ZOOMS):
        places = np.append(_places(axis, low, high, rng), row[column])
        rows = np.tile(row, (len(places), 1))
        rows[:, column] = places
        violation = constraints.violation(encoding.canonical(rows))
        best = int(np.lexsort((np.abs(places - row[column]), violation))[0])
        row, least = rows[best], float(violation[best])
        gap = (high - low) / (_PLACES - 1)
        if least == 0.0 or axis.one_hot or (axis.size and gap <= 1.0):
            break
        low, high = max(low, places[best] - gap), min(high, places[best] + gap)
    return row, least


def _places(axis: Axis, low: float, high: float, rng: np.random.Generator) -> Floats:
    """Levels from low to high: all of them or, where they are many, some."""
    if axis.size and high - low < _PLACES:
        return np.arange(np.ceil(low), np.floor(high) + 1.0)
    if axis.one_hot:
        return rng.choice(axis.size, _PLACES, replace=False).astype(float)
    places = np.linspace(low, high, _PLACES)
    return np.unique(np.rint(places)) if axis.size else places
