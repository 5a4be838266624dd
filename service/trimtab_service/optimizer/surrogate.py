"""The Gaussian process that stands in for an objective: fit, predict with gradients, write θ down and read it.

X: (n, D) points told so far.  z: (n,) warped losses, smaller is better.  c: (n,) how many trials each row averages.
θ: (d + 2,) natural logarithms of the d length scales ℓ (one per group of columns), of s2 (the prior variance of the
objective) and of n2 (the noise variance of one trial).
k(x, x') = s2 (1 + r + r²/3) e^{-r} with r = √5 |(x - x') / ℓ|: Matérn 5/2.
A = K + diag(n2 / c + v + 1e-9): v are the variances that were told.  L: Cholesky factor of A.
mean: constant, m = 1'A⁻¹z / (1'A⁻¹1 + 1), the maximum under its N(0, 1) prior.  α = A⁻¹(z - m).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotri, dtrtri
from scipy.optimize import minimize

from trimtab_service.optimizer.encoding import Floats
from trimtab_service.optimizer.priors import Prior

__all__ = ["Rows", "Surrogate", "fit", "misfit", "rows", "theta_from_state", "theta_to_state"]

Groups = NDArray[np.intp]
Pullback = Callable[[Floats, Floats], Floats]

NUGGET = 1e-9
_SAME = 1e-9
"""Points this close in every column are one row."""
_USUAL_NOISE = math.exp(-5.0)
"""The mode of the prior of n2: told variances are weighed against it before n2 is known."""
_JITTERS = (0.0, *(10.0**power for power in range(-8, 0)))
"""Added to the diagonal in turn, in units of s2, until A can be factored."""
_FEW = 20
"""With fewer rows the fit starts from the default too: the stored θ may rest on next to nothing."""
_SMALLEST_VARIANCE = 1e-12
_BAD = 1e10


@dataclass(frozen=True, slots=True)
class Rows:
    """What a surrogate rests on. extra: (n,) told variances v, of the row's average. copies: (n,) c.

    An average with weights w (of sum 1) has the noise n2 Σw² + Σw²v: c = 1 / Σw² is less than a whole number where
    the variances told at one point differ.
    """

    X: Floats
    z: Floats
    extra: Floats
    copies: Floats

    def __len__(self) -> int:
        return len(self.z)


def rows(X: Floats, z: Floats, variances: Floats) -> Rows:
    """Rows with duplicates averaged, the surer ones with more weight, in order of first appearance.

    X: (n, D), z and variances: (n,)
    """
    cells = np.round(X / _SAME)
    _, first, inverse = np.unique(cells, axis=0, return_index=True, return_inverse=True)
    where = np.argsort(first)
    weights = _USUAL_NOISE / (_USUAL_NOISE + variances)

    def summed(parts: Floats) -> Floats:
        total: Floats = np.bincount(inverse.reshape(-1), weights=parts)[where].astype(float)
        return total

    total, squares = summed(weights), summed(weights**2)
    extra = summed(weights**2 * variances) / total**2
    return Rows(X[first[where]], summed(weights * z) / total, extra, total**2 / squares)


# --- The objective of the fit ---------------------------------------------------------------------------------------


def matern(D: Floats) -> tuple[Floats, Floats]:
    """k / s2 and g = -2 dk/dD / s2, of squared scaled distances D."""
    r = np.sqrt(5.0 * D)
    decay = np.exp(-r)
    r += 1.0
    r *= decay  # (1 + r) e^-r
    decay *= D  # in place: for a few hundred rows, time goes into moving memory
    decay += 0.6 * r
    decay *= 5.0 / 3.0
    r *= 5.0 / 3.0
    return decay, r


def squared_distances(Z: Floats, W: Floats) -> Floats:
    """|z - w|² for all pairs. (n, D), (k, D) -> (n, k)"""
    D: Floats = (-2.0 * Z) @ W.T
    D += np.einsum("ij,ij->i", Z, Z)[:, None]
    D += np.einsum("ij,ij->i", W, W)
    return np.maximum(D, 0.0, out=D)  # round-off can make it -1e-16


def misfit(theta: Floats, data: Rows, groups: Groups, prior: Prior) -> tuple[float, Floats]:
    """The negative log posterior of θ (without constants) and its gradient. (1e10, 0) where A can't be factored.

    With Q = A⁻¹ - αα' and W = s2 (Q ∘ g): df/dθ = ½ <Q, dA/dθ>, where the length scales need only W1 and WX.
    """
    dims = len(theta) - 2
    ell, s2, n2 = np.exp(theta[:dims])[groups], math.exp(theta[dims]), math.exp(theta[dims + 1])
    X = data.X - data.X.mean(axis=0)  # squared distances lose fewer digits around the centre
    Z = X / ell
    K, g = matern(squared_distances(Z, Z))
    A = s2 * K
    A[np.diag_indices_from(A)] += n2 / data.copies + data.extra + NUGGET
    L, bad = dpotrf(A.T, lower=True, overwrite_a=True)  # A.T is in LAPACK's order, so that nothing is copied
    if bad:
        return _BAD, np.zeros_like(theta)
    inverse = dpotri(L, lower=True)[0].T
    inverse = np.triu(inverse) + np.triu(inverse, 1).T
    mean = _mean(inverse.sum(axis=0), data.z)
    alpha = inverse @ (data.z - mean)
    penalty, slope = prior.penalty(theta)
    value = 0.5 * float((data.z - mean) @ alpha) + float(np.sum(np.log(np.diag(L)))) + 0.5 * mean**2 + penalty
    if not math.isfinite(value):
        return _BAD, np.zeros_like(theta)

    Q, W = inverse, g  # in place: neither is needed any more
    Q -= np.outer(alpha, alpha)
    W *= Q
    W *= s2
    per_column = (W.sum(axis=1) @ (X * X) - np.sum(X * (W @ X), axis=0)) / ell**2
    gradient = slope.copy()
    gradient[:dims] += np.bincount(groups, weights=per_column, minlength=dims)
    gradient[dims] += 0.5 * s2 * float(np.vdot(Q, K))
    gradient[dims + 1] += 0.5 * n2 * float(np.sum(np.diag(Q) / data.copies))
    return value, gradient


def _mean(inverse_sum: Floats, z: Floats) -> float:
    return float(inverse_sum @ z) / (float(np.sum(inverse_sum)) + 1.0)


# --- The fitted process ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Surrogate:
    """A Gaussian process with fixed θ that has seen `data`: made by `fit` or `Surrogate.of`.

    L_inverse: (n, n), the inverse of the factor, so that predictions are matrix products only.
    jitter: what had to be added to the diagonal, in units of s2.
    """

    theta: Floats
    groups: Groups
    data: Rows
    mean: float
    alpha: Floats
    L_inverse: Floats
    jitter: float
    length_scales: Floats = field(init=False)
    """ℓ, per column. (D,)"""
    _centre: Floats = field(init=False)
    _seen: Floats = field(init=False)

    def __post_init__(self) -> None:
        """What every prediction needs again: the rows around their centre, in units of ℓ."""
        object.__setattr__(self, "length_scales", np.exp(self.theta[:-2])[self.groups])
        object.__setattr__(self, "_centre", _centre(self.data.X))
        object.__setattr__(self, "_seen", (self.data.X - self._centre) / self.length_scales)

    @classmethod
    def of(cls, theta: Floats, data: Rows, groups: Groups, mean: float | None = None) -> Surrogate:
        """The process for this θ. mean: fixed if given. Raises LinAlgError when A can't be factored."""
        dims = len(theta) - 2
        ell, s2, n2 = np.exp(theta[:dims])[groups], math.exp(theta[dims]), math.exp(theta[dims + 1])
        Z = (data.X - _centre(data.X)) / ell
        A = s2 * matern(squared_distances(Z, Z))[0]
        A[np.diag_indices_from(A)] += n2 / data.copies + data.extra + NUGGET
        L, jitter = _factor(A, s2)
        L_inverse, _ = dtrtri(L, lower=True)
        inverse_sum = L_inverse.T @ L_inverse.sum(axis=1)
        m = _mean(inverse_sum, data.z) if mean is None else mean
        alpha: Floats = L_inverse.T @ (L_inverse @ (data.z - m))
        if not np.all(np.isfinite(alpha)):
            raise np.linalg.LinAlgError("the observations are not finite")
        return cls(theta, groups, data, m, alpha, L_inverse, jitter)

    @classmethod
    def prior(cls, theta: Floats, groups: Groups) -> Surrogate:
        """The process that has seen nothing: mean 0 and variance s2 everywhere."""
        none = np.empty(0)
        return cls(
            theta, groups, Rows(np.empty((0, len(groups))), none, none, none), 0.0, none, np.empty((0, 0)), 0.0
        )

    @property
    def incumbent(self) -> float:
        """z of the best told result, where repeats count by their average; the mean where there is none."""
        return float(self.data.z.min()) if len(self.data) else self.mean

    @property
    def noise(self) -> float:
        """The variance of one evaluation: what was fitted, and the middle of what was told of others."""
        told = float(np.median(self.data.extra * self.data.copies)) if len(self.data) else 0.0
        return math.exp(self.theta[-1]) + told

    def predict(self, X: Floats) -> tuple[Floats, Floats]:
        """Posterior mean and variance of the objective, without noise. (k, D) -> (k,), (k,)"""
        means, variance = self.predict_each(X, self.alpha[:, None])
        return means[:, 0], variance

    def predict_each(self, X: Floats, alphas: Floats) -> tuple[Floats, Floats]:
        """The same of S processes that differ in what was observed, not where. alphas: (n, S) -> (k, S), (k,)"""
        K, _, _ = self._cross(X)
        return self.mean + K @ alphas, self._variance(K @ self.L_inverse.T)

    def covariance(self, X: Floats) -> Floats:
        """Posterior covariance of the objective, without noise, symmetric; its diagonal is the variance. -> (k, k)

        Rasmussen & Williams 2006, Eq. (2.24).
        """
        V = self._cross(X)[0] @ self.L_inverse.T
        Z = (X - self._centre) / self.length_scales
        C: Floats = math.exp(self.theta[-2]) * matern(squared_distances(Z, Z))[0] - V @ V.T
        C = (C + C.T) / 2.0
        C[np.diag_indices_from(C)] = self._variance(V)
        return C

    def predict_with_gradient(self, X: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Posterior mean and variance, and their gradients by the columns of X. -> (k,), (k,), (k, D), (k, D)"""
        means, variance, back = self.predict_with_pullback(X)
        one, none = np.ones(len(X)), np.zeros(len(X))
        return means[:, 0], variance, back(one[:, None], none), back(none[:, None], one)

    def predict_with_pullback(self, X: Floats, alphas: Floats | None = None) -> tuple[Floats, Floats, Pullback]:
        """Posterior means and variance, and what turns derivatives by them into a gradient by the columns of X.

        alphas: (n, S), of S processes that differ in what was observed, not where; None for the own α, then S = 1.
        The pullback takes (k, S), derivatives by the means, and (k,), by the variance. -> (k, S), (k,), pullback
        """
        weights = self.alpha[:, None] if alphas is None else alphas
        K, G, Z = self._cross(X)
        V = K @ self.L_inverse.T

        def back(by_means: Floats, by_variance: Floats) -> Floats:
            # mean m + Kα and variance s2 - K A⁻¹ K' are sums of kernels, and dk/dx = -g (z - z') / ℓ
            by_kernel = G * (by_means @ weights.T - 2.0 * by_variance[:, None] * (V @ self.L_inverse))
            gradient: Floats = (
                by_kernel @ self._seen - Z * by_kernel.sum(axis=1, keepdims=True)
            ) / self.length_scales
            return gradient

        return self.mean + K @ weights, self._variance(V), back

    def believing(self, X: Floats) -> Surrogate:
        """The process as if its own mean had turned out to be true at X: nothing is left to learn there. (k, D)

        The mean stays as it is everywhere. Raises LinAlgError as `of` does.
        """
        if len(X) == 0 or len(self.data) == 0:
            return self
        told = self.data
        exact = np.full(len(X), np.inf)  # as many copies leave no noise
        data = Rows(
            np.vstack([told.X, X]),
            np.concatenate([told.z, self.predict(X)[0]]),
            np.concatenate([told.extra, np.zeros(len(X))]),
            np.concatenate([told.copies, exact]),
        )
        return Surrogate.of(self.theta, data, self.groups, mean=self.mean)

    def alphas(self, Z: Floats) -> Floats:
        """α for other observations at the same places. Z: (n, S) -> (n, S)"""
        found: Floats = self.L_inverse.T @ (self.L_inverse @ (Z - self.mean))
        return found

    def sample(self, X: Floats, normals: Floats) -> Floats:
        """Joint posterior samples of the objective at X. normals: (k, S), standard normal. -> (k, S)"""
        L, _ = _factor(self.covariance(X), math.exp(self.theta[-2]))
        found: Floats = self.predict(X)[0][:, None] + L @ normals
        return found

    def _cross(self, X: Floats) -> tuple[Floats, Floats, Floats]:
        Z = (X - self._centre) / self.length_scales
        s2 = math.exp(self.theta[-2])
        K, g = matern(squared_distances(Z, self._seen))
        return s2 * K, s2 * g, Z

    def _variance(self, V: Floats) -> Floats:
        left: Floats = math.exp(self.theta[-2]) - np.sum(V * V, axis=1)
        return np.clip(left, _SMALLEST_VARIANCE, None)  # round-off can make it -1e-16


def _centre(X: Floats) -> Floats:
    centre: Floats = X.mean(axis=0) if len(X) else np.zeros(X.shape[1])
    return centre


def _factor(A: Floats, s2: float) -> tuple[Floats, float]:
    if not np.all(np.isfinite(A)):
        raise np.linalg.LinAlgError("the covariance is not finite")
    for jitter in _JITTERS:
        raised = A.copy()
        raised[np.diag_indices_from(A)] += jitter * s2
        L, bad = dpotrf(raised.T, lower=True, clean=True, overwrite_a=True)
        if not bad:
            return L, jitter
    raise np.linalg.LinAlgError(f"the covariance is not positive definite, even with a jitter of {_JITTERS[-1]}")


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted surrogate and how the fit went."""

    surrogate: Surrogate
    value: float
    evaluations: int


def fit(data: Rows, groups: Groups, prior: Prior, warm: Floats | None = None) -> Fit:
    """The surrogate whose θ is most probable given the rows: L-BFGS-B from the stored θ, the prior's start, or both.

    Where all z are equal there is nothing to learn θ from, and the start is kept. Raises LinAlgError.
    """
    default = prior.start()
    starts = [default] if warm is None else [warm, default] if len(data) < _FEW else [warm]
    starts = [np.clip(start, *np.array(prior.bounds()).T) for start in starts]
    if np.ptp(data.z) == 0.0:
        return Fit(Surrogate.of(starts[0], data, groups), misfit(starts[0], data, groups, prior)[0], 1)
    best, value, evaluations = starts[0], math.inf, 0
    for start in starts:
        found = minimize(
            misfit,
            start,
            args=(data, groups, prior),
            jac=True,
            method="L-BFGS-B",
            bounds=prior.bounds(),
            options={"maxiter": 50, "gtol": 1e-2, "ftol": 1e9 * np.finfo(float).eps},
        )
        evaluations += int(found.nfev)
        if float(found.fun) < value:
            best, value = np.asarray(found.x, dtype=float), float(found.fun)
    return Fit(Surrogate.of(best, data, groups), value, evaluations)


# --- θ as it is stored ----------------------------------------------------------------------------------------------


def theta_to_state(theta: Floats, names: Sequence[str]) -> dict[str, float]:
    """θ by name, as plain floats: log_length_scale.<parameter>, log_scale, log_noise."""
    return dict(zip(_labels(names), map(float, theta), strict=True))


def theta_from_state(state: Mapping[str, Any], names: Sequence[str]) -> Floats | None:
    """The θ of its state; None when it is of another space or not finite."""
    labels = _labels(names)
    if set(state) != set(labels):
        return None
    theta = np.array([float(state[label]) for label in labels])
    return theta if np.all(np.isfinite(theta)) else None


def _labels(names: Sequence[str]) -> list[str]:
    return [f"log_length_scale.{name}" for name in names] + ["log_scale", "log_noise"]
