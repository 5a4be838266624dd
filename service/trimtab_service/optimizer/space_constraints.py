"""Space constraints over levels: which configurations keep them, and by how much the others miss them.

n: configurations.  p: parameters of the space.  Levels: see encoding. A constraint is asked once about each
combination of the parameters that it names; a comparison with one that is absent holds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from trimtab_service.domain.space import Space
from trimtab_service.optimizer.encoding import Encoding, Floats

if TYPE_CHECKING:
    from trimtab_service.domain.expression import Expression

__all__ = ["NO_CONSTRAINTS", "Mask", "SpaceConstraint", "SpaceConstraints"]

Mask = NDArray[np.bool_]

_MOST = 100_000
"""So many combinations are remembered."""
_ABSENT = -1.0
_SOME = 1.0
"""How far from being kept is a constraint that can't say it, for an absent parameter."""


@dataclass(frozen=True, slots=True)
class SpaceConstraint:
    """One space constraint. columns: the axes that it names."""

    encoding: Encoding
    expression: Expression
    columns: tuple[int, ...]
    _known: dict[bytes, float] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, encoding: Encoding, expression: Expression) -> Self:
        """The constraint over the levels of an encoding."""
        named = [place for place, axis in enumerate(encoding.axes) if axis.parameter.name in expression.names]
        return cls(encoding, expression, tuple(named))

    def violation(self, levels: Floats, there: Mask) -> Floats:
        """How far the rows are from keeping it: 0 where they do, above 0 elsewhere. (n, p), (n, p) -> (n,)"""
        columns = list(self.columns)
        named = np.where(there[:, columns], levels[:, columns], _ABSENT)
        if len(self._known) > _MOST:
            self._known.clear()
        found = np.empty(len(levels))
        for place, row in enumerate(named):
            key = row.tobytes()
            violation = self._known.get(key)
            if violation is None:
                violation = self._known[key] = self._ask(row)
            found[place] = violation
        return found

    def _ask(self, row: Floats) -> float:
        axes = self.encoding.axes
        names = {
            axes[column].parameter.name: self.encoding.value(axes[column], level)
            for column, level in zip(self.columns, row.tolist(), strict=True)
            if level != _ABSENT
        }
        margin = self.expression.margin(names)
        if margin is None:
            return 0.0 if self.expression.holds(names, absent=True) else _SOME
        return max(margin, 0.0)


@dataclass(frozen=True, slots=True)
class SpaceConstraints:
    """All space constraints of a problem; none of them allows everything."""

    items: tuple[SpaceConstraint, ...] = ()

    @classmethod
    def of(cls, encoding: Encoding, expressions: Sequence[Expression]) -> SpaceConstraints:
        """The constraints over the levels of an encoding; what they were asked lately is remembered."""
        return (
            _constraints(json.dumps(encoding.space.to_spec()), tuple(expressions)) if expressions else NO_CONSTRAINTS
        )

    def __bool__(self) -> bool:
        return bool(self.items)

    @property
    def columns(self) -> tuple[int, ...]:
        """The axes that any of them names."""
        return tuple(sorted({column for one in self.items for column in one.columns}))

    def allow(self, levels: Floats) -> Mask:
        """Which rows keep all of them. (n, p) -> (n,)"""
        found = np.ones(len(levels), dtype=bool)
        for one in self.items:
            kept = levels[found]
            found[found] = one.violation(kept, one.encoding.active(kept)) == 0.0
        return found

    def violation(self, levels: Floats) -> Floats:
        """How far the rows are from keeping all: Σ ln(1 + violation), 0 where they do. (n, p) -> (n,)"""
        total: Floats = np.zeros(len(levels))
        for one in self.items:
            total = total + np.log1p(one.violation(levels, one.encoding.active(levels)))
        return total


NO_CONSTRAINTS = SpaceConstraints()


@lru_cache(maxsize=8)
def _constraints(spec: str, expressions: tuple[Expression, ...]) -> SpaceConstraints:
    encoding = Encoding.of(Space.from_spec(json.loads(spec)))
    return SpaceConstraints(tuple(SpaceConstraint.of(encoding, one) for one in expressions))
