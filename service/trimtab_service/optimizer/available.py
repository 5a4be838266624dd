"""Says which configurations may be proposed: those that are not taken and that the problem allows.

p: parameters of the space.  n: configurations.  Levels and keys: see encoding.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trimtab_service.domain.space import Params
from trimtab_service.optimizer.encoding import Encoding, Floats, Key

__all__ = ["Available", "Mask"]

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Available:
    """Which configurations may be proposed. taken: keys of those that may not come again. allows: see Problem."""

    encoding: Encoding
    taken: AbstractSet[Key] = frozenset()
    allows: Callable[[Params], bool] | None = None

    def __call__(self, levels: Floats) -> Mask:
        """Which rows may be proposed: not taken, and allowed. (n, p) -> (n,)"""
        return self.allowed(levels, self.untaken(levels))

    def untaken(self, levels: Floats) -> Mask:
        """Which rows are not taken. (n, p) -> (n,)"""
        return np.array([key not in self.taken for key in self.encoding.keys(levels)], dtype=bool)

    def allowed(self, levels: Floats, among: Mask) -> Mask:
        """Which of some rows are allowed; the predicate is asked about those only. (n, p), (n,) -> (n,)"""
        if self.allows is None:
            return among
        found = among.copy()
        for row in np.flatnonzero(among):
            found[row] = bool(self.allows(self.encoding.params(levels[row])))
        return found
