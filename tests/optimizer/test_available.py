"""What may be proposed: nothing that is taken, and nothing that the problem's predicate refuses."""

from __future__ import annotations

import pickle
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.optimizer.spaces import NETWORK, SMALL, SQUARE, a_problem, every_configuration, spell, told
from trimtab_service.domain.space import Params, Space
from trimtab_service.domain.study import Problem
from trimtab_service.domain.trial import History
from trimtab_service.optimizer.available import Available
from trimtab_service.optimizer.encoding import Encoding
from trimtab_service.optimizer.suggest import fallback_proposals, suggest

ALGORITHMS = ("gp", "grid", "random", "sobol")


def narrow(params: Params) -> bool:
    """No wide network of two layers."""
    return params["layers"] == 1 or float(params["width_1"]) * float(params["width_2"]) < 512.0


def no_adam(params: Params) -> bool:
    return params["optimizer"] == "sgd"


def below_the_diagonal(params: Params) -> bool:
    return float(params["x"]) + float(params["y"]) < 0.3


def nothing(params: Params) -> bool:
    return False


def a_history(problem: Problem, n: int) -> History:
    drawn = suggest(replace(problem, algorithm=problem.algorithm.RANDOM), (), {}, range(n)).items
    return tuple(told(number, one.params, float(number % 7)) for number, one in enumerate(drawn))


def test_a_row_is_available_when_it_is_neither_taken_nor_refused() -> None:
    encoding = Encoding.of(Space.from_spec(SMALL))
    every = encoding.levels(every_configuration(encoding.space))
    taken = frozenset(encoding.keys(every[:2]))
    asked: list[Params] = []

    def allows(params: Params) -> bool:
        asked.append(params)
        return no_adam(params)

    expected = [place >= 2 and no_adam(encoding.params(row)) for place, row in enumerate(every)]
    assert Available(encoding, taken, allows)(every).tolist() == expected
    assert len(asked) == 13
    assert Available(encoding)(every).all()
    assert Available(encoding)(np.empty((0, 4))).shape == (0,)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_proposes_only_what_the_predicate_allows(algorithm: str) -> None:
    problem = replace(a_problem(NETWORK, algorithm=algorithm), allows=narrow)
    for told_trials in (0, 12):
        history = a_history(problem, told_trials)
        proposals = suggest(problem, history, {}, range(told_trials, told_trials + 6)).items
        proposals += fallback_proposals(problem, history, range(told_trials, told_trials + 6)).items
        assert len(proposals) == 12
        assert all(narrow(one.params) for one in proposals)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_small_space_is_used_up_when_all_that_the_predicate_allows_was_proposed(algorithm: str) -> None:
    problem = replace(a_problem(SMALL, algorithm=algorithm), allows=no_adam)
    found = suggest(problem, (), {}, range(20)).items
    expected = [params for params in every_configuration(problem.space) if no_adam(params)]
    assert sorted(spell(one.params) for one in found) == sorted(map(spell, expected))
    history = tuple(told(number, one.params, float(number)) for number, one in enumerate(found))
    assert suggest(problem, history, {}, [20]).items == ()
    assert fallback_proposals(problem, history, [20]).items == ()


@pytest.mark.parametrize("algorithm", ["gp", "random", "sobol"])
def test_a_corner_of_a_continuous_space_is_found(algorithm: str) -> None:
    problem = replace(a_problem(SQUARE, algorithm=algorithm), allows=below_the_diagonal)  # 4.5 % of the square
    proposals = suggest(problem, a_history(problem, 6), {}, range(6, 12)).items
    assert len(proposals) == 6
    assert all(below_the_diagonal(one.params) for one in proposals)


HOPELESS: dict[str, dict[str, Any]] = {
    "small": SMALL,
    "continuous": SQUARE,
    "mixed": NETWORK,
    "a million million": {f"p{n}": {"type": "int", "low": 1, "high": 10} for n in range(12)},
}


@pytest.mark.parametrize("space", HOPELESS.values(), ids=HOPELESS.keys())
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_where_nothing_is_allowed_the_search_ends(algorithm: str, space: dict[str, Any]) -> None:
    problem = replace(a_problem(space, algorithm=algorithm), allows=nothing)
    history = tuple(
        told(n, one.params, float(n)) for n, one in enumerate(suggest(a_problem(space), (), {}, range(9)).items)
    )
    begun = time.perf_counter()
    assert suggest(problem, history, {}, [9]).items == ()
    assert fallback_proposals(problem, history, [9]).items == ()
    assert time.perf_counter() - begun < 20.0


def test_a_problem_with_a_predicate_travels_between_processes() -> None:
    problem = replace(a_problem(SMALL), allows=no_adam)
    assert pickle.loads(pickle.dumps(problem)) == problem
    assert problem != a_problem(SMALL)
    assert problem.to_spec() == a_problem(SMALL).to_spec()
