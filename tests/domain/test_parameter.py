"""Parameters refuse what makes no sense at birth, and check values ever after."""

import math

import pytest

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


def test_a_whole_float_is_an_int():
    assert Int("x", 0, 9).check(3.0) == 3
    assert isinstance(Int("x", 0, 9).check(3.0), int)
