"""Climbs an acquisition from several starts at once, over the continuous columns only, within [0, 1].

Projected BFGS with a dense inverse Hessian per start, so that each step costs a few batched evaluations.
S: starts.  q: continuous columns.  H: (S, q, q).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from trimtab_service.optimizer.encoding import Floats

__all__ = ["climb"]

_ITERATIONS = 15
_BACKTRACKS = 4
_SHRINK = 0.3
_ARMIJO = 1e-4
_LONGEST = 0.3
"""No step moves a column by more than this share of its range."""
_CONVERGED = 1e-5
"""A start is done when its step would be shorter than this, or its last one gained less than the next number."""
_GAIN = 1e-9

_Objective = Callable[[Floats, NDArray[np.intp]], tuple[Floats, Floats]]


class _HasGradient(Protocol):
    def with_gradient(self, points: Floats) -> tuple[Floats, Floats]: ...


def climb(
    acquisition: _HasGradient,
    points: Floats,
    columns: NDArray[np.intp],
    movable: NDArray[np.bool_],
    scales: Floats,
) -> Floats:
    """The points after the climb; never worse than before. movable: (S, q), false where a parameter is absent.

    scales: (q,), the length over which the acquisition changes, which sets the first step. (S, D) -> (S, D)
    """

    def objective(x: Floats, which: NDArray[np.intp]) -> tuple[Floats, Floats]:
        moved = points[which]
        moved[:, columns] = x
        value, gradient = acquisition.with_gradient(moved)
        good = np.isfinite(value) & np.all(np.isfinite(gradient), axis=1)
        return np.where(good, -value, np.inf), np.where(good[:, None], -gradient[:, columns], 0.0) * movable[which]

    x = points[:, columns]
    everyone = np.arange(len(points))
    f, g = objective(x, everyone)
    H = np.tile(np.diag(scales**2), (len(points), 1, 1))
    going = np.isfinite(f)
    for _ in range(_ITERATIONS):
        direction = _direction(x, g, H)
        going &= np.abs(direction).max(axis=1) > _CONVERGED
        if not np.any(going):
            break
        new_x, new_f, new_g, accepted = _line_search(objective, x, f, g, direction, going)
        H = _updated(H, new_x - x, new_g - g, accepted)
        going &= accepted
        going[going] = f[going] - new_f[going] > _GAIN * (1.0 + np.abs(f[going]))
        x, f, g = new_x, new_f, new_g
    climbed = points.copy()
    climbed[:, columns] = x
    return climbed


def _direction(x: Floats, g: Floats, H: Floats) -> Floats:
    """-H g over the columns that are not held at a bound; steepest descent where that does not descend."""
    free = ~(((x <= 0.0) & (g > 0.0)) | ((x >= 1.0) & (g < 0.0)))
    gradient = np.where(free, g, 0.0)
    direction = -np.einsum("sij,sj->si", H, gradient) * free
    uphill = np.sum(direction * g, axis=1) >= 0.0
    steepest = -gradient * np.einsum("sii->si", H)
    direction = np.where(uphill[:, None], steepest, direction)
    longest = np.abs(direction).max(axis=1, keepdims=True)
    limited: Floats = direction * np.minimum(1.0, _LONGEST / np.maximum(longest, 1e-300))
    return limited


def _line_search(
    objective: _Objective,
    x: Floats,
    f: Floats,
    g: Floats,
    direction: Floats,
    going: NDArray[np.bool_],
) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
    """Armijo backtracking along the projected path, for all rows that are still going.

    All steps are evaluated at once and the longest that does is taken: one call of the objective costs less than two.
    """
    new_x, new_f, new_g = x.copy(), f.copy(), g.copy()
    left = np.flatnonzero(going)
    steps = _SHRINK ** np.arange(_BACKTRACKS)
    trial = np.clip(x[left, None] + steps[:, None] * direction[left, None], 0.0, 1.0)  # (rows, steps, q)
    value, gradient = objective(trial.reshape(-1, x.shape[1]), np.repeat(left, _BACKTRACKS))
    value, gradient = value.reshape(trial.shape[:2]), gradient.reshape(trial.shape)
    gains = np.einsum("rq,rsq->rs", g[left], trial - x[left, None])
    enough = value <= f[left, None] + _ARMIJO * gains
    rows = np.flatnonzero(enough.any(axis=1))
    taken, done = enough[rows].argmax(axis=1), left[rows]
    new_x[done], new_f[done], new_g[done] = trial[rows, taken], value[rows, taken], gradient[rows, taken]
    accepted = np.zeros(len(x), dtype=bool)
    accepted[done] = True
    return new_x, new_f, new_g, accepted


def _updated(H: Floats, s: Floats, y: Floats, accepted: NDArray[np.bool_]) -> Floats:
    """The BFGS update of the inverse Hessian where the curvature is positive. Nocedal & Wright 2006, Eq. (6.17)."""
    sy = np.sum(s * y, axis=1)
    good = accepted & (sy > 1e-12)
    rho = np.where(good, 1.0 / np.where(good, sy, 1.0), 0.0)
    left = np.eye(s.shape[1])[None] - rho[:, None, None] * np.einsum("si,sj->sij", s, y)
    updated = left @ H @ left.transpose(0, 2, 1) + rho[:, None, None] * np.einsum("si,sj->sij", s, s)
    return np.where(good[:, None, None], updated, H)
