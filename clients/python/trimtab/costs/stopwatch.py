"""Times a call: the median of repetitions with its standard error, and the contract that says on what it ran."""

from __future__ import annotations

import contextlib
import gc
import math
import sys
import time as clock
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from trimtab.costs import device
from trimtab.costs.cost import Contract, client_version

MIN_REPETITIONS = 5
MAX_REPETITIONS = 10_000
PRECISION = 0.05
"""Where the 95 % interval of the median is no wider than this share of it, the time is known."""
_BLOCK_NS = 50_000
"""Calls shorter than this are timed several at once, so that reading the clock does not show."""
_SIGMAS = 1.96
_WARM_UP, _LEAST = 0.1, 0.1
"""Shares of the time limit: spent before anything counts, and timed at least, however alike the first samples are."""


@dataclass(frozen=True)
class Timing:
    """median_ms, stderr_ms: of one call. interval_ms: 95 % of the median. spread_ms: the middle half of the samples.

    repetitions: how often it was timed; calls: how many calls each time. precise: whether the interval became narrow
    enough within the time limit. threads: library -> threads while it ran, None where nobody could tell.
    """

    median_ms: float
    stderr_ms: float
    interval_ms: tuple[float, float]
    spread_ms: tuple[float, float]
    repetitions: int
    calls: int
    precise: bool
    threads: dict[str, int] | None

    def contract(self, what: str, **depends_on: Any) -> Contract:
        """How the figure was come by."""
        return {
            "how": "measured",
            "convention": f"wall-clock time of {what} on the example, after a warm-up",
            "counter": "trimtab.costs.stopwatch",
            "version": client_version(),
            "statistic": "median; standard error and 95 % interval from order statistics",
            "interval_ms": [float(f"{end:.4g}") for end in self.interval_ms],
            "middle_half_ms": [float(f"{end:.4g}") for end in self.spread_ms],
            "ended_by": "precision" if self.precise else "time limit",
            "repetitions": self.repetitions,
            "calls_per_repetition": self.calls,
            "device": device.name(),
            "device_id": device.fingerprint()["id"],
            "threads": self.threads,
            **depends_on,
        }


def time(
    call: Callable[[], object],
    seconds: float,
    *,
    threads: int = 1,
    precision: float = PRECISION,
    now: Callable[[], int] = clock.perf_counter_ns,
) -> Timing:
    """Time a call until the 95 % interval of the median is narrow enough, at most for about so many seconds.

    A tenth of the time goes to a warm-up, another tenth is timed at least, and MIN_REPETITIONS are made whatever they
    take. threads: what numerical libraries may use meanwhile; it is put back afterwards. The garbage collector rests.
    now: a clock in nanoseconds.
    """
    with _pinned(threads) as running, _without_collector():
        warm = _warm_up(call, seconds * _WARM_UP, now)
        calls = max(1, math.ceil(_BLOCK_NS / max(warm, 1)))
        samples: list[float] = []
        begin = now()
        check, precise = 2 * MIN_REPETITIONS, False
        while len(samples) < MIN_REPETITIONS or (now() - begin < seconds * 1e9 and len(samples) < MAX_REPETITIONS):
            start = now()
            for _ in range(calls):
                call()
            samples.append((now() - start) / calls / 1e6)
            if len(samples) >= check and now() - begin >= seconds * _LEAST * 1e9:
                check *= 2  # looked at seldom: who looks after every sample stops at a lucky one
                low, high = _interval(sorted(samples), _SIGMAS)
                precise = high - low <= precision * median_with_error(samples)[0]
                if precise:
                    break
    median, stderr = median_with_error(samples)
    ordered = sorted(samples)
    quarter = len(ordered) // 4
    return Timing(
        median,
        stderr,
        _interval(ordered, _SIGMAS),
        (ordered[quarter], ordered[-1 - quarter]),
        len(samples),
        calls,
        precise,
        running,
    )


def median_with_error(samples: list[float]) -> tuple[float, float]:
    """The median and its standard error, whatever the distribution of the n samples.

    The order statistics at ranks n/2 -+ sqrt(n)/2 enclose the true median with 68 % (binomial, normal
    approximation; David & Nagaraja 2003, section 7.1); half their distance stands for one standard error. Samples that hang together,
    as on a machine that others use, make it too small.
    """
    ordered = sorted(samples)
    n = len(ordered)
    middle = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    low, high = _interval(ordered, 1.0)
    return middle, (high - low) / 2


def _interval(ordered: list[float], sigmas: float) -> tuple[float, float]:
    n = len(ordered)
    low = max(math.floor((n - sigmas * math.sqrt(n)) / 2), 0)
    high = min(math.ceil((n + sigmas * math.sqrt(n)) / 2), n) - 1
    return ordered[low], ordered[high]


def _warm_up(call: Callable[[], object], seconds: float, now: Callable[[], int]) -> int:
    """Call at least once and for about so many seconds. Returns the shortest call in nanoseconds."""
    end = now() + int(seconds * 1e9)
    shortest = sys.maxsize
    while True:
        start = now()
        call()
        stop = now()
        shortest = min(shortest, stop - start)
        if stop >= end:
            return shortest


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@contextlib.contextmanager
def _pinned(threads: int) -> Iterator[dict[str, int] | None]:
    """Give numerical libraries so many threads: torch where it is loaded, BLAS and OpenMP where threadpoolctl can be
    had (scikit-learn brings it). Yields library -> threads, None where nothing can be pinned.
    """
    held: dict[str, int] = {}
    with contextlib.ExitStack() as stack:
        torch = sys.modules.get("torch")
        if torch is not None:
            stack.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(threads)
            held["torch"] = torch.get_num_threads()
        try:
            import threadpoolctl
        except ImportError:
            threadpoolctl = None
        if threadpoolctl is not None:
            stack.enter_context(threadpoolctl.threadpool_limits(threads))
            held |= {pool["internal_api"]: pool["num_threads"] for pool in threadpoolctl.threadpool_info()}
        yield held or None
