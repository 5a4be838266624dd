"""What a budget buys: measured against brute force, drawn against known functions, never worse for a looser one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.optimizer.spaces import SQUARE, a_problem
from trimtab_service.domain.errors import NoSurrogate
from trimtab_service.domain.metric import Value
from trimtab_service.domain.study import Problem
from trimtab_service.domain.trial import Observation, TrialState
from trimtab_service.optimizer.suggest import suggest
from trimtab_service.optimizer.trade_off import trade_off

BOTH = {"accuracy": "maximize", "size_bytes": "minimize"}


def accuracy(params: dict[str, Any]) -> float:
    """What a size of x attains at best is the square root of x, where y is 0.3."""
    return float(np.sqrt(params["x"]) - (params["y"] - 0.3) ** 2)


def size(params: dict[str, Any]) -> float:
    return float(100.0 + 900.0 * params["x"])


def a_history(problem: Problem, n: int = 40) -> list[Observation]:
    drawn = suggest(a_problem(SQUARE, algorithm="sobol"), (), {}, range(n)).items
    return [
        Observation.of(
            problem,
            number,
            TrialState.COMPLETE,
            one.params,
            {"accuracy": Value(accuracy(one.params)), "size_bytes": Value(size(one.params))},
        )
        for number, one in enumerate(drawn)
    ]


def test_what_was_measured_is_the_best_of_the_trials_within_each_budget() -> None:
    problem = a_problem(SQUARE, objectives=BOTH)
    history = a_history(problem)
    found = trade_off(problem, history, {}, "accuracy", "size_bytes", 9)
    assert found.budgets[0] == pytest.approx(min(size(one.params) for one in history))
    assert found.budgets[-1] == pytest.approx(max(size(one.params) for one in history))
    for budget, measured, number in zip(found.budgets, found.measured, found.numbers, strict=True):
        within = [one for one in history if size(one.params) <= budget * (1 + 1e-9)]
        best = max(within, key=lambda one: accuracy(one.params))
        assert (measured, number) == (pytest.approx(accuracy(best.params)), best.number)


def test_what_is_attainable_and_its_price_are_those_of_the_function() -> None:
    problem = a_problem(SQUARE, objectives=BOTH)
    found = trade_off(problem, a_history(problem), {}, "accuracy", "size_bytes", 9)
    x = (np.array(found.budgets) - 100.0) / 900.0
    inner = slice(2, None)
    np.testing.assert_allclose(np.array(found.median, dtype=float)[inner], np.sqrt(x)[inner], atol=0.03)
    assert np.all(np.array(found.lower, dtype=float) <= np.array(found.median, dtype=float))
    assert np.all(np.array(found.median, dtype=float) <= np.array(found.upper, dtype=float))
    middle = len(x) // 2
    slope = (np.sqrt(x[middle + 1]) - np.sqrt(x[middle])) / (found.budgets[middle + 1] - found.budgets[middle])
    assert found.shadow_price[middle] == pytest.approx(slope, rel=0.2)


@pytest.mark.parametrize("noise", [0.0, 0.3])
@pytest.mark.parametrize(("of", "against"), [("accuracy", "size_bytes"), ("size_bytes", "accuracy")])
def test_a_looser_budget_never_buys_less(noise: float, of: str, against: str) -> None:
    problem = a_problem(SQUARE, objectives=BOTH)
    rng = np.random.default_rng(1)
    history = [
        Observation(one.number, one.state, one.params, (one.losses[0] + noise * rng.standard_normal(), one.losses[1]))
        for one in a_history(problem, 25)
    ]
    found = trade_off(problem, history, {}, of, against, 12)
    sign = 1.0 if against == "size_bytes" else -1.0  # at least so accurate: the loosest budget is the lowest
    assert np.all(np.diff(found.budgets) * sign > 0.0)
    for row in (found.measured, found.median, found.lower, found.upper):
        attained = [-np.inf if value is None else value * (1.0 if of == "accuracy" else -1.0) for value in row]
        assert attained == sorted(attained)
    assert all(price is None or price >= 0.0 for price in found.shadow_price)


def test_what_breaks_a_limit_is_attained_by_nobody() -> None:
    free = a_problem(SQUARE, objectives=BOTH)
    problem = a_problem(SQUARE, objectives=BOTH, constraints=["accuracy <= 0.5"])
    limited = trade_off(problem, a_history(problem), {}, "accuracy", "size_bytes", 6)
    unlimited = trade_off(free, a_history(free), {}, "accuracy", "size_bytes", 6)
    assert max(value for value in limited.measured if value is not None) <= 0.5
    assert limited.median[-1] == pytest.approx(0.5, abs=0.05)
    assert unlimited.median[-1] is not None
    assert unlimited.median[-1] > 0.9


def test_what_the_space_constraints_refuse_is_not_counted_on() -> None:
    problem = a_problem(SQUARE, objectives=BOTH, space_constraints=["y >= 0.9"])
    history = [one for one in a_history(problem, 200) if one.params["y"] >= 0.9]
    found = trade_off(problem, history, {}, "accuracy", "size_bytes", 5)
    assert found.median[-1] == pytest.approx(1.0 - 0.36, abs=0.05)


def test_the_same_history_gives_the_same_answer() -> None:
    problem = a_problem(SQUARE, objectives=BOTH)
    history = a_history(problem, 12)
    first = trade_off(problem, history, {}, "accuracy", "size_bytes", 4)
    assert trade_off(problem, history, {}, "accuracy", "size_bytes", 4) == first


def test_too_few_trials_within_the_limits_are_said() -> None:
    problem = a_problem(SQUARE, objectives=BOTH, constraints=["accuracy >= 2"])
    with pytest.raises(NoSurrogate, match="keep the limits, this study has 0"):
        trade_off(problem, a_history(problem), {}, "accuracy", "size_bytes", 4)
