"""How studies and trials are laid out for people."""

from __future__ import annotations

from typing import Any

import pytest

from trimtab import Categorical, Constant, Float, Int, Objective, tables
from trimtab.objective import objectives_to_wire
from trimtab.space import Parameter, space_to_wire


@pytest.mark.parametrize(
    ("parameter", "words"),
    [
        (Float(1e-4, 0.1, log=True), "float 0.0001 to 0.1, log"),
        (Float(0, 0.5, step=0.1), "float 0 to 0.5, in steps of 0.1"),
        (Int(8, 256), "int 8 to 256"),
        (Int(8, 256, step=8, when={"layers": [2, 3]}), "int 8 to 256, in steps of 8, present when layers is 2 or 3"),
        (Int(1, 2, when={"a": 1, "b": [1, 2, 3]}), "int 1 to 2, present when a is 1 and b is 1, 2 or 3"),
        (Categorical(["relu", "tanh", "gelu"]), "one of relu, tanh or gelu"),
        (Categorical([2, 4], ordered=True), "one of 2 or 4, ordered"),
        (Categorical(["one"]), "one of one"),
        (Constant(30), "always 30"),
    ],
)
def test_a_parameter_is_a_phrase(parameter: Parameter, words: str) -> None:
    assert tables.parameter(space_to_wire({"p": parameter})["p"]) == words


def test_a_parameter_of_a_newer_server_is_shown_as_it_came() -> None:
    assert tables.parameter({"type": "simplex", "parts": 3, "log": False}) == "type=simplex  parts=3"


@pytest.mark.parametrize(
    ("objective", "words"),
    [
        ("maximize", "maximize"),
        (Objective("minimize", log=True, reference=1e6), "minimize, log, reference 1e+06"),
        (Objective("minimize", reference=0.0), "minimize, reference 0"),
    ],
)
def test_an_objective_is_a_phrase(objective: str | Objective, words: str) -> None:
    assert tables.objective(objectives_to_wire({"m": objective})["m"]) == words


@pytest.mark.parametrize(
    ("limit", "charged", "words"),
    [
        (40, 40, "active, budget used up (40 of 40)"),
        (40, 41, "active, budget used up (41 of 40)"),
        (40, 39, "active"),
        (None, 7, "active"),
    ],
)
def test_a_study_stands_as_its_state_and_its_budget_say(limit: int | None, charged: int, words: str) -> None:
    assert tables.standing({"state": "active", "max_trials": limit, "charged": charged}) == words


STUDY = {
    "space": {"lr": {}, "width": {}, "never": {}},
    "objectives": {"accuracy": "maximize", "size_bytes": "minimize"},
}


def trial(number: int, params: dict[str, Any], **values: float) -> dict[str, Any]:
    return {"number": number, "state": "complete", "params": params, "values": values}


def heading(*trials: dict[str, Any]) -> list[str]:
    return tables.trials(STUDY, trials)[0].split()


def test_columns_come_in_the_order_of_the_study_whatever_the_order_of_what_was_told() -> None:
    one = trial(0, {"width": 8, "lr": 0.1}, loss=1.0, size_bytes=64, accuracy=0.5)
    assert heading(one) == ["trial", "state", "accuracy", "size_bytes", "lr", "width", "loss"]


def test_what_says_nothing_new_is_left_out() -> None:
    costs = {"parameters": 9, "trainable_parameters": 9, "macs": 8, "flops": 16}
    assert heading(trial(0, {"lr": 1}, **costs))[5:] == ["parameters", "macs"]


def test_what_says_something_new_stays() -> None:
    frozen = trial(0, {"lr": 1}, parameters=9, trainable_parameters=3)
    same = trial(1, {"lr": 1}, parameters=9, trainable_parameters=9)
    assert heading(same, frozen)[5:] == ["parameters", "trainable_parameters"]
    assert heading(trial(0, {"lr": 1}, flops=16))[5:] == ["flops"]
    pruned = trial(0, {"lr": 1}, parameters=9, parameters_nonzero=2, macs=8, macs_nonzero=8)
    assert heading(pruned)[5:] == ["parameters", "parameters_nonzero", "macs"]
    assert heading(trial(0, {"lr": 1}, trainable_parameters=3))[5:] == ["trainable_parameters"]


def test_an_objective_is_shown_although_another_metric_implies_it() -> None:
    study = {"space": {"lr": {}}, "objectives": {"flops": "minimize"}}
    assert tables.trials(study, [trial(0, {"lr": 1}, macs=8, flops=16)])[0].split() == [
        *("trial", "state", "flops", "lr", "macs")
    ]


def test_no_rows_are_no_lines() -> None:
    assert tables.trials(STUDY, []) == tables.studies([]) == []
