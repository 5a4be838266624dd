"""How much a point promises: expected improvement, in logarithms with gradients, for one objective and for several.

μ, v, s = √v: posterior mean, variance, standard deviation at k points.  best: the incumbent's loss.  Losses are
minimised.  u = (best - μ) / s.  h(u) = φ(u) + u Φ(u), so that EI = s h(u).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, log_ndtr, ndtr

from trimtab_service.optimizer.encoding import Floats
from trimtab_service.optimizer.pareto import Boxes

__all__ = [
    "MEASURES",
    "Measure",
    "expected_improvement",
    "log_ehvi",
    "log_ehvi_value",
    "log_expected_improvement",
    "log_probability_below",
    "log_sampled_ehvi",
    "probability_of_improvement",
]

Places = NDArray[np.intp]

_LOG_ROOT_2PI = 0.5 * math.log(2.0 * math.pi)
_MARGIN = 0.01
"""How much better than the best, in units of z, an improvement must be where its probability is maximised."""
_KAPPA = 1.8
"""How many standard deviations the confidence bound lies from the mean."""
_LEAST = 1e-12
"""Added to a gain in hypervolume before its logarithm is taken."""
_AT_ONCE = 4_096
"""So many numbers of an array are worked on at once where boxes are many."""
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


def log_sampled_ehvi(
    mean: Floats, variance: Floats, reference: Floats, directions: Floats, lengths: Floats, normals: Floats
) -> tuple[Floats, Floats, Floats]:
    """ln of the expected hypervolume improvement, but for a constant, by random directions and an outcome in each.

    In a direction λ an outcome y = μ + s ε reaches min_j (r_j - y_j) / λ_j beyond the reference r, and hypervolume is
    the mean over directions of the largest reach to the power of m, but for a factor (Zhang & Golovin 2020, Lemma 5).
    A point that adds nothing counts by how much it lacks in the direction where that is least.
    mean, variance: (k, m).  reference: (m,).  directions: (l, m), of length 1.  lengths: (l,), reached so far.
    normals: (l, m), ε of each direction.  -> (k,), (k, m), (k, m)
    """
    m = mean.shape[1]
    sd = np.sqrt(variance)
    within = (reference - mean[:, None, :] - sd[:, None, :] * normals) / directions  # (k, l, m)
    nearest = np.argmin(within, axis=2)
    reach = np.take_along_axis(within, nearest[:, :, None], axis=2)[:, :, 0]
    gains = np.maximum(np.maximum(reach, 0.0) ** m - lengths**m, 0.0)
    total = gains.mean(axis=1)
    lack = reach - lengths
    closest = np.argmax(lack, axis=1)[:, None]
    value = np.log(total + _LEAST) + np.minimum(np.take_along_axis(lack, closest, axis=1)[:, 0], 0.0)
    slope = np.where(gains > 0.0, m * np.maximum(reach, 0.0) ** (m - 1), 0.0) / len(directions)
    slope /= (total + _LEAST)[:, None]
    np.put_along_axis(slope, closest, np.where(total[:, None] > 0.0, np.take_along_axis(slope, closest, 1), 1.0), 1)
    by_outcome = [-slope * (nearest == j) / directions[:, j] for j in range(m)]  # (k, l) each
    by_mean = np.stack([some.sum(axis=1) for some in by_outcome], axis=1)
    by_sd = np.stack([some @ normals[:, j] for j, some in enumerate(by_outcome)], axis=1)
    return value, by_mean, by_sd / (2.0 * sd)


def _density_over_probability(u: Floats) -> Floats:
    """φ(u) / Φ(u) = √(2/π) / erfcx(-u / √2), the derivative of ln Φ, to full precision however far below 0."""
    found: Floats = math.sqrt(2.0 / math.pi) / erfcx(-u / math.sqrt(2.0))
    return found


def log_ehvi_value(mean: Floats, variance: Floats, boxes: Boxes) -> Floats:
    """ln of the expected hypervolume improvement, exactly: `log_ehvi` without its derivatives, in half the time."""
    return np.concatenate([_log_sum(_per_box(sides))[0] for sides in _in_parts(mean, variance, boxes)])


def log_ehvi(mean: Floats, variance: Floats, boxes: Boxes) -> tuple[Floats, Floats, Floats]:
    """ln of the expected hypervolume improvement, exactly, and its derivatives by mean and by variance.

    mean, variance: (k, m) of independent objectives.  boxes: disjoint, filling the region that is not dominated.
    EHVI = Σ_b Π_j E[(upper - max(Y, lower))⁺] = Σ_b Π_j s (h(a) - h(c)), a = (upper - μ) / s, c = (lower - μ) / s.
    -> (k,), (k, m), (k, m)
    """
    parts = []
    for sides in _in_parts(mean, variance, boxes):
        value, share = _log_sum(_per_box(sides))
        slopes = [one.slopes() for one in sides]
        by_side = (
            [(share * slope[:, one.layout.of_box]).sum(axis=1) for one, slope in zip(sides, some, strict=True)]
            for some in zip(*slopes, strict=True)
        )
        parts.append((value, *(np.stack(columns, axis=1) for columns in by_side)))
    value, by_mean, by_sd = (np.concatenate(some) for some in zip(*parts, strict=True))
    return value, by_mean, by_sd / (2.0 * np.sqrt(variance))


def _in_parts(mean: Floats, variance: Floats, boxes: Boxes) -> Iterator[list[_Sides]]:
    """The sides along each objective, for a few points at a time: small arrays stay where they are quickly read."""
    layouts = [_Layout.of(lower, upper) for lower, upper in zip(boxes[0].T, boxes[1].T, strict=True)]
    few = max(1, _AT_ONCE // len(boxes[0]))
    for start in range(0, max(len(mean), 1), few):
        rows = slice(start, start + few)
        yield [
            _Sides.of(mean[rows, j : j + 1], variance[rows, j : j + 1], layout) for j, layout in enumerate(layouts)
        ]


def _per_box(sides: Sequence[_Sides]) -> Floats:
    """The logarithm of each box's part. -> (k, b)"""
    total: Floats = np.sum([one.log[:, one.layout.of_box] for one in sides], axis=0)
    return total


def _log_sum(logs: Floats) -> tuple[Floats, Floats]:
    """ln of the sum of exp, by row, and the share of each. (k, b) -> (k,), (k, b)"""
    largest = logs.max(axis=1, keepdims=True)
    share = np.exp(logs - largest)
    total = share.sum(axis=1, keepdims=True)
    return (largest + np.log(total))[:, 0], share / total


@dataclass(frozen=True, slots=True)
class _Layout:
    """The sides of boxes along one objective that differ from each other.

    edges: (u,).  a, c: (v,), places of a side's upper and lower edge.  of_box: (b,), the side of each box.
    """

    edges: Floats
    a: Places
    c: Places
    of_box: Places

    @classmethod
    def of(cls, lower: Floats, upper: Floats) -> _Layout:
        """lower, upper: (b,); a lower one may be -inf."""
        edges, place = np.unique(np.concatenate([lower, upper]), return_inverse=True)
        c, a = place.reshape(2, -1)
        sides, of_box = np.unique(c * len(edges) + a, return_inverse=True)
        return cls(edges, sides % len(edges), sides // len(edges), of_box)


@dataclass(frozen=True, slots=True)
class _Sides:
    """ln s (h(a) - h(c)) of the sides of a layout at k points. edges: (k, u), in units of s from the mean.

    log: (k, v).
    """

    layout: _Layout
    edges: Floats
    log: Floats

    @classmethod
    def of(cls, mean: Floats, variance: Floats, layout: _Layout) -> _Sides:
        """mean, variance: (k, 1)."""
        sd = np.sqrt(variance)
        edges = (layout.edges - mean) / sd
        open_below = np.isneginf(layout.edges)
        logs = np.where(open_below, -np.inf, log_h(np.where(open_below, 0.0, edges))[0])
        log = logs[:, layout.a]
        log = log + _log1mexp(log - logs[:, layout.c]) + np.log(sd)
        return cls(layout, edges, log)

    def slopes(self) -> tuple[Floats, Floats]:
        """The derivatives of log by mean and by standard deviation. -> (k, v), (k, v)"""
        cdf = log_ndtr(self.edges)
        density = -0.5 * self.edges * self.edges - _LOG_ROOT_2PI
        by_mean = -np.exp(cdf[:, self.layout.a] + _log1mexp(cdf[:, self.layout.a] - cdf[:, self.layout.c]) - self.log)
        a, c = self.edges[:, self.layout.a], self.edges[:, self.layout.c]
        drop = np.where(np.isneginf(c), np.inf, 0.5 * (c - a) * (c + a))  # ln φ(a) - ln φ(c)
        larger = np.maximum(density[:, self.layout.a], density[:, self.layout.c])
        return by_mean, np.sign(drop) * np.exp(larger + _log1mexp(np.abs(drop)) - self.log)


def _log1mexp(gap: Floats) -> Floats:
    """ln(1 - e^-gap) for gap > 0 (Mächler 2012); a gap that round-off made 0 counts as the smallest there is."""
    gap = np.maximum(gap, np.finfo(float).tiny)
    small, large = np.minimum(gap, math.log(2.0)), np.maximum(gap, math.log(2.0))
    found: Floats = np.where(gap < math.log(2.0), np.log(-np.expm1(-small)), np.log1p(-np.exp(-large)))
    return found
