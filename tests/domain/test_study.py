"""A problem and a study keep their rules."""

import pytest

from tests.builders import a_problem
from trimtab_service.domain.errors import (
    InvalidStudy,
    InvalidValue,
    MissingMetric,
    NotSupported,
    UnknownMetric,
)
from trimtab_service.domain.metric import Objective, Value
from trimtab_service.domain.study import Algorithm, Problem, difference

SPEC = {
    "space": {"lr": {"type": "float", "low": 1e-4, "high": 1.0, "log": True}},
    "objectives": {"accuracy": "max", "size_bytes": {"direction": "minimize", "log": True, "reference": 1e6}},
    "metrics": ["train_s"],
}


def test_the_json_form_survives_a_round_trip():
    problem = Problem.from_spec(SPEC)
    assert Problem.from_spec(problem.to_spec()) == problem
    assert problem.to_spec()["objectives"]["accuracy"]["direction"] == "maximize"


def test_an_objective_turns_values_into_losses():
    problem = Problem.from_spec(SPEC)
    accuracy, size = problem.objectives
    assert accuracy.loss(0.9) == -0.9
    assert size.loss(1000.0) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"objectives": {}}, InvalidStudy, "1 to 4 objectives, got 0"),
        ({"objectives": {"a": "up"}}, InvalidStudy, "a direction is 'minimize' or 'maximize', got 'up'"),
        ({"objectives": {"a": {"log": True}}}, InvalidStudy, "expected a direction"),
        ({"objectives": {"a": {"direction": "min", "noise": 1}}}, NotSupported, "['noise'] is not built yet"),
        ({"objectives": {"a": {"direction": "min", "log": True, "reference": 0}}}, InvalidStudy, "above 0 on a log"),
        ({"metrics": ["accuracy"]}, InvalidStudy, "each metric is named once"),
        ({"algorithm": "tpe"}, InvalidStudy, "['gp', 'grid', 'random', 'sobol'], got 'tpe'"),
        ({"options": {"deterministic": 1}}, InvalidStudy, "option deterministic must be true or false, got 1"),
        ({"options": {"repeats": "yes"}}, InvalidStudy, "option repeats must be true or false, got 'yes'"),
        (
            {"options": {"acquisition": "ucb"}},
            InvalidStudy,
            "with several objectives must be one of ['log_ehvi'], got 'ucb'",
        ),
        (
            {"options": {"acquisition": "log_ehvi"}, "objectives": {"a": "min"}},
            InvalidStudy,
            "with one objective must be one of ['log_ei', 'ei', 'pi', 'ucb'], got 'log_ehvi'",
        ),
        ({"options": {"acquisition": "magic"}}, InvalidStudy, "got 'magic'"),
        ({"options": {"n_initial": 0}}, InvalidStudy, "n_initial must be a whole number of at least 1, got 0"),
        ({"algorithm": "grid", "options": {"points": {"lr": 1}}}, InvalidStudy, "[2, 1000], got 1"),
        ({"algorithm": "grid", "options": {"points": {"x": 3}}}, InvalidStudy, "expected parameters ['lr'], got 'x'"),
        (
            {"algorithm": "random", "options": {"points": {}}},
            InvalidStudy,
            "'random' takes options [], got ['points']",
        ),
        ({"options": {"acquisition": []}}, InvalidStudy, "must be one of ['log_ehvi'], got []"),
        ({"algorithm": "sobol", "options": {"repeats": True}}, InvalidStudy, "takes options [], got ['repeats']"),
        ({"options": [1]}, InvalidStudy, "options must be {option: value}, got [1]"),
        ({"metrics": "train_s"}, InvalidStudy, "metrics must be a list of names, got 'train_s'"),
        ({"metrics": [["a"]]}, InvalidStudy, "a metric's name is a letter or _"),
        ({"metrics": ["finished_at"]}, InvalidStudy, "a metric can't be named 'finished_at'"),
        ({"objectives": {"number": "min"}}, InvalidStudy, "a metric can't be named 'number'"),
        ({"objectives": ["a"]}, InvalidStudy, "objectives must be {metric: direction}, got ['a']"),
        ({"objectives": {"a": {"direction": "min", "reference": 10**400}}}, InvalidStudy, "must be a finite number"),
        ({"seed": 1.5}, InvalidStudy, "seed must be a whole number in [0, 2^63), got 1.5"),
        ({"seed": -1}, InvalidStudy, "seed must be a whole number in [0, 2^63), got -1"),
    ],
)
def test_a_definition_that_makes_no_sense_is_refused(changes, error, says):
    with pytest.raises(error) as caught:
        Problem.from_spec({**SPEC, **changes})
    assert says in caught.value.detail


@pytest.mark.parametrize("acquisition", ["log_ei", "ei", "pi", "ucb", None])
def test_the_model_takes_an_acquisition_repeats_and_a_word_on_noise(acquisition):
    options = {"acquisition": acquisition, "deterministic": True, "repeats": False, "n_initial": 3}
    problem = Problem.from_spec({**SPEC, "objectives": {"accuracy": "max"}, "options": options})
    assert problem.options == options
    assert Problem.from_spec({**SPEC, "options": {"acquisition": "log_ehvi"}}).options == {"acquisition": "log_ehvi"}


def test_every_algorithm_has_its_options():
    for algorithm in Algorithm:
        assert Problem.from_spec({**SPEC, "algorithm": algorithm.value}).algorithm is algorithm


def test_told_values_are_checked_against_the_study():
    problem = Problem.from_spec(SPEC)
    told = {"accuracy": 0.9, "size_bytes": {"value": 10, "stderr": 1}, "macs": 5, "train_s": 1.5}
    values = problem.values(told, complete=True)
    assert values["size_bytes"] == Value(10.0, 1.0)
    with pytest.raises(UnknownMetric, match=r"got \['acuracy'\]; declare others as metrics"):
        problem.values({"acuracy": 0.9}, complete=True)
    with pytest.raises(MissingMetric, match="'size_bytes' is missing"):
        problem.values({"accuracy": 0.9}, complete=True)
    assert set(problem.values({"accuracy": 0.9}, complete=False)) == {"accuracy"}
    with pytest.raises(InvalidValue, match="must be above 0, got 0"):
        problem.values({"accuracy": 0.9, "size_bytes": 0}, complete=True)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (float("nan"), "value must be finite, got nan; tell a failure instead"),
        (True, "value must be a number, got True"),
        ("0.9", "value must be a number, got '0.9'"),
        (10**400, "value must be finite"),
        ({"value": 1, "stderr": -1}, "stderr must not be negative"),
        ({"stderr": 1}, "expected a number or {value, stderr, contract}"),
        ({"value": 1, "unit": "ms"}, "expected a number or {value, stderr, contract}"),
        ({"value": 1, "contract": "x"}, "contract must be an object"),
    ],
)
def test_a_value_that_is_no_finite_number_is_refused(given, says):
    with pytest.raises(InvalidValue) as caught:
        Value.of("m", given)
    assert says in caught.value.detail


def test_the_difference_names_each_path():
    old = a_problem().to_spec()
    new = a_problem(seed=7).to_spec()
    assert difference(old, new) == {"seed": {"expected": old["seed"], "got": 7}}
    assert difference(old, old) == {}


def test_the_difference_tells_true_from_one_but_not_one_from_a_float():
    def space(*choices):
        return {"space": {"a": {"type": "categorical", "choices": list(choices)}}}

    assert difference(space(True, False), space(1, 0)) == {
        "space.a.choices": {"expected": [True, False], "got": [1, 0]}
    }
    assert difference(space(1, 0), space(1.0, 0)) == {}
    assert difference({"log": False}, {"log": 0}) == {"log": {"expected": False, "got": 0}}


def test_the_difference_sees_another_order_of_parameters():
    one = {"space": {"a": {"type": "constant", "value": 1}, "b": {"type": "constant", "value": 2}}}
    two = {"space": dict(reversed(one["space"].items()))}
    assert difference(one, two) == {"space (order)": {"expected": ["a", "b"], "got": ["b", "a"]}}


def test_an_objective_needs_a_name_that_can_be_a_metric():
    with pytest.raises(InvalidStudy, match="a metric's name"):
        Problem.from_spec({**SPEC, "objectives": {"top-1 %": "max"}})
    assert Objective("top-1", "maximize").metric == "top-1"
