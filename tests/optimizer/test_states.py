"""What is kept of a surrogate between two asks: small however long the study, and read by later versions."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tests.optimizer.spaces import NETWORK, SQUARE, a_problem, bowl, failed, told
from trimtab_service.domain.history import PackedHistory
from trimtab_service.domain.study import Problem
from trimtab_service.domain.trial import Observation
from trimtab_service.optimizer.encoding import Encoding
from trimtab_service.optimizer.suggest import suggest
from trimtab_service.optimizer.surrogate import theta_from_state

KEPT: dict[str, Any] = {
    "theta": {"log_length_scale.x": -0.9, "log_length_scale.y": -0.4, "log_scale": 0.3, "log_noise": -7.5},
    "warp": {"cap": 1.9, "centre": 0.5, "scale": 0.4, "power": 1.0, "mean": 0.1, "sd": 0.9},
    "trials": list(range(12)),
    "diagnostics": {
        "fit": "map",
        "misfit": 3.2,
        "evaluations": 14,
        "jitter": 0.0,
        "mean": 0.0,
        "rows": 12,
        "failures": 0,
    },
}
"""A state as the first version with a surrogate kept it."""


def a_history(problem: Problem, n: int, failing: int = 0) -> list[Observation]:
    encoding = Encoding.of(problem.space)
    rows = encoding.spread(np.random.default_rng(3).random((n, encoding.dims)))
    losses = np.sum((encoding.points(rows) - 0.3) ** 2, axis=1)
    drawn = [encoding.params(row) for row in rows]
    bad = set(range(0, n, n // failing)) if failing else set()
    return [failed(i, drawn[i]) if i in bad else told(i, drawn[i], float(losses[i])) for i in range(n)]


WIDE: dict[str, Any] = {f"p{n}": {"type": "float", "low": 0, "high": 1} for n in range(20)}


@pytest.mark.parametrize("space", [NETWORK, WIDE], ids=["7 parameters", "20 parameters"])
def test_the_state_of_ten_thousand_trials_is_a_few_kilobytes(space: dict[str, Any]) -> None:
    problem = a_problem(space)
    history = PackedHistory.of(a_history(problem, 10_000, failing=500))
    state: dict[str, Any] = {}
    for number in (10_000, 10_001):
        state = suggest(problem, history, state, [number]).surrogates
    assert len(json.dumps(state["loss"], allow_nan=False)) < 8_000
    assert len(state["loss"]["trials"]) <= 460
    assert set(state["loss"]) >= set(KEPT)


def test_a_state_of_the_first_version_is_where_the_next_fit_starts() -> None:
    problem = a_problem(SQUARE)
    encoding = Encoding.of(problem.space)
    rows = encoding.spread(np.random.default_rng(3).random((12, 2)))
    history = [told(i, params, bowl(params)) for i, params in enumerate(map(encoding.params, rows))]
    theta = theta_from_state(KEPT["theta"], encoding.names)
    assert theta is not None
    assert theta.tolist() == [-0.9, -0.4, 0.3, -7.5]
    warm, cold = (
        suggest(problem, history, state, [12]).surrogates["loss"]["diagnostics"] for state in ({"loss": KEPT}, {})
    )
    assert warm["fit"] == cold["fit"] == "map"
    assert warm["misfit"] == pytest.approx(cold["misfit"], abs=0.1)


@pytest.mark.parametrize(
    "changes",
    [
        {"a_later_key": {"anything": [1, 2]}},
        {"diagnostics": {}},
        {"diagnostics": {"a_later_key": 1}},
        {"trials": []},
    ],
    ids=str,
)
def test_what_another_version_keeps_beside_it_does_not_matter(changes: dict[str, Any]) -> None:
    problem = a_problem(SQUARE)
    history = a_history(problem, 12)
    expected = suggest(problem, history, {"loss": KEPT}, [12])
    assert suggest(problem, history, {"loss": {**KEPT, **changes}}, [12]).items == expected.items


@pytest.mark.parametrize(
    "state",
    [{}, {"theta": {}}, {"theta": {**KEPT["theta"], "log_length_scale.z": 0.0}}, {"warp": KEPT["warp"]}],
    ids=["empty", "no theta", "of another space", "without theta"],
)
def test_a_state_that_can_not_be_used_is_as_none(state: dict[str, Any]) -> None:
    problem = a_problem(SQUARE)
    history = a_history(problem, 12)
    assert suggest(problem, history, {"loss": state}, [12]) == suggest(problem, history, {}, [12])
