"""The predicted best: where known functions are best under known limits, and intervals that hold what is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.optimizer.spaces import SQUARE, a_problem, bowl
from trimtab_service.domain.constraint import Constraint
from trimtab_service.domain.errors import NoSurrogate
from trimtab_service.domain.metric import Value
from trimtab_service.domain.study import Problem
from trimtab_service.domain.trial import Observation, TrialState
from trimtab_service.optimizer import predicted
from trimtab_service.optimizer.suggest import suggest

BOTH = {"loss": "minimize", "macs": "minimize"}


def macs(params: dict[str, Any]) -> float:
    return float(1e6 * (0.1 + params["x"] + params["y"]))


def a_history(problem: Problem, n: int = 40, noise: float = 0.0) -> list[Observation]:
    rng = np.random.default_rng(n)
    drawn = suggest(a_problem(SQUARE, algorithm="sobol"), (), {}, range(n)).items
    return [
        Observation.of(
            problem,
            number,
            TrialState.COMPLETE,
            one.params,
            {"loss": Value(bowl(one.params) + noise * rng.standard_normal()), "macs": Value(macs(one.params))},
        )
        for number, one in enumerate(drawn)
    ]


def limited(*texts: str, **changes: Any) -> Problem:
    return a_problem(SQUARE, objectives=BOTH, constraints=list(texts), **changes)


def on_a_grid(most: float) -> float:
    """The lowest loss within so many macs, by brute force."""
    places = [{"x": x, "y": y} for x in np.linspace(0, 1, 201) for y in np.linspace(0, 1, 201)]
    return min(bowl(one) for one in places if macs(one) <= most)


def test_without_limits_it_is_where_the_objective_is_best() -> None:
    problem = limited()
    found = predicted.best(problem, a_history(problem), {}, "loss")
    assert bowl(found.params) < 0.01
    assert found.probability_feasible == 1.0
    assert found.predicted
    assert (found.objective, found.trials) == ("loss", 40)


@pytest.mark.parametrize("most", [0.6e6, 0.9e6])
def test_under_a_limit_it_is_the_best_that_keeps_it(most: float) -> None:
    problem = limited(f"macs <= {most}")
    found = predicted.best(problem, a_history(problem), {}, "loss")
    assert macs(found.params) <= most
    assert bowl(found.params) < on_a_grid(most) + 0.03
    assert found.probability_feasible >= predicted.LEAST


def test_a_limit_of_another_question_counts_like_one_of_the_study() -> None:
    problem = limited().about("loss", "macs", limits=[Constraint.bound("macs", 0.9e6)])
    same = limited("macs <= 900000.0")
    found = predicted.best(problem, a_history(problem), {}, "loss")
    assert found == predicted.best(same, a_history(same), {}, "loss")


def test_intervals_hold_what_an_evaluation_there_tells_about_as_often_as_they_say() -> None:
    problem, inside = limited("macs <= 1e6"), []
    for seed in range(12):
        found = predicted.best(problem, a_history(problem, 60 + seed, noise=0.1), {}, "loss")
        rng = np.random.default_rng(seed)
        here = found.metrics["loss"]
        assert here.lower < here.median < here.upper
        inside += [here.lower <= bowl(found.params) + 0.1 * rng.standard_normal() <= here.upper for _ in range(20)]
    assert 0.6 < np.mean(inside) < 0.95


def test_where_nothing_keeps_the_limit_it_is_the_likeliest_and_its_probability_is_said() -> None:
    problem = limited("macs <= 50_000")
    found = predicted.best(problem, a_history(problem), {}, "loss")
    assert found.probability_feasible < predicted.LEAST
    assert macs(found.params) < 0.4e6


def test_space_constraints_hold_for_what_is_predicted() -> None:
    problem = limited("macs <= 1.5e6", space_constraints=["x >= 0.9"])
    found = predicted.best(problem, a_history(problem), {}, "loss")
    assert found.params["x"] >= 0.9
    assert bowl(found.params) < min(bowl({"x": 0.9, "y": y}) for y in np.linspace(0, 0.5, 101)) + 0.05


def test_the_nearest_told_trial_is_named_with_its_values() -> None:
    problem = limited("macs <= 1e6")
    history = a_history(problem)
    found = predicted.best(problem, history, {}, "loss")
    named = history[found.nearest.number]
    assert found.nearest.params == named.params
    assert found.nearest.values == {
        "loss": pytest.approx(bowl(named.params)),
        "macs": pytest.approx(macs(named.params)),
    }
    assert found.nearest.distance >= 0.0


def test_the_same_history_gives_the_same_answer() -> None:
    problem = limited("macs <= 1e6")
    history = a_history(problem, 15)
    assert predicted.best(problem, history, {}, "loss") == predicted.best(problem, history[::-1], {}, "loss")


def test_too_little_told_is_said() -> None:
    problem = limited()
    with pytest.raises(NoSurrogate, match="needs 2 complete trials, this study has 1"):
        predicted.best(problem, a_history(problem, 1), {}, "loss")
