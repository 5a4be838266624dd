"""A space checks params as a whole: conditions, order, what is missing and what is unknown."""

import pytest

from trimtab_service.domain.errors import InvalidParams, InvalidSpace
from trimtab_service.domain.space import Space

SPEC = {
    "depth": {"type": "int", "low": 1, "high": 3},
    "width_2": {"type": "int", "low": 8, "high": 64, "log": True, "when": {"depth": [2, 3]}},
    "conv": {"type": "categorical", "choices": ["regular", "separable"]},
    "expand": {"type": "float", "low": 1, "high": 6, "when": {"conv": "separable", "depth": 3}},
    "epochs": {"type": "constant", "value": 10},
}


def a_space():
    return Space.from_spec(SPEC)


def test_the_json_form_survives_a_round_trip_with_every_default_written_out():
    spec = a_space().to_spec()
    assert Space.from_spec(spec) == a_space()
    assert Space.from_spec(spec).to_spec() == spec
    assert spec["width_2"] == {
        "type": "int", "low": 8, "high": 64, "log": True, "step": 1, "when": {"depth": [2, 3]},
    }  # fmt: skip


def test_a_conditional_parameter_is_present_only_when_its_condition_holds():
    space = a_space()
    assert space.check({"depth": 1, "conv": "regular"}) == {"depth": 1, "conv": "regular", "epochs": 10}
    full = {"depth": 3, "width_2": 16, "conv": "separable", "expand": 2.5, "epochs": 10}
    assert space.check(full) == full
    with pytest.raises(InvalidParams, match=r"width_2 is present only when depth is one of \[2, 3\]"):
        space.check({"depth": 1, "width_2": 16, "conv": "regular"})
    with pytest.raises(InvalidParams, match="width_2 is missing"):
        space.check({"depth": 2, "conv": "regular"})


def test_checked_params_come_in_the_order_of_the_space():
    checked = a_space().check({"conv": "regular", "width_2": 8, "depth": 2})
    assert list(checked) == ["depth", "width_2", "conv", "epochs"]


def test_unknown_params_are_named():
    with pytest.raises(InvalidParams, match=r"got unknown \['lr'\]"):
        a_space().check({"depth": 1, "conv": "regular", "lr": 0.1})


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({}, "1 to 200 parameters, got 0"),
        ({"number": {"type": "constant", "value": 1}}, "a parameter can't be named 'number'"),
        ({"x": {"type": []}}, "type must be one of ['float', 'int', 'categorical', 'constant'], got []"),
        ({"x": [1]}, "parameter 'x': expected {type, …}, got [1]"),
        ({"x": {"low": 0, "high": 1}}, "type must be one of ['float', 'int', 'categorical', 'constant'], got None"),
        ({"x": {"type": "float", "low": 0}}, "expected ['low', 'high'], got ['low']"),
        ({"x": {"type": "float", "low": 0, "high": 1, "bins": 3}}, "got unknown ['bins']"),
        ({"x": {"type": "float", "low": 0, "high": 1, "log": "yes"}}, "log must be true or false, got 'yes'"),
        ({"x": {"type": "categorical", "choices": "abc"}}, "choices must be a list, got 'abc'"),
        ({"9x": {"type": "constant", "value": 1}}, "a parameter's name is a letter"),
        (
            {"x": {"type": "constant", "value": 1, "when": {"y": [1]}}},
            "needs a parameter that comes before it, got 'y'",
        ),
        ({"x": {"type": "constant", "value": 1, "when": [1]}}, "when must be {parent: [values]}, got [1]"),
    ],
)
def test_a_space_that_makes_no_sense_is_refused(spec, says):
    with pytest.raises(InvalidSpace) as caught:
        Space.from_spec(spec)
    assert says in caught.value.detail


def test_a_condition_that_can_never_hold_is_refused():
    spec = {
        "depth": {"type": "int", "low": 1, "high": 3},
        "w": {"type": "int", "low": 1, "high": 2, "when": {"depth": [4]}},
    }
    with pytest.raises(InvalidSpace, match="its condition can never hold, depth must be in"):
        Space.from_spec(spec)


def test_a_condition_is_kept_as_the_parent_holds_its_values():
    spec = {
        "x": {"type": "float", "low": 0, "high": 1, "step": 0.1},
        "n": {"type": "int", "low": 0, "high": 9},
        "flag": {"type": "categorical", "choices": [True, 1]},
        "child": {
            "type": "int", "low": 0, "high": 3,
            "when": {"x": [0.1 * 3, 0.3], "n": 3.0, "flag": [1.0, True]},
        },
    }  # fmt: skip
    space = Space.from_spec(spec)
    when = space["child"].when
    assert when == {"x": (0.3,), "n": (3,), "flag": (1, True)}
    assert [type(value) for value in (*when["n"], *when["flag"])] == [int, int, bool]
    params = {"x": 0.1 * 3, "n": 3, "flag": True, "child": 2}
    assert space.check(params) == {**params, "x": 0.3}
    assert Space.from_spec(space.to_spec()) == space


def test_the_number_of_configurations_may_be_beyond_all_floats():
    spec = {f"c{n}": {"type": "categorical", "choices": list(range(1000))} for n in range(150)}
    assert Space.from_spec(spec).cardinality == float("inf")
    spec["x"] = {"type": "float", "low": 0, "high": 1}
    assert Space.from_spec(spec).cardinality == float("inf")
