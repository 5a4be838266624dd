"""Warps and their slopes against arithmetic of 120 digits, and the likelihood that chooses between them."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.gaussian_process.kernels import Matern

from tests.optimizer.calculus import decimal_derivative, derivative, many_digits
from trimtab_service.optimizer.priors import Prior
from trimtab_service.optimizer.surrogate import NUGGET, misfit, rows
from trimtab_service.optimizer.warping import LAMBDAS, Warp, choose, standardise, yeo_johnson

LOSSES = np.array([0.3, 0.1, 0.2, 0.4, 0.25, 0.15, 0.35, 9.0])
US = [-1e5, -300.0, -7.0, -1.0, -0.3, -1e-3, -1e-9, 1e-12, 1e-6, 0.02, 0.5, 1.0, 20.0, 1e4]


def decimal_yeo_johnson(u: Decimal, power: float) -> Decimal:
    """Yeo & Johnson 2000, Eq. (2.1), each of its four cases as it is printed."""
    if u >= 0:
        return ((1 + u) ** Decimal(power) - 1) / Decimal(power) if power else (1 + u).ln()
    return -((1 - u) ** Decimal(2.0 - power) - 1) / Decimal(2.0 - power) if power != 2.0 else -(1 - u).ln()


@pytest.mark.parametrize("power", [*LAMBDAS, 2.0])
@pytest.mark.parametrize("u", US)
def test_the_transform_is_right_to_the_last_digits(u: float, power: float) -> None:
    with many_digits():
        expected = float(decimal_yeo_johnson(Decimal(u), power))
    assert yeo_johnson(np.array([u]), power)[0] == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("power", LAMBDAS)
@pytest.mark.parametrize("u", US)
def test_the_slope_of_a_warp_is_exact(u: float, power: float) -> None:
    warp = Warp(cap=1e9, centre=2.0, scale=0.25, power=power, mean=0.1, sd=1.7)
    loss = warp.centre + warp.scale * u

    def z(y: Decimal) -> Decimal:
        reached = decimal_yeo_johnson((y - Decimal(warp.centre)) / Decimal(warp.scale), power)
        return (reached - Decimal(warp.mean)) / Decimal(warp.sd)

    assert warp.slope(np.array([loss]))[0] == pytest.approx(decimal_derivative(z, loss), rel=1e-9)


@pytest.mark.parametrize("power", LAMBDAS)
@pytest.mark.parametrize("size", [1e-200, 1e-3, 1.0, 1e9, 1e200])
def test_the_slope_of_a_standardised_warp_agrees_with_finite_differences(size: float, power: float) -> None:
    losses = LOSSES * size
    warp = standardise(losses, power)
    for loss in (0.12, 0.18, 0.27, 0.5):
        found = warp.slope(np.array([loss * size]))[0] * size
        expected = derivative(lambda y: float(warp.apply(np.array([y * size]))[0]), loss)
        assert found == pytest.approx(expected, rel=1e-6)


def test_beyond_the_cap_the_slope_is_that_of_the_cap() -> None:
    warp = standardise(LOSSES, -0.5)
    assert warp.slope(np.array([9.0]))[0] == warp.slope(np.array([warp.cap]))[0]


def test_powers_are_compared_by_the_density_of_the_losses_themselves() -> None:
    """p(y) = p(z) Π dz/dy with scikit-learn's kernel and SciPy's density; none of these losses is cut."""
    X = np.random.default_rng(0).random((30, 2))
    losses = np.linspace(0.0, 1.0, 30) ** 3
    theta = np.array([0.0, 0.5, -1.0, -0.5])
    prior = Prior.of_numbers(2)
    scores = []

    def recorded(warp: Warp, z: np.ndarray) -> float:
        value = misfit(theta, rows(X, z, np.zeros(30)), np.arange(2), prior)[0]
        scores.append(value - float(np.sum(np.log(warp.slope(losses)))))
        return value

    chosen = choose(losses, recorded)
    A = math.exp(-1.0) * Matern([1.0, math.exp(0.5)], nu=2.5)(X) + (math.exp(-0.5) + NUGGET) * np.eye(30)
    weights = np.linalg.solve(A, np.ones(30))
    for power, score in zip(LAMBDAS, scores, strict=True):
        warp = standardise(losses, power)
        z = warp.apply(losses)
        mean = weights @ z / (weights.sum() + 1.0)
        slopes = [derivative(lambda y, warp=warp: float(warp.apply(np.array([y]))[0]), y) for y in losses]
        density = multivariate_normal(np.full(30, mean), A).logpdf(z) + float(np.sum(np.log(slopes)))
        expected = -density - 15.0 * math.log(2.0 * math.pi) + 0.5 * mean**2 + prior.penalty(theta)[0]
        assert score == pytest.approx(expected, rel=1e-8)
    likely = [power for power, score in zip(LAMBDAS, scores, strict=True) if score <= min(scores) + 2.0]
    assert chosen.power == max(likely) < 1.0
