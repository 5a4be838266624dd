"""What is done to losses before they are modelled: the bad side is cut, skew is taken out, the rest is standardised.

y: (n,) losses.  u = (y - median) / IQR.  z: (n,) what the model sees, of mean 0 and standard deviation 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from trimtab_service.optimizer.encoding import Floats

__all__ = ["Warp", "choose", "standardise"]

LAMBDAS = (1.0, 0.5, 0.0, -0.5, -1.0)
"""Powers of the Yeo-Johnson transform on trial, from the one that changes nothing to the strongest."""
_NATS = 2.0
"""A stronger warp must be this much likelier to be taken."""
_CLIP = 8.0
_HUGEST = 1e300
"""Losses beyond this are taken as this, so that differences don't overflow."""
_HUGE = 1e150
"""Losses beyond this are scaled down before they are squared."""
_TINY = 1e-100
"""Losses all below this are scaled up before they are squared."""
_STEEPEST = 1e300
"""The largest slope."""
_FAR = 1e6
"""A loss this many interquartile ranges away is as far as any other."""


@dataclass(frozen=True, slots=True)
class Warp:
    """z = (yeo_johnson((min(y, cap) - centre) / scale; power) - mean) / sd, increasing in y up to the cap."""

    cap: float
    centre: float
    scale: float
    power: float
    mean: float
    sd: float

    def apply(self, losses: Floats, *, winsorise: bool = True) -> Floats:
        """Losses as z. winsorise: whether the bad side is cut, as it is for told values but not for a reference."""
        u = _units(np.minimum(losses, self.cap) if winsorise else losses, self.centre, self.scale)
        z = (yeo_johnson(u, self.power) - self.mean) / self.sd
        return np.maximum(z, -_CLIP) if not winsorise else np.clip(z, -_CLIP, _CLIP)

    def slope(self, losses: Floats) -> Floats:
        """dz/dy, with which a standard error becomes one of z; beyond the cap, that of the cap."""
        u = _units(np.minimum(losses, self.cap), self.centre, self.scale)
        with np.errstate(over="ignore", divide="ignore"):
            slope: Floats = (1.0 + np.abs(u)) ** (np.sign(u) * (self.power - 1.0)) / (self.scale * self.sd)
        return np.minimum(slope, _STEEPEST)

    def invert(self, z: Floats) -> Floats:
        """z as losses. A z that no loss reaches gives the nearest that is reached."""
        return yeo_johnson_inverse(z * self.sd + self.mean, self.power) * self.scale + self.centre

    def to_state(self) -> dict[str, float]:
        """The JSON form."""
        return {
            "cap": self.cap,
            "centre": self.centre,
            "scale": self.scale,
            "power": self.power,
            "mean": self.mean,
            "sd": self.sd,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Warp:
        """The warp of its JSON form."""
        return cls(**{name: float(state[name]) for name in ("cap", "centre", "scale", "power", "mean", "sd")})


def standardise(losses: Floats, power: float = 1.0) -> Warp:
    """The warp of these losses for a given power.

    The bad side is cut at q3 + 1.5 IQR (Tukey's fence): a loss far worse than the rest says no more than "bad".
    """
    tame = np.clip(losses, -_HUGEST, _HUGEST)
    size = float(np.max(np.abs(tame)))
    shrink = size / _HUGE if size > _HUGE else size / _TINY if 0.0 < size < _TINY else 1.0
    y = tame / shrink
    q1, median, q3 = np.percentile(y, [25.0, 50.0, 75.0])
    cap = q3 + 1.5 * (q3 - q1) if q3 > q1 else np.max(y)
    capped = np.minimum(y, cap)
    scale = next((s for s in (q3 - q1, np.std(capped)) if s > 1e-12 * abs(median)), 1.0)
    warped = yeo_johnson(_units(capped, float(median), float(scale)), power)
    sd = float(np.std(warped))
    return Warp(
        cap=float(cap * shrink),
        centre=float(median * shrink),
        scale=max(float(scale * shrink), math.ulp(0.0)),
        power=power,
        mean=float(np.mean(warped)),
        sd=sd if sd > 1e-12 else 1.0,
    )


def choose(losses: Floats, misfit: Callable[[Warp, Floats], float]) -> Warp:
    """The warp whose power makes the losses likeliest under the model: the mildest within 2 nats of the best.

    misfit(warp, z): the model's negative log likelihood of z; the log of dz/dy makes it one of the losses.
    """
    warps = [standardise(losses, power) for power in LAMBDAS]
    scores = []
    for warp in warps:
        slopes = warp.slope(losses)
        score = misfit(warp, warp.apply(losses)) - float(np.sum(np.log(slopes)))
        scores.append(score if math.isfinite(score) else math.inf)
    best = min(scores)
    return next((warp for warp, score in zip(warps, scores, strict=True) if score <= best + _NATS), warps[0])


def _units(losses: Floats, centre: float, scale: float) -> Floats:
    with np.errstate(over="ignore"):  # what overflows is cut to the farthest
        u: Floats = np.clip((np.clip(losses, -_HUGEST, _HUGEST) - centre) / scale, -_FAR, _FAR)
    return u


def yeo_johnson(u: Floats, power: float) -> Floats:
    """sign(u) ((1 + |u|)^k - 1) / k with k = λ for u ≥ 0 and k = 2 - λ below. Yeo & Johnson 2000."""
    exponent = np.where(u >= 0, power, 2.0 - power)
    grown = np.log1p(np.abs(u))
    safe = np.where(exponent == 0, 1.0, exponent)
    found: Floats = np.sign(u) * np.where(exponent == 0, grown, np.expm1(safe * grown) / safe)
    return found


def yeo_johnson_inverse(v: Floats, power: float) -> Floats:
    """The u of a value of `yeo_johnson`. A negative λ has a ceiling at -1/λ; values above it give a huge u."""
    exponent = np.where(v >= 0, power, 2.0 - power)
    safe = np.where(exponent == 0, 1.0, exponent)
    inside = np.maximum(safe * np.abs(v), -1.0 + 1e-12)
    grown = np.where(exponent == 0, np.abs(v), np.log1p(inside) / safe)
    found: Floats = np.sign(v) * np.expm1(np.minimum(grown, 700.0))
    return found
