"""The surrogate as a scikit-learn regressor, for use on its own: in a pipeline, a search or a notebook.

X: (n, D), best scaled so that each column lies in [0, 1], which is what the priors of the length scales are made for.
y: (n,), of any size: the surrogate sees z = (y - centre) / spread, and what is predicted comes back in y's unit.

The service does not use it, so it need not wait until scikit-learn is imported.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from trimtab_service.optimizer import surrogate as gp
from trimtab_service.optimizer.encoding import Floats
from trimtab_service.optimizer.priors import Prior
from trimtab_service.optimizer.surrogate import Groups, Surrogate

__all__ = ["GaussianProcess"]

_ROUND_OFF = 10.0 * float(np.finfo(float).eps)
"""A spread smaller than this, in units of the largest |y|, is none."""
_VAGUE = 1e100
"""A variance above this (in units of z) says nothing more."""


class GaussianProcess(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A Gaussian process: Matérn 5/2 with a length scale per group of columns, a scale, noise and a constant mean.

    θ is its posterior mode; formulas, priors and bounds are those of `trimtab_service.optimizer.surrogate`.

    groups: (D,) labels, one per column of X: columns of one label share a length scale, as the one-hot columns of a
        categorical should. None: each column has its own.
    deterministic: whether y is free of noise. The noise variance is then 1e-6 of y's, and not fitted.
    theta: (d + 2,) where the fit starts, such as an earlier `theta_`; with few points the default is tried too.
    optimize: whether θ is fitted. If not, it is theta, or the default.

    After `fit`:
    surrogate_: what was fitted to z.  theta_: (d + 2,), its θ.  length_scale_: (D,), per column, in X's unit.
    scale_, noise_: the variances of the objective beforehand and of one observation's noise (beside what is told of
        it), in y's unit squared.  mean_: the constant mean, in y's unit.
    centre_, spread_: mean and standard deviation of y; the spread of a constant y is 1.

    >>> X = np.linspace(0.0, 1.0, 9)[:, None]
    >>> model = GaussianProcess(deterministic=True).fit(X, 100.0 + np.sin(6.0 * X[:, 0]))
    >>> mean, sd = model.predict([[0.3]], return_std=True)
    >>> bool(abs(mean[0] - 100.0 - np.sin(1.8)) < 2.0 * sd[0] < 0.05)
    True
    """

    def __init__(
        self,
        groups: Sequence[Hashable] | None = None,
        *,
        deterministic: bool = False,
        theta: ArrayLike | None = None,
        optimize: bool = True,
    ) -> None:
        self.groups = groups
        self.deterministic = deterministic
        self.theta = theta
        self.optimize = optimize

    def fit(self, X: ArrayLike, y: ArrayLike, variances: ArrayLike | None = None) -> GaussianProcess:
        """Fit θ; equal rows of X are averaged. X: (n, D), y: (n,)

        variances: (n,), told of the observations' noise: squares of standard errors, in y's unit squared.
        Raises ValueError for what is not finite or of another shape.
        """
        points, losses = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        groups, dims = _numbered(self.groups, points.shape[1])
        start = None if self.theta is None else _theta(self.theta, dims)
        told = np.zeros(len(points)) if variances is None else _variances(variances, len(points))
        z, self.centre_, self.spread_ = _standardised(np.asarray(losses, dtype=float))
        with np.errstate(over="ignore"):  # what overflows says nothing
            told = np.minimum(told / self.spread_ / self.spread_, _VAGUE)
        data = gp.rows(points, z, told)
        prior = Prior.of_numbers(dims, deterministic=self.deterministic)
        if self.optimize:
            self.surrogate_ = gp.fit(data, groups, prior, start).surrogate
        else:
            fixed = prior.start() if start is None else start
            if self.deterministic:
                fixed[-1] = prior.start()[-1]
            self.surrogate_ = Surrogate.of(fixed, data, groups)
        self.theta_ = self.surrogate_.theta
        self.length_scale_ = self.surrogate_.length_scales
        self.scale_ = math.exp(self.theta_[-2]) * self.spread_ * self.spread_
        self.noise_ = math.exp(self.theta_[-1]) * self.spread_ * self.spread_
        self.mean_ = self.centre_ + self.spread_ * self.surrogate_.mean
        return self

    def predict(
        self, X: ArrayLike, return_std: bool = False, return_cov: bool = False
    ) -> Floats | tuple[Floats, Floats]:
        """Posterior mean of the objective at X, in y's unit. (k, D) -> (k,)

        return_std, return_cov: with its standard deviation (k,), or its covariance (k, k), both without noise; one of
        them at most, else ValueError.
        """
        if return_std and return_cov:
            raise ValueError("predict gives return_std or return_cov, not both")
        points = self._points(X)
        mean, variance = self.surrogate_.predict(points)
        with np.errstate(over="ignore"):  # y near the largest float
            mean = self.centre_ + self.spread_ * mean
            if return_std:
                return mean, self.spread_ * np.sqrt(variance)
            if return_cov:
                return mean, self.surrogate_.covariance(points) * self.spread_ * self.spread_
        return mean

    def sample_y(
        self, X: ArrayLike, n_samples: int = 1, random_state: int | np.random.RandomState | None = 0
    ) -> Floats:
        """Samples of the objective, without noise, jointly at X, in y's unit. (k, D) -> (k, n_samples)

        random_state: as everywhere in scikit-learn; None gives others at each call.
        """
        points = self._points(X)
        normals = check_random_state(random_state).standard_normal((len(points), n_samples))
        with np.errstate(over="ignore"):  # y near the largest float
            samples: Floats = self.centre_ + self.spread_ * self.surrogate_.sample(points, normals)
        return samples

    def log_marginal_likelihood(self, theta: ArrayLike | None = None) -> float:
        """ln p(y | X, θ, m) of the averaged observations in y's unit, at the most probable mean m for this θ.

        theta: (d + 2,), θ as in `theta_`, which is the default. Rasmussen & Williams 2006, Eq. (2.30).
        """
        check_is_fitted(self)
        fitted: Surrogate = self.surrogate_
        if theta is not None:
            fitted = Surrogate.of(_theta(theta, len(self.theta_) - 2), fitted.data, fitted.groups)
        away = fitted.data.z - fitted.mean
        log_root = -float(np.sum(np.log(np.diag(fitted.L_inverse))))  # ½ ln |A|
        units = len(away) * (0.5 * math.log(2.0 * math.pi) + math.log(self.spread_))
        return -0.5 * float(away @ fitted.alpha) - log_root - units

    def _points(self, X: ArrayLike) -> Floats:
        check_is_fitted(self)
        points: Floats = validate_data(self, X, dtype=np.float64, reset=False)
        return points


def _standardised(y: Floats) -> tuple[Floats, float, float]:
    """z of mean 0 and standard deviation 1, and y's own mean and standard deviation."""
    unit = 2.0 ** (math.frexp(float(np.max(np.abs(y))))[1] - 1)  # a power of two, so that nothing is rounded
    tame = y / unit
    centre, spread = float(np.mean(tame)), float(np.std(tame))
    if spread < _ROUND_OFF:
        return np.zeros(len(y)), centre * unit, 1.0
    return (tame - centre) / spread, centre * unit, max(spread * unit, math.ulp(0.0))


def _numbered(labels: Sequence[Hashable] | None, columns: int) -> tuple[Groups, int]:
    """Groups as numbers from 0 in order of appearance, and how many there are."""
    if labels is None:
        return np.arange(columns), columns
    if len(labels) != columns:
        raise ValueError(f"groups must have one label for each of the {columns} columns of X, got {len(labels)}")
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(label, len(numbers)) for label in labels], dtype=np.intp), len(numbers)


def _theta(given: ArrayLike, dims: int) -> Floats:
    theta = np.array(given, dtype=float)
    if theta.shape != (dims + 2,) or not np.all(np.isfinite(theta)):
        raise ValueError(f"theta must be {dims + 2} finite numbers: {dims} of length scales and 2, got {given!r}")
    return theta


def _variances(given: ArrayLike, count: int) -> Floats:
    variances = np.asarray(given, dtype=float)
    if variances.shape != (count,):
        raise ValueError(f"variances must be of shape ({count},), one for each y, got {variances.shape}")
    if not np.all(np.isfinite(variances) & (variances >= 0.0)):
        raise ValueError("variances must be finite and at least 0")
    return variances
