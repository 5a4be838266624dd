"""Times a call: median of repetitions with its standard error, and the contract that says on what it ran."""

from __future__ import annotations

import functools
import math
import platform
import sys
import time as clock
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trimtab.costs.cost import Contract, client_version

MIN_REPETITIONS = 5
MAX_REPETITIONS = 1_000
_BLOCK_NS = 50_000
"""Calls shorter than this are timed several at once, so that reading the clock does not show."""


@dataclass(frozen=True)
class Timing:
    """median_ms, stderr_ms: of one call. repetitions: how often it was timed; calls: how many calls each time."""

    median_ms: float
    stderr_ms: float
    repetitions: int
    calls: int

    def contract(self, what: str, **depends_on: Any) -> Contract:
        """How the figure was come by."""
        return {
            "convention": f"wall-clock time of {what} on one example, after a warm-up",
            "counter": "trimtab.costs.stopwatch",
            "version": client_version(),
            "statistic": "median; standard error from order statistics",
            "repetitions": self.repetitions,
            "calls_per_repetition": self.calls,
            "device": device(),
            "threads": threads(),
            **depends_on,
        }


def time(call: Callable[[], object], seconds: float) -> Timing:
    """Time a call for about so many seconds, but at least MIN_REPETITIONS times, after a tenth of that as warm-up."""
    warm = _warm_up(call, seconds / 10)
    calls = max(1, math.ceil(_BLOCK_NS / max(warm, 1)))
    samples: list[float] = []
    end = clock.perf_counter_ns() + int(seconds * 1e9)
    while len(samples) < MIN_REPETITIONS or (clock.perf_counter_ns() < end and len(samples) < MAX_REPETITIONS):
        start = clock.perf_counter_ns()
        for _ in range(calls):
            call()
        samples.append((clock.perf_counter_ns() - start) / calls / 1e6)
    median, stderr = median_with_error(samples)
    return Timing(median, stderr, len(samples), calls)


def median_with_error(samples: list[float]) -> tuple[float, float]:
    """The median and its standard error, whatever the distribution of the n samples.

    The order statistics at ranks n/2 -+ sqrt(n)/2 enclose the true median with 68 % (binomial, normal approximation);
    half their distance stands for one standard error. Samples that hang together make it too small.
    """
    ordered = sorted(samples)
    n = len(ordered)
    middle = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    low = max(math.floor((n - math.sqrt(n)) / 2), 0)
    high = min(math.ceil((n + math.sqrt(n)) / 2), n) - 1
    return middle, (ordered[high] - ordered[low]) / 2


def _warm_up(call: Callable[[], object], seconds: float) -> int:
    """Call at least once and for about so many seconds. Returns the shortest call in nanoseconds."""
    end = clock.perf_counter_ns() + int(seconds * 1e9)
    shortest = sys.maxsize
    while True:
        start = clock.perf_counter_ns()
        call()
        now = clock.perf_counter_ns()
        shortest = min(shortest, now - start)
        if now >= end:
            return shortest


@functools.cache
def device() -> str:
    """The processor's name as the system gives it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model"))]
    except OSError:
        names = []
    name = names[0] if names else platform.processor()
    return f"cpu: {name}, {platform.machine()}" if name else f"cpu: {platform.machine()}"


def threads() -> dict[str, int] | None:
    """Library -> its threads, where threadpoolctl is there to say so (scikit-learn brings it); None is unknown."""
    threadpoolctl = sys.modules.get("threadpoolctl")
    if threadpoolctl is None:
        return None
    return {pool["internal_api"]: pool["num_threads"] for pool in threadpoolctl.threadpool_info()}
