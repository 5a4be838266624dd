"""What every use case is given: the store, the compute pool, and who is asking."""

from __future__ import annotations

import functools
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from trimtab_service.compute import Compute
from trimtab_service.domain.errors import DatabaseUnavailable
from trimtab_service.store import Raced, Store

P = ParamSpec("P")
R = TypeVar("R")
RACES = 5
"""How often a use case is run again when another transaction got in between."""


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
