"""What one scikit-learn estimator does with one row, as a value, and the parts of one that is made of others.

A formula is a function of (fitted estimator, use), where use is the method that runs, such as "predict" or
"transform". It answers with a `Count`, or with `Parts`, each of which is counted in its turn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trimtab.costs.arrays import Array
from trimtab.costs.cost import Layer


@dataclass(frozen=True, slots=True)
class Count:
    """The counts of one row's way through an estimator. Adding two is going through both.

    macs_nonzero: None where every MAC counts, since what is multiplied is no weight that pruning could remove.
    operations: arithmetic besides the MACs, a mean where it hangs on the row; operations_at_most: for the worst row,
    None where every row is alike. parameters_nonzero: None where a zero is a value like another, as in a tree's leaf.
    arrays: everything stored that `use` needs. peak: activations alive at once, in elements.
    holds, does: what the parameters and the operations are, in words. kind, outputs: for the table of layers; layers:
    the table, where an estimator has more than one row.
    """

    macs: int = 0
    macs_nonzero: int | None = None
    operations: float = 0
    operations_at_most: float | None = None
    parameters: int = 0
    parameters_nonzero: int | None = None
    arrays: tuple[Array, ...] = ()
    uncounted: Mapping[str, int] = field(default_factory=dict)
    peak: int | None = None
    holds: frozenset[str] = frozenset()
    does: frozenset[str] = frozenset()
    kind: str = ""
    outputs: int | None = None
    layers: tuple[Layer, ...] = ()

    @property
    def nonzero(self) -> int | None:
        """parameters_nonzero, and 0 where there are no parameters."""
        return self.parameters_nonzero if self.parameters else 0

    @property
    def worst(self) -> float:
        """The operations for the worst row."""
        return self.operations if self.operations_at_most is None else self.operations_at_most

    def __add__(self, other: Count) -> Count:
        return total([self, other])

    def row(self, name: str, kind: str) -> Layer:
        """The estimator as one row of the table of layers."""
        known = not self.uncounted
        return Layer(
            name,
            self.kind or kind,
            self.parameters,
            self.macs if known else None,
            None if self.outputs is None else (1, self.outputs),
            round(self.operations) if known else None,
        )


def total(counts: Sequence[Count]) -> Count:
    """Going through all of them; the kind is the first's, the outputs are the last's that say so."""
    nonzeros = [one.nonzero for one in counts if one.nonzero is not None]
    peaks = [one.peak for one in counts if one.peak is not None]
    uncounted: Counter[str] = Counter()
    for one in counts:
        uncounted.update(one.uncounted)
    return Count(
        macs=sum(one.macs for one in counts),
        macs_nonzero=sum(one.macs if one.macs_nonzero is None else one.macs_nonzero for one in counts),
        operations=sum(one.operations for one in counts),
        operations_at_most=sum(one.worst for one in counts),
        parameters=sum(one.parameters for one in counts),
        parameters_nonzero=sum(nonzeros) if len(nonzeros) == len(counts) else None,
        arrays=tuple(array for one in counts for array in one.arrays),
        uncounted=dict(uncounted),
        peak=max(peaks) if len(peaks) == len(counts) else None,
        holds=frozenset().union(*(one.holds for one in counts)),
        does=frozenset().union(*(one.does for one in counts)),
        kind=next((one.kind for one in counts if one.kind), ""),
        outputs=next((one.outputs for one in reversed(counts) if one.outputs is not None), None),
    )


@dataclass(frozen=True, slots=True)
class Parts:
    """An estimator that is made of others.

    parts: (name, estimator, use) of each. own: what it does besides. together: what the parts are called when they
    are alike and share one row of the table of layers.
    """

    parts: Sequence[tuple[str, Any, str]]
    own: Count = Count(peak=0)
    together: str = ""


Formula = Callable[[Any, str], Count | Parts]

WEIGHTS = "weights and biases"
STATISTICS = "means, scales and other statistics of the training rows"


def values(*arrays: Any) -> tuple[Array, ...]:
    """Arrays, numbers and None as arrays; None is left out."""
    return tuple(np.asarray(array) for array in arrays if array is not None)


def nonzero(arrays: Sequence[Array]) -> int:
    """How many elements are not 0; NaN is not."""
    return sum(int(np.count_nonzero(array)) for array in arrays)


def size(arrays: Sequence[Array]) -> int:
    """How many elements there are."""
    return sum(array.size for array in arrays)
