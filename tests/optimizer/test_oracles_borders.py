"""Probabilities of feasibility, and scores under limits, against many digits, Monte Carlo and finite differences."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from tests.optimizer.calculus import assert_gradient_agrees, decimal_cdf, decimal_derivative, many_digits
from trimtab_service.optimizer.acquisition import log_ehvi, log_probability_below, log_sampled_ehvi
from trimtab_service.optimizer.pareto import hypervolume, open_boxes
from trimtab_service.optimizer.priors import Prior
from trimtab_service.optimizer.scores import (
    Acquisition,
    Below,
    ImprovementOfFront,
    ImprovementOnBest,
    SampledImprovementOfFront,
    Sum,
)
from trimtab_service.optimizer.surrogate import Surrogate, rows

ERRORS = 5.0
"""How many standard errors a mean of samples may be off."""


def a_surrogate(seed: int) -> Surrogate:
    rng = np.random.default_rng(seed)
    X = rng.random((12, 3))
    z = np.sin(4 * X[:, 0] + seed) + X[:, 1] ** 2 - X[:, 2] * (seed % 2)
    return Surrogate.of(Prior.of_numbers(3).start(), rows(X, z - z.mean(), np.full(12, 0.01)), np.arange(3))


FIRST, SECOND, LIMIT, OTHER = (a_surrogate(seed) for seed in range(4))
AT = np.random.default_rng(5).random((5, 3))
PENDING = np.random.default_rng(6).random((3, 3))
BEST = float(np.median(FIRST.data.z))
"""Worse than the best, so that samples that improve on it are not rare."""


@pytest.mark.parametrize("u", [-1e4, -300.0, -37.0, -8.0, -1.0, 0.0, 0.5, 3.0, 9.0])
@pytest.mark.parametrize("sd", [1e-6, 0.4, 5.0])
def test_the_probability_below_and_its_gradient_are_exact_in_both_tails(u: float, sd: float) -> None:
    mean, variance = -u * sd, sd * sd

    def exact(mean: Decimal, variance: Decimal) -> Decimal:
        return decimal_cdf(-mean / variance.sqrt()).ln()

    value, by_mean, by_variance = log_probability_below(np.array([mean]), np.array([variance]))
    with many_digits():
        expected = float(exact(Decimal(mean), Decimal(variance)))
    assert value[0] == pytest.approx(expected, rel=1e-9, abs=1e-300)
    slope = decimal_derivative(lambda m: exact(m, Decimal(variance)), mean)
    assert by_mean[0] == pytest.approx(slope, rel=1e-6, abs=1e-300)
    slope = decimal_derivative(lambda v: exact(Decimal(mean), v), variance)
    assert by_variance[0] == pytest.approx(slope, rel=1e-6, abs=1e-300)


def drawn(surrogate: Surrogate, place: int, rng: np.random.Generator, count: int = 400_000) -> np.ndarray:
    mean, variance = surrogate.predict(AT[[place]])
    return mean[0] + math.sqrt(variance[0]) * rng.standard_normal(count)


@pytest.mark.parametrize("place", range(len(AT)))
def test_under_limits_it_is_the_improvement_of_samples_that_keep_them(place: int) -> None:
    score = Sum((ImprovementOnBest.of(FIRST, BEST), Below(LIMIT), Below(OTHER, spread=1.0)))
    rng = np.random.default_rng(place)
    gains = np.maximum(BEST - drawn(FIRST, place, rng), 0.0) * (drawn(LIMIT, place, rng) <= 0.0)
    other = drawn(OTHER, place, rng)
    gains *= other + rng.standard_normal(len(other)) <= 0.0
    error = gains.std() / math.sqrt(len(gains))
    assert abs(math.exp(score(AT[[place]])[0]) - gains.mean()) < ERRORS * error


@pytest.mark.parametrize("place", range(len(AT)))
def test_of_two_objectives_it_is_the_volume_gained_by_samples_that_keep_the_limit(place: int) -> None:
    front, corner = np.array([[-0.8, 0.6], [0.0, 0.0], [0.7, -0.9]]), np.array([1.5, 1.5])
    score = Sum((ImprovementOfFront((FIRST, SECOND), open_boxes(front, corner)), Below(LIMIT)))
    rng, count = np.random.default_rng(place), 4_000
    one, two, kept = (drawn(surrogate, place, rng, count) for surrogate in (FIRST, SECOND, LIMIT))
    before = hypervolume(front, corner)
    gains = np.array(
        [
            hypervolume(np.vstack([front, [[a, b]]]), corner) - before if c <= 0.0 else 0.0
            for a, b, c in zip(one, two, kept, strict=True)
        ]
    )
    error = gains.std() / math.sqrt(count)
    assert abs(math.exp(score(AT[[place]])[0]) - gains.mean()) < ERRORS * error + 1e-12


def test_pending_trials_that_may_not_become_the_incumbent_do_not() -> None:
    rng = np.random.default_rng(0)
    none = ImprovementOnBest.of(FIRST, -9.0, PENDING, rng, eligible=np.zeros(3, dtype=bool))
    assert np.all(none.bests == -9.0)
    high = 9.0
    others = np.arange(3) != np.argmin(FIRST.predict(PENDING)[0])
    some = ImprovementOnBest.of(FIRST, high, PENDING, np.random.default_rng(0), eligible=others)
    every = ImprovementOnBest.of(FIRST, high, PENDING, np.random.default_rng(0))
    assert np.all(some.bests >= every.bests)
    assert np.any(some.bests > every.bests)
    many = np.random.default_rng(4).random((40, 3))
    first = np.arange(40) == 0
    believed = ImprovementOnBest.of(FIRST, high, many, np.random.default_rng(0), eligible=first)
    assert believed.bests == pytest.approx(FIRST.predict(many[:1])[0])


def test_what_is_believed_of_pending_trials_leaves_a_limit_sure_there() -> None:
    limit = Below(LIMIT).believing(PENDING)
    mean = LIMIT.predict(PENDING)[0]
    sure = np.abs(mean) > 0.01
    np.testing.assert_array_equal(np.exp(limit(PENDING))[sure] > 0.99, mean[sure] <= 0.0)


# --- More than four objectives --------------------------------------------------------------------------------------

FIVE = tuple(a_surrogate(seed) for seed in range(5))


def directions(count: int, m: int = 5) -> np.ndarray:
    normals = np.abs(np.random.default_rng(1).standard_normal((count, m)))
    return np.asarray(normals / np.linalg.norm(normals, axis=1, keepdims=True))


def over(front: np.ndarray, corner: float) -> SampledImprovementOfFront:
    reference, weights = np.full(5, corner), np.ones(5)
    return SampledImprovementOfFront.of(FIVE, front, reference, weights, np.random.default_rng(0))


def few(score: SampledImprovementOfFront, count: int) -> SampledImprovementOfFront:
    """In a few of its directions: with many it has a kink wherever another objective is the least in one."""
    some = {name: getattr(score, name)[:count] for name in ("directions", "lengths", "normals")}
    return replace(score, **some)


def test_by_many_directions_it_is_the_expected_improvement_in_hypervolume() -> None:
    """Zhang & Golovin 2020, Lemma 5: HV = π^(m/2) / (2^m Γ(m/2 + 1)) E[max over points of min_j (y_j / λ_j)^m]."""
    m, corner, many = 3, np.ones(3), directions(200_000, 3)
    front = np.random.default_rng(0).random((6, m))
    mean, variance = np.random.default_rng(7).random((3, m)), np.full((3, m), 0.09)
    lengths = ((1.0 - front[:, None, :]) / many).min(axis=2).max(axis=0)
    normals = np.random.default_rng(3).standard_normal(many.shape)
    found = log_sampled_ehvi(mean, variance, corner, many, lengths, normals)[0]
    factor = math.pi ** (m / 2) / (2**m * math.gamma(m / 2 + 1))
    expected = np.exp(log_ehvi(mean, variance, open_boxes(front, corner))[0])
    np.testing.assert_allclose(factor * np.exp(found), expected, rtol=0.03)


def test_what_adds_nothing_still_rises_towards_the_front() -> None:
    score = over(np.full((1, 5), -2.0), 1.0)
    mean = np.linspace(0.0, 30.0, 31)[:, None] * np.ones(5)
    value = log_sampled_ehvi(
        mean, np.full((31, 5), 1e-4), np.ones(5), score.directions, score.lengths, score.normals
    )[0]
    assert np.all(np.isfinite(value))
    assert np.all(np.diff(value) < 0.0)
    assert np.all(value <= math.log(1e-12))


def test_a_front_reaches_as_far_as_its_farthest_point() -> None:
    front = np.array([[0.0] * 5, [-1.0] * 5])
    score = over(front, 1.0)
    np.testing.assert_allclose(score.lengths, 2.0 / score.directions.max(axis=1))
    assert np.all(over(np.empty((0, 5)), 1.0).lengths == 0.0)


def test_weights_stretch_the_directions() -> None:
    weights, reference = np.array([9.0, 1.0, 1.0, 1.0, 1.0]), np.ones(5)
    score = SampledImprovementOfFront.of(FIVE, np.empty((0, 5)), reference, weights, np.random.default_rng(0))
    np.testing.assert_allclose(np.linalg.norm(score.directions, axis=1), 1.0)
    middle = np.median(score.directions, axis=0)
    assert middle[0] > 3.0 * middle[1:].max()


SCORES: dict[str, Acquisition] = {
    "a limit": Below(LIMIT),
    "a probit": Below(LIMIT, spread=1.0),
    "a limit, pending": Below(LIMIT).believing(PENDING),
    "improvement under two limits": Sum((ImprovementOnBest.of(FIRST, BEST), Below(LIMIT), Below(OTHER))),
    "a front under a limit": Sum(
        (
            ImprovementOfFront((FIRST, SECOND), open_boxes([[-0.8, 0.6], [0.7, -0.9]], [1.5, 1.5])),
            Below(LIMIT),
        )
    ),
    "fantasies under a limit": Sum(
        (ImprovementOnBest.of(FIRST, BEST, PENDING, np.random.default_rng(0)), Below(LIMIT).believing(PENDING))
    ),
    "five objectives": few(over(np.full((1, 5), 0.5), 1.5), 3),
    "five objectives, nothing to gain": over(np.full((1, 5), -9.0), 1.0),
}


@pytest.mark.parametrize("name", SCORES)
def test_the_gradient_agrees_with_finite_differences(name: str) -> None:
    assert_gradient_agrees(SCORES[name], AT)
