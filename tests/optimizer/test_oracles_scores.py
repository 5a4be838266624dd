"""Measures of promise and fantasies against arithmetic of 120 digits and brute-force joint Monte Carlo."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pytest

from tests.optimizer.calculus import (
    assert_gradient_agrees,
    decimal_cdf,
    decimal_derivative,
    decimal_h,
    many_digits,
)
from trimtab_service.optimizer.acquisition import MEASURES
from trimtab_service.optimizer.priors import Prior
from trimtab_service.optimizer.scores import (
    FANTASIES,
    MOST_PENDING,
    Acquisition,
    ImprovementOnBest,
)
from trimtab_service.optimizer.surrogate import NUGGET, Surrogate, rows

ERRORS = 5.0
"""How many standard errors a mean of samples may be off."""
BEST = 0.2

# --- Measures of one normal variable --------------------------------------------------------------------------------

ORACLES: dict[str, Callable[[Decimal, Decimal], Decimal]] = {
    "log_ei": lambda mean, sd: (sd * decimal_h((Decimal(BEST) - mean) / sd)).ln(),
    "ei": lambda mean, sd: sd * decimal_h((Decimal(BEST) - mean) / sd),
    "pi": lambda mean, sd: decimal_cdf((Decimal(BEST) - Decimal("0.01") - mean) / sd).ln(),
    "ucb": lambda mean, sd: Decimal("1.8") * sd - mean,
}


def test_every_measure_has_an_oracle() -> None:
    assert ORACLES.keys() == MEASURES.keys()


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize("u", [-1e4, -300.0, -37.0, -8.0, -3.0, -1.0, 0.0, 0.5, 3.0, 9.0])
@pytest.mark.parametrize("sd", [1e-3, 0.4, 5.0])
def test_a_measure_and_its_gradient_are_exact_in_both_tails(name: str, u: float, sd: float) -> None:
    mean, variance = BEST - u * sd, sd * sd
    value, by_mean, by_variance = MEASURES[name].score(np.array([mean]), np.array([variance]), np.array([BEST]))

    def exact(mean: Decimal, variance: Decimal) -> Decimal:
        return ORACLES[name](mean, variance.sqrt())

    with many_digits():
        expected = float(exact(Decimal(mean), Decimal(variance)))
    assert value[0] == pytest.approx(expected, rel=1e-9, abs=1e-15 * sd)  # in units, φ and u Φ cancel far out
    slope = decimal_derivative(lambda m: exact(m, Decimal(variance)), mean)
    assert by_mean[0] == pytest.approx(slope, rel=1e-6, abs=1e-300)
    slope = decimal_derivative(lambda v: exact(Decimal(mean), v), variance)
    rounding = 1e-15 / variance if name == "log_ei" else 1e-300  # φ / h is taken as 1 - u Φ / h
    assert by_variance[0] == pytest.approx(slope, rel=1e-6, abs=rounding)


# --- Fantasies ------------------------------------------------------------------------------------------------------


def a_surrogate(seed: int = 0, n: int = 14) -> Surrogate:
    rng = np.random.default_rng(seed)
    X = rng.random((n, 4))
    z = np.sin(4 * X[:, 0] + seed) + X[:, 1] ** 2 - X[:, 2] * X[:, 3]
    return Surrogate.of(
        Prior.of_numbers(3).start(), rows(X, z - z.mean(), rng.uniform(0, 0.1, n)), np.array([0, 1, 2, 2])
    )


SURROGATE = a_surrogate()
PENDING = np.random.default_rng(1).random((3, 4))
NEAR = np.vstack([PENDING[0] + 0.02, SURROGATE.data.X[3] + 0.05])
AT = np.vstack([np.random.default_rng(2).random((4, 4)), NEAR])
INCUMBENT = float(np.median(SURROGATE.data.z))
"""Worse than the best, so that samples that improve on it are not rare."""


def fantasies(seed: int, measure: str = "log_ei") -> ImprovementOnBest:
    return ImprovementOnBest.of(SURROGATE, INCUMBENT, PENDING, np.random.default_rng(seed), MEASURES[measure])


def test_each_fantasy_is_the_posterior_given_its_sample() -> None:
    """μ + c C⁻¹ (F - μ_p) and v - c C⁻¹ c', with the joint covariance of what is pending and of the new point."""
    score = fantasies(seed=3)
    F = SURROGATE.sample(PENDING, np.random.default_rng(3).standard_normal((len(PENDING), FANTASIES)))
    joint = SURROGATE.covariance(np.vstack([PENDING, AT]))
    p = len(PENDING)
    weights = np.linalg.solve(joint[:p, :p] + NUGGET * np.eye(p), joint[:p, p:]).T
    means, variance = score.surrogate.predict_each(AT, score.alphas)
    expected = SURROGATE.predict(AT)[0][:, None] + weights @ (F - SURROGATE.predict(PENDING)[0][:, None])
    np.testing.assert_allclose(means, expected, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(variance, np.diag(joint)[p:] - np.sum(weights * joint[p:, :p], axis=1), rtol=1e-7)
    np.testing.assert_array_equal(score.bests, np.minimum(INCUMBENT, F.min(axis=0)))


def test_samples_have_the_posteriors_mean_and_covariance() -> None:
    count = 100_000
    samples = SURROGATE.sample(PENDING, np.random.default_rng(0).standard_normal((len(PENDING), count)))
    mean, covariance = SURROGATE.predict(PENDING)[0], SURROGATE.covariance(PENDING)
    sd = np.sqrt(np.diag(covariance))
    assert np.all(np.abs(samples.mean(axis=1) - mean) < ERRORS * sd / math.sqrt(count))
    errors = np.sqrt((np.outer(sd, sd) ** 2 + covariance**2) / count)
    assert np.all(np.abs(np.cov(samples) - covariance) < ERRORS * errors)


def joint_samples(point: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """What the pending trials and the point may give, by a root of the covariance of all of them together."""
    X = np.vstack([PENDING, point])
    values, vectors = np.linalg.eigh(SURROGATE.covariance(X))
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    samples = SURROGATE.predict(X)[0][:, None] + root @ np.random.default_rng(9).standard_normal((len(X), count))
    return samples[:-1], samples[-1]


@pytest.mark.parametrize("place", range(len(AT)))
def test_the_mean_over_fantasies_is_that_of_joint_samples(place: int) -> None:
    """The mean of 300 scores with 32 fantasies each, and 400,000 joint samples of all points, none integrated."""
    pending, new = joint_samples(AT[place], 400_000)
    best = np.minimum(INCUMBENT, pending.min(axis=0))
    for measure, gains in (
        ("log_ei", np.maximum(best - new, 0.0)),
        ("ei", np.maximum(best - new, 0.0)),
        ("pi", (new < best - 0.01).astype(float)),
    ):
        scores = np.array([fantasies(seed, measure)(AT[[place]])[0] for seed in range(300)])
        found = np.exp(scores) if MEASURES[measure].logarithmic else scores
        error = math.hypot(found.std() / math.sqrt(300), gains.std() / math.sqrt(len(gains)))
        assert abs(found.mean() - gains.mean()) < ERRORS * error


def test_next_to_a_pending_point_fantasies_leave_less_to_gain() -> None:
    alone, over = ImprovementOnBest.of(SURROGATE, INCUMBENT)(AT), fantasies(0)(AT)
    assert np.argmax(alone - over) == 4
    assert alone[4] - over[4] > 1.0


def test_the_bound_over_fantasies_is_that_of_what_would_be_left_unknown() -> None:
    found = np.mean([fantasies(seed, "ucb")(AT) for seed in range(300)], axis=0)
    left = SURROGATE.believing(PENDING).predict(AT)[1]
    mean, variance = SURROGATE.predict(AT)
    errors = np.sqrt((variance - left) / FANTASIES / 300)
    assert np.all(np.abs(found - (1.8 * np.sqrt(left) - mean)) < ERRORS * errors + 1e-9)


def test_many_pending_points_are_believed() -> None:
    pending = np.random.default_rng(4).random((MOST_PENDING + 1, 4))
    score = ImprovementOnBest.of(SURROGATE, INCUMBENT, pending, np.random.default_rng(0))
    means = SURROGATE.predict(pending)[0]
    assert score.bests.tolist() == [min(INCUMBENT, means.min())]
    np.testing.assert_allclose(
        score.surrogate.predict_each(AT, score.alphas)[0][:, 0], SURROGATE.predict(AT)[0], atol=1e-8
    )


def test_a_pending_point_promises_nothing_more() -> None:
    here, elsewhere = fantasies(0)(PENDING), fantasies(0)(AT[:4])
    assert np.all(here < elsewhere.max() - 5.0)
    assert np.all(np.isfinite(here))


# --- Gradients of scores --------------------------------------------------------------------------------------------

MANY = np.random.default_rng(4).random((MOST_PENDING + 1, 4))
SCORES: dict[str, Acquisition] = {
    **{f"{name} alone": ImprovementOnBest.of(SURROGATE, INCUMBENT, measure=one) for name, one in MEASURES.items()},
    **{f"{name} over fantasies": fantasies(0, name) for name in MEASURES},
    "log_ei, many pending": ImprovementOnBest.of(SURROGATE, INCUMBENT, MANY, np.random.default_rng(0)),
}


@pytest.mark.parametrize("name", SCORES)
def test_the_gradient_of_a_score_agrees_with_finite_differences(name: str) -> None:
    assert_gradient_agrees(SCORES[name], AT[:5])
