"""The stopwatch: how often it calls, and how sure its median is."""

import numpy as np
import pytest

from trimtab.costs import stopwatch


def test_the_median_of_five_and_its_error_are_those_of_the_middle_three():
    assert stopwatch.median_with_error([5.0, 1.0, 2.0, 9.0, 4.0]) == (4.0, 1.5)


def test_the_standard_error_is_that_of_the_median_over_many_draws():
    draws = np.random.default_rng(0).exponential(size=(2_000, 101))
    medians, errors = zip(*(stopwatch.median_with_error(list(draw)) for draw in draws), strict=True)

    assert np.mean(errors) == pytest.approx(np.std(medians), rel=0.1)


def test_a_quick_call_is_timed_several_times_at_once():
    timing = stopwatch.time(lambda: None, seconds=0.005)

    assert timing.calls > 10
    assert 0 < timing.median_ms < 0.1


def test_a_slow_call_is_still_timed_five_times():
    called = []
    timing = stopwatch.time(lambda: called.append(sum(range(20_000))), seconds=0.0)

    assert timing.calls == 1
    assert timing.repetitions == 5
    assert len(called) == 1 + 5  # the warm-up and the five
