"""Reads a history into arrays, and remembers the blocks of it that came before.

p: parameters of the space.  m: objectives.  Told: complete with finite losses.  Pending: open.  Failed: the others.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np

from trimtab_service.domain.history import Block, Columns, PackedHistory
from trimtab_service.domain.space import Space
from trimtab_service.domain.trial import OPEN, History
from trimtab_service.optimizer.encoding import Encoding, Floats, Key

__all__ = ["Observed"]

_BLOCKS = 128
"""So many blocks are remembered: some 30,000 trials."""
_OPEN = {state.value for state in OPEN}


@dataclass(frozen=True, slots=True)
class Observed:
    """Observations as arrays, by number: levels of those told (n, p), failed (f, p) and pending (q, p).

    losses, variances: (n, m).  numbers: of the trials told, and of those failed.  keys: of all.
    """

    told: Floats
    losses: Floats
    variances: Floats
    failed: Floats
    pending: Floats
    numbers: tuple[int, ...]
    failed_numbers: tuple[int, ...]
    keys: frozenset[Key]

    @classmethod
    def of(cls, encoding: Encoding, objectives: int, history: History) -> Self:
        """What a history in any order holds. Blocks that this process has read lately are not read again."""
        if isinstance(history, PackedHistory):
            spec = json.dumps(encoding.space.to_spec())
            parts = [_remembered(spec, objectives, block) for block in history.blocks.values()]
        else:
            parts = [_read(encoding, objectives, Columns.of(history))]
        nothing = np.empty((0, len(encoding.axes))), np.empty((0, objectives))
        return cls(
            told=np.vstack([nothing[0], *(part.told for part in parts)]),
            losses=np.vstack([nothing[1], *(part.losses for part in parts)]),
            variances=np.vstack([nothing[1], *(part.variances for part in parts)]),
            failed=np.vstack([nothing[0], *(part.failed for part in parts)]),
            pending=np.vstack([nothing[0], *(part.pending for part in parts)]),
            numbers=tuple(number for part in parts for number in part.numbers),
            failed_numbers=tuple(number for part in parts for number in part.failed_numbers),
            keys=frozenset().union(*(part.keys for part in parts)),
        )


@lru_cache(maxsize=_BLOCKS)
def _remembered(spec: str, objectives: int, block: Block) -> Observed:
    return _read(_encoding(spec), objectives, block.columns())


@lru_cache(maxsize=8)
def _encoding(spec: str) -> Encoding:
    return Encoding.of(Space.from_spec(json.loads(spec)))


def _read(encoding: Encoding, objectives: int, columns: Columns) -> Observed:
    numbers, states = np.array(columns.numbers, dtype=np.int64), columns.states
    losses, variances = np.full((2, len(numbers), objectives), np.nan)
    full = [place for place, some in enumerate(columns.losses) if len(some) == objectives]
    if full:
        losses[full] = [columns.losses[place] for place in full]
        variances[full] = [columns.variances[place] or (0.0,) * objectives for place in full]
    told = np.all(np.isfinite(losses), axis=1)
    pending = ~told & np.array([state in _OPEN for state in states], dtype=bool)
    failed = ~told & ~pending
    levels = encoding.levels(columns.params)
    return Observed(
        told=levels[told],
        losses=losses[told],
        variances=variances[told],
        failed=levels[failed],
        pending=levels[pending],
        numbers=tuple(numbers[told].tolist()),
        failed_numbers=tuple(numbers[failed].tolist()),
        keys=frozenset(encoding.keys(levels)),
    )
