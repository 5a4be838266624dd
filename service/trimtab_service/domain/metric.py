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

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")


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
    """A metric that is optimised.

    log: the metric is compared, modelled and drawn on a log10 scale (bytes, seconds); it must then be positive.
    reference: the worst value worth having, in the metric's own unit; hypervolume is measured from it.
    """

    metric: str
    direction: Direction
    log: bool = False
    reference: float | None = None

    def __post_init__(self) -> None:
        check_metric_name(self.metric)
        if self.reference is not None:
            number = finite(self.reference)
            if number is None:
                raise InvalidStudy(
                    f"objective {self.metric!r}: reference must be a finite number, got {self.reference!r}"
                )
            if self.log and number <= 0:
                raise InvalidStudy(
                    f"objective {self.metric!r}: reference must be above 0 on a log scale, got {number!r}"
                )

    def loss(self, value: float) -> float:
        """The value as a number to be minimised: log10 where the objective asks for it, negated when maximised."""
        scaled = math.log10(value) if self.log else value
        return -scaled if self.direction is Direction.MAXIMIZE else scaled

    def to_spec(self) -> dict[str, Any]:
        """The JSON form."""
        return {"direction": self.direction.value, "log": self.log, "reference": self.reference}


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
