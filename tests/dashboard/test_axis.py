"""Axes hold the values, and tick round numbers."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab_service.dashboard.figures import Axis

numbers = st.floats(min_value=-1e9, max_value=1e9, allow_nan=False).map(lambda x: round(x, 6))


@given(st.lists(numbers, min_size=1, max_size=19))
def test_every_value_lies_within_the_axis_of_a_few(values):
    axis = Axis.around("loss", values, keep=values)
    assert all(axis.holds(value) for value in values)


@given(st.lists(numbers, min_size=1, max_size=50), st.booleans())
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


def test_numbers_of_trials_are_ticked_at_whole_numbers():
    assert [text for _, text in Axis.around("trial", [0, 2], whole=True).ticks()] == ["0", "1", "2"]


def test_a_lone_value_stands_in_the_middle():
    for value in (0.0, 5.0, -3.0):
        assert Axis.around("loss", [value]).place(value) == pytest.approx(0.5)
    assert Axis.around("loss", [0.3], log=True).place(0.3) == pytest.approx(0.5)


def test_far_outliers_do_not_squash_the_rest_but_what_must_be_seen_is_seen():
    values = [0.1 + place / 1000 for place in range(100)] + [1e6]
    axis = Axis.around("loss", values)
    assert not axis.holds(1e6)
    assert axis.place(0.15) - axis.place(0.12) > 0.2
    assert Axis.around("loss", values, keep=[1e6]).holds(1e6)
