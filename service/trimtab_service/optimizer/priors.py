"""What is believed of a surrogate's θ before any trial, as densities with gradients, and where a fit starts and ends.

θ: (d + 2,) natural logarithms of d length scales ℓ, of the prior variance s2 and of the noise variance n2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trimtab_service.optimizer.encoding import Floats

__all__ = ["Prior"]

_LOG_ELL_BOUNDS = (math.log(0.025), math.log(1e3))
_LOG_S2_BOUNDS = (math.log(1e-2), math.log(1e3))
_LOG_N2_BOUNDS = (math.log(1e-6), 0.0)
_OF_NUMBERS = (math.log(0.6), 1.2)
"""Median of ℓ / √d, as a logarithm, and standard deviation of ln ℓ, for numbers: most change what they change within
their range."""
_OF_CHOICES = (0.4, 1.0)
"""The same for choices without order. Longer, so that what one choice has taught is believed of the others until they
are seen to differ: a short ℓ would begin anew with each."""


@dataclass(frozen=True, slots=True)
class Prior:
    """ℓ ~ LogNormal(centre, spread) and n2 ~ LogNormal(-4, 1) as densities in ℓ and n2, ln s2 ~ N(0, 1).

    centre, spread: (d,).  deterministic: whether the noise is known to be none. Hvarfner et al. 2024 for the shape,
    and for the √d in the centre: the more dimensions, the longer the distances in them.
    """

    centre: Floats
    spread: Floats
    deterministic: bool = False

    @classmethod
    def of(cls, choices: NDArray[np.bool_], *, deterministic: bool = False) -> Prior:
        """The prior of a space. choices: (d,), which parameters have values without order."""
        dims = len(choices)
        median = np.where(choices, _OF_CHOICES[0], _OF_NUMBERS[0]) + 0.5 * math.log(max(dims, 1))
        return cls(median, np.where(choices, _OF_CHOICES[1], _OF_NUMBERS[1]), deterministic)

    @classmethod
    def of_numbers(cls, dims: int, *, deterministic: bool = False) -> Prior:
        """The prior of a space of numbers only."""
        return cls.of(np.zeros(dims, dtype=bool), deterministic=deterministic)

    @property
    def dims(self) -> int:
        """How many length scales there are."""
        return len(self.centre)

    def penalty(self, theta: Floats) -> tuple[float, Floats]:
        """Minus the log density of θ, without constants, and its gradient.

        + ln ℓ and + ln n2 make it a density in ℓ and n2, not in their logarithms.
        """
        ell, s2, n2 = theta[:-2], theta[-2], theta[-1]
        away = (ell - self.centre) / self.spread
        value = float(np.sum(away**2 / 2.0 + ell) + s2**2 / 2.0 + (n2 + 4.0) ** 2 / 2.0 + n2)
        return value, np.concatenate([away / self.spread + 1.0, [s2, n2 + 5.0]])

    def start(self) -> Floats:
        """Where a fit starts: ℓ = ½ d^¼, s2 = 1, n2 = 1e-3, or the floor where there is no noise."""
        noise = _LOG_N2_BOUNDS[0] if self.deterministic else math.log(1e-3)
        return np.array([math.log(0.5) + 0.25 * math.log(max(self.dims, 1))] * self.dims + [0.0, noise])

    def bounds(self) -> list[tuple[float, float]]:
        """The box that θ lies in."""
        noise = (_LOG_N2_BOUNDS[0],) * 2 if self.deterministic else _LOG_N2_BOUNDS
        return [_LOG_ELL_BOUNDS] * self.dims + [_LOG_S2_BOUNDS, noise]
