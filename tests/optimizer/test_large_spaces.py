"""Parameters of very many values are asked for as fast as others, by every algorithm."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.optimizer.spaces import a_problem, spell, told
from trimtab_service.domain.trial import Source
from trimtab_service.optimizer.suggest import fallback_proposals, suggest

LARGE: dict[str, dict[str, Any]] = {
    "ten million": {"n": {"type": "int", "low": 1, "high": 10_000_000}},
    "2^40": {"n": {"type": "int", "low": 1, "high": 2**40}},
    "2^40, log": {"n": {"type": "int", "low": 1, "high": 2**40, "log": True}},
    "2^53": {"n": {"type": "int", "low": 1, "high": 2**53}},
    "2^53, log": {"n": {"type": "int", "low": 1, "high": 2**53, "log": True}},
    "2^53, below 0 too": {"n": {"type": "int", "low": -(2**52), "high": 2**52}},
    "steps of 1e-8": {"x": {"type": "float", "low": 0, "high": 1, "step": 1e-8}},
    "steps of 1e-15": {"x": {"type": "float", "low": 0, "high": 1, "step": 1e-15}},
    "with a child": {
        "n": {"type": "int", "low": 1, "high": 2**53},
        "c": {"type": "categorical", "choices": ["a", "b"], "when": {"n": [1, 2, 2**53]}},
    },
}


@pytest.mark.parametrize("space", LARGE.values(), ids=LARGE.keys())
@pytest.mark.parametrize("algorithm", ["gp", "grid", "random", "sobol"])
def test_an_ask_is_fast_however_many_values_a_parameter_has(algorithm: str, space: dict[str, Any]) -> None:
    problem = a_problem(space, algorithm=algorithm)
    drawn = suggest(a_problem(space, algorithm="random"), (), {}, range(14)).items
    history = tuple(told(number, one.params, float(number % 5)) for number, one in enumerate(drawn))
    begun = time.perf_counter()
    proposals = suggest(problem, history, {}, [14, 15])
    assert time.perf_counter() - begun < 4.0
    assert len(proposals.items) == 2
    assert {one.source for one in proposals.items} == {Source(algorithm)}
    assert len({spell(one.params) for one in (*drawn, *proposals.items)}) == 16
    for one in (*proposals.items, *fallback_proposals(problem, history, [14]).items):
        assert problem.space.check(one.params) == one.params
