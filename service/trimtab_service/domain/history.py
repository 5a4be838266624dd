"""A study's trials as the optimizer gets them, packed in blocks, so that a long history is quickly sent.

A block in which nothing has changed keeps its bytes: it is packed once, sent as it is, and known again where it came
before.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from trimtab_service.domain.space import Params
from trimtab_service.domain.trial import FailureKind, Observation, TrialState

SIZE = 256
"""Trials of one block: those whose number divided by SIZE is the block's place."""


class Columns(NamedTuple):
    """The fields of some observations, ordered by number."""

    numbers: list[int]
    states: list[str]
    params: list[Params]
    losses: list[tuple[float, ...]]
    variances: list[tuple[float, ...]]
    margins: list[tuple[float, ...]]
    failures: list[str | None]

    @classmethod
    def of(cls, observations: Iterable[Observation]) -> Columns:
        """The columns of observations in any order."""
        ordered = sorted(observations, key=lambda one: one.number)
        return cls(
            [one.number for one in ordered],
            [one.state.value for one in ordered],
            [one.params for one in ordered],
            [one.losses for one in ordered],
            [one.variances for one in ordered],
            [one.margins for one in ordered],
            [None if one.failure is None else one.failure.value for one in ordered],
        )


@dataclass(frozen=True, slots=True)
class Block:
    """Some observations as bytes."""

    packed: bytes
    count: int

    @classmethod
    def of(cls, observations: Iterable[Observation]) -> Block:
        """The block of observations in any order."""
        columns = Columns.of(observations)
        names = [{sys.intern(name): value for name, value in params.items()} for params in columns.params]
        return cls(pickle.dumps(tuple(columns._replace(params=names))), len(names))

    def columns(self) -> Columns:
        """What is in it."""
        return Columns(*pickle.loads(self.packed))  # noqa: S301  # packed here or in the server that sent it

    def observations(self) -> Iterator[Observation]:
        """What is in it, one by one."""
        for number, state, params, losses, variances, margins, failure in zip(*self.columns(), strict=True):
            kind = None if failure is None else FailureKind(failure)
            yield Observation(number, TrialState(state), params, losses, variances, margins, kind)


@dataclass(frozen=True, slots=True)
class PackedHistory(Collection[Observation]):
    """The observations of a study by number. blocks: by their place; each place has at most one."""

    blocks: Mapping[int, Block]

    @property
    def size(self) -> int:
        """Of all blocks, in bytes."""
        return sum(len(block.packed) for block in self.blocks.values())

    @classmethod
    def of(cls, observations: Iterable[Observation]) -> PackedHistory:
        """The history of observations in any order."""
        return cls({}).changed(observations)

    def changed(self, observations: Iterable[Observation]) -> PackedHistory:
        """The history with these observations, in place of those of the same numbers."""
        new: dict[int, dict[int, Observation]] = {}
        for one in observations:
            new.setdefault(one.number // SIZE, {})[one.number] = one
        blocks = dict(self.blocks)
        for place, some in new.items():
            old = blocks[place].observations() if place in blocks else ()
            blocks[place] = Block.of({**{one.number: one for one in old}, **some}.values())
        return PackedHistory(dict(sorted(blocks.items())))

    def __iter__(self) -> Iterator[Observation]:
        for block in self.blocks.values():
            yield from block.observations()

    def __len__(self) -> int:
        return sum(block.count for block in self.blocks.values())

    def __contains__(self, one: object) -> bool:
        return any(one == other for other in self)
