"""Each told value beside what the surrogate expects of it from all the others, and what that says of the surrogate.

n: rows of a surrogate.  A, α, m as in `surrogate`.  The mean m is profiled under its N(0, 1) prior, which gives the
posterior mean of a process of covariance A + 11' and mean 0; with B = (A + 11')⁻¹ = A⁻¹ - A⁻¹11'A⁻¹ / (1'A⁻¹1 + 1):
held-out mean = z - Bz / diag(B), held-out variance = 1 / diag(A⁻¹), exactly what the surrogate without the row and
with the same θ and warp predicts of it. Rasmussen & Williams 2006, Eq. (5.10) to (5.12).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import bdtr, ndtr, ndtri

from trimtab_service.domain.errors import NoSurrogate
from trimtab_service.domain.insight import Calibration, Coverage, HeldOut
from trimtab_service.optimizer.encoding import Floats
from trimtab_service.optimizer.modelling import Model
from trimtab_service.optimizer.posterior import Posterior, Scale
from trimtab_service.optimizer.surrogate import Surrogate

__all__ = ["LeaveOneOut", "calibrate", "leave_one_out"]

LEVELS = (0.5, 0.8, 0.9, 0.95)
_BINS = 10
_ENOUGH = 10
"""With fewer values nothing can be said of intervals."""
_TELLING = 0.1
"""A Q² below this is as good as none."""
_CHANCE = 0.005
"""How improbable a coverage must be, on either side, before the intervals are called wrong."""
_LOG_2PI = math.log(2.0 * math.pi)


@dataclass(frozen=True, slots=True)
class LeaveOneOut:
    """Of each row: what the others expect of it, noise included. mean, sd, residual, log_density: (n,), of z."""

    mean: Floats
    sd: Floats
    residual: Floats
    log_density: Floats


def leave_one_out(surrogate: Surrogate) -> LeaveOneOut:
    """The predictions of each row from all the others, without fitting anything anew."""
    inverse = surrogate.L_inverse.T @ surrogate.L_inverse
    sums = inverse.sum(axis=1)
    B = inverse - np.outer(sums, sums) / (float(sums.sum()) + 1.0)
    z = surrogate.data.z
    mean = z - (B @ z) / np.diag(B)
    sd = 1.0 / np.sqrt(np.diag(inverse))
    residual = (z - mean) / sd
    return LeaveOneOut(mean, sd, residual, -0.5 * residual**2 - np.log(sd) - 0.5 * _LOG_2PI)


def calibrate(posterior: Posterior, one: Model, scale: Scale) -> Calibration:
    """What the held-out predictions of one objective say of its surrogate.

    Trials that failed are left out, and params of which some trials failed. Raises NoSurrogate.
    """
    metric = scale.objective.metric
    if len(one.surrogate.data) == 0:
        raise NoSurrogate(f"no surrogate of {metric!r} could be fitted: {one.diagnostics.get('reason')}")
    held = leave_one_out(one.surrogate)
    rows = _told_rows(posterior, one.surrogate)
    expected = scale.beliefs(held.mean, held.sd**2)
    numbers = posterior.past.numbers
    told = np.array([values[metric] for values in posterior.told_values()])
    held_out = [
        HeldOut(
            numbers=[numbers[place] for place in places],
            told=float(np.sum(told[places] / len(places))),  # their sum may be beyond the largest float
            expected=expected[row],
            residual=float(held.residual[row]),
            log_density=float(held.log_density[row]),
            pit=float(ndtr(held.residual[row])),
        )
        for row, places in rows.items()
    ]
    chosen = list(rows)
    residual = held.residual[chosen]
    coverage = [_coverage(residual, level) for level in LEVELS]
    score = _explained(one.surrogate.data.z[chosen], held.mean[chosen])
    verdict = _verdict(coverage, score, len(chosen))
    bins = np.clip(ndtr(residual) * _BINS, 0, _BINS - 1).astype(int)
    return Calibration(
        verdict=verdict,
        score=score,
        sentence=_sentence(metric, verdict, score, coverage[-1], len(chosen)),
        coverage=coverage,
        pit_counts=np.bincount(bins, minlength=_BINS).tolist(),
        mean_log_density=float(np.mean(held.log_density[chosen])) if chosen else 0.0,
        held_out=held_out,
    )


def _told_rows(posterior: Posterior, surrogate: Surrogate) -> dict[int, list[int]]:
    """Row -> the places of the told trials that it averages; rows with a failed trial among them are left out."""
    points, past = posterior.encoding.points, posterior.past
    failed = {_row(surrogate, point) for point in points(past.failed)}
    found: dict[int, list[int]] = {}
    for place, point in enumerate(points(past.told)):
        found.setdefault(_row(surrogate, point), []).append(place)
    return {row: places for row, places in sorted(found.items()) if row not in failed}


def _row(surrogate: Surrogate, point: Floats) -> int:
    """The row that a point is in. (D,)"""
    return int(np.argmin(np.max(np.abs(surrogate.data.X - point), axis=1)))


def _explained(z: Floats, expected: Floats) -> float:
    """Q² = 1 - Σ (z - expected)² / Σ (z - mean of the others)². (n,), (n,) -> at most 1; 0 where all z are equal."""
    n = len(z)
    spread = float(np.sum((z - z.mean()) ** 2)) * (n / (n - 1)) ** 2 if n > 1 else 0.0
    return 1.0 - float(np.sum((z - expected) ** 2)) / spread if spread > 0.0 else 0.0


def _coverage(residual: Floats, level: float) -> Coverage:
    """Of (n,) residuals, and the quantiles of Binomial(n, level)."""
    n = len(residual)
    at_most_so_many = bdtr(np.arange(n + 1), n, level)
    return Coverage(
        level=level,
        inside=int(np.sum(np.abs(residual) <= ndtri(0.5 + level / 2.0))),
        at_least=int(np.searchsorted(at_most_so_many, _CHANCE)),
        at_most=min(int(np.searchsorted(at_most_so_many, 1.0 - _CHANCE)), n),
    )


def _verdict(coverage: list[Coverage], score: float, n: int) -> str:
    if n < _ENOUGH:
        return "too_few"
    if any(one.inside < one.at_least for one in coverage):
        return "overconfident"
    if any(one.inside > one.at_most for one in coverage):
        return "underconfident"
    return "trusted" if score >= _TELLING else "uninformative"


def _sentence(metric: str, verdict: str, score: float, widest: Coverage, n: int) -> str:
    seen = f"{widest.inside} of {n} held-out results of {metric} lie in their {widest.level:.0%} intervals"
    foreseen = f"{max(score, 0.0):.0%} of their variance is foreseen"
    match verdict:
        case "too_few":
            return f"Too early to say: {n} results of {metric} judge no surrogate; {_ENOUGH} do."
        case "overconfident":
            return f"Too sure of itself: only {seen}, so read its bands as too narrow; {foreseen}."
        case "underconfident":
            return f"Too cautious: {seen}, so its bands are wider than need be; {foreseen}."
        case "uninformative":
            return f"Honest, but it knows little yet: {seen}, and {foreseen}."
    return f"The surrogate can be trusted: {seen}, and {foreseen}."
