"""Whole studies under limits, with failures, with late results and with many objectives."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import moocore
import numpy as np
import pytest

from tests.optimizer.spaces import SQUARE, a_problem, bowl, failed
from trimtab_service.domain.metric import Value
from trimtab_service.domain.space import Params
from trimtab_service.domain.study import Problem
from trimtab_service.domain.trial import Observation, Source, TrialState
from trimtab_service.optimizer.suggest import suggest

HEAT: dict[str, Any] = {"metrics": ["heat"], "constraints": ["heat <= 1"]}
TWO: dict[str, Any] = {"objectives": {"loss": "minimize", "other": "minimize"}}


def heat(params: Params) -> float:
    """At most 1 left of a slanted line, beyond which the minimum of `bowl` lies."""
    return float(params["y"] - 0.6 * params["x"] + 0.5)


def values(params: Params) -> dict[str, float]:
    return {"loss": bowl(params), "other": (params["x"] - 0.8) ** 2 + params["y"], "heat": heat(params)}


def observed(problem: Problem, number: int, params: Params, told: dict[str, float]) -> Observation:
    kept = {key: Value(one) for key, one in told.items()}
    return Observation.of(problem, number, TrialState.COMPLETE, params, kept)


def play(
    problem: Problem,
    trials: int,
    close: Callable[[int, Params], Observation],
    workers: int = 1,
    before: tuple[Observation, ...] = (),
) -> list[Observation]:
    """A study from its first to its last trial. close: what becomes of an open trial. before: cost probes."""
    history: dict[int, Observation] = {}
    states: dict[str, Any] = {}
    opened: list[int] = []
    for number in range(trials):
        answer = suggest(problem, (*before, *history.values()), states, [number])
        states = {**states, **answer.surrogates}
        history[number] = Observation(number, TrialState.RUNNING, answer.items[0].params)
        opened.append(number)
        if len(opened) == workers:
            done = opened.pop(0)
            history[done] = close(done, history[done].params)
    return list(history.values())


def best_feasible(history: list[Observation]) -> float:
    return min(one.losses[0] for one in history if one.margins and max(one.margins) <= 0.0)


ATTAINABLE = min(
    bowl({"x": x, "y": min(y, 0.5 + 0.6 * x)})
    for x in np.linspace(0.0, 1.0, 201).tolist()
    for y in np.linspace(0.0, 1.0, 201).tolist()
)


@pytest.mark.parametrize("workers", [1, 4])
def test_the_best_that_keeps_a_limit_is_found_at_the_limit(workers: int) -> None:
    problem = a_problem(SQUARE, **HEAT)
    history = play(problem, 35, lambda number, params: observed(problem, number, params, values(params)), workers)
    assert best_feasible(history) < ATTAINABLE + 2e-3
    assert min(one.losses[0] for one in history if one.losses) >= 0.0
    late = [max(one.margins) > 0.02 for one in history[15:] if one.margins]
    assert np.mean(late) < 0.4


def test_of_two_objectives_only_feasible_points_make_the_front() -> None:
    problem = a_problem(SQUARE, **TWO, **HEAT)
    history = play(problem, 45, lambda number, params: observed(problem, number, params, values(params)), workers=3)
    late = [max(one.margins) > 0.02 for one in history[15:] if one.margins]
    assert np.mean(late) < 0.3
    assert best_feasible(history) < ATTAINABLE + 0.05


def test_while_nothing_is_feasible_the_limit_alone_is_sought() -> None:
    problem = a_problem(SQUARE, metrics=["heat"], constraints=["heat <= 0.02"])  # a corner of a thousandth
    history = play(problem, 30, lambda number, params: observed(problem, number, params, values(params)))
    broken = [max(one.margins) > 0 for one in history]
    assert all(broken[:5])
    assert not all(broken)


def test_what_probes_taught_of_a_known_metric_is_never_proposed_over_its_limit() -> None:
    problem = a_problem(SQUARE, known_metrics=["heat"], **HEAT)
    drawn = np.random.default_rng(0).random((100, 2)).tolist()
    probes = tuple(
        Observation.of(
            problem, -1 - i, TrialState.INFEASIBLE, {"x": x, "y": y}, {"heat": Value(heat({"x": x, "y": y}))}
        )
        for i, (x, y) in enumerate(drawn)
    )
    history = play(
        problem, 25, lambda number, params: observed(problem, number, params, values(params)), before=probes
    )
    assert not any(max(one.margins) > 1e-3 for one in history[5:])
    assert best_feasible(history) < ATTAINABLE + 2e-3


def test_a_refused_trial_is_not_proposed_again_and_counts_as_no_failure() -> None:
    problem = a_problem(SQUARE, known_metrics=["heat"], **HEAT)

    def close(number: int, params: Params) -> Observation:
        told = observed(problem, number, params, values(params))
        if max(told.margins) <= 0:
            return told
        return Observation.of(problem, number, TrialState.INFEASIBLE, params, {"heat": Value(heat(params))})

    history = play(problem, 30, close)
    refused = [one for one in history if one.state is TrialState.INFEASIBLE]
    assert refused
    assert len({repr(one.params) for one in history}) == 30
    assert best_feasible([one for one in history if one.losses]) < ATTAINABLE + 2e-3


@pytest.mark.parametrize("corner", [0.5, 0.7])
def test_trials_seldom_fail_where_others_failed(corner: float) -> None:
    problem = a_problem(SQUARE)

    def close(number: int, params: Params) -> Observation:
        if params["x"] < corner and params["y"] < 0.25 / corner:  # a quarter
            return failed(number, params)
        return observed(problem, number, params, {"loss": (params["x"] - 0.3) ** 2 + params["y"]})

    history = play(problem, 60, close)
    assert np.mean([one.state is TrialState.FAILED for one in history[20:]]) <= 0.08
    assert len({repr(one.params) for one in history}) == 60


def test_proposals_go_on_while_an_objective_is_late() -> None:
    problem = a_problem(SQUARE, **TWO, late_metrics=["other"])
    latest: list[Observation] = []

    def close(number: int, params: Params) -> Observation:
        told = values(params)
        latest.append(observed(problem, number, params, {"loss": told["loss"]}))
        assert math.isnan(latest[-1].losses[1])
        return latest[-1]

    states: dict[str, Any] = {}
    history: list[Observation] = []
    sources = []
    for number in range(30):
        answer = suggest(problem, tuple(history), states, [number])
        states = {**states, **answer.surrogates}
        sources.append(answer.items[0].source)
        history.append(close(number, answer.items[0].params))
        if number >= 10:  # the other objective comes ten trials late
            then = history[number - 10]
            history[number - 10] = observed(problem, then.number, then.params, values(then.params))
    assert sources[-15:] == [Source.GP] * 15
    assert len({repr(one.params) for one in history}) == 30
    assert states["loss"]["diagnostics"]["rows"] == 29
    assert states["other"]["diagnostics"]["rows"] == 19


def on_a_sphere(params: Params, count: int) -> dict[str, float]:
    """DTLZ2 off the centre: the front is the part of a sphere of radius 1 where all are positive. Deb et al. 2002."""
    x = np.array(list(params.values()))
    angles, rest = x[: count - 1] * math.pi / 2, x[count - 1 :]
    radius = 1.0 + 4.0 * float(np.sum((rest - 0.35) ** 2))
    cosines = np.append(np.cumprod(np.append(1.0, np.cos(angles)))[::-1], [])
    sines = np.append(1.0, np.sin(angles[::-1]))
    return {f"m{place}": float(one) for place, one in enumerate(radius * cosines * sines)}


CUBE = {f"x{place}": {"type": "float", "low": 0.0, "high": 1.0} for place in range(6)}
FIVE: dict[str, Any] = {"objectives": {f"m{place}": "minimize" for place in range(5)}}


def reached(algorithm: str) -> tuple[float, np.ndarray]:
    problem = a_problem(CUBE, algorithm=algorithm, **FIVE)
    history = play(problem, 70, lambda number, params: observed(problem, number, params, on_a_sphere(params, 5)))
    losses = np.array([one.losses for one in history])
    return float(moocore.hypervolume(losses, ref=np.full(5, 1.5))), losses


def test_more_than_four_objectives_are_sought_better_than_at_random() -> None:
    (found, losses), (by_chance, _) = reached("gp"), reached("random")
    assert found > 1.2 * by_chance
    assert np.median(np.linalg.norm(losses[40:], axis=1)) < 1.2
