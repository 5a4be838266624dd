"""Says which configurations may be proposed: those that are not taken and that the space constraints allow.

p: parameters of the space.  n: configurations.  Levels and keys: see encoding.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from trimtab_service.optimizer.encoding import Encoding, Floats, Key
from trimtab_service.optimizer.space_constraints import NO_CONSTRAINTS, Mask, SpaceConstraints

__all__ = ["Available", "Mask"]


@dataclass(frozen=True, slots=True)
class Available:
    """Which configurations may be proposed. taken: keys of those that may not come again."""

    encoding: Encoding
    taken: AbstractSet[Key] = frozenset()
    constraints: SpaceConstraints = NO_CONSTRAINTS

    def __call__(self, levels: Floats) -> Mask:
        """Which rows may be proposed: not taken, and allowed. (n, p) -> (n,)"""
        return self.allowed(levels, self.untaken(levels))

    def untaken(self, levels: Floats) -> Mask:
        """Which rows are not taken. (n, p) -> (n,)"""
        return np.array([key not in self.taken for key in self.encoding.keys(levels)], dtype=bool)

    def allowed(self, levels: Floats, among: Mask) -> Mask:
        """Which of some rows the constraints allow; they are asked about those only. (n, p), (n,) -> (n,)"""
        if not self.constraints:
            return among
        found = among.copy()
        found[among] = self.constraints.allow(levels[among])
        return found
