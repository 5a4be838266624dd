"""The stopwatch: how often it calls, when it stops, how sure its median is, and what it puts back."""

from __future__ import annotations

import gc
import itertools
import json
import math
import random

import numpy as np
import pytest
import threadpoolctl

from trimtab.costs import pinning, stopwatch
from trimtab.errors import TrimtabError

MS = 1_000_000


class Clock:
    """A clock that only calls move on: each by the next of the durations, in nanoseconds, over and over."""

    def __init__(self, *durations: int, first: int | None = None) -> None:
        self.at, self.calls = 0, 0
        self._durations = itertools.chain([] if first is None else [first], itertools.cycle(durations))

    def now(self) -> int:
        return self.at

    def call(self) -> None:
        self.at += next(self._durations)
        self.calls += 1


def timed(clock: Clock, seconds: float, **options: object) -> stopwatch.Timing:
    return stopwatch.time(clock.call, seconds, now=clock.now, **options)  # type: ignore[arg-type]


def shuffled(samples: list[int]) -> list[int]:
    return random.Random(0).sample(samples, len(samples))


# --- When it stops --------------------------------------------------------------------------------------------------


def test_a_steady_call_is_known_soon() -> None:
    clock = Clock(MS)
    timing = timed(clock, 1.0)

    assert (timing.median_ms, timing.stderr_ms, timing.interval_ms) == (1.0, 0.0, (1.0, 1.0))
    assert timing.precise
    assert timing.contract("f")["ended_by"] == "precision"
    assert timing.repetitions == 100  # a tenth of the limit
    assert clock.calls == 100 + 100  # and as long a warm-up


def test_a_call_that_wavers_takes_the_time_limit() -> None:
    clock = Clock(MS, 3 * MS)
    timing = timed(clock, 1.0)

    assert not timing.precise
    assert timing.contract("f")["ended_by"] == "time limit"
    assert clock.at == pytest.approx(1.1e9, rel=0.01)
    assert timing.interval_ms == timing.quartiles_ms == (1.0, 3.0)


def test_it_stops_at_the_first_look_at_which_the_interval_is_narrow_enough() -> None:
    steps = shuffled([MS + 10_000 * one for one in range(41)])
    timing = timed(Clock(*steps), 10.0, precision=0.05)
    sooner = timed(Clock(*steps), 10.0, precision=0.2)

    assert timing.precise
    assert timing.interval_ms is not None
    assert timing.interval_ms[1] - timing.interval_ms[0] < 0.05 * timing.median_ms
    assert sooner.repetitions <= timing.repetitions


def test_precision_0_takes_the_whole_time() -> None:
    timing = timed(Clock(MS), 0.5, precision=0)

    assert timing.repetitions == 500
    assert not timing.precise


def test_a_longer_limit_allows_for_more_repetitions() -> None:
    assert timed(Clock(MS, 3 * MS), 2.0).repetitions == 2 * timed(Clock(MS, 3 * MS), 1.0).repetitions


def test_a_slow_call_is_still_timed_as_often_as_an_interval_needs() -> None:
    clock = Clock(2_000 * MS)
    timing = timed(clock, 0.5)

    assert timing.repetitions == stopwatch.MIN_REPETITIONS
    assert clock.calls == 2 + stopwatch.MIN_REPETITIONS
    assert timing.interval_ms == (2_000.0, 2_000.0)


# --- What it calls --------------------------------------------------------------------------------------------------


def test_the_first_call_is_told_apart_and_counts_for_nothing_else() -> None:
    timing = timed(Clock(MS, first=700 * MS), 0.1)

    assert timing.first_ms == 700.0
    assert timing.calls == 1
    assert timing.median_ms == 1.0
    assert timing.contract("f")["first_call_ms"] == 700.0


def test_a_slow_first_call_does_not_hide_that_the_others_are_quick() -> None:
    assert timed(Clock(1_000, first=700 * MS), 0.1).calls == 50


def test_a_quick_call_is_timed_several_times_at_once() -> None:
    timing = timed(Clock(1_000), 0.01)

    assert timing.calls == 50
    assert timing.median_ms == pytest.approx(0.001)


def test_a_call_that_takes_no_time_on_a_coarse_clock_takes_no_more_than_the_limit() -> None:
    ticks = itertools.count()
    timing = stopwatch.time(lambda: None, 0.001, now=lambda: next(ticks) // 10 * 10_000)

    assert timing.median_ms >= 0
    assert timing.repetitions >= stopwatch.MIN_REPETITIONS


# --- How sure it is -------------------------------------------------------------------------------------------------


def test_the_median_of_five_and_its_error_are_those_of_the_middle_three() -> None:
    assert stopwatch.median_with_error([5.0, 1.0, 2.0, 9.0, 4.0]) == (4.0, 1.5)


def test_the_standard_error_is_that_of_the_median_over_many_draws_and_rather_too_large() -> None:
    draws = np.random.default_rng(0).exponential(size=(2_000, 101))
    medians, errors = zip(*(stopwatch.median_with_error(list(draw)) for draw in draws), strict=True)

    assert 1 < np.mean(errors) / np.std(medians) < 1.2


def test_fewer_than_six_samples_have_no_interval() -> None:
    assert stopwatch.interval([1.0, 2.0, 3.0, 4.0, 5.0]) is None
    assert stopwatch.interval([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]) == (1.0, 6.0)


@pytest.mark.parametrize(("n", "rank"), [(8, 1), (9, 2), (14, 3), (15, 4)])
def test_the_ranks_are_those_of_the_tables(n, rank) -> None:
    samples = [float(one) for one in range(1, n + 1)]

    assert stopwatch.interval(samples) == (rank, n + 1 - rank)


@pytest.mark.parametrize("n", [*range(6, 16), 31, 100, 501])
def test_the_interval_encloses_at_least_95_percent_by_the_binomial_distribution(n) -> None:
    ends = stopwatch.interval([float(one) for one in np.random.default_rng(n).permutation(n) + 1])
    assert ends is not None
    tail = sum(math.comb(n, k) for k in range(int(ends[0]))) / 2**n

    assert 1 - 2 * tail >= 0.95


def covered(draws: np.ndarray, median: float) -> float:
    """The share of draws whose interval holds the median."""
    ends = [stopwatch.interval(list(draw)) for draw in draws]
    return float(np.mean([one is not None and one[0] <= median <= one[1] for one in ends]))


def test_the_interval_holds_the_median_of_independent_samples() -> None:
    draws = np.random.default_rng(0).exponential(size=(2_000, 101))

    assert 0.95 <= covered(draws, math.log(2)) <= 0.99


def test_samples_that_hang_together_widen_the_interval() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(300, 400))
    draws = np.empty_like(noise)
    draws[:, 0] = noise[:, 0]
    for at in range(1, 400):  # a neighbour's load that stays for a while: correlation 0.8 from one to the next
        draws[:, at] = 0.8 * draws[:, at - 1] + 0.6 * noise[:, at]
    mixed = rng.permuted(draws, axis=1)
    wide, narrow = (np.mean([np.ptp(stopwatch.interval(list(one))) for one in many]) for many in (draws, mixed))

    assert covered(draws, 0.0) > 0.88
    assert wide > 1.8 * narrow


def test_dependence_is_1_where_nothing_can_be_told() -> None:
    assert stopwatch.dependence([1.0] * 100) == 1.0
    assert stopwatch.dependence([1.0] * 7 + [2.0] * 8) == 1.0
    assert stopwatch.dependence([1.0] * 8 + [2.0] * 8) > 3


# --- What it puts back ----------------------------------------------------------------------------------------------


def threads() -> list[int]:
    return [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]


def test_libraries_get_one_thread_and_have_their_own_number_again_afterwards() -> None:
    seen: list[int] = []
    with threadpoolctl.threadpool_limits(2):
        before = threads()
        timing = stopwatch.time(lambda: seen.extend(threads()), 0.0)

        assert threads() == before
    assert before
    assert set(seen) == {1}
    assert timing.threads == 1
    assert set(timing.contract("f")["thread_pools"].values()) == {1}


def test_more_threads_are_pinned_as_well() -> None:
    timing = stopwatch.time(lambda: None, 0.0, threads=2)

    assert timing.contract("f")["threads"] == 2


class Torch:
    """As much of torch as pinning uses."""

    def __init__(self, threads: int, most: int = 64) -> None:
        self.threads, self.most = threads, most

    def get_num_threads(self) -> int:
        return self.threads

    def set_num_threads(self, threads: int) -> None:
        self.threads = min(threads, self.most)


def test_torch_is_pinned_where_it_is_loaded_and_has_its_threads_again_afterwards() -> None:
    torch = Torch(8)
    with pinning.pinned(3, {"torch": torch}) as pools:
        assert torch.threads == 3
        assert pools == {"torch": 3}
    assert torch.threads == 8


def test_torch_has_its_threads_again_after_an_error() -> None:
    torch = Torch(8)
    with pytest.raises(ZeroDivisionError), pinning.pinned(1, {"torch": torch}):
        raise ZeroDivisionError
    assert torch.threads == 8


def test_what_a_library_makes_of_the_number_is_told_and_not_what_was_asked() -> None:
    with pinning.pinned(8, {"torch": Torch(1, most=2)}) as pools:
        assert pools == {"torch": 2}


def test_where_nothing_can_be_pinned_the_threads_are_unknown() -> None:
    with pinning.pinned(1, {}) as pools:
        assert pools == {}
    timing = stopwatch.Timing(1.0, 0.1, None, (1.0, 1.0), 1.0, 6, 1, False, 1.0, pools)
    assert timing.contract("f")["threads"] is None


def test_where_libraries_differ_no_number_is_told_for_all() -> None:
    timing = stopwatch.Timing(1.0, 0.1, None, (1.0, 1.0), 1.0, 6, 1, False, 1.0, {"openblas": 1, "torch": 2})

    assert timing.threads is None
    assert timing.contract("f")["thread_pools"] == {"openblas": 1, "torch": 2}


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
    before = threads()
    with pytest.raises(ZeroDivisionError):
        stopwatch.time(lambda: 1 / 0, 0.1)
    assert gc.isenabled()
    assert threads() == before


# --- What it tells --------------------------------------------------------------------------------------------------


def test_the_contract_is_json_and_says_on_what_it_ran() -> None:
    contract = timed(Clock(MS, 2 * MS), 0.1).contract("f", input_shape=[1, 3])

    assert json.loads(json.dumps(contract, allow_nan=False)) == contract
    assert contract["how"] == "measured"
    assert contract["convention"].startswith("wall-clock time of f")
    assert {"device", "device_id", "threads", "repetitions", "interval_ms", "input_shape"} <= set(contract)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"seconds": -1}, "seconds: expected a finite number of at least 0, got -1"),
        ({"seconds": math.nan}, "seconds: .* got nan"),
        ({"seconds": math.inf}, "seconds: .* got inf"),
        ({"seconds": "1"}, "seconds: .* got '1'"),
        ({"precision": -0.1}, "precision: .* got -0.1"),
        ({"threads": 0}, "threads: expected a whole number of at least 1, got 0"),
        ({"threads": 1.5}, "threads: .* got 1.5"),
        ({"threads": True}, "threads: .* got True"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_anything_is_called(options, words) -> None:
    clock = Clock(MS)
    with pytest.raises(stopwatch.InvalidTiming, match=words) as caught:
        timed(clock, **{"seconds": 0.1, **options})
    assert isinstance(caught.value, TrimtabError)
    assert clock.calls == 0
