"""What is done to losses before they are modelled."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from tests.optimizer.calculus import derivative
from trimtab_service.optimizer.warping import LAMBDAS, Warp, choose, standardise, yeo_johnson, yeo_johnson_inverse

LOSSES = np.array([0.3, 0.1, 0.2, 0.4, 0.25, 0.15, 0.35, 9.0])


def independent(warp: Warp, z: np.ndarray) -> float:
    """The misfit of a model that holds all losses for independent: a plain normal likelihood."""
    return -float(np.sum(norm.logpdf(z)))


@pytest.mark.parametrize("power", LAMBDAS)
def test_the_transform_is_yeo_johnsons(power: float) -> None:
    from scipy.stats import yeojohnson

    u = np.linspace(-3.0, 4.0, 31)
    np.testing.assert_allclose(yeo_johnson(u, power), yeojohnson(u, lmbda=power), atol=1e-12)


@pytest.mark.parametrize("power", LAMBDAS)
def test_the_transform_can_be_undone(power: float) -> None:
    u = np.linspace(-50.0, 50.0, 101)
    np.testing.assert_allclose(yeo_johnson_inverse(yeo_johnson(u, power), power), u, rtol=1e-9, atol=1e-12)


def test_the_bad_side_is_cut_at_tukeys_fence_and_the_good_side_is_kept() -> None:
    q1, q3 = np.percentile(LOSSES, [25, 75])
    warp = standardise(LOSSES)
    assert warp.cap == pytest.approx(q3 + 1.5 * (q3 - q1))
    assert warp.apply(LOSSES)[7] == warp.apply(np.array([warp.cap]))[0]
    good = standardise(-LOSSES)
    assert good.apply(-LOSSES)[7] == good.apply(-LOSSES).min()
    assert good.cap >= -0.1


def test_what_the_model_sees_is_standardised() -> None:
    for power in LAMBDAS:
        z = standardise(LOSSES, power).apply(LOSSES)
        assert (z.mean(), z.std()) == pytest.approx((0.0, 1.0), abs=1e-9)


@pytest.mark.parametrize("power", LAMBDAS)
def test_the_slope_is_the_derivative(power: float) -> None:
    warp = standardise(LOSSES, power)
    for loss in (0.12, 0.27, 0.5):
        found = derivative(lambda y: float(warp.apply(np.array([y]))[0]), loss)
        assert warp.slope(np.array([loss]))[0] == pytest.approx(found, rel=1e-6)


@pytest.mark.parametrize("power", LAMBDAS)
def test_predictions_come_back_in_the_losses_own_unit(power: float) -> None:
    warp = standardise(LOSSES, power)
    np.testing.assert_allclose(warp.invert(warp.apply(LOSSES[:7])), LOSSES[:7], rtol=1e-9)
    assert np.all(np.isfinite(warp.invert(np.array([-8.0, 8.0, 100.0]))))


def test_skew_is_taken_out_and_symmetry_is_left_alone() -> None:
    rng = np.random.default_rng(0)
    symmetric = rng.uniform(-1.0, 1.0, 200)
    assert choose(symmetric, independent).power == 1.0
    skewed = np.exp(1.2 * rng.standard_normal(200))
    assert choose(skewed, independent).power < 0.5


def test_the_likelihood_that_chooses_is_one_of_the_losses() -> None:
    """The density of normal data is found again through the warp: -ln p(y) = -ln p(z) - ln dz/dy."""
    y = np.random.default_rng(0).standard_normal(50)
    warp = standardise(y)
    scores: list[float] = []

    def recorded(warp: Warp, z: np.ndarray) -> float:
        scores.append(independent(warp, z) - float(np.sum(np.log(warp.slope(y)))))
        return independent(warp, z)

    choose(y, recorded)
    capped = np.minimum(y, warp.cap)
    expected = -float(np.sum(norm.logpdf(capped, capped.mean(), capped.std())))
    assert scores[0] == pytest.approx(expected)


def test_a_misfit_that_fails_leaves_the_mildest_warp() -> None:
    assert choose(LOSSES, lambda warp, z: math.nan).power == 1.0


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(-1.7e308, 1.7e308), min_size=1, max_size=12),
    st.sampled_from(LAMBDAS),
)
@example([0.0, 0.0, 1.0, 7.757472300381688e-138, -1.3945554698280737e171], 1.0)
def test_no_losses_are_too_odd(losses: list[float], power: float) -> None:
    y = np.array(losses)
    warp = standardise(y, power)
    z = warp.apply(y)
    assert np.all(np.isfinite(z))
    assert np.all(np.abs(z) <= 8.0)
    order = np.argsort(y)
    assert np.all(np.diff(z[order]) >= -1e-9)


@pytest.mark.parametrize("size", [1e-140, 1e-200, 1e-300, 1e-310, 1e-321])
@pytest.mark.parametrize("power", LAMBDAS)
def test_tiny_losses_are_told_apart_like_others(size: float, power: float) -> None:
    warp = standardise(LOSSES * size, power)
    z = warp.apply(LOSSES * size)
    places = np.round(LOSSES * size / size, 3)  # the smallest floats have few digits
    np.testing.assert_allclose(z, standardise(places, power).apply(places), rtol=0.2, atol=0.02)
    slopes = warp.slope(LOSSES * size)
    assert np.all(np.isfinite(slopes) & (slopes > 0.0))


def test_equal_losses_are_all_zero() -> None:
    np.testing.assert_array_equal(standardise(np.full(5, 0.1)).apply(np.full(5, 0.1)), 0.0)
    np.testing.assert_array_equal(standardise(np.array([3.0])).apply(np.array([3.0])), 0.0)


def test_a_reference_beyond_the_cap_is_not_cut() -> None:
    warp = standardise(LOSSES)
    beyond = np.array([warp.cap * 10])
    assert warp.apply(beyond, winsorise=False)[0] > warp.apply(beyond)[0]


def test_a_warp_survives_json_to_the_last_bit() -> None:
    warp = standardise(LOSSES / 3.0, -0.5)
    assert Warp.from_state(json.loads(json.dumps(warp.to_state()))) == warp
