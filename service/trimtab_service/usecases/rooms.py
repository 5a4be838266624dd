"""What every use case is given: the store, the compute pool, and who is asking."""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

from trimtab_service.compute import Compute
from trimtab_service.domain.errors import DatabaseUnavailable
from trimtab_service.store import Raced, Store

P = ParamSpec("P")
R = TypeVar("R")
RACES = 5
"""How often a use case is run again when another transaction got in between."""


class Answers:
    """Answers that hold until something changes: the latest most used ones. For many threads."""

    def __init__(self, most: int = 32) -> None:
        self._most = most
        self._guard = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[Hashable, Any]] = OrderedDict()

    def get(self, question: Hashable, seen: Hashable) -> Any:
        """The answer that was kept when the same was seen, or None."""
        with self._guard:
            before, answer = self._kept.get(question, (None, None))
            if answer is None or before != seen:
                return None
            self._kept.move_to_end(question)
            return answer

    def keep(self, question: Hashable, seen: Hashable, answer: object) -> None:
        """Keep the answer, and drop the one that was not asked for the longest."""
        with self._guard:
            self._kept[question] = (seen, answer)
            self._kept.move_to_end(question)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)


@dataclass(frozen=True)
class Rooms:
    """The rooms below, and their settings. lease_seconds: how long a hand-out lasts without a heartbeat.

    deadline: seconds that a proposal may take before a quasi-random point is handed out instead.
    """

    store: Store
    compute: Compute
    lease_seconds: float = 60.0
    deadline: float = 10.0
    proposing: dict[int, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))
    """One lock per study id, so that asks of one study see each other's trials as pending."""
    answers: Answers = field(default_factory=Answers)
    """What the surrogates answered of late."""
    standings: Answers = field(default_factory=lambda: Answers(most=8))
    """How the trials of the studies that were asked about of late stand against each other."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose key it is."""

    key_row_id: int
    key_id: str
    role: str
    project_id: int


def again_when_raced(use_case: Callable[P, R]) -> Callable[P, R]:
    """Run the use case again when another transaction got in between: then it sees what that one did."""

    @functools.wraps(use_case)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        for _ in range(RACES):
            try:
                return use_case(*args, **kwargs)
            except Raced:
                continue
        raise DatabaseUnavailable(f"other transactions got in between {RACES} times; try again")

    return run
