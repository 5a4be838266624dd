"""The kinds of parameter as people write them, and their wire form. The server is the judge of a whole space."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from trimtab.errors import InvalidSpace

Choice = str | int | float | bool
"""What a categorical may choose, and what params hold."""

When = Mapping[str, Any]
"""Condition: parent parameter -> the value, or list of values, for which the parameter is present."""


@dataclass(frozen=True)
class Float:
    """A real number in [low, high]. log: searched on a log scale. step: only low, low + step, …; not with log."""

    low: float
    high: float
    log: bool = field(default=False, kw_only=True)
    step: float | None = field(default=None, kw_only=True)
    when: When | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        _check_limits("Float", self.low, self.high, log=self.log, step=self.step)
        _check_condition("Float", self.when)


@dataclass(frozen=True)
class Int:
    """A whole number in [low, high]. log: searched on a log scale. step: only low, low + step, …; with log only 1."""

    low: int
    high: int
    log: bool = field(default=False, kw_only=True)
    step: int = field(default=1, kw_only=True)
    when: When | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        _check_limits("Int", self.low, self.high, log=self.log, step=self.step)
        _check_condition("Int", self.when)


@dataclass(frozen=True)
class Categorical:
    """One of several choices. ordered: their order carries meaning (2, 4, 8 bits)."""

    choices: Sequence[Choice]
    ordered: bool = field(default=False, kw_only=True)
    when: When | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if isinstance(self.choices, str | bytes) or not isinstance(self.choices, Iterable):
            raise InvalidSpace(f"Categorical: choices must be a list, got {self.choices!r}")
        object.__setattr__(self, "choices", tuple(self.choices))
        if not self.choices:
            raise InvalidSpace("Categorical: at least one choice is needed, got none")
        _check_condition("Categorical", self.when)


@dataclass(frozen=True)
class Constant:
    """A parameter that is the same in every trial: handed out with the others, never searched."""

    value: Choice
    when: When | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        _check_condition("Constant", self.when)


Parameter = Float | Int | Categorical | Constant


def space_to_wire(space: Mapping[str, Parameter | Mapping[str, Any]] | None) -> dict[str, dict[str, Any]]:
    """{name: {"type": …}} in the same order; forms that are wire already are passed on. Raises InvalidSpace."""
    if not isinstance(space, Mapping):
        raise InvalidSpace(f"space: expected {{name: Float, Int, Categorical or Constant}}, got {space!r}")
    return {name: _to_wire(name, parameter) for name, parameter in space.items()}


def space_from_wire(wire: Mapping[str, Mapping[str, Any]]) -> dict[str, Parameter]:
    """The parameters of a study as the server states them."""
    return {name: _from_wire(name, spec) for name, spec in wire.items()}


def why_absent(space: Mapping[str, Mapping[str, Any]], params: Mapping[str, Any], name: str) -> str:
    """Why a parameter of a space (as on the wire) is not among a trial's params; empty when it is none of its."""
    for parent, wanted in (space.get(name, {}).get("when") or {}).items():
        if parent not in params:
            return f"{name} is absent, since {parent} is absent"
        if params[parent] not in wanted:
            return f"{name} is absent, since {parent}={params[parent]!r}"
    return ""


def _to_wire(name: str, parameter: Parameter | Mapping[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any]
    match parameter:
        case Float(low=low, high=high, log=log, step=step):
            spec = {"type": "float", "low": low, "high": high, "log": log, "step": step}
        case Int(low=low, high=high, log=log, step=step):
            spec = {"type": "int", "low": low, "high": high, "log": log, "step": step}
        case Categorical(choices=choices, ordered=ordered):
            spec = {"type": "categorical", "choices": list(choices), "ordered": ordered}
        case Constant(value=value):
            spec = {"type": "constant", "value": value}
        case Mapping():
            return dict(parameter)
        case _:
            raise InvalidSpace(f"parameter {name!r}: expected Float, Int, Categorical or Constant, got {parameter!r}")
    if spec.get("step", 0) is None:
        del spec["step"]
    if parameter.when:
        spec["when"] = {parent: _listed(values) for parent, values in parameter.when.items()}
    return spec


def _from_wire(name: str, spec: Mapping[str, Any]) -> Parameter:
    when = spec.get("when") or None
    match spec.get("type"):
        case "float":
            return Float(spec["low"], spec["high"], log=spec.get("log", False), step=spec.get("step"), when=when)
        case "int":
            return Int(spec["low"], spec["high"], log=spec.get("log", False), step=spec.get("step") or 1, when=when)
        case "categorical":
            return Categorical(spec["choices"], ordered=spec.get("ordered", False), when=when)
        case "constant":
            return Constant(spec["value"], when=when)
    raise InvalidSpace(f"parameter {name!r}: this client does not know the type {spec.get('type')!r}")


def _listed(values: object) -> list[Any]:
    return list(values) if isinstance(values, list | tuple | set | frozenset | range) else [values]


def _check_limits(kind: str, low: float, high: float, *, log: bool, step: float | None) -> None:
    for what, value in (("low", low), ("high", high), ("step", step)):
        if (what != "step" or value is not None) and not _is_finite(value):
            raise InvalidSpace(f"{kind}: {what} must be a finite number, got {value!r}")
    if not low < high:
        raise InvalidSpace(f"{kind}: low must be below high, got low={low!r}, high={high!r}")
    if log and low <= 0:
        raise InvalidSpace(f"{kind}: low must be above 0 on a log scale, got low={low!r}")
    if step is not None and step <= 0:
        raise InvalidSpace(f"{kind}: step must be above 0, got step={step!r}")


def _is_finite(value: object) -> bool:
    try:
        return not isinstance(value, str | bytes) and math.isfinite(value)  # type: ignore[arg-type]  # see below
    except (TypeError, ValueError, OverflowError):  # whatever knows how to be a float will do: numpy, torch, Decimal
        return False


def _check_condition(kind: str, when: object) -> None:
    if when is not None and not isinstance(when, Mapping):
        raise InvalidSpace(f"{kind}: when must be {{parameter: value or list of values}}, got {when!r}")
