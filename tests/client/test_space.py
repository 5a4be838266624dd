"""How parameters and objectives travel."""

from __future__ import annotations

import math
from typing import Any

import pytest

from trimtab import Categorical, Constant, Float, Int, InvalidSpace, InvalidStudy, Objective
from trimtab.objective import objectives_from_wire, objectives_to_wire
from trimtab.space import space_from_wire, space_to_wire

SPACE = {
    "lr": Float(1e-5, 1e-1, log=True),
    "momentum": Float(0.0, 0.99, step=0.01),
    "depth": Int(1, 4),
    "width": Int(8, 256, log=True, when={"depth": [2, 3, 4]}),
    "conv": Categorical(["regular", "depthwise_separable"]),
    "bits": Categorical([2, 4, 8, 32], ordered=True, when={"conv": "regular", "depth": (1, 2)}),
    "epochs": Constant(30),
}
WIRE = {
    "lr": {"type": "float", "low": 1e-5, "high": 1e-1, "log": True},
    "momentum": {"type": "float", "low": 0.0, "high": 0.99, "log": False, "step": 0.01},
    "depth": {"type": "int", "low": 1, "high": 4, "log": False, "step": 1},
    "width": {"type": "int", "low": 8, "high": 256, "log": True, "step": 1, "when": {"depth": [2, 3, 4]}},
    "conv": {"type": "categorical", "choices": ["regular", "depthwise_separable"], "ordered": False},
    "bits": {
        "type": "categorical",
        "choices": [2, 4, 8, 32],
        "ordered": True,
        "when": {"conv": ["regular"], "depth": [1, 2]},
    },
    "epochs": {"type": "constant", "value": 30},
}


def test_every_kind_of_parameter_has_its_wire_form_in_order() -> None:
    assert space_to_wire(SPACE) == WIRE
    assert list(space_to_wire(SPACE)) == list(SPACE)


def test_the_wire_form_comes_back_as_parameters() -> None:
    assert space_to_wire(space_from_wire(WIRE)) == WIRE
    assert space_from_wire(WIRE)["lr"] == SPACE["lr"]


def test_the_servers_form_with_every_default_written_out_is_understood() -> None:
    wire = {"lr": {"type": "float", "low": 0.1, "high": 1.0, "log": False, "step": None}}
    assert space_from_wire(wire) == {"lr": Float(0.1, 1.0)}


def test_a_form_that_is_wire_already_is_passed_on() -> None:
    assert space_to_wire({"lr": WIRE["lr"]}) == {"lr": WIRE["lr"]}


def test_parameters_are_values() -> None:
    assert Float(0, 1) == Float(0.0, 1.0)
    with pytest.raises(AttributeError):
        Float(0, 1).low = 3  # type: ignore[misc]


def test_options_are_given_by_name() -> None:
    with pytest.raises(TypeError):
        Float(0, 1, True)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Float(1.0, 0.0), r"low must be below high, got low=1\.0, high=0\.0"),
        (lambda: Float(0.0, math.inf), "high must be a finite number, got inf"),
        (lambda: Float(math.nan, 1.0), "low must be a finite number, got nan"),
        (lambda: Float(0.0, 1.0, log=True), r"low must be above 0 on a log scale, got low=0\.0"),
        (lambda: Float(0.0, 1.0, step=0.0), r"step must be above 0, got step=0\.0"),
        (lambda: Float("a", 1), "low must be a finite number, got 'a'"),  # type: ignore[arg-type]
        (lambda: Float(0, None), "high must be a finite number, got None"),  # type: ignore[arg-type]
        (lambda: Int(0, 10**400), "high must be a finite number, got 1000"),
        (lambda: Int(0, 5, step="x"), "step must be a finite number, got 'x'"),  # type: ignore[arg-type]
        (lambda: Float(0, 1, when=["depth"]), r"when must be .*, got \['depth'\]"),  # type: ignore[arg-type]
        (lambda: Constant(1, when="depth"), r"when must be .*, got 'depth'"),  # type: ignore[arg-type]
        (lambda: Categorical(5), "choices must be a list, got 5"),  # type: ignore[arg-type]
        (lambda: Int(3, 3), "low must be below high, got low=3, high=3"),
        (lambda: Categorical([]), "at least one choice is needed, got none"),
        (lambda: Categorical("relu"), "choices must be a list, got 'relu'"),
    ],
)
def test_a_bad_parameter_is_refused_at_birth(make: Any, words: str) -> None:
    with pytest.raises(InvalidSpace, match=words):
        make()


def test_what_is_no_parameter_is_refused_by_name() -> None:
    with pytest.raises(InvalidSpace, match="parameter 'lr': expected Float, Int, Categorical or Constant, got 3"):
        space_to_wire({"lr": 3})  # type: ignore[dict-item]


def test_what_is_no_space_and_no_objectives_is_refused() -> None:
    with pytest.raises(InvalidSpace, match=r"space: expected \{name: .*\}, got \[\]"):
        space_to_wire([])  # type: ignore[arg-type]
    with pytest.raises(InvalidStudy, match=r"objectives: expected \{metric: .*\}, got 'minimize'"):
        objectives_to_wire("minimize")  # type: ignore[arg-type]


def test_a_parameter_of_a_newer_server_is_named() -> None:
    with pytest.raises(InvalidSpace, match="does not know the type 'permutation'"):
        space_from_wire({"order": {"type": "permutation"}})


def test_objectives_travel_as_directions_or_with_what_is_known() -> None:
    wire = objectives_to_wire(
        {
            "accuracy": "maximize",
            "size_bytes": Objective("minimize", log=True, reference=1e6),
            "loss": Objective("min", threshold=0.5, noise=0.1),
            "macs": {"direction": "min"},
        }
    )
    assert wire == {
        "accuracy": "maximize",
        "size_bytes": {"direction": "minimize", "log": True, "reference": 1e6},
        "loss": {"direction": "min", "log": False, "threshold": 0.5, "noise": 0.1},
        "macs": {"direction": "min"},
    }


def test_the_servers_objectives_come_back() -> None:
    wire = {"a": {"direction": "maximize", "log": False, "reference": None}, "b": "minimize"}
    assert objectives_from_wire(wire) == {"a": Objective("maximize"), "b": Objective("minimize")}
    assert [objective.maximize for objective in objectives_from_wire(wire).values()] == [True, False]
