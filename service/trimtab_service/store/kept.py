"""What a server remembers of the studies that it has read, so that the next read takes only what changed since."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from trimtab_service.domain.history import PackedHistory
from trimtab_service.store.columns import Columns
from trimtab_service.store.moment import Moment

MOST_BYTES = 64_000_000
"""Of all studies together; those that nobody asked for lately are forgotten first."""


class Sized(Protocol):
    """Says how large it is."""

    @property
    def size(self) -> int:
        """In bytes."""


T = TypeVar("T", bound=Sized)


@dataclass(frozen=True, slots=True)
class Known(Generic[T]):
    """Something of a study as it was at a moment.

    last: number and row id of its last trial, if it had any. probes: how many it had.
    """

    what: T
    moment: Moment
    last: tuple[int, int] | None = None
    probes: int = 0


class Kept(Generic[T]):
    """What is known of each study, for all threads."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._known: OrderedDict[int, Known[T]] = OrderedDict()
        self._guard = threading.Lock()

    def get(self, study_id: int) -> Known[T] | None:
        """What is known of the study; None at first."""
        with self._guard:
            known = self._known.get(study_id)
            if known is not None:
                self._known.move_to_end(study_id)
            return known

    def put(self, study_id: int, known: Known[T]) -> None:
        """Remember this of the study, and forget others when that is too much."""
        with self._guard:
            self._known[study_id] = known
            self._known.move_to_end(study_id)
            size = sum(one.what.size for one in self._known.values())
            while size > self._most_bytes and len(self._known) > 1:
                _, gone = self._known.popitem(last=False)
                size -= gone.what.size


@dataclass(frozen=True, slots=True)
class Memory:
    """All that a server remembers."""

    histories: Kept[PackedHistory] = field(default_factory=Kept)
    columns: Kept[Columns] = field(default_factory=Kept)
