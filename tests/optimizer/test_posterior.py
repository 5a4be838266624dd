"""Beliefs in the metrics' own units: by quadrature against draws, through every warp, direction and scale."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.optimizer.spaces import SQUARE, a_problem, bowl, told
from trimtab_service.domain.errors import NoSurrogate
from trimtab_service.domain.metric import Direction, Objective
from trimtab_service.optimizer.posterior import Posterior, Scale, told_values
from trimtab_service.optimizer.warping import LAMBDAS, standardise

OBJECTIVES = [Objective("m", direction, log) for direction in Direction for log in (False, True)]
LOSSES = np.concatenate([np.linspace(0.1, 1.0, 30), [2.0, 2.5]])
"""The last two lie beyond the cap."""


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("power", LAMBDAS)
def test_beliefs_agree_with_draws(objective: Objective, power: float) -> None:
    scale = Scale.of(objective, standardise(LOSSES, power), LOSSES)
    rng = np.random.default_rng(0)
    for mean, sd in ((0.0, 0.1), (-1.0, 0.3), (1.5, 0.5), (4.0, 1.0)):
        found = scale.beliefs(np.array([mean]), np.array([sd**2]))[0]
        z = mean + sd * rng.standard_normal(400_000)
        beyond = rng.choice([2.0, 2.5], len(z))
        drawn = scale.values(np.where(z < scale.warp.apply(np.array([np.inf])), scale.losses(z), beyond))
        error = drawn.std() / math.sqrt(len(drawn))
        assert found.mean == pytest.approx(drawn.mean(), abs=6 * error + 0.002 * found.sd)
        assert found.sd == pytest.approx(drawn.std(), rel=0.02)
        assert found.median == pytest.approx(np.quantile(drawn, 0.5, method="closest_observation"), rel=0.02)
        low, high = np.quantile(drawn, [0.025, 0.975], method="closest_observation")
        assert (found.lower, found.upper) == (pytest.approx(low, rel=0.02), pytest.approx(high, rel=0.02))


def test_values_are_the_inverse_of_losses() -> None:
    for objective in OBJECTIVES:
        given = [0.25, 1.0, 61_237.0, 3.3e-7]
        losses = np.array([[objective.loss(value)] for value in given])
        problem = a_problem(SQUARE, objectives={"m": objective.to_spec()})
        assert [one["m"] for one in told_values(problem, losses)] == pytest.approx(given, rel=1e-12)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_belief_in_what_lies_beyond_the_cap_reaches_the_told_values_there(objective: Objective) -> None:
    warp = standardise(LOSSES)
    scale = Scale.of(objective, warp, LOSSES)
    at_cap = warp.apply(np.array([2.5]))
    found = scale.beliefs(at_cap, np.array([1e-4]))[0]
    worst = scale.values(np.array([2.5]))[0]
    assert scale.cap == pytest.approx(warp.cap)
    if objective.direction is Direction.MAXIMIZE:
        assert found.lower == worst < found.median <= found.upper
    else:
        assert found.upper == worst > found.median >= found.lower
    clear = scale.beliefs(np.array([0.0]), np.array([1e-4]))[0]
    assert abs(clear.upper - clear.lower) < abs(found.upper - found.lower)


@pytest.mark.parametrize("size", [1e-300, 1e-150, 1.0, 1e150, 1e300])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_beliefs_of_any_size_are_finite_and_ordered(objective: Objective, size: float) -> None:
    losses = LOSSES * (math.log10(size) if objective.log and size != 1.0 else size)
    for power in LAMBDAS:
        scale = Scale.of(objective, standardise(losses, power), losses)
        found = scale.beliefs(np.linspace(-9, 9, 7), np.full(7, 4.0))
        for place in range(7):
            one = found[place]
            assert all(math.isfinite(number) for number in (one.mean, one.sd, one.median, one.lower, one.upper))
            assert one.lower <= one.median <= one.upper
            assert one.sd >= 0


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("log", [False, True])
def test_what_was_told_is_predicted_in_the_metrics_unit(direction: str, log: bool) -> None:
    problem = a_problem(SQUARE, objectives={"m": {"direction": direction, "log": log}})
    (objective,) = problem.objectives
    drawn = np.random.default_rng(0).random((40, 2)).tolist()
    value = [2.0 + bowl({"x": x, "y": y}) for x, y in drawn]
    history = tuple(told(i, {"x": x, "y": y}, objective.loss(value[i])) for i, (x, y) in enumerate(drawn))
    posterior = Posterior.of(problem, history, {})
    found = posterior.beliefs(posterior.past.told)["m"]
    inside = 0
    for place, number in enumerate(posterior.past.numbers):
        assert found.median[place] == pytest.approx(value[number], abs=0.05)
        inside += found.lower[place] <= value[number] <= found.upper[place]
    assert inside >= 36


def test_without_results_or_choice_there_is_no_posterior() -> None:
    with pytest.raises(NoSurrogate, match="needs 2 complete trials, this study has 1"):
        Posterior.of(a_problem(SQUARE), (told(0, {"x": 0.5, "y": 0.5}, 1.0),), {})
    fixed = a_problem({"c": {"type": "constant", "value": 1}})
    with pytest.raises(NoSurrogate, match="more than one value"):
        Posterior.of(fixed, (told(0, {"c": 1}, 1.0), told(1, {"c": 1}, 2.0)), {})
