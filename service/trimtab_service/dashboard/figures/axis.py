"""An axis: its limits around the values, linear or log10, and ticks at round numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trimtab_service.dashboard import numerals

_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)
_FAR = 4.0
"""Outliers are left out once they make the axis so many times longer than what most values need."""
_MARGIN = 0.05


@dataclass(frozen=True, slots=True)
class Axis:
    """low and high: the limits in scaled units (log10 of the value when log). name: the metric."""

    name: str
    low: float
    high: float
    log: bool = False
    whole: bool = False

    @classmethod
    def around(
        cls, name: str, values: Sequence[float], *, log: bool = False, whole: bool = False, keep: Sequence[float] = ()
    ) -> Axis:
        """An axis for the values. Those to keep are always within; of the others, far outliers may be left out.

        whole: only whole numbers are ticked.
        """
        scaled = sorted(_scaled(value, log=log) for value in values) or [0.0]
        kept = [_scaled(value, log=log) for value in keep]
        low, high = min([scaled[0], *kept]), max([scaled[-1], *kept])
        cut = len(scaled) // 20
        inner_low = min([scaled[cut], *kept])
        inner_high = max([scaled[len(scaled) - 1 - cut], *kept])
        if inner_high > inner_low and high - low > _FAR * (inner_high - inner_low):
            low, high = inner_low, inner_high
        if high == low:
            room = 0.5 if log or low == 0 else abs(low) * 0.1
            return cls(name, low - room, high + room, log, whole)
        room = (high - low) * _MARGIN
        return cls(name, low - room, high + room, log, whole)

    def place(self, value: float) -> float:
        """Where the value lies: 0 at low, 1 at high."""
        return (_scaled(value, log=self.log) - self.low) / (self.high - self.low)

    def holds(self, value: float) -> bool:
        """Whether the value lies within the limits."""
        return 0.0 <= self.place(value) <= 1.0

    def ticks(self, most: int = 6) -> list[tuple[float, str]]:
        """(value, text) of at most so many ticks."""
        if not self.log:
            values, step = _linear(self.low, self.high, most)
            if self.whole:
                values = [value for value in values if float(value).is_integer()]
                step = max(step, 1.0)
            return [(value, self._spell(step)(value)) for value in values]
        decades = list(range(math.ceil(self.low - 1e-9), math.floor(self.high + 1e-9) + 1))
        if len(decades) >= 3:
            stride = math.ceil(len(decades) / most)
            exponents = [exponent for exponent in decades if exponent % stride == 0]
            return [(10.0**exponent, self._decade(exponent)) for exponent in exponents]
        values = _one_two_five(self.low, self.high)
        if len(values) < 3:
            values, step = _linear(10.0**self.low, 10.0**self.high, most)
            return [(value, self._spell(step)(value)) for value in values]
        return [(value, numerals.amount(self.name, value) if self._compact() else f"{value:g}") for value in values]

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
        return numerals.is_size(self.name) or self.name in ("macs", "flops", "parameters", "trainable_parameters")


def _scaled(value: float, *, log: bool) -> float:
    return math.log10(value) if log else float(value)


def _linear(low: float, high: float, most: int) -> tuple[list[float], float]:
    """Multiples of a round step within the limits, and the step."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(nice * power for nice in _NICE if nice * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [place * step for place in range(first, last + 1)], step


def _one_two_five(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten within limits that are given as log10."""
    exponents = range(math.floor(low), math.ceil(high) + 1)
    values = [factor * 10.0**exponent for exponent in exponents for factor in (1.0, 2.0, 5.0)]
    return [value for value in values if low - 1e-9 <= math.log10(value) <= high + 1e-9]
