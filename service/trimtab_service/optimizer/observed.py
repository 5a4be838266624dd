"""Reads a history into arrays, and remembers the blocks of it that came before.

p: parameters of the space.  m: objectives.  c: limits.  Told: ended with finite losses of all objectives, and
not failed.  Pending: open, or complete while a loss is still to come.  Failed: ended without a result, for the
params' sake.  Partial: what is known of any other, and of cost probes, whose numbers are negative.  Refused trials
and those that an infrastructure lost are none of told, pending and failed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from trimtab_service.domain.history import Block, Columns, PackedHistory
from trimtab_service.domain.space import Space
from trimtab_service.domain.trial import OPEN, FailureKind, History, TrialState
from trimtab_service.optimizer.encoding import Encoding, Floats, Key

__all__ = ["Observed", "Partial"]

_BLOCKS = 128
"""So many blocks are remembered: some 30,000 trials."""
_OPEN = {state.value for state in OPEN}
_COMPLETE, _REFUSED, _FAILED = TrialState.COMPLETE.value, TrialState.INFEASIBLE.value, TrialState.FAILED.value
_NOBODYS = FailureKind.INFRASTRUCTURE.value


@dataclass(frozen=True, slots=True)
class Partial:
    """What is known in part, nan where it is not: levels (k, p), losses and variances (k, m), margins (k, c)."""

    numbers: NDArray[np.int64]
    levels: Floats
    losses: Floats
    variances: Floats
    margins: Floats

    def __len__(self) -> int:
        return len(self.levels)

    def __getitem__(self, chosen: NDArray[np.intp] | NDArray[np.bool_]) -> Partial:
        return Partial(
            self.numbers[chosen],
            self.levels[chosen],
            self.losses[chosen],
            self.variances[chosen],
            self.margins[chosen],
        )


@dataclass(frozen=True, slots=True)
class Observed:
    """Observations as arrays, by number: levels of those told (n, p), failed (f, p) and pending (q, p).

    losses, variances: (n, m).  margins: (n, c), at most 0 where a limit holds, nan while unknown.  numbers: of the
    trials told, and of those failed.  keys: of all trials.  spent: keys of those that are not told.
    """

    told: Floats
    losses: Floats
    variances: Floats
    margins: Floats
    partial: Partial
    failed: Floats
    pending: Floats
    numbers: tuple[int, ...]
    failed_numbers: tuple[int, ...]
    keys: frozenset[Key]
    spent: frozenset[Key]

    @classmethod
    def of(cls, encoding: Encoding, objectives: int, history: History, limits: int = 0) -> Self:
        """What a history in any order holds. Blocks that this process has read lately are not read again."""
        if isinstance(history, PackedHistory):
            spec = json.dumps(encoding.space.to_spec())
            parts = [_remembered(spec, objectives, limits, block) for block in history.blocks.values()]
        else:
            parts = [_read(encoding, objectives, limits, Columns.of(history))]
        parts = parts or [_read(encoding, objectives, limits, Columns.of(()))]
        return cls(
            told=np.vstack([part.told for part in parts]),
            losses=np.vstack([part.losses for part in parts]),
            variances=np.vstack([part.variances for part in parts]),
            margins=np.vstack([part.margins for part in parts]),
            partial=Partial(
                np.concatenate([part.partial.numbers for part in parts]),
                np.vstack([part.partial.levels for part in parts]),
                np.vstack([part.partial.losses for part in parts]),
                np.vstack([part.partial.variances for part in parts]),
                np.vstack([part.partial.margins for part in parts]),
            ),
            failed=np.vstack([part.failed for part in parts]),
            pending=np.vstack([part.pending for part in parts]),
            numbers=tuple(number for part in parts for number in part.numbers),
            failed_numbers=tuple(number for part in parts for number in part.failed_numbers),
            keys=frozenset().union(*(part.keys for part in parts)),
            spent=frozenset().union(*(part.spent for part in parts)),
        )


@lru_cache(maxsize=_BLOCKS)
def _remembered(spec: str, objectives: int, limits: int, block: Block) -> Observed:
    return _read(_encoding(spec), objectives, limits, block.columns())


@lru_cache(maxsize=8)
def _encoding(spec: str) -> Encoding:
    return Encoding.of(Space.from_spec(json.loads(spec)))


def _read(encoding: Encoding, objectives: int, limits: int, columns: Columns) -> Observed:
    numbers, states = np.array(columns.numbers, dtype=np.int64), np.array(columns.states, dtype="U16")
    losses, margins = _wide(columns.losses, objectives, np.nan), _wide(columns.margins, limits, np.nan)
    variances = _wide(columns.variances, objectives, 0.0)
    real = numbers >= 0
    unfinished, refused = np.isin(states, list(_OPEN)), states == _REFUSED
    told = np.all(np.isfinite(losses), axis=1) & real & ~unfinished & ~refused & (states != _FAILED)
    awaited = (states == _COMPLETE) & ~np.any(np.isinf(losses), axis=1)  # a loss is still to come
    pending = ~told & real & (unfinished | awaited)
    lost = np.array([failure == _NOBODYS for failure in columns.failures], dtype=bool)
    failed = real & ~told & ~pending & ~refused & ~lost
    partial = ~told & (np.any(np.isfinite(losses), axis=1) | np.any(np.isfinite(margins), axis=1))
    levels = encoding.levels(columns.params)
    return Observed(
        told=levels[told],
        losses=losses[told],
        variances=variances[told],
        margins=margins[told],
        partial=Partial(numbers, levels, losses, variances, margins)[partial],
        failed=levels[failed],
        pending=levels[pending],
        numbers=tuple(numbers[told].tolist()),
        failed_numbers=tuple(numbers[failed].tolist()),
        keys=frozenset(encoding.keys(levels[real])),
        spent=frozenset(encoding.keys(levels[real & ~told])),
    )


def _wide(rows: list[tuple[float, ...]], width: int, other: float) -> Floats:
    """The rows that are so wide, and this number all over the others. -> (n, width)"""
    found = np.full((len(rows), width), other)
    full = [place for place, some in enumerate(rows) if len(some) == width]
    if full:
        found[full] = [rows[place] for place in full]
    return found
