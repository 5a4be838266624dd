"""The surrogate against scikit-learn's process, SciPy's densities and an independent formula differentiated exactly.

The independent formula holds for complex arguments, so that f'(x) = Im f(x + ih) / h with h = 1e-100, where nothing
is subtracted and no digit is lost (Squire & Trapp 1998, Eq. (4)).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy.stats import lognorm, norm
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from tests.optimizer.calculus import derivative
from trimtab_service.optimizer.priors import Prior
from trimtab_service.optimizer.surrogate import (
    NUGGET,
    Rows,
    Surrogate,
    misfit,
    rows,
)

_H = 1e-100


@dataclass(frozen=True)
class Case:
    """Rows, groups of columns, θ, and where predictions are made: elsewhere, and at one of the rows."""

    data: Rows
    groups: np.ndarray
    theta: np.ndarray
    at: np.ndarray

    @property
    def prior(self) -> Prior:
        return Prior.of(np.arange(len(self.theta) - 2) % 2 == 1)


def a_case(seed: int, *, told: bool, repeated: bool) -> Case:
    """1 to 8 columns in 1 to 5 groups, 1 to 60 rows, and θ anywhere that a fit may go.

    told: whether variances are given.  repeated: whether some points come two or three times.
    """
    rng = np.random.default_rng(seed)
    dims, n = int(rng.integers(1, 6)), int(rng.integers(1, 61))
    groups = np.sort(np.concatenate([np.arange(dims), rng.integers(0, dims, rng.integers(0, 4))]))
    X = rng.random((n, len(groups)))
    if repeated:
        X = np.vstack([X, X[: n // 2 + 1], X[: n // 4 + 1]])
    z = np.sin(5 * X[:, 0]) + X @ rng.standard_normal(len(groups)) + 0.3 * rng.standard_normal(len(X))
    variances = rng.uniform(0.0, 0.3, len(X)) if told else np.zeros(len(X))
    theta = np.concatenate(
        [
            rng.uniform(math.log(0.1), math.log(20.0), dims),
            [rng.uniform(math.log(0.1), math.log(30.0)), rng.uniform(math.log(1e-6), 0.0)],
        ]
    )
    return Case(rows(X, z, variances), groups, theta, np.vstack([rng.random((7, len(groups))), X[:1]]))


CASES = [
    pytest.param(a_case(seed, told=told, repeated=repeated), id=f"{seed}{' told' * told}{' repeated' * repeated}")
    for seed in range(8)
    for told in (False, True)
    for repeated in (False, True)
]


# --- Against scikit-learn -------------------------------------------------------------------------------------------


def theirs(case: Case, mean: float, kernel: Any = None) -> GaussianProcessRegressor:
    """scikit-learn's process, whose noise is the kernel's and alpha's together; its mean is 0."""
    dims, n2 = len(case.theta) - 2, math.exp(case.theta[-1])
    ell = np.exp(case.theta[:dims])[case.groups]
    kernel = ConstantKernel(math.exp(case.theta[-2])) * Matern(ell, nu=2.5) + (kernel or WhiteKernel(1e-300))
    noise = n2 / case.data.copies + case.data.extra + NUGGET
    return GaussianProcessRegressor(kernel, alpha=noise, optimizer=None).fit(case.data.X, case.data.z - mean)


@pytest.mark.parametrize("case", CASES)
def test_the_posterior_is_scikit_learns_around_the_mean(case: Case) -> None:
    ours = Surrogate.of(case.theta, case.data, case.groups)
    oracle = theirs(case, ours.mean)
    mean, variance = ours.predict(case.at)
    expected, covariance = oracle.predict(case.at, return_cov=True)
    np.testing.assert_allclose(mean, expected + ours.mean, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(np.sqrt(variance), np.sqrt(np.diag(covariance)), rtol=1e-8)
    np.testing.assert_allclose(ours.covariance(case.at), covariance, rtol=1e-8, atol=1e-10 * np.max(covariance))
    assert ours.jitter == 0.0


@pytest.mark.parametrize("case", CASES)
def test_the_mean_is_the_one_of_a_constant_in_the_kernel(case: Case) -> None:
    """m ~ N(0, 1) is a kernel of 1 for all pairs: it gives the same predictions, and m's own variance on top."""
    ours = Surrogate.of(case.theta, case.data, case.groups)
    oracle = theirs(case, 0.0, ConstantKernel(1.0))
    expected, covariance = oracle.predict(case.at, return_cov=True)
    inverse_sum = ours.L_inverse.T @ ours.L_inverse.sum(axis=1)
    left = 1.0 - matern(case.at, case.data.X, case.theta, case.groups) @ inverse_sum  # 1 - k'A⁻¹1
    np.testing.assert_allclose(ours.predict(case.at)[0], expected, rtol=1e-8, atol=1e-9)
    of_mean = np.outer(left, left) / (inverse_sum.sum() + 1.0)
    np.testing.assert_allclose(
        ours.covariance(case.at) + of_mean, covariance, rtol=1e-8, atol=1e-9 * np.max(covariance)
    )


@pytest.mark.parametrize("case", CASES)
def test_the_misfit_is_scikit_learns_marginal_likelihood_with_the_priors(case: Case) -> None:
    """At the mean m it is -ln p(z | m) - ln p(m) - ln p(θ); where m is integrated out, ½ ln(1'A⁻¹1 + 1) comes on top.

    Both without the constants ½ n ln 2π of z and ½ ln 2π of m.
    """
    ours = Surrogate.of(case.theta, case.data, case.groups)
    value = misfit(case.theta, case.data, case.groups, case.prior)[0] - case.prior.penalty(case.theta)[0]
    constant = 0.5 * len(case.data) * math.log(2.0 * math.pi)
    fixed = -theirs(case, ours.mean).log_marginal_likelihood_value_ - constant
    assert value - 0.5 * ours.mean**2 == pytest.approx(fixed, rel=1e-8)
    integrated = -theirs(case, 0.0, ConstantKernel(1.0)).log_marginal_likelihood_value_ - constant
    spread = 0.5 * math.log(float(np.sum(ours.L_inverse.sum(axis=1) ** 2)) + 1.0)
    assert value + spread == pytest.approx(integrated, rel=1e-8)


# --- Priors ---------------------------------------------------------------------------------------------------------


def log_prior(theta: np.ndarray) -> list[float]:
    """ln p of each entry of θ, as densities in ℓ and n2 themselves and in ln s2; every second ℓ is of choices."""
    dims = len(theta) - 2
    of_numbers = lognorm(s=1.2, scale=0.6 * math.sqrt(dims))
    of_choices = lognorm(s=1.0, scale=math.exp(0.4) * math.sqrt(dims))
    noise = lognorm(s=1.0, scale=math.exp(-4.0))
    return [
        *(float((of_choices if i % 2 else of_numbers).logpdf(math.exp(t))) for i, t in enumerate(theta[:dims])),
        float(norm.logpdf(theta[-2])),
        float(noise.logpdf(math.exp(theta[-1]))),
    ]


@pytest.mark.parametrize("dims", [1, 2, 6, 20])
def test_each_prior_is_scipys_density_up_to_a_constant(dims: int) -> None:
    rng = np.random.default_rng(dims)
    prior = Prior.of(np.arange(dims) % 2 == 1)
    low, high = np.array(prior.bounds()).T
    start = prior.start()
    for place in (0, dims - 1, dims, dims + 1):
        for t in rng.uniform(low[place], high[place], 5):
            moved = np.where(np.arange(dims + 2) == place, t, start)
            expected = log_prior(start)[place] - log_prior(moved)[place]
            assert prior.penalty(moved)[0] - prior.penalty(start)[0] == pytest.approx(expected, rel=1e-10, abs=1e-10)


@pytest.mark.parametrize("dims", [1, 2, 6, 20])
def test_the_gradient_of_each_prior_agrees_with_finite_differences(dims: int) -> None:
    rng = np.random.default_rng(dims)
    prior = Prior.of(np.arange(dims) % 2 == 1)
    low, high = np.array(prior.bounds()).T
    for theta in (prior.start(), *rng.uniform(low, high, (5, dims + 2))):
        gradient = prior.penalty(theta)[1]
        for place in range(dims + 2):

            def moved(t: float, place: int = place, theta: np.ndarray = theta) -> float:
                return -log_prior(np.where(np.arange(len(theta)) == place, t, theta))[place]

            assert gradient[place] == pytest.approx(derivative(moved, theta[place]), rel=1e-6, abs=1e-9)


# --- Gradients ------------------------------------------------------------------------------------------------------


def matern(X: Any, W: Any, theta: Any, groups: np.ndarray) -> Any:
    """s2 (1 + r + r²/3) e^-r by the n x k x D differences, for complex X or θ too."""
    ell = np.exp(theta[:-2])[groups]
    r = np.sqrt(5.0 * (((X[:, None, :] - W[None, :, :]) / ell) ** 2).sum(axis=2))
    return np.exp(theta[-2]) * (1.0 + r + r * r / 3.0) * np.exp(-r)


def covariance(theta: Any, data: Rows, groups: np.ndarray) -> Any:
    noise = np.exp(theta[-1]) / data.copies + data.extra + NUGGET
    return matern(data.X, data.X, theta, groups) + np.diag(noise)


def likelihood_part(theta: Any, data: Rows, groups: np.ndarray) -> Any:
    """The misfit without the priors of θ."""
    A = covariance(theta, data, groups)
    inverse = np.linalg.inv(A)
    mean = (inverse.sum(axis=0) @ data.z) / (inverse.sum() + 1.0)
    sign, log_determinant = np.linalg.slogdet(A)
    away = data.z - mean
    return 0.5 * (away @ inverse @ away) + 0.5 * (log_determinant + np.log(sign)) + 0.5 * mean**2


@pytest.mark.parametrize("case", CASES)
def test_the_gradient_of_the_likelihood_is_exact_for_every_parameter(case: Case) -> None:
    value, gradient = misfit(case.theta, case.data, case.groups, case.prior)
    prior, prior_gradient = case.prior.penalty(case.theta)
    assert value - prior == pytest.approx(likelihood_part(case.theta, case.data, case.groups), rel=1e-9)
    for place in range(len(case.theta)):
        moved = case.theta + 1j * _H * (np.arange(len(case.theta)) == place)
        expected = likelihood_part(moved, case.data, case.groups).imag / _H
        assert gradient[place] - prior_gradient[place] == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_the_gradient_of_the_misfit_agrees_with_finite_differences(case: Case) -> None:
    gradient = misfit(case.theta, case.data, case.groups, case.prior)[1]
    for place in range(len(case.theta)):

        def moved(t: float, place: int = place) -> float:
            theta = np.where(np.arange(len(case.theta)) == place, t, case.theta)
            return misfit(theta, case.data, case.groups, case.prior)[0]

        assert gradient[place] == pytest.approx(derivative(moved, case.theta[place]), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_the_gradients_of_mean_and_variance_are_exact(case: Case) -> None:
    ours = Surrogate.of(case.theta, case.data, case.groups)
    inverse = np.linalg.inv(covariance(case.theta, case.data, case.groups))
    alpha = inverse @ (case.data.z - ours.mean)
    mean, variance, d_mean, d_variance = ours.predict_with_gradient(case.at)
    np.testing.assert_array_equal((mean, variance), ours.predict(case.at))
    for row, column in np.ndindex(case.at.shape):
        moved = case.at[[row]] + 1j * _H * (np.arange(case.at.shape[1]) == column)
        k = matern(moved, case.data.X, case.theta, case.groups)[0]
        assert d_mean[row, column] == pytest.approx((k @ alpha).imag / _H, rel=1e-6, abs=1e-9)
        assert d_variance[row, column] == pytest.approx(-(k @ inverse @ k).imag / _H, rel=1e-6, abs=1e-9)
