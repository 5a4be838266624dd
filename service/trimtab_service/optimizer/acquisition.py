"""How much a point promises: expected improvement, in logarithms with gradients, for one objective and for several.

μ, v, s = √v: posterior mean, variance, standard deviation at k points.  best: the incumbent's loss.  Losses are
minimised.  u = (best - μ) / s.  h(u) = φ(u) + u Φ(u), so that EI = s h(u).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import erfcx, log_ndtr, ndtr

from trimtab_service.optimizer.encoding import Floats
from trimtab_service.optimizer.pareto import Boxes

__all__ = [
    "MEASURES",
    "Measure",
    "expected_improvement",
    "log_ehvi",
    "log_expected_improvement",
    "log_probability_below",
    "log_scalarised_bound",
    "probability_of_improvement",
]

_LOG_ROOT_2PI = 0.5 * math.log(2.0 * math.pi)
_MARGIN = 0.01
"""How much better than the best, in units of z, an improvement must be where its probability is maximised."""
_KAPPA = 1.8
"""How many standard deviations the confidence bound lies from the mean."""
_LEAST = 1e-3
"""A scalarised bound nearer to the reference than this, in units of z, counts by a straight line."""
_FAR = -1e3
"""Below this, 1 - √(π/2) |u| erfcx(|u|/√2) loses its digits and its expansion (1 - 3/u²) / u² is as good."""


def expected_improvement(mean: Floats, sd: Floats, best: float, margin: float = 0.0) -> Floats:
    """E[max(best - margin - Y, 0)] for Y ~ N(mean, sd²); 0 where sd is 0. Brochu et al. 2010, Eq. (4), minimised."""
    gain = best - margin - mean
    u = gain / np.where(sd > 0, sd, 1.0)
    found: Floats = np.where(sd > 0, gain * ndtr(u) + sd * np.exp(-0.5 * u * u - _LOG_ROOT_2PI), 0.0)
    return found


def probability_of_improvement(mean: Floats, sd: Floats, best: float, margin: float = 0.0) -> Floats:
    """P(Y < best - margin) for Y ~ N(mean, sd²); 0 where sd is 0. Brochu et al. 2010, Eq. (2), minimised."""
    found: Floats = np.where(sd > 0, ndtr((best - margin - mean) / np.where(sd > 0, sd, 1.0)), 0.0)
    return found


def log_h(u: Floats) -> tuple[Floats, Floats]:
    """ln h(u) and its derivative Φ(u) / h(u), to full precision however far below 0. Ament et al. 2023, Eq. (9)."""
    near = np.maximum(u, -1.0)
    density = np.exp(-0.5 * near * near - _LOG_ROOT_2PI)
    h = density + near * ndtr(near)

    below = np.minimum(u, -1.0)
    tail = math.sqrt(math.pi / 2.0) * erfcx(-below / math.sqrt(2.0))
    far = below < _FAR
    q = np.where(far, (1.0 - 3.0 / below**2) / below**2, 1.0 + tail * below)
    log_tail = -0.5 * below * below - _LOG_ROOT_2PI + np.log(q)
    slope = np.where(far, -below - 2.0 / below, tail / q)
    return np.where(u > -1.0, np.log(h), log_tail), np.where(u > -1.0, ndtr(near) / h, slope)


class Measure(NamedTuple):
    """What a point promises over the best one, as a score that is maximised.

    score: (means, variances, bests), any shapes that fit one another -> the score and its derivatives by mean and by
    variance.  logarithmic: whether it is the logarithm of what is averaged over the fantasies of pending trials.
    """

    score: Callable[[Floats, Floats, Floats], tuple[Floats, Floats, Floats]]
    logarithmic: bool


def log_expected_improvement(mean: Floats, variance: Floats, best: Floats | float) -> tuple[Floats, Floats, Floats]:
    """ln EI and its derivatives by mean and by variance. Ament et al. 2023, Eq. (8)."""
    sd = np.sqrt(variance)
    u = (best - mean) / sd
    value, slope = log_h(u)
    return value + np.log(sd), -slope / sd, (1.0 - u * slope) / (2.0 * variance)


def _expected_improvement(mean: Floats, variance: Floats, best: Floats | float) -> tuple[Floats, Floats, Floats]:
    """EI and its derivatives by mean and by variance. Brochu et al. 2010, Eq. (4), minimised."""
    sd = np.sqrt(variance)
    u = (best - mean) / sd
    density, below = np.exp(-0.5 * u * u - _LOG_ROOT_2PI), ndtr(u)
    return sd * (density + u * below), -below, density / (2.0 * sd)


def _log_probability_of_improvement(
    mean: Floats, variance: Floats, best: Floats | float
) -> tuple[Floats, Floats, Floats]:
    """ln P(Y < best - ξ) with ξ = 0.01, without which a point next to the best one promises most.

    And its derivatives by mean and by variance. Brochu et al. 2010, Eq. (2), minimised; ξ as in their section 2.3.1.
    """
    sd = np.sqrt(variance)
    u = (best - _MARGIN - mean) / sd
    slope = _density_over_probability(u)
    return log_ndtr(u), -slope / sd, -slope * u / (2.0 * variance)


def _confidence_bound(mean: Floats, variance: Floats, best: Floats | float) -> tuple[Floats, Floats, Floats]:
    """κ s - μ with κ = 1.8, whatever the best is, and its derivatives by mean and by variance.

    The upper confidence bound of a maximisation. Brochu et al. 2010, Eq. (5).
    """
    sd = np.sqrt(variance)
    shape = np.zeros(np.broadcast_shapes(np.shape(mean), np.shape(sd), np.shape(best)))
    return shape + _KAPPA * sd - mean, shape - 1.0, shape + _KAPPA / (2.0 * sd)


MEASURES = {
    "log_ei": Measure(log_expected_improvement, logarithmic=True),
    "ei": Measure(_expected_improvement, logarithmic=False),
    "pi": Measure(_log_probability_of_improvement, logarithmic=True),
    "ucb": Measure(_confidence_bound, logarithmic=False),
}
"""By the names that the option acquisition has for one objective."""


def log_probability_below(mean: Floats, variance: Floats) -> tuple[Floats, Floats, Floats]:
    """ln P(Y <= 0) for Y ~ N(mean, variance), and its derivatives by mean and by variance.

    Gardner et al. 2014, Eq. (4).
    """
    sd = np.sqrt(variance)
    u = -mean / sd
    slope = _density_over_probability(u)
    return log_ndtr(u), -slope / sd, -slope * u / (2.0 * variance)


def log_scalarised_bound(
    mean: Floats, variance: Floats, reference: Floats, weights: Floats
) -> tuple[Floats, Floats, Floats]:
    """ln min_j (r_j - μ_j + κ s_j) / λ_j with κ = 1.8 and its derivatives by mean and by variance.

    How far the confidence bound lies within the reference r in the direction λ, of which the mean over all λ is the
    hypervolume. Zhang & Golovin 2020, Eq. (3) and Algorithm 1. Below a thousandth of the logarithm's argument it goes
    on as a straight line, so that what lies beyond the reference has a slope too.
    mean, variance: (k, m).  reference, weights: (m,).  -> (k,), (k, m), (k, m)
    """
    sd = np.sqrt(variance)
    within = (reference - mean + _KAPPA * sd) / weights
    nearest = np.argmin(within, axis=1)[:, None]
    here = np.take_along_axis(within, nearest, axis=1)[:, 0]
    inside = np.maximum(here, _LEAST)
    value = np.log(inside) + np.minimum(here - _LEAST, 0.0) / _LEAST
    by_within = np.zeros_like(within)
    np.put_along_axis(by_within, nearest, 1.0 / inside[:, None], axis=1)
    by_mean = -by_within / weights
    return value, by_mean, -by_mean * _KAPPA / (2.0 * sd)


def _density_over_probability(u: Floats) -> Floats:
    """φ(u) / Φ(u) = √(2/π) / erfcx(-u / √2), the derivative of ln Φ, to full precision however far below 0."""
    found: Floats = math.sqrt(2.0 / math.pi) / erfcx(-u / math.sqrt(2.0))
    return found


def log_ehvi(mean: Floats, variance: Floats, boxes: Boxes) -> tuple[Floats, Floats, Floats]:
    """ln of the expected hypervolume improvement, exactly, and its derivatives by mean and by variance.

    mean, variance: (k, m) of independent objectives.  boxes: disjoint, filling the region that is not dominated.
    EHVI = Σ_b Π_j E[(upper - max(Y, lower))⁺] = Σ_b Π_j s (h(a) - h(c)), a = (upper - μ) / s, c = (lower - μ) / s.
    -> (k,), (k, m), (k, m)
    """
    lower, upper = boxes
    sd = np.sqrt(variance)[:, None, :]  # (k, 1, m) against boxes (b, m)
    a = (upper - mean[:, None, :]) / sd
    open_below = np.isneginf(lower)
    c = (np.where(open_below, 0.0, lower) - mean[:, None, :]) / sd
    log_a, _ = log_h(a)
    log_c = np.where(open_below, -np.inf, log_h(c)[0])
    side = log_a + _log1mexp(log_a - log_c) + np.log(sd)  # (k, b, m)
    per_box = side.sum(axis=2)
    largest = per_box.max(axis=1, keepdims=True)
    share = np.exp(per_box - largest)
    total = share.sum(axis=1, keepdims=True)
    value, share = (largest + np.log(total))[:, 0], (share / total)[:, :, None]

    log_cdf_a = log_ndtr(a)
    log_cdf_c = np.where(open_below, -np.inf, log_ndtr(c))
    by_mean = -np.exp(log_cdf_a + _log1mexp(log_cdf_a - log_cdf_c) - side)
    drop = np.where(open_below, np.inf, 0.5 * (c - a) * (c + a))  # ln φ(a) - ln φ(c)
    larger = np.maximum(-0.5 * a * a, -0.5 * c * c - np.where(open_below, np.inf, 0.0)) - _LOG_ROOT_2PI
    by_sd = np.sign(drop) * np.exp(larger + _log1mexp(np.abs(drop)) - side)
    return value, (share * by_mean).sum(axis=1), (share * by_sd).sum(axis=1) / (2.0 * sd[:, 0, :])


def _log1mexp(gap: Floats) -> Floats:
    """ln(1 - e^-gap) for gap > 0 (Mächler 2012); a gap that round-off made 0 counts as the smallest there is."""
    gap = np.maximum(gap, np.finfo(float).tiny)
    small, large = np.minimum(gap, math.log(2.0)), np.maximum(gap, math.log(2.0))
    found: Floats = np.where(gap < math.log(2.0), np.log(-np.expm1(-small)), np.log1p(-np.exp(-large)))
    return found
