"""Axes hold the values, and tick round numbers."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trimtab_service.dashboard.figures import Axis

numbers = st.floats(min_value=-1e9, max_value=1e9, allow_nan=False).map(lambda x: round(x, 6))


@given(st.lists(numbers, min_size=1, max_size=19))
def test_every_value_lies_within_the_axis_of_a_few(values):
    axis = Axis.around("loss", values, keep=values)
    assert all(axis.holds(value) for value in values)


@given(st.lists(numbers, min_size=1, max_size=50), st.booleans())
@example([-930872321.0, -928472729.0], False)
def test_ticks_are_few_rising_within_and_told_apart(values, whole):
    axis = Axis.around("loss", values, whole=whole)
    ticks = axis.ticks()
    places = [value for value, _ in ticks]
    assert places == sorted(places)
    assert len(ticks) <= 8
    assert all(-1e-6 <= axis.place(value) <= 1 + 1e-6 for value in places)
    assert len({text for _, text in ticks}) == len(ticks)


@given(st.lists(st.floats(1e-6, 1e9), min_size=1, max_size=50))
def test_log_ticks_are_few_rising_and_within(values):
    axis = Axis.around("loss", values, log=True)
    places = [value for value, _ in axis.ticks()]
    assert places == sorted(places)
    assert 1 <= len(places) <= 10
    assert all(-1e-6 <= axis.place(value) <= 1 + 1e-6 for value in places)


def test_linear_ticks_are_at_round_numbers():
    assert [text for _, text in Axis("accuracy", 0.58, 1.02).ticks()] == ["0.6", "0.7", "0.8", "0.9", "1.0"]
    assert [text for _, text in Axis("loss", 0.0, 100.0).ticks(5)] == ["0", "20", "40", "60", "80", "100"]


def test_log_ticks_are_decades_or_one_two_five():
    decades = Axis("size_bytes", 2.8, 6.2, log=True).ticks()
    assert [text for _, text in decades] == ["1 kB", "10 kB", "100 kB", "1 MB"]
    narrow = Axis("size_bytes", math.log10(900), math.log10(21_000), log=True).ticks()
    assert [text for _, text in narrow] == ["1 kB", "2 kB", "5 kB", "10 kB", "20 kB"]
    assert [text for _, text in Axis("loss", -2.1, 0.1, log=True).ticks()] == ["0.01", "0.1", "1"]


def test_many_decades_are_thinned():
    assert len(Axis("loss", -30.0, 30.0, log=True).ticks()) <= 7


@pytest.mark.parametrize(
    ("last", "said"),
    [(0, ["0"]), (2, ["0", "1", "2"]), (11, ["0", "5", "10"]), (40, ["0", "10", "20", "30", "40"]),
     (100, ["0", "25", "50", "75", "100"])],
)  # fmt: skip
def test_numbers_of_trials_are_ticked_at_whole_numbers(last, said):
    assert [text for _, text in Axis.around("trial", [0, last], whole=True).ticks(5)] == said


def test_shares_near_one_are_spaced_by_their_error():
    axis = Axis.around("accuracy", [0.1, 0.9, 0.97, 0.99], error=0.005)
    assert [text for _, text in axis.ticks()] == ["0", "0.5", "0.8", "0.9", "0.95", "0.98", "0.99"]
    assert axis.place(0.99) - axis.place(0.9) == pytest.approx(axis.place(0.9) - axis.place(0.0))
    assert Axis.around("accuracy", [0.5, 1.0], error=0.005).holds(1.0)


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=30), st.sampled_from([1e-9, 1e-3, 0.2]))
def test_ticks_of_an_axis_by_error_are_few_rising_and_within(values, error):
    axis = Axis.around("accuracy", values, error=error, keep=values)
    places = [value for value, _ in axis.ticks()]
    assert places == sorted(places)
    assert 1 <= len(places) <= 8
    assert all(-1e-6 <= axis.place(value) <= 1 + 1e-6 for value in places if 1 - value >= error)
    assert all(axis.holds(value) for value in values)


def test_a_lone_value_stands_on_an_axis_from_zero_and_a_lone_share_on_one_from_0_to_1():
    assert [text for _, text in Axis.around("accuracy", [0.25]).ticks()] == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
    for value in (5.0, -3.0, 1e-5):
        axis = Axis.around("loss", [value])
        assert axis.place(value) == pytest.approx(0.5)
        assert axis.holds(0.0)
    assert Axis.around("loss", [0.3], log=True).place(0.3) == pytest.approx(0.5)


def test_far_outliers_do_not_squash_the_rest_but_what_must_be_seen_is_seen():
    values = [0.1 + place / 1000 for place in range(100)] + [1e6]
    axis = Axis.around("loss", values)
    assert not axis.holds(1e6)
    assert axis.place(0.15) - axis.place(0.12) > 0.2
    assert Axis.around("loss", values, keep=[1e6]).holds(1e6)


extremes = st.sampled_from([5e-324, 1e-320, 1e-300, 1e-5, 1.0, 1e300, 1.7976931348623157e308])


@given(st.lists(extremes, min_size=1, max_size=4), st.sampled_from([1.0, -1.0]), st.booleans())
def test_the_largest_and_smallest_numbers_have_an_axis_with_finite_ticks(values, sign, log):
    if not log:
        values = [*values, sign * values[0]]
    axis = Axis.around("size_bytes", values, log=log, keep=values)
    assert all(axis.holds(value) for value in values)
    ticks = axis.ticks()
    assert all(math.isfinite(value) and -1e-6 <= axis.place(value) <= 1 + 1e-6 for value, _ in ticks)
