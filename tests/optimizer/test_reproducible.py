"""The same history, states and seed give the same proposals bit for bit: in any order, packed, in another process."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tests.optimizer.spaces import NETWORK, a_problem, failed, open_trial, told
from trimtab_service.compute import Compute
from trimtab_service.domain.history import PackedHistory
from trimtab_service.domain.proposal import Proposals
from trimtab_service.domain.study import Problem
from trimtab_service.domain.trial import Observation
from trimtab_service.optimizer.encoding import Encoding
from trimtab_service.optimizer.suggest import fallback_proposals, suggest

PATIENCE = 120
OBJECTIVES: dict[str, dict[str, Any]] = {
    "one objective": {"objectives": {"loss": "minimize"}},
    "two objectives": {"objectives": {"loss": "minimize", "size_bytes": {"direction": "minimize", "log": True}}},
    "repeats": {"objectives": {"loss": "minimize"}, "options": {"repeats": True}},
}


@pytest.fixture(scope="module")
def compute():
    pool = Compute()
    yield pool
    pool.close()


def a_history(problem: Problem, n: int) -> list[Observation]:
    """Told, failed and pending trials."""
    encoding = Encoding.of(problem.space)
    rows = encoding.spread(np.random.default_rng(5).random((n, encoding.dims)))
    found = []
    for number, row in enumerate(rows):
        params, point = encoding.params(row), encoding.points(row[None, :])[0]
        losses = (float(np.sum((point - 0.4) ** 2)), float(point.sum()))[: len(problem.objectives)]
        match number % 9:
            case 4:
                found.append(failed(number, params))
            case 7 if number > n - 30:
                found.append(open_trial(number, params))
            case _:
                found.append(told(number, params, *losses))
    return found


def spelled(proposals: Proposals) -> str:
    """Every digit, and the order of every mapping."""
    return json.dumps([[one.source, one.params] for one in proposals.items] + [proposals.surrogates])


@pytest.mark.parametrize("trials", [24, 400])
@pytest.mark.parametrize("changes", OBJECTIVES.values(), ids=OBJECTIVES.keys())
def test_proposals_depend_neither_on_the_order_nor_on_the_process(
    compute: Compute, changes: dict[str, Any], trials: int
) -> None:
    problem = a_problem(NETWORK, **changes)
    history = a_history(problem, trials)
    states = suggest(problem, history[:-2], {}, [trials - 2]).surrogates
    expected = spelled(suggest(problem, history, states, [trials, trials + 1]))
    shuffled = [history[place] for place in np.random.default_rng(8).permutation(trials)]
    for same in (shuffled, tuple(history[::-1]), PackedHistory.of(shuffled)):
        assert spelled(suggest(problem, same, states, [trials, trials + 1])) == expected
    stored = json.loads(json.dumps(dict(reversed(states.items()))))
    for _ in range(2):  # as read, then as remembered there
        elsewhere = compute.run(
            suggest, problem, PackedHistory.of(history), stored, [trials, trials + 1], deadline=PATIENCE
        )
        assert spelled(elsewhere) == expected


@pytest.mark.parametrize("algorithm", ["grid", "random", "sobol"])
def test_proposals_without_a_model_are_the_same_in_another_process(compute: Compute, algorithm: str) -> None:
    problem = a_problem(NETWORK, algorithm=algorithm, seed=2**63 - 1)
    history = a_history(problem, 24)
    for function, arguments in ((suggest, ({}, range(24, 30))), (fallback_proposals, (range(24, 30),))):
        expected = spelled(function(problem, history, *arguments))
        assert spelled(compute.run(function, problem, history[::-1], *arguments, deadline=PATIENCE)) == expected
