"""Whatever the Gaussian process is told, its numbers are finite, and what it can't take is an error in words."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trimtab_service.optimizer.priors import Prior
from trimtab_service.optimizer.surrogate import NUGGET, Rows, Surrogate, fit, misfit, rows

GROUPS = np.array([0, 1, 1, 2])
SPREAD = np.random.default_rng(0).random((12, 4))
ODD_POINTS = {
    "one": SPREAD[:1],
    "two": SPREAD[:2],
    "equal": np.repeat(SPREAD[:1], 12, axis=0),
    "nearly equal": SPREAD[0] + 1.5e-9 * np.arange(12)[:, None],
    "on a line": np.linspace(0.0, 1.0, 12)[:, None] * np.ones(4),
    "one column moves": np.where(np.arange(4) == 2, SPREAD, 0.5),
    "corners": np.indices((2, 2, 2, 2)).reshape(4, -1).T.astype(float),
    "pairs": np.vstack([SPREAD, SPREAD + 1e-7]),
}
ODD_VALUES = {
    "constant": lambda n: np.zeros(n),
    "nearly constant": lambda n: 1e-15 * np.arange(n),
    "cut": lambda n: np.where(np.arange(n) == 0, -8.0, 8.0),
    "jumping": lambda n: 8.0 * (-1.0) ** np.arange(n),
}


@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize("variance", [0.0, 1e-12, 1e6])
@pytest.mark.parametrize("values", ODD_VALUES)
@pytest.mark.parametrize("points", ODD_POINTS)
def test_a_fit_is_finite_whatever_it_is_told(points: str, values: str, variance: float, deterministic: bool) -> None:
    X = ODD_POINTS[points]
    prior = Prior.of_numbers(3, deterministic=deterministic)
    data = rows(X, ODD_VALUES[values](len(X)), np.where(np.arange(len(X)) % 2, variance, 0.0))
    found = fit(data, GROUPS, prior)
    low, high = np.array(prior.bounds()).T
    assert math.isfinite(found.value)
    assert np.all((found.surrogate.theta >= low) & (found.surrogate.theta <= high))
    at = np.vstack([X, np.random.default_rng(1).random((5, 4))])
    for one in (*found.surrogate.predict_with_gradient(at), found.surrogate.covariance(at)):
        assert np.all(np.isfinite(one))
    variances = found.surrogate.predict(at)[1]
    assert np.all((variances > 0.0) & (variances <= math.exp(found.surrogate.theta[-2])))


@pytest.mark.parametrize("ell", [0.025, 1.0, 1e3])
@pytest.mark.parametrize("s2", [1e-2, 1e3])
@pytest.mark.parametrize("n2", [1e-6, 1.0])
@pytest.mark.parametrize("points", ODD_POINTS)
def test_every_theta_of_the_box_is_factored(ell: float, s2: float, n2: float, points: str) -> None:
    theta = np.log([ell, ell, ell, s2, n2])
    X = ODD_POINTS[points]
    data = rows(X, np.sin(9.0 * X.sum(axis=1)), np.zeros(len(X)))
    surrogate = Surrogate.of(theta, data, GROUPS)
    assert surrogate.jitter <= 1e-8
    value, gradient = misfit(theta, data, GROUPS, Prior.of_numbers(3))
    assert math.isfinite(value)
    assert np.all(np.isfinite(gradient))
    for one in surrogate.predict_with_gradient(SPREAD):
        assert np.all(np.isfinite(one))


def test_the_jitter_is_the_smallest_with_which_the_covariance_can_be_factored() -> None:
    """Two rows told to be one observation with less than no noise: only a jitter makes them positive definite."""
    X = SPREAD[[0, 0]]
    for lacking, expected in ((3e-9, 1e-8), (3e-5, 1e-4), (3e-2, 1e-1)):
        theta = np.array([0.0, 0.0, 0.0, math.log(4.0), math.log(1e-6)])
        data = Rows(X, np.array([0.1, 0.1]), np.full(2, -(NUGGET + 1e-6 + 4.0 * lacking)), np.ones(2))
        surrogate = Surrogate.of(theta, data, GROUPS)
        assert surrogate.jitter == expected
        assert np.all(np.isfinite(surrogate.predict(SPREAD)[0]))
    hopeless = Rows(X, np.zeros(2), np.full(2, -9.0), np.ones(2))
    with pytest.raises(np.linalg.LinAlgError, match=r"not positive definite, even with a jitter of 0\.1"):
        Surrogate.of(theta, hopeless, GROUPS)


def test_near_duplicates_are_averaged_and_what_is_farther_apart_is_not() -> None:
    X = np.array([[0.5] * 4, [0.5 + 2e-10] * 4, [0.5 + 5e-9] * 4])
    merged = rows(X, np.array([1.0, 2.0, 5.0]), np.zeros(3))
    assert merged.z.tolist() == [1.5, 5.0]
    assert merged.copies.tolist() == [2.0, 1.0]


def test_observations_that_are_not_finite_are_an_error_not_a_model() -> None:
    data = rows(SPREAD[:8], np.sin(9.0 * SPREAD[:8, 0]), np.zeros(8))
    broken = Rows(data.X, data.z, np.where(np.arange(8) == 3, np.nan, data.extra), data.copies)
    assert misfit(np.zeros(5), broken, GROUPS, Prior.of_numbers(3))[0] == 1e10
    with pytest.raises(np.linalg.LinAlgError, match="not finite"):
        fit(broken, GROUPS, Prior.of_numbers(3))
