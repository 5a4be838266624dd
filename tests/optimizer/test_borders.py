"""What must hold of a configuration: the surrogates of limits, and of where trials fail."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from tests.optimizer.spaces import SQUARE, a_problem, failed, told
from trimtab_service.domain.metric import Value
from trimtab_service.domain.space import Params
from trimtab_service.domain.study import Problem
from trimtab_service.domain.trial import History, Observation, TrialState
from trimtab_service.optimizer.borders import FAILURES, Border, borders, scaled
from trimtab_service.optimizer.encoding import Encoding
from trimtab_service.optimizer.models import Models
from trimtab_service.optimizer.past import Past
from trimtab_service.optimizer.suggest import suggest

PLACES = np.random.default_rng(0).random((60, 2)).tolist()
LIMIT = {"metrics": ["heat"], "constraints": ["heat <= 1"]}
ENCODING = Encoding.of(a_problem(SQUARE).space)


def at(number: int) -> Params:
    x, y = PLACES[number]
    return {"x": x, "y": y}


def a_trial(number: int, margin: float) -> Observation:
    return Observation(number, TrialState.COMPLETE, at(number), (at(number)["x"],), (0.0,), (margin,))


def a_probe(number: int, margin: float) -> Observation:
    return Observation(-number, TrialState.INFEASIBLE, at(number), (), (), (margin,))


def found(problem: Problem, history: History, states: dict[str, Any] | None = None) -> tuple[Border, ...]:
    past = Past.of(ENCODING, len(problem.objectives), history, len(problem.limits))
    return borders(problem, ENCODING, past, states or {})


def slope(number: int) -> float:
    """A limit that holds in the left half."""
    return at(number)["x"] - 0.5


def test_margins_keep_their_sign_and_order_and_far_ones_are_drawn_in() -> None:
    margins = np.array([-1e6, -2.0, -0.5, 0.0, 0.5, 2.0, 1e6])
    z = scaled(margins)
    np.testing.assert_array_equal(np.sign(z), np.sign(margins))
    assert np.all(np.diff(z) > 0)
    assert z[-1] / z[-2] < 20.0
    assert np.mean(z**2) == pytest.approx(1.0)
    np.testing.assert_allclose(scaled(1e-200 * margins), z)


@pytest.mark.parametrize("margins", [[], [0.0, 0.0], [3.0], [1e308, -1e308], [0.0, 0.0, 5e-324]])
def test_any_margins_can_be_scaled(margins: list[float]) -> None:
    z = scaled(np.array(margins))
    assert np.all(np.isfinite(z))
    np.testing.assert_array_equal(np.sign(z), np.sign(margins))


def test_where_a_limit_held_it_is_believed_to_hold() -> None:
    (limit,) = found(a_problem(SQUARE, **LIMIT), [a_trial(i, slope(i)) for i in range(30)])
    assert limit.name == "heat <= 1"
    left, right = limit.probability(np.array([[0.1, 0.5], [0.9, 0.5]]))
    assert left > 0.95
    assert right < 0.05


def test_probes_and_refused_trials_teach_a_known_limit_exactly() -> None:
    problem = a_problem(SQUARE, known_metrics=["heat"], **LIMIT)
    history = [a_trial(i, slope(i)) for i in range(4)]
    taught = [
        *history,
        *(a_probe(i, slope(i)) for i in range(4, 40)),
        Observation(40, TrialState.INFEASIBLE, at(40), (), (), (slope(40),)),
    ]
    (few,), (many,) = found(problem, history), found(problem, taught)
    assert few.surrogate is not None
    assert many.surrogate is not None
    assert (len(few.surrogate.data), len(many.surrogate.data)) == (4, 41)
    assert math.exp(many.surrogate.theta[-1]) == pytest.approx(1e-6)
    x = np.column_stack([np.linspace(0.0, 1.0, 21), np.full(21, 0.5)])
    sure = np.abs(x[:, 0] - 0.5) > 0.04
    np.testing.assert_array_equal(many.probability(x)[sure] > 0.5, x[sure, 0] < 0.5)
    assert np.all(np.abs(many.probability(x)[sure] - 0.5) > 0.49)


def test_a_limit_that_was_never_near_to_be_broken_needs_no_surrogate() -> None:
    problem = a_problem(SQUARE, **LIMIT)
    far = [a_trial(i, -5.0 - 0.1 * slope(i)) for i in range(12)]
    (limit,) = found(problem, far)
    assert limit.surrogate is None
    assert limit.probability(np.array([[0.5, 0.5]])).tolist() == [1.0]
    for history in (far[:9], [*far[:11], a_trial(11, -0.1)]):
        (limit,) = found(problem, history)
        assert limit.surrogate is not None


def test_a_limit_of_which_nothing_is_known_is_even() -> None:
    (limit,) = found(a_problem(SQUARE, **LIMIT), [told(i, at(i), 1.0) for i in range(5)])
    np.testing.assert_allclose(limit.probability(np.array([[0.5, 0.5], [0.0, 1.0]])), 0.5)


def test_failures_have_a_border_once_there_are_three_of_each() -> None:
    problem = a_problem(SQUARE)
    history = [failed(i, at(i)) if slope(i) > 0 else told(i, at(i), 1.0) for i in range(30)]
    (works,) = found(problem, history)
    assert works.name == FAILURES
    left, right = works.probability(np.array([[0.1, 0.5], [0.9, 0.5]]))
    assert left > 0.7
    assert right < 0.3
    assert found(problem, [one for one in history if one.losses]) == ()
    assert found(problem, history[:3]) == ()


def test_refused_trials_and_probes_are_no_failures() -> None:
    problem = a_problem(SQUARE, **LIMIT)
    history = [a_trial(i, slope(i)) for i in range(10)] + [a_probe(i, slope(i)) for i in range(10, 20)]
    history += [Observation(i, TrialState.INFEASIBLE, at(i), (), (), (1.0,)) for i in range(20, 30)]
    assert [one.name for one in found(problem, history)] == ["heat <= 1"]


def test_the_next_fit_of_a_border_starts_from_its_state() -> None:
    problem = a_problem(SQUARE, **LIMIT)
    history = [a_trial(i, slope(i)) for i in range(40)]
    (cold,) = found(problem, history)
    state = json.loads(json.dumps({cold.name: cold.to_state(ENCODING)}))
    (warm,) = found(problem, history, state)
    assert warm.diagnostics["evaluations"] < cold.diagnostics["evaluations"]
    (broken,) = found(problem, history, {cold.name: {"theta": {}}})
    assert broken.diagnostics == cold.diagnostics


def test_points_hold_by_their_margins_and_where_one_is_unknown_by_what_is_believed() -> None:
    problem = a_problem(SQUARE, **LIMIT)
    past = Past.of(ENCODING, 1, [a_trial(i, slope(i)) for i in range(30)], 1)
    models = Models.of(problem, ENCODING, past, {})
    left, right = [0.1, 0.5], [0.9, 0.5]
    margins = np.array([[1.0], [-1.0], [np.nan], [np.nan]])
    assert models.holding(np.array([left, right, left, right]), margins).tolist() == [False, True, True, False]
    assert models.holding(np.array([left, right])).tolist() == [True, False]


def test_the_design_is_drawn_where_exact_costs_are_expected_to_fit() -> None:
    """30 probes show that all but a quarter is too large: the design points lie in that quarter, spread."""
    problem = a_problem(SQUARE, constraints=["size_kb <= 50"], known_metrics=["size_kb"])
    plain = a_problem(SQUARE, constraints=["size_kb <= 50"])
    places = np.random.default_rng(3).random((30, 2)).tolist()
    probes = tuple(
        Observation.of(
            problem, -1 - n, TrialState.INFEASIBLE, {"x": x, "y": y}, {"size_kb": Value(100.0 * math.sqrt(x))}
        )
        for n, (x, y) in enumerate(places)
    )
    found = [one.params for one in suggest(problem, probes, {}, range(20)).items]
    unaware = [one.params for one in suggest(plain, probes, {}, range(20)).items]
    few = [one.params for one in suggest(problem, probes[:5], {}, range(20)).items]
    assert all(100.0 * math.sqrt(one["x"]) <= 50.5 for one in found)
    assert len({int(20 * one["x"]) for one in found}) >= 4
    assert sum(one["x"] > 0.26 for one in unaware) > 10
    assert few == unaware, "so few say nothing yet"
