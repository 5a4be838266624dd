"""Expected improvement against published values, integrals, sampling and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from tests.optimizer.calculus import derivative
from trimtab_service.optimizer.acquisition import (
    expected_improvement,
    log_ehvi,
    log_expected_improvement,
    probability_of_improvement,
)
from trimtab_service.optimizer.pareto import hypervolume, open_boxes
from trimtab_service.optimizer.priors import Prior
from trimtab_service.optimizer.scores import ImprovementOfFront, ImprovementOnBest
from trimtab_service.optimizer.surrogate import Surrogate, rows


def arrays(*numbers: float) -> list[np.ndarray]:
    return [np.array([number]) for number in numbers]


def test_expected_improvement_has_the_published_values() -> None:
    """Brochu et al. 2010 maximise; minimising is the same with every sign turned."""
    mean, sd, zero = arrays(-1.0, 0.5, 0.0)
    assert expected_improvement(mean, sd, -0.8, 0.01)[0] == pytest.approx(0.3087021, abs=5e-8)
    assert probability_of_improvement(mean, sd, -0.8, 0.01)[0] == pytest.approx(0.6480273, abs=5e-8)
    assert expected_improvement(np.array([-0.8]), np.array([1.0]), -0.8)[0] == pytest.approx(0.3989423, abs=5e-8)
    assert expected_improvement(mean, zero, -0.8)[0] == 0.0
    assert probability_of_improvement(mean, zero, -0.8)[0] == 0.0


def test_expected_improvement_is_the_mean_of_the_improvement() -> None:
    for mean, sd, best in ((0.3, 0.7, 0.0), (-1.0, 0.2, 0.5), (2.0, 1.5, -1.0)):
        integral = quad(lambda y, m=mean, s=sd, b=best: (b - y) * norm.pdf(y, m, s), best - 12 * sd - 5, best)[0]
        assert expected_improvement(*arrays(mean, sd), best)[0] == pytest.approx(integral, abs=1e-9)


def test_log_expected_improvement_is_the_logarithm_where_that_exists() -> None:
    mean, variance = np.linspace(-3.0, 20.0, 60), np.full(60, 0.8**2)
    expected = expected_improvement(mean, np.sqrt(variance), 0.5)
    np.testing.assert_allclose(np.exp(log_expected_improvement(mean, variance, 0.5)[0]), expected, rtol=1e-6)


def test_log_expected_improvement_follows_its_asymptote_far_out() -> None:
    """ln h(u) = -u²/2 - ln √(2π) - 2 ln |u| + ln(1 - 3/u² + 15/u⁴ - 105/u⁶ + …)."""
    for u in (-50.0, -900.0, -1_100.0, -1e5, -1e8):
        expected = (
            -0.5 * u * u - 0.5 * np.log(2 * np.pi) - 2 * np.log(-u) + np.log1p(-3 / u**2 + 15 / u**4 - 105 / u**6)
        )
        value = log_expected_improvement(*arrays(-u, 1.0), 0.0)[0][0]
        assert value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("u", [2.0, -0.5, -1.0, -3.0, -30.0, -999.0, -1_001.0, -3_000.0])
def test_the_gradient_of_log_expected_improvement_agrees_with_finite_differences(u: float) -> None:
    variance = 0.49
    mean = -0.7 * u
    _, by_mean, by_variance = log_expected_improvement(*arrays(mean, variance), 0.0)
    assert by_mean[0] == pytest.approx(
        derivative(lambda m: log_expected_improvement(*arrays(m, variance), 0.0)[0][0], mean), rel=1e-6
    )
    assert by_variance[0] == pytest.approx(
        derivative(lambda v: log_expected_improvement(*arrays(mean, v), 0.0)[0][0], variance), rel=1e-6
    )


FRONTS = {
    2: np.array([[0.1, 0.9], [0.4, 0.5], [0.8, 0.2]]),
    3: np.array([[0.1, 0.8, 0.6], [0.5, 0.2, 0.7], [0.6, 0.6, 0.1], [0.3, 0.5, 0.5]]),
    4: np.array([[0.1, 0.8, 0.6, 0.4], [0.5, 0.2, 0.7, 0.3], [0.6, 0.6, 0.1, 0.8]]),
}


@pytest.mark.parametrize("objectives", [2, 3, 4])
def test_expected_hypervolume_improvement_agrees_with_sampling(objectives: int) -> None:
    rng = np.random.default_rng(objectives)
    front, reference = FRONTS[objectives], np.ones(objectives)
    mean, sd = rng.uniform(0.2, 0.7, objectives), rng.uniform(0.1, 0.4, objectives)
    before = hypervolume(front, reference)
    samples = mean + sd * rng.standard_normal((2_000, objectives))
    gains = [hypervolume(np.vstack([front, one]), reference) - before for one in samples]
    exact = np.exp(log_ehvi(mean[None, :], sd[None, :] ** 2, open_boxes(front, reference))[0][0])
    assert abs(exact - np.mean(gains)) < 4 * np.std(gains) / np.sqrt(len(gains))


def test_with_one_objective_it_is_expected_improvement() -> None:
    mean, variance = np.linspace(-2, 3, 9), np.linspace(0.1, 2, 9)
    several = log_ehvi(mean[:, None], variance[:, None], open_boxes([[0.3]], [9.0]))
    one = log_expected_improvement(mean, variance, 0.3)
    for left, right in zip(several, one, strict=True):
        np.testing.assert_allclose(np.ravel(left), right, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("objectives", [2, 3, 4])
@pytest.mark.parametrize("away", [0.0, 1.5, 40.0])
def test_the_gradient_of_log_ehvi_agrees_with_finite_differences(objectives: int, away: float) -> None:
    rng = np.random.default_rng(7)
    boxes = open_boxes(FRONTS[objectives], np.ones(objectives))
    mean, variance = rng.uniform(0.3, 0.6, (1, objectives)) + away, rng.uniform(0.02, 0.1, (1, objectives))
    value, by_mean, by_variance = log_ehvi(mean, variance, boxes)
    assert np.isfinite(value[0])
    for place in range(objectives):
        step = np.eye(objectives)[place]
        assert by_mean[0, place] == pytest.approx(
            derivative(lambda t, s=step: log_ehvi(mean + (t - 1.0) * s, variance, boxes)[0][0], 1.0), rel=1e-5
        )
        assert by_variance[0, place] == pytest.approx(
            derivative(
                lambda t, s=step, p=place: log_ehvi(mean, variance + (t - 1.0) * s * variance[0, p], boxes)[0][0], 1.0
            )
            / variance[0, place],
            rel=1e-5,
        )


def test_log_ehvi_stays_finite_where_the_improvement_underflows() -> None:
    boxes = open_boxes(FRONTS[2], np.ones(2))
    for mean, variance in (
        (np.full((1, 2), 1e3), 1e-6),
        (np.full((1, 2), -1e3), 1e-6),
        (np.full((1, 2), 0.9), 1e-12),
    ):
        for one in log_ehvi(mean, np.full((1, 2), variance), boxes):
            assert np.all(np.isfinite(one))


def a_surrogate(seed: int) -> Surrogate:
    rng = np.random.default_rng(seed)
    X = rng.random((12, 3))
    z = np.sin(4 * X[:, 0] + seed) + X[:, 1] ** 2 - X[:, 2]
    return Surrogate.of(Prior.of_numbers(3).start(), rows(X, z, np.zeros(12)), np.arange(3))


@pytest.mark.parametrize(
    "score",
    [
        ImprovementOnBest.of(a_surrogate(0), best=-0.5),
        ImprovementOfFront((a_surrogate(0), a_surrogate(1)), open_boxes([[-0.5, 0.2], [0.1, -0.6]], [1.0, 1.0])),
    ],
    ids=["one objective", "two objectives"],
)
def test_the_gradient_of_a_score_of_points_agrees_with_finite_differences(
    score: ImprovementOnBest | ImprovementOfFront,
) -> None:
    points = np.random.default_rng(5).random((6, 3))
    values, gradients = score.with_gradient(points)
    np.testing.assert_allclose(values, score(points), rtol=1e-12)
    for row, column in np.ndindex(points.shape):

        def moved(x: float, row: int = row, column: int = column) -> float:
            shifted = points[[row]]
            shifted[0, column] = x
            return float(score(shifted)[0])

        assert gradients[row, column] == pytest.approx(derivative(moved, points[row, column]), rel=1e-5, abs=1e-6)
