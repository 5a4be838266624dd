"""The stopwatch: how often it calls, when it stops, how sure its median is, and what it puts back."""

from __future__ import annotations

import gc
import itertools

import numpy as np
import pytest
import threadpoolctl

from trimtab.costs import stopwatch


class Clock:
    """A clock that only calls move on: each by the next of the durations, in nanoseconds, over and over."""

    def __init__(self, *durations: int) -> None:
        self.at, self.calls = 0, 0
        self._durations = itertools.cycle(durations)

    def now(self) -> int:
        return self.at

    def call(self) -> None:
        self.at += next(self._durations)
        self.calls += 1


def timed(clock: Clock, seconds: float, **options) -> stopwatch.Timing:
    return stopwatch.time(clock.call, seconds, now=clock.now, **options)


def test_the_median_of_five_and_its_error_are_those_of_the_middle_three() -> None:
    assert stopwatch.median_with_error([5.0, 1.0, 2.0, 9.0, 4.0]) == (4.0, 1.5)


def test_the_standard_error_is_that_of_the_median_over_many_draws() -> None:
    draws = np.random.default_rng(0).exponential(size=(2_000, 101))
    medians, errors = zip(*(stopwatch.median_with_error(list(draw)) for draw in draws), strict=True)
    assert np.mean(errors) == pytest.approx(np.std(medians), rel=0.1)


def test_the_interval_holds_the_median_of_the_distribution_95_times_of_100() -> None:
    draws = np.sort(np.random.default_rng(0).exponential(size=(4_000, 101)), axis=1)
    ends = np.array([stopwatch._interval(list(draw), 1.96) for draw in draws])
    held = np.mean((ends[:, 0] <= np.log(2)) & (np.log(2) <= ends[:, 1]))
    assert held == pytest.approx(0.95, abs=0.02)


def test_a_steady_call_is_known_soon() -> None:
    clock = Clock(1_000_000)
    timing = timed(clock, 1.0)
    assert (timing.median_ms, timing.stderr_ms) == (1.0, 0.0)
    assert timing.precise
    assert clock.at < 0.25e9  # a tenth of the limit to warm up, a tenth at least, and no more than needed
    assert timing.contract("f")["ended_by"] == "precision"


def test_a_call_that_is_never_the_same_takes_the_time_limit() -> None:
    clock = Clock(1_000_000, 3_000_000)
    timing = timed(clock, 1.0)
    assert not timing.precise
    assert clock.at == pytest.approx(1.1e9, rel=0.01)
    assert timing.interval_ms == timing.spread_ms == (1.0, 3.0)
    assert timing.contract("f")["ended_by"] == "time limit"


def test_a_wider_precision_is_reached_sooner() -> None:
    steps = [1_000_000 + 500_000 * one for one in range(11)]
    assert timed(Clock(*steps), 1.0, precision=0.5).repetitions < timed(Clock(*steps), 1.0).repetitions


def test_a_quick_call_is_timed_several_times_at_once() -> None:
    timing = timed(Clock(1_000), 0.01)
    assert timing.calls == 50
    assert timing.median_ms == pytest.approx(0.001)


def test_a_slow_call_is_still_timed_five_times() -> None:
    clock = Clock(10_000_000)
    timing = timed(clock, 0.0)
    assert (timing.calls, timing.repetitions, clock.calls) == (1, 5, 6)


def test_libraries_get_one_thread_and_have_their_own_number_again_afterwards() -> None:
    seen: list[int] = []

    def look() -> None:
        seen.extend(pool["num_threads"] for pool in threadpoolctl.threadpool_info())

    with threadpoolctl.threadpool_limits(2):
        before = [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]
        timing = stopwatch.time(look, 0.0)
        assert [pool["num_threads"] for pool in threadpoolctl.threadpool_info()] == before
    assert set(seen) == {1}
    assert set(timing.contract("f")["threads"].values()) == {1}


@pytest.mark.parametrize("collecting", [True, False])
def test_the_garbage_collector_rests_and_is_as_before_afterwards(collecting) -> None:
    (gc.enable if collecting else gc.disable)()
    seen: list[bool] = []
    try:
        stopwatch.time(lambda: seen.append(gc.isenabled()), 0.0)
        assert gc.isenabled() is collecting
    finally:
        gc.enable()
    assert set(seen) == {False}


def test_a_call_that_raises_leaves_everything_as_before() -> None:
    with pytest.raises(ZeroDivisionError):
        stopwatch.time(lambda: 1 / 0, 0.1)
    assert gc.isenabled()
