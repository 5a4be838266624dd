"""Turns params into points of the unit cube and back. Only here are log scales, steps and conditions known.

p: parameters of the space, in its order.  D: columns of a point.  n: configurations.
levels: (n, p), the working form: a discrete value's place among its values (a whole number), a continuous value's
    place in [0, 1]; 0 for absent parameters and for those with one value only.
points: (n, D), what the kernel sees, in [0, 1]: one column per number; K columns per categorical of K, one-hot
    and scaled by 1/√2, so that two different choices are at squared distance 1; an absent parameter lies in the
    middle (1/2, or 1/K in each column); one that depends on a number has one more column: whether it is there.
groups: (D,), the parameter that a column belongs to, counted among those searched: a group shares one length scale.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trimtab_service.domain.parameter import Categorical, Choice, Constant, Float, Int, Parameter, identity
from trimtab_service.domain.space import Params, Space

__all__ = ["Axis", "Encoding", "Floats", "Key"]

Floats = NDArray[np.float64]
Key = bytes
"""What two equal configurations have in common."""

_HALF = 1.0 / math.sqrt(2.0)
_KEY_DIGITS = 10
"""Continuous values closer than 1e-10 of their range count as the same."""
RELAXED_ABOVE = 16
"""Numbers with more values than this are searched as if they were continuous, then rounded."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One parameter of the space as a line of levels.

    size: how many values it has; 0 when it is continuous.  low, high: the ends of the line that becomes [0, 1], in
    the parameter's unit or its logarithm.  columns: where it lies in a point; activity: its column there that says
    whether it is present, if it has one.  parents: (axis, levels of it with which this one is present).
    """

    parameter: Parameter
    size: int
    low: float
    high: float
    columns: slice
    activity: int | None
    group: int
    parents: tuple[tuple[int, Floats], ...]

    @property
    def searched(self) -> bool:
        """Whether there is anything to choose."""
        return self.size != 1

    @property
    def one_hot(self) -> bool:
        """Whether its values have no order."""
        return isinstance(self.parameter, Categorical) and not self.parameter.ordered and self.searched

    @property
    def relaxed(self) -> bool:
        """Whether a gradient may move it: continuous, or a number with many values."""
        return self.size == 0 or (self.size > RELAXED_ABOVE and not self.one_hot)

    def level(self, value: Choice) -> float:
        """The level of a value that the parameter allows."""
        return float(self.levels([value])[0])

    def levels(self, values: Sequence[Any]) -> Floats:
        """The levels of n values that the parameter allows. -> (n,)"""
        match self.parameter:
            case Constant():
                return np.zeros(len(values))
            case Categorical() as parameter:
                places = {identity(choice): float(place) for place, choice in enumerate(parameter.choices)}
                return np.array([places[identity(value)] for value in values])
            case Int(low=low, step=step):
                return np.array([float((int(value) - low) // step) for value in values])
            case Float(step=None, high=high, log=log):
                # math.log, since NumPy's may differ in the last bit by where in an array a number stands
                line = np.array([math.log(value) for value in values] if log else values, dtype=float)
                places_on_it = np.clip((line - self.low) / (self.high - self.low), 0.0, 1.0)
                return np.where(np.array(values, dtype=float) == high, 1.0, places_on_it)
            case Float(low=low, step=step):
                assert step is not None
                return np.rint((np.array(values, dtype=float) - low) / step)
        raise AssertionError(self.parameter)

    def value(self, level: float) -> Choice:
        """The value of a level: exactly the one it came from, or within round-off where it is continuous."""
        match self.parameter:
            case Float(step=None, log=log, low=low, high=high):
                if level <= 0.0 or level >= 1.0:
                    return float(low if level <= 0.0 else high)
                number = self.low + level * (self.high - self.low)
                return min(max(math.exp(number) if log else number, float(low)), float(high))
            case parameter:
                return parameter.grid_value(int(level))

    def units(self, levels: Floats) -> Floats:
        """Levels of a number (or of ordered choices) as places in [0, 1]. (n,) -> (n,)"""
        match self.parameter:
            case Float(step=None):
                return levels
            case Categorical():
                return levels / (self.size - 1)
            case Int(log=True, low=low):
                return (np.log(low + levels) - self.low) / (self.high - self.low)
        return (levels + 0.5) / self.size

    def nearest(self, units: Floats) -> Floats:
        """The levels nearest to places in [0, 1]: the inverse of `units`, rounded. (n,) -> (n,)"""
        match self.parameter:
            case Float(step=None):
                return np.clip(units, 0.0, 1.0)
            case Categorical():
                levels = np.rint(units * (self.size - 1))
            case Int(log=True, low=low):
                levels = np.rint(np.exp(self.low + units * (self.high - self.low))) - low
            case _:
                levels = np.floor(units * self.size)
        return np.clip(levels, 0.0, self.size - 1.0)

    def spread(self, uniforms: Floats) -> Floats:
        """Levels of uniform random numbers: each equal part of the line, or each choice, as often. (n,) -> (n,)"""
        if isinstance(self.parameter, Categorical):
            return np.clip(np.floor(uniforms * self.size), 0.0, self.size - 1.0)
        return self.nearest(uniforms)


@dataclass(frozen=True, slots=True)
class Encoding:
    """How one space lies in the unit cube. Made by `Encoding.of(space)`."""

    space: Space
    axes: tuple[Axis, ...]
    groups: NDArray[np.intp]
    names: tuple[str, ...]
    """The searched parameters, by group."""
    parents: frozenset[str]
    """The parameters that a condition names."""

    @classmethod
    def of(cls, space: Space) -> Encoding:
        """The encoding of a space."""
        axes: list[Axis] = []
        groups: list[int] = []
        names: list[str] = []
        for parameter in space.parameters:
            axis = _axis(parameter, space, axes, column=len(groups), group=len(names))
            axes.append(axis)
            if axis.searched:
                names.append(parameter.name)
                groups += [axis.group] * (axis.columns.stop - axis.columns.start + (axis.activity is not None))
        parents = frozenset(parent for parameter in space.parameters for parent in parameter.when)
        return cls(space, tuple(axes), np.array(groups, dtype=np.intp), tuple(names), parents)

    @property
    def dims(self) -> int:
        """How many parameters are searched: the number of groups."""
        return len(self.names)

    @property
    def width(self) -> int:
        """How many columns a point has."""
        return len(self.groups)

    @property
    def choices(self) -> NDArray[np.bool_]:
        """Which of the searched parameters have values without order. (d,)"""
        return np.array([axis.one_hot for axis in self.axes if axis.searched], dtype=bool)

    @property
    def discrete(self) -> bool:
        """Whether the space has finitely many configurations."""
        return all(axis.size > 0 for axis in self.axes)

    # --- params <-> levels <-> points ----------------------------------------------------------------------------

    def levels(self, configurations: Sequence[Mapping[str, Choice]]) -> Floats:
        """The levels of params that lie in the space. -> (n, p)"""
        found = np.zeros((len(configurations), len(self.axes)))
        for column, axis in enumerate(self.axes):
            name = axis.parameter.name
            there = [row for row, params in enumerate(configurations) if name in params]
            found[there, column] = axis.levels([configurations[row][name] for row in there])
        return self.canonical(found)

    def params(self, levels: Floats) -> Params:
        """The params of one row of levels, with constants, without those that are absent. (p,) -> params"""
        found: Params = {}
        for axis, level in zip(self.axes, levels, strict=True):
            if self.space.is_active(axis.parameter, found):
                found[axis.parameter.name] = self.value(axis, float(level))
        return found

    def active(self, levels: Floats) -> NDArray[np.bool_]:
        """Which parameters are there. (n, p) -> (n, p)"""
        there = np.ones(levels.shape, dtype=bool)
        for column, axis in enumerate(self.axes):
            for parent, allowed in axis.parents:
                there[:, column] &= there[:, parent] & np.isin(levels[:, parent], allowed)
        return there

    def canonical(self, levels: Floats) -> Floats:
        """The same configurations with the level of every absent parameter set to 0. (n, p) -> (n, p)"""
        return np.where(self.active(levels), levels, 0.0)

    def points(self, levels: Floats) -> Floats:
        """The points that the kernel sees. (n, p) -> (n, D)"""
        there = self.active(levels)
        found = np.empty((len(levels), self.width))
        for column, axis in enumerate(self.axes):
            if not axis.searched:
                continue
            present, level = there[:, column], levels[:, column]
            if axis.one_hot:
                hot = np.arange(axis.size)[None, :] == level[:, None]
                found[:, axis.columns] = np.where(present[:, None], hot, 1.0 / axis.size) * _HALF
            else:
                found[:, axis.columns.start] = np.where(present, axis.units(np.where(present, level, 0.0)), 0.5)
            if axis.activity is not None:
                found[:, axis.activity] = present * _HALF
        return found

    def levels_of_points(self, points: Floats) -> Floats:
        """The levels of points, numbers rounded to their nearest value: the inverse of `points`. (n, D) -> (n, p)"""
        found = np.zeros((len(points), len(self.axes)))
        for column, axis in enumerate(self.axes):
            if axis.one_hot:
                found[:, column] = np.argmax(points[:, axis.columns], axis=1)
            elif axis.searched:
                found[:, column] = axis.nearest(points[:, axis.columns.start])
        return self.canonical(found)

    def encode(self, configurations: Sequence[Mapping[str, Choice]]) -> Floats:
        """The points of params. -> (n, D)"""
        return self.points(self.levels(configurations))

    def decode(self, points: Floats) -> list[Params]:
        """The params of points: the inverse of `encode`, continuous values within round-off."""
        return [self.params(row) for row in self.levels_of_points(points)]

    # --- drawing, and telling configurations apart --------------------------------------------------------------

    def spread(self, uniforms: Floats) -> Floats:
        """Levels of points drawn uniformly from the d-dimensional cube, d = dims. (n, d) -> (n, p)"""
        return self.canonical(self.spread_all(uniforms))

    def spread_all(self, uniforms: Floats) -> Floats:
        """The same with a level for the absent parameters as well. (n, d) -> (n, p)"""
        found = np.zeros((len(uniforms), len(self.axes)))
        for column, axis in enumerate(self.axes):
            if axis.searched:
                found[:, column] = axis.spread(uniforms[:, axis.group])
        return found

    def centre(self) -> Floats:
        """The middle of the space: the middle of every number, the first of choices without order. -> (1, p)"""
        middle = np.array([[0.0 if axis.one_hot else 0.5 for axis in self.axes if axis.searched]])
        return self.spread(middle.reshape(1, self.dims))

    def keys(self, levels: Floats) -> list[Key]:
        """One key per configuration; equal configurations have equal keys. (n, p) -> n keys"""
        there = self.active(levels)
        continuous = np.array([axis.size == 0 for axis in self.axes])
        rounded = np.where(continuous, np.round(np.where(continuous, levels, 0.0), _KEY_DIGITS), levels)
        rounded = np.where(there, rounded, -1.0) + 0.0  # + 0.0 makes -0.0 a 0.0
        return [row.tobytes() for row in rounded]

    def value(self, axis: Axis, level: float) -> Choice:
        """The value of a level; one that a condition names comes back exactly, else the condition would miss it."""
        if axis.size == 0 and axis.parameter.name in self.parents:
            for child in self.space.parameters:
                for value in child.when.get(axis.parameter.name, ()):
                    if axis.level(value) == level:
                        return axis.parameter.check(value)
        return axis.value(level)


def _axis(parameter: Parameter, space: Space, before: Sequence[Axis], *, column: int, group: int) -> Axis:
    size = 0 if math.isinf(parameter.cardinality) else int(parameter.cardinality)
    low, high = _line(parameter)
    one_hot = isinstance(parameter, Categorical) and not parameter.ordered
    width = 0 if size == 1 else size if one_hot else 1
    places = {axis.parameter.name: place for place, axis in enumerate(before)}
    parents = tuple(
        (places[parent], np.array([before[places[parent]].level(value) for value in values]))
        for parent, values in parameter.when.items()
    )
    numeric_parent = any(before[place].searched and not before[place].one_hot for place, _ in parents)
    return Axis(
        parameter=parameter,
        size=size,
        low=low,
        high=high,
        columns=slice(column, column + width),
        activity=column + width if numeric_parent and size != 1 else None,
        group=group,
        parents=parents,
    )


def _line(parameter: Parameter) -> tuple[float, float]:
    """The ends of the line: half a step beyond the values of an int, so that each has a share of the same kind."""
    match parameter:
        case Float(log=True, low=low, high=high):
            return math.log(low), math.log(high)
        case Int(log=True, low=low, high=high):
            return math.log(low - 0.5), math.log(high + 0.5)
        case Float(low=low, high=high):
            return float(low), float(high)
    return 0.0, 1.0
