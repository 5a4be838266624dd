"""The surrogate as a scikit-learn regressor."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import check_estimator

from trimtab_service.optimizer import estimator
from trimtab_service.optimizer.estimator import GaussianProcess
from trimtab_service.optimizer.priors import Prior
from trimtab_service.optimizer.surrogate import NUGGET

THETA = np.array([-0.7, 0.4, -1.1, 0.3, math.log(0.02)])
GROUPS = ["lr", "activation", "activation", "depth"]


def told(n: int = 30, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.random((n, 4))
    return X, 40.0 + 7.0 * (np.sin(6 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.1 * rng.standard_normal(n))


def test_the_example_is_right() -> None:
    assert doctest.testmod(estimator) == (0, 4)


@pytest.mark.parametrize("settings", [{}, {"deterministic": True}, {"optimize": False}], ids=str)
def test_it_keeps_the_rules_of_scikit_learns_estimators(settings: dict[str, bool]) -> None:
    results = check_estimator(GaussianProcess(**settings), on_skip=None, on_fail="raise")
    others = {one["check_name"] for one in results if one["status"] != "passed"}
    assert len(results) > 40
    assert others <= {"check_array_api_input"}  # skipped: it needs SCIPY_ARRAY_API


def test_it_is_scikit_learns_process_with_the_fitted_kernel_in_the_unit_of_y() -> None:
    X, y = told()
    variances = np.random.default_rng(1).uniform(0.0, 3.0, len(y))
    ours = GaussianProcess(GROUPS).fit(X, y, variances)
    noise = variances + NUGGET * ours.spread_**2
    kernel = ConstantKernel(ours.scale_) * Matern(ours.length_scale_, nu=2.5) + WhiteKernel(ours.noise_)
    theirs = GaussianProcessRegressor(kernel, alpha=noise, optimizer=None).fit(X, y - ours.mean_)
    assert ours.length_scale_[1] == ours.length_scale_[2]

    at = np.random.default_rng(2).random((50, 4))
    expected, covariance = theirs.predict(at, return_cov=True)
    covariance -= ours.noise_ * np.eye(50)  # theirs is of new observations
    np.testing.assert_allclose(ours.predict(at), expected + ours.mean_, rtol=1e-8)
    np.testing.assert_allclose(ours.predict(at, return_cov=True)[1], covariance, atol=1e-8 * covariance.max())
    np.testing.assert_allclose(ours.predict(at, return_std=True)[1], np.sqrt(np.diag(covariance)), rtol=1e-8)
    expected = theirs.log_marginal_likelihood_value_
    assert ours.log_marginal_likelihood() == pytest.approx(expected, rel=1e-8)


def test_the_marginal_likelihood_of_another_theta_has_the_mean_of_that_theta() -> None:
    X, y = told()
    fitted, other = GaussianProcess(GROUPS).fit(X, y), GaussianProcess(GROUPS, theta=THETA, optimize=False).fit(X, y)
    assert fitted.log_marginal_likelihood(THETA) == pytest.approx(other.log_marginal_likelihood(), rel=1e-12)
    assert fitted.log_marginal_likelihood() > fitted.log_marginal_likelihood(THETA)


def test_it_says_the_same_of_y_in_any_unit() -> None:
    X, y = told()
    at = np.random.default_rng(2).random((20, 4))
    one, other = GaussianProcess().fit(X, y), GaussianProcess().fit(X, 1e-3 * y - 5.0)
    mean, sd = one.predict(at, return_std=True)
    moved, moved_sd = other.predict(at, return_std=True)
    np.testing.assert_allclose(moved, 1e-3 * mean - 5.0, rtol=1e-9)
    np.testing.assert_allclose(moved_sd, 1e-3 * sd, rtol=1e-6)
    shift = len(y) * math.log(1e-3)
    assert other.log_marginal_likelihood() == pytest.approx(one.log_marginal_likelihood() - shift, rel=1e-9)


def test_equal_points_are_averaged() -> None:
    X, y = told()
    twice = GaussianProcess().fit(np.vstack([X, X]), np.concatenate([y - 1.0, y + 1.0]))
    assert len(twice.surrogate_.data) == len(y)
    np.testing.assert_allclose(twice.surrogate_.data.z * twice.spread_ + twice.centre_, y, rtol=1e-12)
    assert set(twice.surrogate_.data.copies) == {2.0}


def test_told_variances_weaken_observations() -> None:
    X, y = told()
    wild = np.where(np.arange(len(y)) == 3, y + 500.0, y)
    vague = GaussianProcess(theta=Prior.of_numbers(4).start(), optimize=False)
    away = np.abs(vague.fit(X, wild, np.where(wild == y, 0.0, 1e8)).predict(X[:3]) - y[:3])
    assert np.all(away < 0.5 * np.abs(vague.fit(X, wild).predict(X[3:4]) - y[3]))
    assert vague.fit(X, wild).predict(X[3:4])[0] > 400.0


def test_what_is_deterministic_is_met_at_its_points() -> None:
    X, _ = told()
    y = np.sin(6 * X[:, 0])
    fitted = GaussianProcess(deterministic=True).fit(X, y)
    assert fitted.theta_[-1] == Prior.of_numbers(4).bounds()[-1][0]
    np.testing.assert_allclose(fitted.predict(X), y, atol=1e-3)
    fixed = GaussianProcess(deterministic=True, theta=Prior.of_numbers(4).start(), optimize=False).fit(X, y)
    assert fixed.theta_.tolist() == [*Prior.of_numbers(4).start()[:-1], fitted.theta_[-1]]


def test_theta_is_where_a_fit_starts_or_all_of_it() -> None:
    X, y = told(40)
    cold = GaussianProcess().fit(X, y)
    warm = GaussianProcess(theta=cold.theta_).fit(X, y)
    np.testing.assert_allclose(warm.theta_, cold.theta_, atol=0.1)
    fixed = GaussianProcess(theta=[*cold.theta_], optimize=False).fit(X, y)
    np.testing.assert_array_equal(fixed.theta_, cold.theta_)
    np.testing.assert_array_equal(GaussianProcess(optimize=False).fit(X, y).theta_, Prior.of_numbers(4).start())


def test_samples_have_the_posteriors_mean_and_covariance() -> None:
    X, y = told(12)
    fitted = GaussianProcess().fit(X, y)
    at = np.random.default_rng(2).random((5, 4))
    mean, covariance = fitted.predict(at, return_cov=True)
    samples = fitted.sample_y(at, 100_000, random_state=0)
    assert samples.shape == (5, 100_000)
    sd = np.sqrt(np.diag(covariance))
    assert np.all(np.abs(samples.mean(axis=1) - mean) < 5 * sd / math.sqrt(100_000))
    errors = np.sqrt((np.outer(sd, sd) ** 2 + covariance**2) / 100_000)  # of a covariance of normal samples
    assert np.all(np.abs(np.cov(samples) - covariance) < 5 * errors)
    np.testing.assert_array_equal(samples, fitted.sample_y(at, 100_000, random_state=0))
    assert np.any(fitted.sample_y(at, 1, random_state=1) != fitted.sample_y(at, 1, random_state=2))


def test_samples_at_one_point_told_twice_are_one_function() -> None:
    X, y = told(12)
    samples = GaussianProcess().fit(X, y).sample_y(np.array([[0.3] * 4, [0.3] * 4]), 20)
    np.testing.assert_allclose(samples[0], samples[1], atol=0.01)  # but for a jitter of 1e-4 of y's spread


def test_it_works_in_pipelines_and_searches_and_can_be_cloned() -> None:
    X, y = told(40)
    pipeline = make_pipeline(MinMaxScaler(), GaussianProcess(GROUPS))
    assert pipeline.fit(1e3 * X - 7.0, y).score(1e3 * X - 7.0, y) > 0.9
    search = GridSearchCV(pipeline, {"gaussianprocess__deterministic": [True, False]}, cv=3).fit(X, y)
    assert search.best_params_ == {"gaussianprocess__deterministic": False}
    copied = clone(GaussianProcess(GROUPS, theta=THETA, optimize=False))
    assert copied.get_params()["groups"] == GROUPS
    assert copied.set_params(optimize=True).optimize


NOTHING_FITTED = [
    lambda model, X: model.predict(X),
    lambda model, X: model.sample_y(X),
    lambda model, X: model.log_marginal_likelihood(),
]


@pytest.mark.parametrize("ask", NOTHING_FITTED, ids=["predict", "sample_y", "log_marginal_likelihood"])
def test_it_must_be_fitted_first(ask) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(NotFittedError):
        ask(GaussianProcess(), told()[0])


def test_what_is_wrong_is_said_in_words() -> None:
    X, y = told()
    with pytest.raises(ValueError, match="one label for each of the 4 columns of X, got 2"):
        GaussianProcess(["a", "b"]).fit(X, y)
    with pytest.raises(ValueError, match=r"theta must be 5 finite numbers: 3 of length scales and 2, got \[0.0\]"):
        GaussianProcess(GROUPS, theta=[0.0]).fit(X, y)
    with pytest.raises(ValueError, match="theta must be 6 finite numbers"):
        GaussianProcess().fit(X, y).log_marginal_likelihood([math.nan] * 6)
    with pytest.raises(ValueError, match=r"variances must be of shape \(30,\), one for each y, got \(2,\)"):
        GaussianProcess().fit(X, y, [0.1, 0.1])
    with pytest.raises(ValueError, match="variances must be finite and at least 0"):
        GaussianProcess().fit(X, y, np.full(30, -1.0))
    with pytest.raises(ValueError, match="return_std or return_cov, not both"):
        GaussianProcess().fit(X, y).predict(X, return_std=True, return_cov=True)


ODD = {
    "one": (np.array([[0.5, 0.5]]), np.array([3.0])),
    "constant": (np.random.default_rng(0).random((9, 2)), np.full(9, 0.1)),
    "zero": (np.random.default_rng(0).random((9, 2)), np.zeros(9)),
    "equal points": (np.full((9, 2), 0.3), np.arange(9.0)),
    "close points": (0.3 + 1e-8 * np.arange(18.0).reshape(9, 2), np.arange(9.0)),
    "collinear": (np.linspace(0, 1, 9)[:, None] * np.ones(2), np.arange(9.0)),
    "largest": (np.random.default_rng(0).random((9, 2)), np.linspace(0.1, 1.0, 9) * 1.7e308),
    "huge": (np.random.default_rng(0).random((9, 2)), 1e200 + 1e190 * np.arange(9.0)),
    "tiny": (np.random.default_rng(0).random((9, 2)), 1e-200 * np.arange(9.0)),
    "tiniest": (np.random.default_rng(0).random((9, 2)), 5e-324 * np.arange(9.0)),
    "round-off": (np.random.default_rng(0).random((9, 2)), 1.0 + np.finfo(float).eps * np.arange(9.0)),
    "outlier": (np.random.default_rng(0).random((9, 2)), np.append(np.arange(8.0), 1e30)),
}


@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("variances", [None, 0.0, 1e300, 1e-300])
def test_no_observations_are_too_odd(kind: str, variances: float | None, deterministic: bool) -> None:
    X, y = ODD[kind]
    told = None if variances is None else np.full(len(y), variances)
    fitted = GaussianProcess(deterministic=deterministic).fit(X, y, told)
    at = np.vstack([X, np.random.default_rng(1).random((9, 2))])
    mean, sd = fitted.predict(at, return_std=True)
    assert np.all(np.isfinite(mean))
    assert np.all(sd >= 0.0)
    assert not np.any(np.isnan(fitted.predict(at, return_cov=True)[1]))
    assert not np.any(np.isnan(fitted.sample_y(at, 3)))
    assert math.isfinite(fitted.log_marginal_likelihood())
    if np.ptp(y) == 0.0:
        np.testing.assert_allclose(mean, y[0], rtol=1e-12)
