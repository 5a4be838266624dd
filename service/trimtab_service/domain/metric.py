"""What is measured: metrics, the objectives among them, and a told value with its uncertainty and its contract."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from trimtab_service.domain.errors import InvalidStudy, InvalidValue
from trimtab_service.domain.parameter import finite
from trimtab_service.domain.space import RESERVED

COST_METRICS = (
    "parameters",
    "trainable_parameters",
    "parameters_nonzero",
    "size_bytes",
    "serialized_bytes",
    "macs",
    "macs_nonzero",
    "flops",
    "activation_peak_bytes",
    "latency_ms",
    "energy_mj",
    "co2_g",
    "training_energy_j",
    "training_co2_g",
)
"""What the client measures of a model and its training: every study takes these without declaring them."""

_OBJECTIVE = ("direction", "log", "reference", "threshold", "weight", "noise", "formula")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
DEVICE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_KEY = re.compile(r"""([^\[\]]*)\[(["'])([^"']*)\2\]""")


def check_metric_name(name: object) -> str:
    """The name. Raises InvalidStudy when it can't be a metric's."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidStudy(
            f"a metric's name is a letter or _ and then up to 99 letters, digits, '_', '.' or '-', got {name!r}"
        )
    if name in RESERVED:
        raise InvalidStudy(
            f"a metric can't be named {name!r}: trials are ordered and filtered by their own {list(RESERVED)!r}"
        )
    return name


def check_device_name(name: object) -> str:
    """The name. Raises InvalidStudy when it can't be a device's."""
    if not isinstance(name, str) or not DEVICE_NAME.fullmatch(name):
        raise InvalidStudy(
            f"a device's name is a letter or digit and then up to 99 letters, digits, '.', '_' or '-', got {name!r}"
        )
    return name


def split_key(key: str) -> tuple[str, str]:
    """Metric and device of a key; the device is "" where the key is a metric's name alone.

    >>> split_key('latency_ms["pi-zero"]')
    ('latency_ms', 'pi-zero')
    """
    found = _KEY.fullmatch(key) if key.endswith("]") else None
    return (found[1], found[3]) if found else (key, "")


def join_key(metric: str, device: str = "") -> str:
    """The key of a metric, measured on a device unless that is ""."""
    return f'{metric}["{device}"]' if device else metric


def check_metric_key(key: object) -> str:
    """A metric's name, or name["device"], as `join_key` spells it. Raises InvalidStudy."""
    if not isinstance(key, str) or not key.endswith("]"):
        return check_metric_name(key)
    metric, device = split_key(key)
    if not device:
        raise InvalidStudy(f'a metric of a device is spelled metric["device"], got {key!r}')
    return join_key(check_metric_name(metric), check_device_name(device))


class Direction(StrEnum):
    """Which way an objective is better."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"

    @classmethod
    def of(cls, text: object) -> Direction:
        """The direction of "minimize", "maximize", "min" or "max". Raises InvalidStudy."""
        match text:
            case "minimize" | "min":
                return cls.MINIMIZE
            case "maximize" | "max":
                return cls.MAXIMIZE
        raise InvalidStudy(f"a direction is 'minimize' or 'maximize', got {text!r}")


@dataclass(frozen=True, slots=True)
class Objective:
    """A metric that is optimised. All numbers are in the metric's own unit.

    log: the metric is compared, modelled and drawn on a log10 scale (bytes, seconds); it must then be positive.
    reference: the worst value worth having; hypervolume is measured from it. threshold: the worst value that is
    acceptable, a limit. weight: how much this objective counts beside the others, above 0. noise: the standard
    deviation of one evaluation; 0 says that it is exact, None that it is to be learned. formula: an expression of
    other metrics, from which the value is computed when they are told (read by the Problem).
    """

    metric: str
    direction: Direction
    log: bool = False
    reference: float | None = None
    threshold: float | None = None
    weight: float = 1.0
    noise: float | None = None
    formula: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "metric", check_metric_key(self.metric))
        for name in ("reference", "threshold"):
            number = self._finite(name)
            if self.log and number is not None and number <= 0:
                raise InvalidStudy(
                    f"objective {self.metric!r}: {name} must be above 0 on a log scale, got {number!r}"
                )
        weight, noise = self._finite("weight"), self._finite("noise")
        if weight is None or weight <= 0:
            raise InvalidStudy(f"objective {self.metric!r}: weight must be above 0, got {self.weight!r}")
        if noise is not None and noise < 0:
            raise InvalidStudy(f"objective {self.metric!r}: noise must not be negative, got {self.noise!r}")
        if self.formula is not None and not isinstance(self.formula, str):
            raise InvalidStudy(f"objective {self.metric!r}: formula must be text, got {self.formula!r}")

    @property
    def is_maximized(self) -> bool:
        """Whether a larger value is better."""
        return self.direction is Direction.MAXIMIZE

    def loss(self, value: float) -> float:
        """The value as a number to be minimised: log10 where the objective asks for it, negated when maximised."""
        scaled = math.log10(value) if self.log else value
        return -scaled if self.is_maximized else scaled

    @classmethod
    def from_spec(cls, metric: str, spec: object) -> Objective:
        """The objective of a direction, or of {direction, …}. Raises InvalidStudy."""
        if not isinstance(spec, Mapping):
            return cls(metric, Direction.of(spec))
        if set(spec) - set(_OBJECTIVE) or "direction" not in spec:
            raise InvalidStudy(
                f"objective {metric!r}: expected a direction or {{{', '.join(_OBJECTIVE)}}}, got {sorted(spec)!r}"
            )
        log, weight = spec.get("log", False), spec.get("weight")
        if not isinstance(log, bool):
            raise InvalidStudy(f"objective {metric!r}: log must be true or false, got {log!r}")
        return cls(
            metric,
            Direction.of(spec["direction"]),
            log,
            spec.get("reference"),
            spec.get("threshold"),
            1.0 if weight is None else weight,
            spec.get("noise"),
            spec.get("formula"),
        )

    def to_spec(self) -> dict[str, Any]:
        """The JSON form."""
        return {**{key: getattr(self, key) for key in _OBJECTIVE}, "direction": self.direction.value}

    def _finite(self, name: str) -> float | None:
        given = getattr(self, name)
        number = finite(given)
        if number is None and given is not None:
            raise InvalidStudy(f"objective {self.metric!r}: {name} must be a finite number, got {given!r}")
        return number


@dataclass(frozen=True, slots=True)
class Value:
    """A told number. stderr: its standard error, if known. contract: how it was measured, as JSON."""

    value: float
    stderr: float | None = None
    contract: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, metric: str, given: object) -> Value:
        """A number, or {"value", "stderr", "contract"}. Raises InvalidValue."""
        if not isinstance(given, Mapping):
            return cls(_finite(metric, "value", given))
        unknown = set(given) - {"value", "stderr", "contract"}
        if unknown or "value" not in given:
            raise InvalidValue(
                f"metric {metric!r}: expected a number or {{value, stderr, contract}}, got keys {sorted(given)!r}"
            )
        stderr = given.get("stderr")
        if stderr is not None and _finite(metric, "stderr", stderr) < 0:
            raise InvalidValue(f"metric {metric!r}: stderr must not be negative, got {stderr!r}")
        contract = given.get("contract") or {}
        if not isinstance(contract, Mapping):
            raise InvalidValue(f"metric {metric!r}: contract must be an object, got {contract!r}")
        return cls(
            _finite(metric, "value", given["value"]),
            None if stderr is None else float(stderr),
            dict(contract),
        )


def _finite(metric: str, what: str, number: object) -> float:
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise InvalidValue(f"metric {metric!r}: {what} must be a number, got {number!r}")
    found = finite(number)
    if found is None:
        raise InvalidValue(f"metric {metric!r}: {what} must be finite, got {number!r}; tell a failure instead")
    return found
