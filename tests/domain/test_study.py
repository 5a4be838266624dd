"""A problem and a study keep their rules."""

from dataclasses import replace

import pytest

from tests.builders import a_problem
from trimtab_service.domain.constraint import Constraint
from trimtab_service.domain.errors import (
    InvalidQuery,
    InvalidSpace,
    InvalidStudy,
)
from trimtab_service.domain.metric import Direction, Objective
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
        ({"objectives": {}}, InvalidStudy, "1 to 10 objectives, got 0"),
        ({"objectives": {"a": "up"}}, InvalidStudy, "a direction is 'minimize' or 'maximize', got 'up'"),
        ({"objectives": {"a": {"log": True}}}, InvalidStudy, "expected a direction"),
        (
            {"objectives": {"a": {"direction": "min", "unit": 1}}},
            InvalidStudy,
            "noise, formula}, got ['direction', 'unit']",
        ),
        (
            {"objectives": {"a": {"direction": "min", "noise": -1}}},
            InvalidStudy,
            "noise must not be negative, got -1",
        ),
        ({"objectives": {"a": {"direction": "min", "weight": 0}}}, InvalidStudy, "weight must be above 0, got 0"),
        ({"objectives": {"a": {"direction": "min", "threshold": "1"}}}, InvalidStudy, "threshold must be a finite"),
        ({"objectives": {"a": {"direction": "min", "log": True, "threshold": -1}}}, InvalidStudy, "above 0 on a log"),
        ({"objectives": {"a": {"direction": "min", "formula": "a + b"}}}, InvalidStudy, "not the computed ['a']"),
        ({"objectives": {"a": {"direction": "min", "formula": "b > 1"}}}, InvalidStudy, "got 'b > 1'"),
        ({"objectives": {"a": {"direction": "min", "formula": "1 + 1"}}}, InvalidStudy, "got '1 + 1'"),
        ({"objectives": {"a": {"direction": "min", "formula": 3}}}, InvalidStudy, "got 3"),
        ({"objectives": {f"m{n}": "min" for n in range(11)}}, InvalidStudy, "1 to 10 objectives, got 11"),
        ({"constraints": "a <= 1"}, InvalidStudy, "constraints must be a list of conditions, got 'a <= 1'"),
        ({"constraints": ["macs"]}, InvalidStudy, "expected a condition"),
        (
            {"constraints": ["lr <= 1"]},
            InvalidStudy,
            "['lr'] are parameters; a limit on them belongs to space_constr",
        ),
        ({"constraints": ["macs <= 1"] * 21}, InvalidStudy, "at most 20 limits, got 21"),
        ({"constraints": ["accuracy >= baseline"]}, InvalidStudy, "need baseline={parameter: value}"),
        ({"space_constraints": ["lr"]}, InvalidSpace, "expected a condition"),
        ({"space_constraints": ["width <= 1"]}, InvalidSpace, "expected names of ['lr'], got ['width']"),
        ({"space_constraints": ["lr['pi'] <= 1"]}, InvalidSpace, """got ['lr["pi"]']"""),
        ({"space_constraints": ["lr <= 1"] * 51}, InvalidSpace, "at most 50 constraints, got 51"),
        ({"known_metrics": ["macs", "macs"]}, InvalidStudy, "each metric is named once"),
        ({"known_metrics": ["macs"], "late_metrics": ["macs"]}, InvalidStudy, "got ['macs'] in both"),
        ({"late_metrics": ['latency_ms["a b"]']}, InvalidStudy, "a device's name"),
        ({"baseline": [1]}, InvalidStudy, "baseline must be params, {parameter: value}, got [1]"),
        ({"baseline": {"lr": 2.0}}, InvalidStudy, "baseline: lr must be in"),
        ({"baseline": {"lr": 0.5}, "space_constraints": ["lr < 0.5"]}, InvalidStudy, "such as break ['lr < 0.5']"),
        ({"objectives": {"a": {"direction": "min", "log": True, "reference": 0}}}, InvalidStudy, "above 0 on a log"),
        ({"metrics": ["accuracy"]}, InvalidStudy, "each metric is named once"),
        ({"algorithm": "tpe"}, InvalidStudy, "['gp', 'grid', 'random', 'sobol'], got 'tpe'"),
        ({"options": {"deterministic": 1}}, InvalidStudy, "option deterministic must be true or false, got 1"),
        ({"options": {"repeats": "yes"}}, InvalidStudy, "option repeats must be true or false, got 'yes'"),
        (
            {"options": {"acquisition": "ucb"}},
            InvalidStudy,
            "with several objectives must be one of ['log_ehvi', 'log_ei'], got 'ucb'",
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
        ({"options": {"acquisition": []}}, InvalidStudy, "must be one of ['log_ehvi', 'log_ei'], got []"),
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


LIMITED = {
    **SPEC,
    "objectives": {
        **SPEC["objectives"],
        "accuracy": {"direction": "max", "threshold": 0.9, "weight": 2, "noise": 0.01},
    },
    "constraints": ['latency_ms["pi"] <= 20 and accuracy >= 0.98 * baseline'],
    "space_constraints": ["lr * 10 < 9"],
    "known_metrics": ["macs", 'size_bytes["pi"]'],
    "late_metrics": ['latency_ms["pi"]'],
    "baseline": {"lr": 0.1},
}


def test_limits_are_the_constraints_and_then_the_thresholds():
    problem = Problem.from_spec(LIMITED)
    assert Problem.from_spec(problem.to_spec()) == problem
    assert [one.text for one in problem.limits] == [
        'latency_ms["pi"] <= 20',
        "accuracy >= 0.98 * baseline",
        "accuracy >= 0.9",
    ]
    assert problem.to_spec()["constraints"] == ['latency_ms["pi"] <= 20', "accuracy >= 0.98 * baseline"]


def test_a_definition_from_before_there_were_limits_is_read():
    old = a_problem().to_spec()
    for key in ("constraints", "space_constraints", "known_metrics", "late_metrics", "baseline"):
        del old[key]
    for key in ("threshold", "weight", "noise", "formula"):
        del old["objectives"]["accuracy"][key]
    assert Problem.from_spec(old) == a_problem()


def test_values_keep_the_limits_break_them_or_are_not_known_to():
    problem = Problem.from_spec(LIMITED)
    baseline = {"accuracy": 0.95}
    good = {"accuracy": 0.94, 'latency_ms["pi"]': 20.0}
    assert problem.feasible(good, baseline) is True
    assert problem.feasible(good, None) is None
    assert problem.feasible({"accuracy": 0.94}, baseline) is None
    assert problem.feasible({"accuracy": 0.92}, baseline) is False
    assert problem.broken(good, baseline) == ()
    assert problem.broken({"accuracy": 0.8, 'latency_ms["pi"]': 21.0}, baseline) == tuple(
        one.text for one in problem.limits
    )
    assert a_problem().feasible({}, None) is True


def test_params_are_allowed_unless_a_space_constraint_is_broken():
    problem = a_problem(space_constraints=["width <= 64 or activation == 'relu'", "not width > 100"])
    assert problem.allowed({"lr": 0.1, "width": 64, "activation": "gelu"})
    assert problem.allowed({"lr": 0.1, "width": 65, "activation": "relu"})
    assert not problem.allowed({"lr": 0.1, "width": 65, "activation": "gelu"})
    assert problem.allowed({"activation": "gelu"})  # what depends on an absent parameter holds


def test_a_metric_is_known_when_it_follows_from_known_ones():
    formula = Objective("cost", Direction.MINIMIZE, formula="macs + size_kb")
    problem = a_problem(
        objectives=(*a_problem().objectives, formula), known_metrics=("flops", "size_bytes"), late_metrics=()
    )
    assert problem.is_known("macs", "size_kb", "cost")
    assert not problem.is_known("macs", "accuracy")
    assert not problem.is_known('macs["pi"]')


def test_a_question_about_other_metrics_keeps_the_limits():
    problem = Problem.from_spec({**LIMITED, "options": {"acquisition": "log_ehvi", "deterministic": True}})
    asked = problem.about("accuracy", "macs", limits=[Constraint("size_kb <= 0.5 * baseline")])
    assert asked.objectives == (replace(problem.objectives[0], threshold=None), Objective("macs", Direction.MINIMIZE))
    assert [one.text for one in asked.limits] == [*(one.text for one in problem.limits), "size_kb <= 0.5 * baseline"]
    assert asked.options == {"deterministic": True}
    assert problem.about("macs").objective_names == ("macs",)
    assert problem.about(limits=()).objective_names == problem.objective_names
    assert problem.about(Objective("train_s", Direction.MAXIMIZE)).objective_names == ("train_s",)
    with pytest.raises(
        InvalidQuery, match=r"expected an objective of \['accuracy', 'size_bytes'\] or a cost, got 'f1'"
    ):
        problem.about("f1")


def test_a_device_may_limit_a_study_without_a_baseline_and_beyond_its_own_limits():
    many = a_problem(constraints=[f"macs <= {n}" for n in range(20)])
    asked = many.about(limits=Constraint.of("accuracy >= baseline"))
    assert len(asked.limits) == 21
    assert asked.feasible({"accuracy": 1.0, "macs": 0.0}, None) is None
