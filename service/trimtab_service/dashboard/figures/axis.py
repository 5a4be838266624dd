"""An axis: its limits around the values, linear, log10 or by the error, and ticks at round numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trimtab_service.usecases import numerals

_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)
_FAR = 4.0
"""Outliers are left out once they make the axis so many times longer than what most values need."""
_MARGIN = 0.05
_HUGE, _TINY = 1e300, 1e-300
"""Values beyond this lie at the end of a linear axis, and those closer than this at one place."""
_EXPONENTS = (-323, 308)
"""Of the least and the largest decade that a float holds."""


@dataclass(frozen=True, slots=True)
class Axis:
    """low and high: the limits in scaled units. name: the metric.

    log: scaled is log10 of the value. whole: only whole numbers are ticked. error: above 0, scaled is
    -log10(1 - value), so that 0.9 to 0.99 is as far as 0.99 to 0.999; errors below it are drawn as it.
    """

    name: str
    low: float
    high: float
    log: bool = False
    whole: bool = False
    error: float = 0.0

    @classmethod
    def around(
        cls,
        name: str,
        values: Sequence[float],
        *,
        log: bool = False,
        whole: bool = False,
        error: float = 0.0,
        keep: Sequence[float] = (),
    ) -> Axis:
        """An axis for the values. Those to keep are always within; of the others, far outliers may be left out."""
        scaled = sorted(_scaled(value, log=log, error=error) for value in values) or [0.0]
        kept = [_scaled(value, log=log, error=error) for value in keep]
        low, high = min([scaled[0], *kept]), max([scaled[-1], *kept])
        cut = len(scaled) // 20
        inner_low = min([scaled[cut], *kept])
        inner_high = max([scaled[len(scaled) - 1 - cut], *kept])
        if inner_high > inner_low and high - low > _FAR * (inner_high - inner_low):
            low, high = inner_low, inner_high
        if high - low < _TINY:
            low, high = (low - 0.5, low + 0.5) if log or whole or error else _about(low)
        room = (high - low) * _MARGIN
        return cls(name, low - room, high + room, log, whole, error)

    def place(self, value: float) -> float:
        """Where the value lies: 0 at low, 1 at high."""
        return (_scaled(value, log=self.log, error=self.error) - self.low) / (self.high - self.low)

    def holds(self, value: float) -> bool:
        """Whether the value lies within the limits."""
        return 0.0 <= self.place(value) <= 1.0

    def ticks(self, most: int = 6) -> list[tuple[float, str]]:
        """(value, text) of at most so many ticks."""
        if self.error:
            return self._error_ticks(most)
        if not self.log:
            values, step = _linear(self.low, self.high, most, whole=self.whole)
            return self._spelled(values, step)
        decades = list(_exponents(math.ceil(self.low - 1e-9), math.floor(self.high + 1e-9)))
        if len(decades) >= 3:
            stride = math.ceil(len(decades) / most)
            exponents = [exponent for exponent in decades if exponent % stride == 0]
            return [(10.0**exponent, self._decade(exponent)) for exponent in exponents]
        values = _one_two_five(self.low, self.high)
        if len(values) < 3 and _power(self.high) - _power(self.low) > _TINY:
            values, step = _linear(_power(self.low), _power(self.high), most)
            return self._spelled([value for value in values if value > 0.0], step)
        return [(value, numerals.amount(self.name, value) if self._compact() else f"{value:g}") for value in values]

    def _error_ticks(self, most: int) -> list[tuple[float, str]]:
        """At errors of 1, 2 and 5 times a power of ten; of powers alone where these are too many."""
        powers = range(max(math.ceil(self.high), 1))
        errors = [factor / 10.0 ** (power + 1) for power in powers for factor in (10, 5, 2)]
        errors = [error for error in errors if self.low <= -math.log10(error) <= self.high]
        if len(errors) > most + 2:
            errors = [10.0**-power for power in powers if power >= self.low]
            errors = errors[:: math.ceil(len(errors) / most)]
        if len(errors) < 3:
            return self._spelled(*_linear(1 - 10**-self.low, 1 - 10**-self.high, most))
        return [(1 - error, f"{1 - error:.12g}") for error in errors]

    def _spelled(self, values: list[float], step: float) -> list[tuple[float, str]]:
        """The values with their texts: whole numbers in full where three digits don't tell them apart."""
        texts = [self._spell(step)(value) for value in values]
        if len(set(texts)) < len(texts) and step >= 1.0 and max(map(abs, values)) < 1e15:
            texts = [numerals.fixed(value, 0 if step.is_integer() else 1) for value in values]
        return list(zip(values, texts, strict=True))

    def _spell(self, step: float) -> Callable[[float], str]:
        if self._compact() or step >= 1e4:
            return numerals.size if numerals.is_size(self.name) else numerals.compact
        if step < 1e-5:
            return lambda value: f"{value:.3g}"
        decimals = numerals.step_decimals(step)
        return lambda value: numerals.fixed(value + 0.0, decimals)

    def _decade(self, exponent: int) -> str:
        if self._compact():
            return numerals.amount(self.name, 10.0**exponent)
        return f"{10.0**exponent:g}" if -4 <= exponent <= 4 else f"1e{exponent}"

    def _compact(self) -> bool:
        return numerals.is_size(self.name) or numerals.is_count(self.name)


def _scaled(value: float, *, log: bool, error: float) -> float:
    if error:
        return -math.log10(max(1.0 - value, error))
    return math.log10(value) if log else min(max(float(value), -_HUGE), _HUGE)


def _exponents(first: int, last: int) -> range:
    """Whole exponents of ten, those that no float holds left out."""
    return range(max(first, _EXPONENTS[0]), min(last, _EXPONENTS[1]) + 1)


def _power(exponent: float) -> float:
    """A power of ten, cut to what a float holds."""
    return math.pow(10.0, min(max(exponent, _EXPONENTS[0]), _EXPONENTS[1]))


def _about(value: float) -> tuple[float, float]:
    """The limits for one value alone: 0 to 1 for a share, else from 0 to twice the value."""
    if abs(value) < _TINY or 0.01 <= value <= 1:
        return 0.0, 1.0
    return min(0.0, 2 * value), max(0.0, 2 * value)


def _linear(low: float, high: float, most: int, *, whole: bool = False) -> tuple[list[float], float]:
    """Multiples of a round step within the limits, and the step."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    steps = [nice * power for nice in _NICE if nice * power >= rough * (1 - 1e-9)]
    step = next((step for step in steps if step.is_integer()), 1.0) if whole else steps[0]
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [place * step for place in range(first, last + 1)], step


def _one_two_five(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten within limits that are given as log10."""
    exponents = _exponents(math.floor(low), math.ceil(high))
    values = [factor * 10.0**exponent for exponent in exponents for factor in (1.0, 2.0, 5.0)]
    return [value for value in values if low - 1e-9 <= math.log10(value) <= high + 1e-9]
