"""What may be proposed: nothing that is taken, and nothing that the space constraints refuse."""

from __future__ import annotations

import pickle
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.optimizer.spaces import NETWORK, SMALL, SQUARE, a_problem, every_configuration, spell, told
from trimtab_service.domain.study import Problem
from trimtab_service.domain.trial import History, Observation
from trimtab_service.optimizer.available import Available
from trimtab_service.optimizer.encoding import Encoding
from trimtab_service.optimizer.space_constraints import SpaceConstraints
from trimtab_service.optimizer.suggest import fallback_proposals, suggest

ALGORITHMS = ("gp", "grid", "random", "sobol")


NARROW = "width_1 * width_2 < 512"
"""No wide network of two layers."""
SGD = "optimizer == 'sgd'"
DIAGONAL = "x + y < 0.3"
NOTHING = "1 > 2"


def constrained(space: dict[str, Any], *texts: str, algorithm: str = "gp") -> Problem:
    return a_problem(space, algorithm=algorithm, space_constraints=list(texts))


def a_history(problem: Problem, n: int) -> History:
    drawn = suggest(replace(problem, algorithm=problem.algorithm.RANDOM), (), {}, range(n)).items
    return tuple(told(number, one.params, float(number % 7)) for number, one in enumerate(drawn))


def test_a_row_is_available_when_it_is_neither_taken_nor_refused() -> None:
    problem = constrained(SMALL, SGD, "depth != 2")
    encoding = Encoding.of(problem.space)
    every = encoding.levels(every_configuration(encoding.space))
    taken = frozenset(encoding.keys(every[:2]))
    constraints = SpaceConstraints.of(encoding, problem.space_constraints)
    expected = [place >= 2 and problem.allowed(encoding.params(row)) for place, row in enumerate(every)]
    assert 0 < sum(expected) < 13
    assert Available(encoding, taken, constraints)(every).tolist() == expected
    assert Available(encoding)(every).all()
    assert Available(encoding)(np.empty((0, 4))).shape == (0,)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_proposes_only_what_the_constraints_allow(algorithm: str) -> None:
    problem = constrained(NETWORK, NARROW, algorithm=algorithm)
    for told_trials in (0, 12):
        history = a_history(problem, told_trials)
        proposals = suggest(problem, history, {}, range(told_trials, told_trials + 6)).items
        proposals += fallback_proposals(problem, history, range(told_trials, told_trials + 6)).items
        assert len(proposals) == 12
        assert all(problem.allowed(one.params) for one in proposals)
        assert any(one.params["layers"] == 2 for one in proposals)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_small_space_is_used_up_when_all_that_the_constraints_allow_was_proposed(algorithm: str) -> None:
    problem = constrained(SMALL, SGD, algorithm=algorithm)
    found = suggest(problem, (), {}, range(20)).items
    expected = [params for params in every_configuration(problem.space) if problem.allowed(params)]
    assert sorted(spell(one.params) for one in found) == sorted(map(spell, expected))
    history = tuple(told(number, one.params, float(number)) for number, one in enumerate(found))
    assert suggest(problem, history, {}, [20]).items == ()
    assert fallback_proposals(problem, history, [20]).items == ()


@pytest.mark.parametrize("algorithm", ["gp", "random", "sobol"])
def test_a_corner_of_a_continuous_space_is_found(algorithm: str) -> None:
    problem = constrained(SQUARE, DIAGONAL, algorithm=algorithm)  # 4.5 % of the square
    proposals = suggest(problem, a_history(problem, 6), {}, range(6, 12)).items
    assert len(proposals) == 6
    assert all(problem.allowed(one.params) for one in proposals)


HOPELESS: dict[str, dict[str, Any]] = {
    "small": SMALL,
    "continuous": SQUARE,
    "mixed": NETWORK,
    "a million million": {f"p{n}": {"type": "int", "low": 1, "high": 10} for n in range(12)},
}


@pytest.mark.parametrize("space", HOPELESS.values(), ids=HOPELESS.keys())
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_where_nothing_is_allowed_the_search_ends(algorithm: str, space: dict[str, Any]) -> None:
    problem = constrained(space, NOTHING, algorithm=algorithm)
    history = tuple(
        told(n, one.params, float(n)) for n, one in enumerate(suggest(a_problem(space), (), {}, range(9)).items)
    )
    begun = time.perf_counter()
    assert suggest(problem, history, {}, [9]).items == ()
    assert fallback_proposals(problem, history, [9]).items == ()
    assert time.perf_counter() - begun < 20.0


SPARSE = {
    "an equality of ints": ["n + m == 100"],
    "one in a thousand": ["x <= 0.001", "n == m"],
    "products": ["n * m <= 20 and n > 1"],
    "modulo": ["n % 17 == 3 or m % 31 == 7", "x * n <= 0.5"],
}


@pytest.mark.parametrize("texts", SPARSE.values(), ids=SPARSE.keys())
def test_sparse_constraints_leave_the_search_enough_to_choose_from(texts: list[str]) -> None:
    space = {
        "x": {"type": "float", "low": 0.0, "high": 1.0},
        "n": {"type": "int", "low": 1, "high": 100},
        "m": {"type": "int", "low": 1, "high": 100},
    }
    problem = constrained(space, *texts)
    history: list[Observation] = []
    states: dict[str, Any] = {}
    for number in range(25):
        answer = suggest(problem, history, states, [number])
        states = answer.surrogates or states
        (one,) = answer.items
        assert problem.allowed(one.params)
        loss = (float(one.params["n"]) - 20.0) ** 2 / 400 + (float(one.params["x"]) - 0.3) ** 2
        history.append(told(number, one.params, loss))
    drawn = suggest(replace(problem, algorithm=problem.algorithm.RANDOM), (), {}, range(25)).items
    at_random = min((float(one.params["n"]) - 20.0) ** 2 / 400 + (float(one.params["x"]) - 0.3) ** 2 for one in drawn)
    assert min(one.losses[0] for one in history) <= at_random + 1e-9


def test_a_problem_with_constraints_travels_between_processes() -> None:
    problem = constrained(SMALL, SGD)
    assert pickle.loads(pickle.dumps(problem)) == problem
    assert problem != a_problem(SMALL)
    assert Problem.from_spec(problem.to_spec()) == problem
