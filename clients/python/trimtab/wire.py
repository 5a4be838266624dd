"""Turns what people pass into what travels: numbers of any library, values with their uncertainty, JSON text."""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Mapping
from typing import Any

from trimtab.errors import Invalid, InvalidValue

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
MAX_MESSAGE = 2_000
"""Characters of a failure's message that are sent; the end of a longer one says more than its middle."""


def encode(body: Any) -> bytes:
    """JSON in UTF-8. Numbers and arrays of numpy, torch and the like become plain ones. Raises InvalidValue."""
    try:
        return json.dumps(body, default=_plain, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidValue(f"expected finite numbers, text, bools, lists and dicts, but {error}") from error


def number(metric: str, given: object) -> float:
    """A told number as an int or a float; perhaps not a finite one. Raises InvalidValue when it is none."""
    if isinstance(given, bool) or given is None or isinstance(given, str | bytes):
        raise InvalidValue(f"metric {metric!r}: expected a number, got {given!r}")
    if type(given) is int:
        return given
    try:
        return float(given)  # type: ignore[arg-type]  # whatever knows how to be a float: numpy, torch, Decimal
    except OverflowError:
        return math.inf
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidValue(f"metric {metric!r}: expected a number, got {given!r}") from error


def value(metric: str, given: object) -> float | dict[str, Any]:
    """A number, or {"value", "stderr", "contract"} of a pair (value, stderr) or of such a mapping.

    The number may be NaN or infinite: `not_finite` finds it. Raises InvalidValue.
    """
    match given:
        case Mapping():
            unknown = set(given) - {"value", "stderr", "contract"}
            if unknown or "value" not in given:
                raise InvalidValue(
                    f"metric {metric!r}: expected a number, (value, stderr) or {{value, stderr, contract}}, "
                    f"got keys {sorted(map(str, given))!r}"
                )
            told: dict[str, Any] = {"value": number(metric, given["value"])}
            if given.get("stderr") is not None:
                told["stderr"] = number(metric, given["stderr"])
            if given.get("contract"):
                told["contract"] = mapping(f"metric {metric!r}: contract", given["contract"], InvalidValue)
            return told
        case (first, second):
            return {"value": number(metric, first), "stderr": number(metric, second)}
        case tuple() | list():
            raise InvalidValue(f"metric {metric!r}: expected (value, stderr), got {given!r}")
    return number(metric, given)


def values(given: Mapping[str, Any]) -> dict[str, float | dict[str, Any]]:
    """Every metric's `value`. Raises InvalidValue."""
    return {metric: value(metric, one) for metric, one in mapping("values", given, InvalidValue).items()}


def metrics(given: Any) -> dict[str, float | dict[str, Any]]:
    """The `values` of {metric: value}, or of what has `as_metrics`, such as a cost. Raises InvalidValue."""
    return values(given.as_metrics() if hasattr(given, "as_metrics") else given)


def of_devices(devices: Mapping[str, Any] | None) -> dict[str, float | dict[str, Any]]:
    """{device: {metric: value} or a cost} as {metric["device"]: value}. Raises InvalidValue."""
    return {
        f'{metric}["{device}"]': one
        for device, given in mapping("devices", devices or {}, InvalidValue).items()
        for metric, one in metrics(given).items()
    }


def plain(told: float | dict[str, Any]) -> float:
    """The mere number of a `value`."""
    number: float = told["value"] if isinstance(told, dict) else told
    return number


def step(given: object) -> int:
    """A report's step. Raises InvalidValue."""
    if isinstance(given, float) and given.is_integer():
        return int(given)
    try:
        return operator.index(given)  # type: ignore[arg-type]  # ints of any library
    except TypeError:
        hint = "" if not isinstance(given, Mapping) else ": the step comes first, report(step, {metric: value})"
        raise InvalidValue(f"step: expected a whole number, got {given!r}{hint}") from None


def mapping(what: str, given: object, refusal: type[Invalid]) -> dict[str, Any]:
    """A dict of what must be a mapping. Raises the refusal."""
    if not isinstance(given, Mapping):
        raise refusal(f"{what}: expected {{name: value}}, got {given!r}")
    return dict(given)


def not_finite(told: Mapping[str, float | dict[str, Any]]) -> list[str]:
    """What is NaN or infinite among values, spelled out: ["accuracy is nan"]."""
    found = []
    for metric, one in told.items():
        numbers = {"": one} if not isinstance(one, dict) else {"": one["value"], " stderr": one.get("stderr", 0.0)}
        found += [f"{metric}{what} is {number}" for what, number in numbers.items() if not math.isfinite(number)]
    return found


def text(message: object) -> str:
    """A message that the server takes: Unicode without control characters, its middle cut out when it is long.

    A traceback in colour loses its colours.
    """
    clean = _CONTROL.sub("", _COLOUR.sub("", str(message))).encode(errors="replace").decode()
    if len(clean) <= MAX_MESSAGE:
        return clean
    half = (MAX_MESSAGE - 3) // 2
    return f"{clean[:half]} … {clean[-half:]}"


def _plain(given: Any) -> Any:
    """A numpy scalar, a 0-d tensor, an array, a set, a path: as JSON knows it."""
    if isinstance(given, Mapping):
        return dict(given)
    if isinstance(given, set | frozenset | range):
        return sorted(given)
    for way in ("tolist", "item"):
        if callable(getattr(given, way, None)):
            return getattr(given, way)()
    raise TypeError(f"{type(given).__name__} is none of them")
