"""Runs one function in many threads that start at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def race(runners: int, function: Callable[[int], T]) -> list[T]:
    """What function(0), function(1), … return; raises what the first of them raised."""
    ready = threading.Barrier(runners)

    def run(place: int) -> T:
        ready.wait()
        return function(place)

    with ThreadPoolExecutor(runners) as pool:
        return list(pool.map(run, range(runners)))
