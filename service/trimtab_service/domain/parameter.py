"""The kinds of parameter: float, int, categorical and constant, each with the condition under which it is present."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Any

from trimtab_service.domain.errors import InvalidParams, InvalidSpace

Choice = str | int | float | bool
"""What a categorical may choose, and what params hold."""

Condition = Mapping[str, tuple[Choice, ...]]
"""Parent parameter -> the values of it for which the parameter is present. All parents must agree."""

MAX_CHOICES = 1_000
MAX_INT = 2**53
"""Ints beyond this do not survive a float, so they are refused."""

_DECIMALS = Context(prec=60)
"""Steps are counted in decimals, as they were written: 29 steps of 0.01 from 0 are 0.29."""
_ULPS = 4
"""A step must be so many times the distance of floats at the ends of the range, to be told from the next."""


def finite(value: object) -> float | None:
    """The number as a float; None for what is no number, not finite, or an int that no float reaches."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _finite(name: str, what: str, value: object) -> float:
    number = finite(value)
    if number is None:
        raise InvalidSpace(f"parameter {name!r}: {what} must be a finite number, got {value!r}")
    return number


def _ordered(name: str, low: float, high: float, *, log: bool) -> None:
    if not low < high:
        raise InvalidSpace(f"parameter {name!r}: low must be below high, got low={low}, high={high}")
    if not math.isfinite(high - low):
        raise InvalidSpace(f"parameter {name!r}: high - low must be finite, got low={low}, high={high}")
    if log and low <= 0:
        raise InvalidSpace(f"parameter {name!r}: low must be above 0 on a log scale, got low={low}")


def _apart_in_logs(name: str, low: float, high: float) -> None:
    if not math.log(low) < math.log(high):
        raise InvalidSpace(f"parameter {name!r}: low and high are too close for a log scale, got {low} and {high}")


@dataclass(frozen=True, slots=True)
class Float:
    """A real number in [low, high]; with step, one of low, low + step, …, up to high."""

    name: str
    low: float
    high: float
    log: bool = False
    step: float | None = None
    when: Condition = field(default_factory=dict)

    def __post_init__(self) -> None:
        for end in ("low", "high"):
            object.__setattr__(self, end, _finite(self.name, end, getattr(self, end)))
        _ordered(self.name, self.low, self.high, log=self.log)
        if self.log:
            _apart_in_logs(self.name, self.low, self.high)
        if self.step is not None:
            object.__setattr__(self, "step", self._checked_step())

    def _checked_step(self) -> float:
        step = _finite(self.name, "step", self.step)
        if self.log:
            raise InvalidSpace(f"parameter {self.name!r}: step and log can't both be given")
        if not 0 < step <= self.high - self.low:
            raise InvalidSpace(f"parameter {self.name!r}: step must lie in (0, high - low], got step={step}")
        finest = _ULPS * self._ulp()
        if step < finest:
            raise InvalidSpace(
                f"parameter {self.name!r}: step is too fine, floats in this range need at least {finest}, got {step}"
            )
        return step

    def _ulp(self) -> float:
        return math.ulp(max(abs(self.low), abs(self.high)))

    @property
    def cardinality(self) -> float:
        """How many values there are; infinite without a step."""
        if self.step is None:
            return math.inf
        extent = _DECIMALS.subtract(_decimal(self.high), _decimal(self.low))
        steps = _DECIMALS.divide(extent, _decimal(self.step))
        return math.floor(_DECIMALS.add(steps, Decimal("1e-9"))) + 1

    def grid_value(self, index: int) -> float:
        """The index-th value of a parameter with a step: low + index · step in decimals; high where it ends there."""
        if self.step is None:
            raise InvalidSpace(f"parameter {self.name!r} has no step, so it has no grid")
        value = float(_DECIMALS.fma(_decimal(self.step), Decimal(index), _decimal(self.low)))
        return self.high if value > self.high - 1e-9 * self.step else max(value, self.low)

    def check(self, value: object) -> float:
        """The value as a float. Raises InvalidParams when it is not a number within the limits (and on a step)."""
        number = finite(value)
        if number is None:
            raise InvalidParams(f"{self.name} must be a finite number, got {value!r}")
        if not self.low <= number <= self.high:
            raise InvalidParams(f"{self.name} must be in [{self.low}, {self.high}], got {value!r}")
        if self.step is None:
            return number
        index = min(round((number - self.low) / self.step), int(self.cardinality) - 1)
        snapped = self.grid_value(index)
        if abs(snapped - number) > max(1e-6 * self.step, 1.5 * self._ulp()):
            raise InvalidParams(f"{self.name} must be {self.low} plus a multiple of {self.step}, got {value!r}")
        return snapped


@dataclass(frozen=True, slots=True)
class Int:
    """A whole number in [low, high]; with step, one of low, low + step, …, up to high."""

    name: str
    low: int
    high: int
    log: bool = False
    step: int = 1
    when: Condition = field(default_factory=dict)

    def __post_init__(self) -> None:
        for what, value in (("low", self.low), ("high", self.high), ("step", self.step)):
            if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MAX_INT:
                raise InvalidSpace(
                    f"parameter {self.name!r}: {what} must be a whole number within ±2^53, got {value!r}"
                )
        _ordered(self.name, self.low, self.high, log=self.log)
        if self.high - self.low > MAX_INT:
            raise InvalidSpace(
                f"parameter {self.name!r}: high - low must be at most 2^53, got low={self.low}, high={self.high}"
            )
        if self.log:
            _apart_in_logs(self.name, self.low - 0.5, self.high + 0.5)
        if not 1 <= self.step <= self.high - self.low:
            raise InvalidSpace(f"parameter {self.name!r}: step must lie in [1, high - low], got step={self.step}")
        if self.log and self.step != 1:
            raise InvalidSpace(f"parameter {self.name!r}: step and log can't both be given")

    @property
    def cardinality(self) -> float:
        """How many values there are."""
        return (self.high - self.low) // self.step + 1

    def grid_value(self, index: int) -> int:
        """The index-th value: low + index · step."""
        return self.low + index * self.step

    def check(self, value: object) -> int:
        """The value as an int. Raises InvalidParams when it is not a whole number within the limits, on a step."""
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
            raise InvalidParams(f"{self.name} must be a whole number, got {value!r}")
        number = int(value)
        if not self.low <= number <= self.high:
            raise InvalidParams(f"{self.name} must be in [{self.low}, {self.high}], got {value!r}")
        if (number - self.low) % self.step:
            raise InvalidParams(f"{self.name} must be {self.low} plus a multiple of {self.step}, got {value!r}")
        return number


@dataclass(frozen=True, slots=True)
class Categorical:
    """One of several choices; ordered when their order carries meaning (2, 4, 8 bits)."""

    name: str
    choices: tuple[Choice, ...]
    ordered: bool = False
    when: Condition = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 1 <= len(self.choices) <= MAX_CHOICES:
            raise InvalidSpace(
                f"parameter {self.name!r}: 1 to {MAX_CHOICES} choices are needed, got {len(self.choices)}"
            )
        for choice in self.choices:
            if not isinstance(choice, str | int | float | bool):
                raise InvalidSpace(
                    f"parameter {self.name!r}: a choice must be text, a number or a bool, got {choice!r}"
                )
            if isinstance(choice, float) and not math.isfinite(choice):
                raise InvalidSpace(f"parameter {self.name!r}: a choice must be finite, got {choice!r}")
        if len({identity(choice) for choice in self.choices}) != len(self.choices):
            raise InvalidSpace(f"parameter {self.name!r}: choices must differ, got {list(self.choices)!r}")

    @property
    def cardinality(self) -> float:
        """How many choices there are."""
        return len(self.choices)

    def index(self, value: object) -> int:
        """The place of a choice. Raises InvalidParams when it is none of them (True is not 1, 1.0 is)."""
        for place, choice in enumerate(self.choices):
            if identity(choice) == identity(value):
                return place
        raise InvalidParams(f"{self.name} must be one of {list(self.choices)!r}, got {value!r}")

    def grid_value(self, index: int) -> Choice:
        """The index-th choice."""
        return self.choices[index]

    def check(self, value: object) -> Choice:
        """The choice. Raises InvalidParams when the value is none of the choices."""
        return self.choices[self.index(value)]


@dataclass(frozen=True, slots=True)
class Constant:
    """A parameter that is the same in every trial; handed out with the others, never searched."""

    name: str
    value: Choice
    when: Condition = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.value, str | int | float | bool):
            raise InvalidSpace(
                f"parameter {self.name!r}: a constant must be text, a number or a bool, got {self.value!r}"
            )
        if isinstance(self.value, float) and not math.isfinite(self.value):
            raise InvalidSpace(f"parameter {self.name!r}: a constant must be finite, got {self.value!r}")

    @property
    def cardinality(self) -> float:
        """One value."""
        return 1

    def grid_value(self, index: int) -> Choice:
        """The value."""
        return self.value

    def check(self, value: object) -> Choice:
        """The value. Raises InvalidParams when another one came."""
        if identity(value) != identity(self.value):
            raise InvalidParams(f"{self.name} must be {self.value!r}, got {value!r}")
        return self.value


Parameter = Float | Int | Categorical | Constant


def _decimal(number: float) -> Decimal:
    """The number as it is written, not as it is stored: 0.1 is 0.1."""
    return Decimal(repr(number))


def identity(choice: object) -> tuple[bool, Any]:
    """True and 1 are different choices although Python holds them equal; 1 and 1.0 are the same."""
    return isinstance(choice, bool), choice
