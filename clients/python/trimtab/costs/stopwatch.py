"""Times a call: the median of repetitions, how sure it is, and the contract that says on what it ran.

samples: milliseconds of one call each, in the order in which they were taken; n: how many.
"""

from __future__ import annotations

import contextlib
import gc
import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from time import perf_counter_ns
from typing import Any

from trimtab.costs import device, pinning
from trimtab.costs.cost import Contract, client_version
from trimtab.errors import TrimtabError

MIN_REPETITIONS = 6
"""The fewest samples that a 95 % interval of a median can be had of."""
PRECISION = 0.05
"""A median is known when its 95 % interval is narrower than this share of it."""
_SIGMAS = 1.96
"""What a normal variable stays within with 95 %."""
_BLOCK_NS = 50_000
"""Calls shorter than this are timed several at once, so that reading the clock does not show."""
_WARM_UP, _LEAST = 0.1, 0.1
"""Shares of the time limit: spent before anything counts, and spent on samples before precision may end it."""
_MIN_BATCH = 4


class InvalidTiming(TrimtabError, ValueError):
    """The stopwatch was given a time limit, a precision or a number of threads that makes no sense."""

    code = "invalid_timing"


@dataclass(frozen=True, slots=True)
class Timing:
    """How long one call takes.

    interval_ms: encloses the true median with 95 %; None where the samples are too few for one. quartiles_ms: of the
    samples. first_ms: the very first call, in which libraries often set things up.
    repetitions: how often it was timed; calls: how many calls each time. precise: whether the interval became narrow
    enough; else the time limit ended it. dependence: see there. pools: library -> threads while it ran.
    """

    median_ms: float
    stderr_ms: float
    interval_ms: tuple[float, float] | None
    quartiles_ms: tuple[float, float]
    first_ms: float
    repetitions: int
    calls: int
    precise: bool
    dependence: float
    pools: Mapping[str, int]

    @property
    def threads(self) -> int | None:
        """The threads of every library; None where nothing could be pinned, or where they differ."""
        numbers = set(self.pools.values())
        return numbers.pop() if len(numbers) == 1 else None

    def contract(self, what: str, **depends_on: Any) -> Contract:
        """How the figure was come by. what: the call's name. depends_on: what else the figure depends on."""
        return {
            "how": "measured",
            "convention": f"wall-clock time of {what} on the example, after a warm-up",
            "counter": "trimtab.costs.stopwatch",
            "version": client_version(),
            "statistic": "median; 95 % interval and standard error from order statistics",
            "repetitions": self.repetitions,
            "calls_per_repetition": self.calls,
            "interval_ms": None if self.interval_ms is None else [_brief(end) for end in self.interval_ms],
            "quartiles_ms": [_brief(quartile) for quartile in self.quartiles_ms],
            "first_call_ms": _brief(self.first_ms),
            "dependence": _brief(self.dependence),
            "ended_by": "precision" if self.precise else "time limit",
            "device": device.name(),
            "device_id": device.fingerprint()["id"],
            "threads": self.threads,
            "thread_pools": dict(self.pools),
            **depends_on,
        }


def time(
    call: Callable[[], object],
    seconds: float,
    *,
    threads: int = 1,
    precision: float = PRECISION,
    now: Callable[[], int] = perf_counter_ns,
) -> Timing:
    """Time a call until its median is known well enough, at most for so many seconds.

    First a warm-up of at least two calls and a tenth of the time limit, the first call timed apart. Then repetitions
    until the 95 % interval of the median is narrower than precision x median or until the limit, whichever comes
    first; but MIN_REPETITIONS whatever they take, and a tenth of the limit however alike the first samples are.

    seconds: the limit, without the warm-up. threads: of the numeric libraries meanwhile, see `pinning`. precision: 0
    always takes the whole time. now: a clock in nanoseconds. The garbage collector rests.

    The call has done its work when it returns: on CUDA it ends with torch.cuda.synchronize().

    The interval allows for samples that hang together over about sqrt(n) of them, not for a machine that is slower
    all the while: two timings of one call at different hours may differ by more than their intervals say.

    Raises InvalidTiming, and what the call raises; threads and collector are put back in any case.
    """
    _check(seconds, threads, precision)
    limit = int(seconds * 1e9)
    with pinning.pinned(threads) as pools, _without_collector():
        first, usual = _warm_up(call, limit * _WARM_UP, now)
        calls = max(1, math.ceil(_BLOCK_NS / max(usual, 1)))
        samples = _repeat(call, calls, limit, precision, now)
    median, stderr = median_with_error(samples)
    lower, _, upper = statistics.quantiles(samples, n=4, method="inclusive")
    return Timing(
        median_ms=median,
        stderr_ms=stderr,
        interval_ms=interval(samples),
        quartiles_ms=(lower, upper),
        first_ms=first / 1e6,
        repetitions=len(samples),
        calls=calls,
        precise=_precise(samples, precision),
        dependence=dependence(samples),
        pools=pools,
    )


def median_with_error(samples: Sequence[float]) -> tuple[float, float]:
    """The median and its standard error, whatever the distribution of the samples.

    The order statistics at ranks n/2 -+ sqrt(n)/2 enclose the true median with 68 %, as in `interval`; half their
    distance stands for one standard error.
    """
    ordered = sorted(samples)
    n = len(ordered)
    reach = math.sqrt(n * dependence(samples))
    low = max(math.floor((n - reach) / 2), 0)
    high = min(math.ceil((n + reach) / 2), n) - 1
    return statistics.median(ordered), (ordered[high] - ordered[low]) / 2


def interval(samples: Sequence[float]) -> tuple[float, float] | None:
    """The order statistics that enclose the true median with at least 95 %, whatever the distribution.

    How many of n independent samples lie below the true median is binomial(n, 1/2); so those of ranks r and n + 1 - r
    enclose it with 1 - 2 P(binomial < r) (David & Nagaraja 2003, Order Statistics, section 7.1). r is that of the
    normal approximation, which from n = 6 on never encloses too little; `dependence` widens it. None: no r is so low.
    """
    ordered = sorted(samples)
    n = len(ordered)
    rank = math.floor((n + 1 - _SIGMAS * math.sqrt(n * dependence(samples))) / 2)
    return (ordered[rank - 1], ordered[n - rank]) if rank >= 1 else None


def dependence(samples: Sequence[float]) -> float:
    """By what factor the variance of the median exceeds that of independent samples; at least 1.

    The median wavers as the share of the samples below it does, and batch means tell how that wavers: the variance of
    the count below among batches of sqrt(n) samples, to that of coin tosses, which is a quarter of the batch.
    Neighbours that are slow together, as on a machine that others use, raise it. Of fewer than 16 samples nothing can
    be told, and it is 1.
    """
    size = math.isqrt(len(samples))
    if size < _MIN_BATCH:
        return 1.0
    median = statistics.median(samples)
    below = [(sample < median) + (sample == median) / 2 for sample in samples]
    counts = [sum(below[start : start + size]) for start in range(0, size * (len(below) // size), size)]
    return max(1.0, statistics.variance(counts) / (size / 4))


def _repeat(
    call: Callable[[], object], calls: int, limit: int, precision: float, now: Callable[[], int]
) -> list[float]:
    samples: list[float] = []
    look = MIN_REPETITIONS
    begin = now()
    while True:
        samples.append(_timed(call, calls, now) / calls / 1e6)
        spent = now() - begin
        if len(samples) < MIN_REPETITIONS:
            continue
        if spent >= limit:
            return samples
        if len(samples) >= look and spent >= limit * _LEAST:
            if _precise(samples, precision):
                return samples
            look = math.ceil(len(samples) * 1.5)  # seldom: who looks after every sample stops at a lucky one


def _precise(samples: Sequence[float], precision: float) -> bool:
    ends = interval(samples)
    return ends is not None and ends[1] - ends[0] < precision * statistics.median(samples)


def _warm_up(call: Callable[[], object], least: float, now: Callable[[], int]) -> tuple[int, int]:
    """Call at least twice and for at least so many nanoseconds. Returns the first call's and the shortest other's."""
    begin = now()
    first, usual = _timed(call, 1, now), _timed(call, 1, now)
    while now() - begin < least:
        usual = min(usual, _timed(call, 1, now))
    return first, usual


def _timed(call: Callable[[], object], times: int, now: Callable[[], int]) -> int:
    start = now()
    for _ in range(times):
        call()
    return now() - start


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _check(seconds: object, threads: object, precision: object) -> None:
    for name, value in (("seconds", seconds), ("precision", precision)):
        if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= float(value) < math.inf:
            raise InvalidTiming(f"{name}: expected a finite number of at least 0, got {value!r}")
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise InvalidTiming(f"threads: expected a whole number of at least 1, got {threads!r}")


def _brief(number: float) -> float:
    """To four digits: more of them would say nothing in a contract."""
    return float(f"{number:.4g}")
