"""Parameters refuse what makes no sense at birth, and check values ever after."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab_service.domain.errors import InvalidParams, InvalidSpace
from trimtab_service.domain.parameter import Categorical, Constant, Float, Int


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Float("x", 1.0, 1.0), "low must be below high, got low=1.0, high=1.0"),
        (lambda: Float("x", 0.0, 1.0, log=True), "low must be above 0 on a log scale"),
        (lambda: Float("x", 0.0, math.inf), "high must be a finite number, got inf"),
        (lambda: Float("x", -1e308, 1e308), "high - low must be finite"),
        (lambda: Float("x", True, 2.0), "low must be a finite number, got True"),
        (lambda: Float("x", 1.0, 2.0, log=True, step=0.1), "step and log can't both be given"),
        (lambda: Float("x", 0.0, 1.0, step=2.0), "step must lie in"),
        (lambda: Float("x", 0.0, 1.0, step=1e-17), "step is too fine"),
        (lambda: Int("x", 0, 2**60), "must be a whole number within"),
        (lambda: Int("x", 1.5, 3), "low must be a whole number"),
        (lambda: Int("x", 1, 3, step=0), "step must lie in [1, high - low]"),
        (lambda: Int("x", 1, 8, log=True, step=2), "step and log can't both be given"),
        (lambda: Categorical("x", ()), "1 to 1000 choices are needed, got 0"),
        (lambda: Categorical("x", ("a", "a")), "choices must differ"),
        (lambda: Categorical("x", (1, 1.0)), "choices must differ"),
        (lambda: Categorical("x", (None,)), "a choice must be text, a number or a bool, got None"),
        (lambda: Categorical("x", (math.nan,)), "a choice must be finite"),
        (lambda: Constant("x", [1]), "a constant must be text, a number or a bool"),
        (lambda: Constant("x", math.nan), "a constant must be finite, got nan"),
        (lambda: Float("x", 0.0, 10**400), "high must be a finite number, got 1000"),
        (lambda: Float("x", 1e6, 1e6 + 1e-6, step=1e-10), "step is too fine, floats in this range need at least"),
        (lambda: Float("x", 1e300, math.nextafter(1e300, math.inf), log=True), "too close for a log scale"),
        (lambda: Int("x", 2**53 - 1, 2**53, log=True), "too close for a log scale"),
        (lambda: Int("x", -(2**53), 2**53), "high - low must be at most 2^53"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused_with_what_came(make, says):
    with pytest.raises(InvalidSpace) as caught:
        make()
    assert says in caught.value.detail
    assert "'x'" in caught.value.detail


def test_true_and_one_are_different_choices():
    parameter = Categorical("x", (True, 1))
    assert parameter.check(True) is True
    assert parameter.check(1) == 1
    assert parameter.check(1) is not True


@pytest.mark.parametrize(
    ("parameter", "value", "says"),
    [
        (Float("x", 0.0, 1.0), 2.0, "x must be in [0.0, 1.0], got 2.0"),
        (Float("x", 0.0, 1.0), math.nan, "x must be a finite number, got nan"),
        (Float("x", 0.0, 1.0), True, "x must be a finite number, got True"),
        (Float("x", 0.0, 1.0, step=0.35), 1.0, "x must be 0.0 plus a multiple of 0.35, got 1.0"),
        (Float("x", 0.0, 1.0, step=0.25), 0.3, "x must be 0.0 plus a multiple of 0.25, got 0.3"),
        (Int("x", 0, 9), 1.5, "x must be a whole number, got 1.5"),
        (Int("x", 0, 9), math.inf, "x must be a whole number, got inf"),
        (Int("x", 0, 9), 10, "x must be in [0, 9], got 10"),
        (Int("x", 0, 9, step=3), 4, "x must be 0 plus a multiple of 3, got 4"),
        (Categorical("x", ("a", "b")), "c", "x must be one of ['a', 'b'], got 'c'"),
        (Constant("x", 1), 2, "x must be 1, got 2"),
    ],
)
def test_a_value_outside_is_refused_with_what_was_expected(parameter, value, says):
    with pytest.raises(InvalidParams) as caught:
        parameter.check(value)
    assert caught.value.detail == says


def test_a_step_gives_clean_decimals():
    parameter = Float("momentum", 0.0, 0.99, step=0.01)
    assert [parameter.grid_value(i) for i in (3, 7, 29)] == [0.03, 0.07, 0.29]
    assert parameter.cardinality == 100
    assert parameter.grid_value(99) == 0.99
    assert parameter.check(0.07) == 0.07


@pytest.mark.parametrize(
    ("parameter", "values"),
    [
        (Float("x", 1e-13, 3.5, step=1.0), [1e-13, 1.0000000000001, 2.0000000000001, 3.0000000000001]),
        (Float("x", 1e6, 1e6 + 3e-7, step=1e-7), [1e6, 1000000.0000001, 1000000.0000002, 1000000.0000003]),
        (Float("x", 0.0, 1.0, step=1 / 3), [0.0, 1 / 3, 0.6666666666666666, 1.0]),
        (Float("x", -0.3, 0.3, step=0.1), [-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3]),
    ],
)
def test_steps_stay_in_range_and_apart_at_every_scale(parameter, values):
    assert parameter.cardinality == len(values)
    assert [parameter.grid_value(index) for index in range(len(values))] == values
    assert [parameter.check(value) for value in values] == values


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), st.floats(1e-9, 1.0), st.floats(0.0, 1.0))
def test_every_step_is_a_value_of_its_own_that_is_its_own_check(low, extent, fraction, place):
    try:
        parameter = Float("x", low, low + extent, step=extent * fraction)
    except InvalidSpace:
        return
    last = int(parameter.cardinality) - 1
    for index in {0, min(1, last), int(place * last), max(last - 1, 0), last}:
        value = parameter.grid_value(index)
        assert parameter.low <= value <= parameter.high
        assert parameter.check(value) == value
        assert index == last or parameter.grid_value(index + 1) > value
        assert round((value - parameter.low) / parameter.step) == index


def test_a_whole_float_is_an_int():
    assert Int("x", 0, 9).check(3.0) == 3
    assert isinstance(Int("x", 0, 9).check(3.0), int)
