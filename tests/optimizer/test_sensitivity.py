"""Sobol indices against closed forms, of functions that a surrogate was fitted to."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import qmc

from tests.optimizer.spaces import a_problem, told
from trimtab_service.domain.insight import Importance
from trimtab_service.domain.space import Params
from trimtab_service.optimizer.encoding import Encoding
from trimtab_service.optimizer.posterior import Posterior
from trimtab_service.optimizer.sensitivity import drawn_functions, importances

CUBE: dict[str, Any] = {name: {"type": "float", "low": -math.pi, "high": math.pi} for name in ("a", "b", "c")}
MIXED: dict[str, Any] = {
    "kind": {"type": "categorical", "choices": ["p", "q", "r"]},
    "steps": {"type": "int", "low": 0, "high": 3},
    "rate": {"type": "float", "low": 1e-4, "high": 1.0, "log": True},
    "depth": {"type": "float", "low": 0.0, "high": 1.0, "when": {"kind": ["p"]}},
    "idle": {"type": "float", "low": 0.0, "high": 1.0},
    "only": {"type": "categorical", "choices": ["one"]},
    "fixed": {"type": "constant", "value": 3},
}


def fitted(space: dict[str, Any], f: Callable[[Params], float], n: int, **changes: Any) -> Posterior:
    """The posterior of a study told f at n Sobol points."""
    problem = a_problem(space, **changes)
    encoding = Encoding.of(problem.space)
    levels = encoding.spread(qmc.Sobol(encoding.dims, rng=np.random.default_rng(0)).random(n))
    history = tuple(told(i, q, f(q)) for i, q in enumerate(encoding.params(row) for row in levels))
    return Posterior.of(problem, history, {})


def ishigami(params: Params) -> float:
    a, b, c = (float(params[name]) for name in ("a", "b", "c"))
    return math.sin(a) + 7.0 * math.sin(b) ** 2 + 0.1 * c**4 * math.sin(a)


def test_the_indices_of_ishigami_are_those_in_closed_form() -> None:
    """Ishigami & Homma 1990; V = a²/8 + bπ⁴/5 + b²π⁸/18 + 1/2, V1 = (1 + bπ⁴/5)²/2, V2 = a²/8, V13 = 8b²π⁸/225."""
    big, small = 7.0**2 / 8, 0.1
    v1 = 0.5 * (1 + small * math.pi**4 / 5) ** 2
    v13 = 8 * small**2 * math.pi**8 / 225
    whole = v1 + big + v13
    expected = {"a": (v1, v1 + v13), "b": (big, big), "c": (0.0, v13)}

    found = importances(fitted(CUBE, ishigami, 256))["loss"]

    for name, (first, total) in expected.items():
        print(name, found[name], first / whole, total / whole)
        assert found[name].first == pytest.approx(first / whole, abs=0.04)
        assert found[name].total == pytest.approx(total / whole, abs=0.04)


def test_an_additive_function_has_equal_first_and_total_indices() -> None:
    """Variances of independent parts: 4 · 1/12 of a line, 1/12 of another."""
    space = {name: {"type": "float", "low": 0.0, "high": 1.0} for name in ("a", "b", "c")}
    found = importances(fitted(space, lambda q: 2.0 * float(q["a"]) + float(q["b"]), 64))["loss"]
    for name, share in (("a", 0.8), ("b", 0.2), ("c", 0.0)):
        assert found[name].first == pytest.approx(share, abs=0.02)
        assert found[name].total == pytest.approx(share, abs=0.02)


def mixed(params: Params) -> float:
    """1 for kind q; steps / 3; 2 on the log scale of rate; depth where it is there."""
    return (
        (params["kind"] == "q")
        + int(params["steps"]) / 3
        + 2.0 * (math.log10(float(params["rate"])) + 4.0) / 4.0
        + float(params.get("depth", 0.0))
    )


def test_choices_conditions_and_log_scales_count_as_they_are_spread() -> None:
    """Of each part, V: kind and depth together by total variance; steps 5/36; rate 4/12."""
    kind = np.var([0.5, 1.0, 0.0])  # means given p, q, r
    depth = 1.0 / 3.0 / 12.0  # of a third of the space
    steps, rate = np.var(np.arange(4) / 3), 4.0 / 12.0
    whole = kind + depth + steps + rate

    found = importances(fitted(MIXED, mixed, 256))["loss"]

    assert list(found) == list(MIXED)
    assert found["kind"].first == pytest.approx(kind / whole, abs=0.04)
    assert found["steps"].total == pytest.approx(steps / whole, abs=0.04)
    assert found["rate"].total == pytest.approx(rate / whole, abs=0.04)
    assert found["depth"].total == pytest.approx(depth / whole, abs=0.03)
    assert found["idle"].total < 0.01
    none = Importance(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    assert (found["only"], found["fixed"]) == (none, none)


def test_each_objective_has_its_own_and_the_direction_changes_nothing() -> None:
    space = {name: {"type": "float", "low": 0.0, "high": 1.0} for name in ("a", "b")}
    up = importances(fitted(space, lambda q: -float(q["a"]), 32, objectives={"m": "maximize"}))["m"]
    down = importances(fitted(space, lambda q: -float(q["a"]), 32, objectives={"m": "minimize"}))["m"]
    assert up == down
    assert up["a"].total > 0.99


def test_the_same_posterior_gives_the_same_answer_and_intervals_hold_their_index() -> None:
    posterior = fitted(CUBE, ishigami, 64)
    found = importances(posterior)["loss"]
    assert importances(posterior)["loss"] == found
    for one in found.values():
        assert one.first_lower <= one.first <= one.first_upper
        assert one.total_lower <= one.total <= one.total_upper


def test_where_nothing_matters_every_index_is_0() -> None:
    found = importances(fitted(CUBE, lambda _: 1.5, 16))["loss"]
    assert all(one.total == one.first == 0.0 for one in found.values())


def test_drawn_functions_have_the_posteriors_mean_and_covariance() -> None:
    surrogate = fitted(CUBE, ishigami, 32).models[0].surrogate
    points = np.random.default_rng(1).random((6, 3))
    mean, covariance = surrogate.predict(points)[0], surrogate.covariance(points)
    drawn = []
    for seed in range(40):  # other features each time
        found = drawn_functions(surrogate, 50, np.random.default_rng(seed))(points)
        np.testing.assert_allclose(found[0], mean, atol=1e-9)
        drawn.append(found[1:])
    functions = np.concatenate(drawn)
    error = np.sqrt(np.diag(covariance) / len(functions))
    np.testing.assert_array_less(np.abs(functions.mean(axis=0) - mean), 5 * error)
    np.testing.assert_allclose(np.cov(functions.T), covariance, atol=0.1 * np.max(np.diag(covariance)))
