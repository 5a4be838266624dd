"""What a server remembers of the histories it has read, so that the next read takes only what is new.

A finished trial never changes, so only trials that were open, and new ones, need another look.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Row

from trimtab_service.domain.history import PackedHistory
from trimtab_service.domain.trial import OPEN

MOST_BYTES = 64_000_000
"""Packed histories of all studies together; those that nobody asked for lately are forgotten first."""

Seen = Row[int, int, str]
"""The row id, number and state of a trial."""


@dataclass(frozen=True, slots=True)
class Known:
    """A study's history as one transaction saw it. last: the row id of its last trial.

    open: number -> state of the trials that had not finished.
    """

    history: PackedHistory = field(default_factory=lambda: PackedHistory({}))
    open: Mapping[int, str] = field(default_factory=dict)
    next_number: int = 0
    last: int | None = None

    def changed(self, seen: Sequence[Seen]) -> list[int] | None:
        """The row ids of the trials that are not as they are known; None when what is known can't be true any more.

        seen: all trials that are open or were, and those numbered from the last known one on. What is known may be of
        a later moment than what is seen, or of a database that has lost its latest transactions.
        """
        numbers = {row.number: row for row in seen}
        if self.last is not None:
            last = numbers.get(self.next_number - 1)
            if last is None or last.id != self.last or not self.open.keys() <= numbers.keys():
                return None
        old = [row for row in seen if row.number < self.next_number]
        if any(row.state in OPEN and row.number not in self.open for row in old):
            return None
        new = [row for row in seen if row.number >= self.next_number]
        return [row.id for row in old if self.open.get(row.number, row.state) != row.state] + [row.id for row in new]


class Kept:
    """The last known history of each study, for all threads."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._known: OrderedDict[int, Known] = OrderedDict()
        self._guard = threading.Lock()

    def get(self, study_id: int) -> Known:
        """What is known of the study; nothing at first."""
        with self._guard:
            known = self._known.get(study_id)
            if known is None:
                return Known()
            self._known.move_to_end(study_id)
            return known

    def put(self, study_id: int, known: Known) -> None:
        """Remember this of the study, and forget others when that is too much."""
        with self._guard:
            self._known[study_id] = known
            self._known.move_to_end(study_id)
            size = sum(one.history.size for one in self._known.values())
            while size > self._most_bytes and len(self._known) > 1:
                _, gone = self._known.popitem(last=False)
                size -= gone.history.size
