"""The values of a study's complete trials in columns, for questions about all of them at once."""

from __future__ import annotations

import itertools
import json
import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, overload

from trimtab_service.domain.space import Params
from trimtab_service.domain.told import as_variant

_versions = itertools.count(1)
_UNTOLD = array("d", [math.nan])
_TEXT_BYTES = 57
"""Of a text beside its letters, and of the place that points to it."""


class Completed(NamedTuple):
    """A trial for its columns. params: as JSON. values: variant -> key -> value, "" its own; None unless complete."""

    number: int
    params: str
    values: Mapping[str, Mapping[str, float]] | None


class PackedParams(Sequence[Params]):
    """Params of the rows, kept as JSON and read when they are asked for."""

    def __init__(self, texts: Sequence[str] = ()) -> None:
        self.texts = texts

    @overload
    def __getitem__(self, place: int) -> Params: ...
    @overload
    def __getitem__(self, place: slice) -> PackedParams: ...
    def __getitem__(self, place: int | slice) -> Params | PackedParams:
        if isinstance(place, slice):
            return PackedParams(self.texts[place])
        params: Params = json.loads(self.texts[place])
        return params

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """A row per complete trial and variant, by number and then variant: the trial itself, variant "", is first.

    numbers: the rows' trials. values: metric key -> a number per row, nan where none was told; where a variant's was
    not told, its trial's as far as that holds for it too. computed: the objectives with formulas, which a variant has
    of its own only. version: another one for other columns; the same object stands for what has not changed. Nobody
    changes one: `changed` copies.
    """

    numbers: array[int] = field(default_factory=lambda: array("q"))
    variants: Sequence[str] = ()
    params: PackedParams = field(default_factory=PackedParams)
    values: Mapping[str, array[float]] = field(default_factory=dict)
    computed: frozenset[str] = frozenset()
    version: int = field(default_factory=lambda: next(_versions))

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def size(self) -> int:
        """In bytes, about: texts of params are taken to be as long as the first."""
        text = _TEXT_BYTES + len(self.params.texts[0]) if self.params.texts else 0
        return len(self) * (16 + 8 * len(self.values) + text)

    def changed(self, trials: Iterable[Completed]) -> Columns:
        """The columns with these trials, in place of those of the same numbers."""
        new = [one for one in trials if one.values is not None or self._rows_of(one.number)]
        if not new:
            return self
        numbers, variants, texts = self.numbers[:], list(self.variants), list(self.params.texts)
        values = {key: column[:] for key, column in self.values.items()}
        for one in new:
            rows = _rows(one, self.computed)
            start, end = bisect_left(numbers, one.number), bisect_right(numbers, one.number)
            numbers[start:end] = array("q", [one.number]) * len(rows)
            variants[start:end] = [variant for variant, _ in rows]
            texts[start:end] = [one.params] * len(rows)
            for column in values.values():
                column[start:end] = _UNTOLD * len(rows)
            for place, (_, told) in enumerate(rows, start):
                for key, value in told.items():
                    if key not in values:
                        values[key] = _UNTOLD * len(numbers)
                    values[key][place] = value
        return Columns(numbers, variants, PackedParams(texts), values, self.computed)

    def _rows_of(self, number: int) -> int:
        return bisect_right(self.numbers, number) - bisect_left(self.numbers, number)


def _rows(one: Completed, computed: frozenset[str]) -> list[tuple[str, Mapping[str, float]]]:
    """The variants in order, each with its values over the trial's own."""
    told = one.values or {}
    return [(name, as_variant(told[""], told[name], computed) if name else told[name]) for name in sorted(told)]
