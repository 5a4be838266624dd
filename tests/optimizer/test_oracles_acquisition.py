"""Acquisitions against Monte Carlo, quadrature and arithmetic of 120 digits."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from decimal import Decimal
from functools import cache

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from tests.optimizer.calculus import (
    assert_gradient_agrees,
    decimal_cdf,
    decimal_derivative,
    decimal_h,
    decimal_log_h,
    many_digits,
)
from trimtab_service.optimizer.acquisition import (
    expected_improvement,
    log_ehvi,
    log_expected_improvement,
    log_h,
    probability_of_improvement,
)
from trimtab_service.optimizer.pareto import hypervolume, open_boxes
from trimtab_service.optimizer.priors import Prior
from trimtab_service.optimizer.scores import ImprovementOfFront, ImprovementOnBest
from trimtab_service.optimizer.surrogate import Surrogate, rows

ERRORS = 5.0
"""How many standard errors a mean of samples may be off."""
US = [-1e8, -1e5, -3e3, -1_001.0, -999.0, -100.0, -37.6, -8.0, -3.0, -1.01, -1.0, -0.99, -0.5, 0.0, 1.0, 5.0, 30.0]


# --- One objective --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("u", [-3.5, -2.0, -0.5, 0.0, 1.0, 3.0])
def test_log_expected_improvement_is_the_mean_of_sampled_improvements(u: float) -> None:
    sd, best = 0.7, -0.3
    mean = best - u * sd
    gains = np.maximum(best - np.random.default_rng(0).normal(mean, sd, 500_000), 0.0)
    found = math.exp(log_expected_improvement(np.array([mean]), np.array([sd * sd]), best)[0][0])
    assert abs(found - gains.mean()) < ERRORS * gains.std() / math.sqrt(len(gains))
    plain = expected_improvement(np.array([mean]), np.array([sd]), best)[0]
    assert abs(plain - gains.mean()) < ERRORS * gains.std() / math.sqrt(len(gains))
    chance = probability_of_improvement(np.array([mean]), np.array([sd]), best)[0]
    assert abs(chance - np.mean(gains > 0.0)) < ERRORS * np.std(gains > 0.0) / math.sqrt(len(gains))


@pytest.mark.parametrize("u", US)
def test_ln_h_and_its_derivative_are_right_in_both_tails(u: float) -> None:
    value, slope = log_h(np.array([u]))
    assert value[0] == pytest.approx(decimal_log_h(u), rel=1e-14, abs=1e-14)
    with many_digits():
        expected = float(decimal_cdf(Decimal(u)) / decimal_h(Decimal(u)))
    assert slope[0] == pytest.approx(expected, rel=1e-9)
    assert expected == pytest.approx(decimal_derivative(lambda x: decimal_h(x).ln(), u), rel=1e-12)


@pytest.mark.parametrize("u", US)
@pytest.mark.parametrize("sd", [1e-6, 0.3, 20.0])
def test_the_gradient_of_log_expected_improvement_is_exact_in_both_tails(u: float, sd: float) -> None:
    """By arithmetic of many digits: far out, ln EI changes too little from float to float for differences."""
    mean, variance = -u * sd, sd * sd
    _, by_mean, by_variance = log_expected_improvement(np.array([mean]), np.array([variance]), 0.0)

    def log_ei(mean: Decimal, variance: Decimal) -> Decimal:
        root = variance.sqrt()
        return (root * decimal_h(-mean / root)).ln()

    expected = decimal_derivative(lambda m: log_ei(m, Decimal(variance)), mean)
    assert by_mean[0] == pytest.approx(expected, rel=1e-6)
    expected = decimal_derivative(lambda v: log_ei(Decimal(mean), v), variance)
    assert by_variance[0] == pytest.approx(expected, rel=1e-6)


# --- Several objectives ---------------------------------------------------------------------------------------------

FRONTS = {
    2: np.array([[0.1, 0.9], [0.4, 0.5], [0.8, 0.2]]),
    3: np.array([[0.1, 0.8, 0.6], [0.5, 0.2, 0.7], [0.6, 0.6, 0.1], [0.3, 0.5, 0.5]]),
}


@cache
def cells(objectives: int) -> tuple[tuple[tuple[float, float], ...], ...]:
    """The grid through all points of the front, without the cells that one of them dominates: no clever boxes."""
    front = FRONTS[objectives]
    edges = [[-math.inf, *sorted(set(front[:, place])), 1.0] for place in range(objectives)]
    grid = itertools.product(*(itertools.pairwise(one) for one in edges))
    return tuple(cell for cell in grid if not np.any(np.all(front <= [low for low, _ in cell], axis=1)))


def sampled_gains(samples: np.ndarray) -> np.ndarray:
    """The volume that each sample would add: in each cell, what lies above the sample. (k, m) -> (k,)"""
    total = np.zeros(len(samples))
    for cell in cells(samples.shape[1]):
        low, high = np.array(cell).T
        total += np.prod(np.maximum(high - np.maximum(samples, low), 0.0), axis=1)
    return total


@pytest.mark.parametrize("objectives", [2, 3])
def test_the_cells_add_up_to_the_hypervolume(objectives: int) -> None:
    front, reference = FRONTS[objectives], np.ones(objectives)
    samples = np.random.default_rng(0).uniform(-0.5, 1.2, (50, objectives))
    grown = [hypervolume(np.vstack([front, one]), reference) for one in samples]
    np.testing.assert_allclose(sampled_gains(samples), np.array(grown) - hypervolume(front, reference), atol=1e-12)


@pytest.mark.parametrize("objectives", [2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_log_ehvi_is_the_mean_of_sampled_gains(objectives: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    mean, sd = rng.uniform(0.0, 1.0, objectives), rng.uniform(0.05, 0.5, objectives)
    gains = sampled_gains(rng.normal(mean, sd, (50_000, objectives)))
    found = log_ehvi(mean[None, :], sd[None, :] ** 2, open_boxes(FRONTS[objectives], np.ones(objectives)))[0][0]
    assert abs(math.exp(found) - gains.mean()) < ERRORS * gains.std() / math.sqrt(len(gains))


@pytest.mark.parametrize("objectives", [2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_ehvi_is_the_chance_of_domination_integrated_over_what_is_open(objectives: int, seed: int) -> None:
    """EHVI = ∫ P(Y ≤ p) dp over the open region: of Φ alone, by quadrature."""
    rng = np.random.default_rng(seed)
    mean, sd = rng.uniform(0.0, 1.0, objectives), rng.uniform(0.05, 0.5, objectives)

    @cache
    def side(place: int, low: float, high: float) -> float:
        start = max(low, mean[place] - 12.0 * sd[place])
        return (
            quad(lambda p: norm.cdf(p, mean[place], sd[place]), start, high, epsabs=1e-13)[0] if start < high else 0.0
        )

    expected = sum(math.prod(side(j, *edge) for j, edge in enumerate(cell)) for cell in cells(objectives))
    found = log_ehvi(mean[None, :], sd[None, :] ** 2, open_boxes(FRONTS[objectives], np.ones(objectives)))[0][0]
    assert math.exp(found) == pytest.approx(expected, rel=1e-9)


def decimal_log_ehvi(mean: list[Decimal], variance: list[Decimal]) -> Decimal:
    """ln Σ_cells Π_j s (h((high - μ) / s) - h((low - μ) / s))"""
    objectives = len(mean)
    sd = [one.sqrt() for one in variance]

    @cache
    def scaled_h(place: int, edge: float) -> Decimal:
        return Decimal(0) if math.isinf(edge) else sd[place] * decimal_h((Decimal(edge) - mean[place]) / sd[place])

    def volume(cell: tuple[tuple[float, float], ...]) -> Decimal:
        sides = [scaled_h(j, high) - scaled_h(j, low) for j, (low, high) in enumerate(cell)]
        return math.prod(sides, start=Decimal(1))

    return sum((volume(cell) for cell in cells(objectives)), Decimal(0)).ln()


@pytest.mark.parametrize("objectives", [2, 3])
@pytest.mark.parametrize("away", [-0.5, 0.0, 0.7, 3.0, 40.0])
@pytest.mark.parametrize("seed", range(2))
def test_log_ehvi_and_its_gradient_are_exact_however_small_the_gain(objectives: int, away: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    mean, variance = rng.uniform(0.2, 0.8, objectives) + away, rng.uniform(0.01, 0.2, objectives)
    value, by_mean, by_variance = log_ehvi(
        mean[None, :], variance[None, :], open_boxes(FRONTS[objectives], np.ones(objectives))
    )
    means, variances = [Decimal(one) for one in mean], [Decimal(one) for one in variance]
    with many_digits():
        assert value[0] == pytest.approx(float(decimal_log_ehvi(means, variances)), rel=1e-10, abs=1e-10)
    for place in range(objectives):

        def moved(t: Decimal, into: list[Decimal], place: int = place) -> list[Decimal]:
            return [*into[:place], t, *into[place + 1 :]]

        def of_mean(t: Decimal, moved: Callable[..., list[Decimal]] = moved) -> Decimal:
            return decimal_log_ehvi(moved(t, means), variances)

        def of_variance(t: Decimal, moved: Callable[..., list[Decimal]] = moved) -> Decimal:
            return decimal_log_ehvi(means, moved(t, variances))

        assert by_mean[0, place] == pytest.approx(decimal_derivative(of_mean, mean[place]), rel=1e-6)
        assert by_variance[0, place] == pytest.approx(
            decimal_derivative(of_variance, variance[place]), rel=1e-6, abs=1e-12
        )


# --- Scores of points -----------------------------------------------------------------------------------------------


def a_surrogate(seed: int) -> Surrogate:
    rng = np.random.default_rng(seed)
    X = rng.random((14, 4))
    z = np.sin(4 * X[:, 0] + seed) + X[:, 1] ** 2 - X[:, 2] * X[:, 3]
    return Surrogate.of(
        Prior.of_numbers(3).start(), rows(X, z - z.mean(), rng.uniform(0, 0.1, 14)), np.array([0, 1, 2, 2])
    )


SCORES = {
    "ln EI": ImprovementOnBest.of(a_surrogate(0), best=-0.5),
    "ln EI far from any hope": ImprovementOnBest.of(a_surrogate(0), best=-60.0),
    "ln EHVI of 2": ImprovementOfFront((a_surrogate(0), a_surrogate(1)), open_boxes(FRONTS[2] - 0.8, [0.5, 0.5])),
    "ln EHVI of 3": ImprovementOfFront(
        (a_surrogate(0), a_surrogate(1), a_surrogate(2)), open_boxes(FRONTS[3] - 0.8, [0.5] * 3)
    ),
}


@pytest.mark.parametrize("name", SCORES)
def test_the_gradient_of_a_score_of_points_agrees_with_finite_differences(name: str) -> None:
    assert_gradient_agrees(SCORES[name], np.random.default_rng(5).random((6, 4)))
