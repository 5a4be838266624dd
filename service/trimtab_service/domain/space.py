"""A search space: ordered parameters and the conditions under which each is present."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from trimtab_service.domain.errors import InvalidParams, InvalidSpace
from trimtab_service.domain.parameter import Categorical, Choice, Condition, Constant, Float, Int, Parameter, identity

Params = dict[str, Choice]
"""Parameter name -> value, for the parameters that are present; in the order of the space."""

MAX_PARAMETERS = 200
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
RESERVED = ("number", "finished_at")
"""What trials are ordered and filtered by beside metrics and params; neither can have these names."""
_KINDS: dict[str, type[Parameter]] = {
    "float": Float,
    "int": Int,
    "categorical": Categorical,
    "constant": Constant,
}
_KEYS = {
    "float": {"low", "high", "log", "step", "when"},
    "int": {"low", "high", "log", "step", "when"},
    "categorical": {"choices", "ordered", "when"},
    "constant": {"value", "when"},
}


@dataclass(frozen=True, slots=True)
class Space:
    """Ordered parameters. A parameter's condition names parameters that come before it.

    The values of a condition are kept as the parent holds them: 3.0 as an int's 3, 0.1 * 3 as a step's 0.3.
    """

    parameters: tuple[Parameter, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.parameters) <= MAX_PARAMETERS:
            raise InvalidSpace(f"a space has 1 to {MAX_PARAMETERS} parameters, got {len(self.parameters)}")
        seen: dict[str, Parameter] = {}
        for parameter in self.parameters:
            if not _NAME.fullmatch(parameter.name):
                raise InvalidSpace(
                    "a parameter's name is a letter or _ and then up to 99 letters, digits, '_', '.' or '-', "
                    f"got {parameter.name!r}"
                )
            if parameter.name in seen:
                raise InvalidSpace(f"parameter {parameter.name!r} is there twice")
            if parameter.name in RESERVED:
                raise InvalidSpace(
                    f"a parameter can't be named {parameter.name!r}: trials are ordered and filtered by their own "
                    f"{list(RESERVED)!r}"
                )
            when: dict[str, tuple[Choice, ...]] = {}
            for parent, values in parameter.when.items():
                if parent not in seen:
                    raise InvalidSpace(
                        f"parameter {parameter.name!r}: its condition needs a parameter that comes before it, "
                        f"got {parent!r}; there are {list(seen)!r}"
                    )
                if not values:
                    raise InvalidSpace(f"parameter {parameter.name!r}: its condition on {parent!r} has no values")
                held = [_checked_condition(parameter.name, seen[parent], value) for value in values]
                when[parent] = tuple({identity(value): value for value in held}.values())
            seen[parameter.name] = replace(parameter, when=when) if parameter.when else parameter
        object.__setattr__(self, "parameters", tuple(seen.values()))

    def __len__(self) -> int:
        return len(self.parameters)

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in order."""
        return tuple(parameter.name for parameter in self.parameters)

    def __getitem__(self, name: str) -> Parameter:
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise KeyError(name)

    def is_active(self, parameter: Parameter, params: Mapping[str, Choice]) -> bool:
        """Whether the parameter is present, given the values of those before it. An absent parent means no."""
        return all(
            parent in params and any(identity(params[parent]) == identity(value) for value in values)
            for parent, values in parameter.when.items()
        )

    def active(self, params: Mapping[str, Choice]) -> tuple[Parameter, ...]:
        """The parameters that are present in these params, in order."""
        return tuple(parameter for parameter in self.parameters if self.is_active(parameter, params))

    def check(self, params: Mapping[str, Any]) -> Params:
        """The params, complete and in order. Raises InvalidParams naming what was expected and what came."""
        checked: Params = {}
        for parameter in self.parameters:
            if not self.is_active(parameter, checked):
                if parameter.name in params:
                    raise InvalidParams(
                        f"{parameter.name} is present only when {_spell(parameter)}, but it came with "
                        f"{parameter.name}={params[parameter.name]!r}"
                    )
                continue
            if parameter.name not in params:
                if isinstance(parameter, Constant):
                    checked[parameter.name] = parameter.value
                    continue
                raise InvalidParams(f"{parameter.name} is missing; expected {[p.name for p in self.parameters]!r}")
            checked[parameter.name] = parameter.check(params[parameter.name])
        unknown = [name for name in params if name not in self.names]
        if unknown:
            raise InvalidParams(f"expected parameters {list(self.names)!r}, got unknown {unknown!r}")
        return checked

    @property
    def cardinality(self) -> float:
        """The number of configurations if every parameter were always present: an upper bound, perhaps infinite."""
        return math.prod(float(parameter.cardinality) for parameter in self.parameters)

    @classmethod
    def from_spec(cls, spec: Mapping[str, Mapping[str, Any]]) -> Space:
        """A space from its JSON form {name: {"type": "float" | "int" | "categorical" | "constant", …}}.

        Raises InvalidSpace.
        """
        if not isinstance(spec, Mapping):
            raise InvalidSpace(f"a space is {{name: parameter}}, got {spec!r}")
        return cls(tuple(_parameter(name, one) for name, one in spec.items()))

    def to_spec(self) -> dict[str, dict[str, Any]]:
        """The JSON form, with every default written out, so that equal spaces have equal forms."""
        return {parameter.name: _spec(parameter) for parameter in self.parameters}


def _parameter(name: str, spec: Mapping[str, Any]) -> Parameter:
    if not isinstance(spec, Mapping):
        raise InvalidSpace(f"parameter {name!r}: expected {{type, …}}, got {spec!r}")
    kind = spec.get("type")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise InvalidSpace(f"parameter {name!r}: type must be one of {list(_KINDS)!r}, got {kind!r}")
    given = {key: value for key, value in spec.items() if key != "type"}
    unknown = set(given) - _KEYS[kind]
    if unknown:
        raise InvalidSpace(
            f"parameter {name!r} of type {kind!r} takes {sorted(_KEYS[kind])!r}, got unknown {sorted(unknown)!r}"
        )
    for flag in ("log", "ordered"):
        if not isinstance(given.get(flag, False), bool):
            raise InvalidSpace(f"parameter {name!r}: {flag} must be true or false, got {given[flag]!r}")
    given["when"] = _condition(name, given.get("when"))
    if kind == "categorical":
        given["choices"] = _listed(name, "choices", given.get("choices"))
    if kind == "int" and given.get("step", 1) is None:
        del given["step"]
    try:
        return _KINDS[kind](name=name, **given)
    except TypeError as error:
        raise InvalidSpace(f"parameter {name!r} of type {kind!r}: {_what_is_missing(kind, given)}") from error


def _what_is_missing(kind: str, given: Mapping[str, Any]) -> str:
    needed = {
        "float": ["low", "high"],
        "int": ["low", "high"],
        "categorical": ["choices"],
        "constant": ["value"],
    }
    return f"expected {needed[kind]!r}, got {sorted(key for key in given if key != 'when')!r}"


def _listed(name: str, what: str, value: object) -> tuple[Choice, ...]:
    if not isinstance(value, list | tuple):
        raise InvalidSpace(f"parameter {name!r}: {what} must be a list, got {value!r}")
    return tuple(value)


def _condition(name: str, when: object) -> Condition:
    if when is None:
        return {}
    if not isinstance(when, Mapping):
        raise InvalidSpace(f"parameter {name!r}: when must be {{parent: [values]}}, got {when!r}")
    return {
        parent: tuple(values) if isinstance(values, list | tuple) else (values,) for parent, values in when.items()
    }


def _spec(parameter: Parameter) -> dict[str, Any]:
    when = {"when": {parent: list(values) for parent, values in parameter.when.items()}} if parameter.when else {}
    match parameter:
        case Float():
            return {
                "type": "float",
                "low": float(parameter.low),
                "high": float(parameter.high),
                "log": parameter.log,
                "step": parameter.step,
                **when,
            }
        case Int():
            return {
                "type": "int",
                "low": parameter.low,
                "high": parameter.high,
                "log": parameter.log,
                "step": parameter.step,
                **when,
            }
        case Categorical():
            return {
                "type": "categorical",
                "choices": list(parameter.choices),
                "ordered": parameter.ordered,
                **when,
            }
        case Constant():
            return {"type": "constant", "value": parameter.value, **when}


def _checked_condition(name: str, parent: Parameter, value: object) -> Choice:
    try:
        return parent.check(value)
    except InvalidParams as error:
        raise InvalidSpace(f"parameter {name!r}: its condition can never hold, {error.detail}") from error


def _spell(parameter: Parameter) -> str:
    return " and ".join(f"{parent} is one of {list(values)!r}" for parent, values in parameter.when.items())
