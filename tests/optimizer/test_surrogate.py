"""The rules that the Gaussian process must keep. Its numbers are held to oracles in `test_oracles_surrogate`."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from trimtab_service.optimizer.priors import Prior
from trimtab_service.optimizer.surrogate import (
    Rows,
    Surrogate,
    fit,
    misfit,
    rows,
    theta_from_state,
    theta_to_state,
)

GROUPS = np.array([0, 1, 1, 2])
"""Four columns, two of which share a length scale."""
THETA = np.array([-0.7, 0.4, -1.1, 0.3, math.log(0.02)])


NUMBERS = Prior.of_numbers(3)


def told(n: int = 25, seed: int = 0) -> Rows:
    rng = np.random.default_rng(seed)
    X = rng.random((n, 4))
    z = np.sin(6 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.1 * rng.standard_normal(n)
    return rows(X, (z - z.mean()) / z.std(), rng.uniform(0.0, 0.05, n))


def test_the_mode_of_the_length_scale_prior_is_that_of_a_log_normal_density() -> None:
    """exp(μ - σ²) √d, not exp(μ) √d: the density is one in ℓ. For numbers and for choices."""
    numbers, choices = math.log(0.6) - 1.2**2 + math.log(2.0), 0.4 - 1.0 + math.log(2.0)
    prior = Prior.of(np.array([False, True, False, True]))
    mode = np.array([numbers, choices, numbers, choices, 0.0, -5.0])
    np.testing.assert_allclose(prior.penalty(mode)[1], 0.0, atol=1e-12)


def test_duplicates_count_as_their_average_with_less_noise() -> None:
    """Three tells at one point: the posterior is the same whether they are merged or kept apart."""
    X = np.array([[0.2, 0.1, 0.1, 0.5], [0.2, 0.1, 0.1, 0.5], [0.2, 0.1, 0.1, 0.5], [0.8, 0.3, 0.9, 0.5]])
    z, none = np.array([1.0, 2.0, 3.0, -1.0]), np.zeros(4)
    merged = rows(X, z, none)
    assert (len(merged), merged.z.tolist(), merged.copies.tolist()) == (2, [2.0, -1.0], [3.0, 1.0])
    apart = Rows(X, z, none, np.ones(4))
    at = np.random.default_rng(3).random((20, 4))
    for left, right in zip(
        Surrogate.of(THETA, merged, GROUPS, mean=0.0).predict(at),
        Surrogate.of(THETA, apart, GROUPS, mean=0.0).predict(at),
        strict=True,
    ):
        np.testing.assert_allclose(left, right, atol=1e-7)  # the nugget is per row, hence not exactly


def test_a_vague_tell_does_not_blur_a_sure_one_at_the_same_point() -> None:
    """Where n2 is at its prior's mode, merged and apart are the same; elsewhere merging loses little."""
    X = np.array([[0.2, 0.1, 0.1, 0.5]] * 3 + [[0.8, 0.3, 0.9, 0.5]])
    z, told = np.array([1.0, 3.0, -2.0, -1.0]), np.array([0.0, 4.0, 0.3, 0.1])
    merged = rows(X, z, told)
    assert len(merged) == 2
    assert 1.0 < merged.copies[0] < 3.0
    assert merged.extra[0] < 0.001
    at = np.random.default_rng(3).random((20, 4))
    for n2, lost in ((math.exp(-5.0), 1e-6), (1e-4, 0.02), (0.1, 0.05)):
        theta = np.array([*THETA[:-1], math.log(n2)])
        mean, variance = Surrogate.of(theta, merged, GROUPS, mean=0.0).predict(at)
        apart = Surrogate.of(theta, Rows(X, z, told, np.ones(4)), GROUPS, mean=0.0).predict(at)
        assert np.all((variance > apart[1] - 1e-7) & (variance < apart[1] + lost))
        if lost == 1e-6:
            np.testing.assert_allclose(mean, apart[0], atol=1e-6)


def test_told_variances_weaken_an_observation() -> None:
    X, z = np.array([[0.1] * 4, [0.9] * 4]), np.array([-1.0, 1.0])
    sure = Surrogate.of(THETA, rows(X, z, np.zeros(2)), GROUPS).predict(X)
    vague = Surrogate.of(THETA, rows(X, z, np.array([4.0, 0.0])), GROUPS).predict(X)
    assert vague[1][0] > 10 * sure[1][0]
    assert abs(vague[0][0]) < abs(sure[0][0])


def test_the_fit_finds_which_column_matters() -> None:
    rng = np.random.default_rng(0)
    X = rng.random((40, 3))
    z = np.sin(7 * X[:, 1])
    found = fit(rows(X, (z - z.mean()) / z.std(), np.zeros(40)), np.arange(3), NUMBERS)
    ell = found.surrogate.length_scales
    assert ell[1] < 0.5 * min(ell[0], ell[2])
    start = misfit(NUMBERS.start(), found.surrogate.data, np.arange(3), NUMBERS)[0]
    assert found.value < start - 10


def test_the_fit_ends_where_the_gradient_vanishes_or_at_a_bound() -> None:
    found = fit(told(40), GROUPS, NUMBERS).surrogate
    gradient = misfit(found.theta, found.data, GROUPS, NUMBERS)[1]
    for theta, slope, (low, high) in zip(found.theta, gradient, NUMBERS.bounds(), strict=True):
        assert abs(slope) < 0.05 or (theta == low and slope > 0) or (theta == high and slope < 0)


def test_a_warm_start_takes_fewer_evaluations() -> None:
    data = told(40)
    cold = fit(data, GROUPS, NUMBERS)
    warm = fit(data, GROUPS, NUMBERS, cold.surrogate.theta)
    assert warm.evaluations < cold.evaluations
    assert warm.value == pytest.approx(cold.value, abs=1e-2)


def test_where_all_values_are_equal_there_is_nothing_to_fit() -> None:
    X = np.random.default_rng(0).random((6, 4))
    found = fit(rows(X, np.zeros(6), np.zeros(6)), GROUPS, NUMBERS)
    np.testing.assert_array_equal(found.surrogate.theta, NUMBERS.start())
    mean, variance = found.surrogate.predict(np.random.default_rng(1).random((5, 4)))
    np.testing.assert_array_equal(mean, 0.0)
    assert np.all(variance > 0.0)


def test_believing_its_own_mean_keeps_the_mean_and_takes_away_variance() -> None:
    surrogate = Surrogate.of(THETA, told(), GROUPS)
    pending = np.random.default_rng(4).random((3, 4))
    believing = surrogate.believing(pending)
    at = np.vstack([pending, np.random.default_rng(5).random((20, 4))])
    np.testing.assert_allclose(believing.predict(at)[0], surrogate.predict(at)[0], atol=1e-9)
    before, after = surrogate.predict(at)[1], believing.predict(at)[1]
    assert np.all(after <= before + 1e-12)
    assert np.all(after[:3] < 1e-6)
    assert surrogate.believing(np.empty((0, 4))) is surrogate


def test_the_prior_says_the_same_everywhere() -> None:
    mean, variance, d_mean, d_variance = Surrogate.prior(THETA, GROUPS).predict_with_gradient(np.eye(4))
    np.testing.assert_array_equal(mean, 0.0)
    np.testing.assert_allclose(variance, math.exp(THETA[3]))
    np.testing.assert_array_equal((d_mean, d_variance), 0.0)


def test_theta_survives_json_to_the_last_bit() -> None:
    names = ("lr", "width", "depth")
    state = json.loads(json.dumps(theta_to_state(THETA / 3.0, names)))
    assert set(state) == {
        "log_length_scale.lr", "log_length_scale.width", "log_length_scale.depth", "log_scale", "log_noise",
    }  # fmt: skip
    back = theta_from_state(state, names)
    assert back is not None
    assert back.tobytes() == (THETA / 3.0).tobytes()


def test_theta_of_another_space_is_not_used() -> None:
    state = theta_to_state(THETA, ("a", "b", "c"))
    assert theta_from_state(state, ("a", "b")) is None
    assert theta_from_state({**state, "log_scale": math.nan}, ("a", "b", "c")) is None


def test_a_deterministic_fit_keeps_the_noise_at_its_floor() -> None:
    found = fit(told(25), GROUPS, Prior.of_numbers(3, deterministic=True), THETA).surrogate
    assert found.theta[-1] == NUMBERS.bounds()[-1][0] == math.log(1e-6)
    assert fit(told(25), GROUPS, NUMBERS, THETA).surrogate.theta[-1] > math.log(1e-5)
