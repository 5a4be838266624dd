"""A machine that models must run on, as the limits that it sets on metrics."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from trimtab_service.domain.constraint import Constraint
from trimtab_service.domain.errors import InvalidStudy
from trimtab_service.domain.metric import check_device_name, check_metric_key, join_key, split_key
from trimtab_service.domain.parameter import finite
from trimtab_service.domain.units import follows, is_cost

Limits = Mapping[str, Any]
"""{metric: at most this number} or {metric: "<= 20"}; and a list of conditions under the key "limits"."""

OF_A_DEVICE = ("latency_ms", "energy_mj", "co2_g")
"""Metrics that differ from device to device."""
MAX_LIMITS = 20
_CONDITIONS = "limits"


@dataclass(frozen=True)
class Device:
    """A named set of limits. limits: as they were given; a mere list of conditions is one under the key "limits".

    Raises InvalidStudy for a name or limits that make no sense.
    """

    name: str
    limits: Limits

    def __post_init__(self) -> None:
        check_device_name(self.name)
        object.__setattr__(self, "limits", _plain(self.limits))
        found = self._limits()
        if not 1 <= len(found) <= MAX_LIMITS:
            raise InvalidStudy(f"device {self.name!r}: expected 1 to {MAX_LIMITS} limits, got {len(found)}")

    def constraints(
        self, keys: Collection[str], contracts: Mapping[str, Mapping[str, Any]] | None = None
    ) -> tuple[Constraint, ...]:
        """The limits as a study's trials are held to them.

        keys: of the values that its trials have. contracts: key -> how those were measured. A limit looks at what was
        measured on this device where there is any; else at the plain values, unless those are of a metric that
        differs from device to device and their contract names another one: then they say nothing of this device.
        """
        found = self._limits()
        plain = {key for one in found for key in one.metrics if not split_key(key)[1]}
        mine = {key: join_key(key, self.name) for key in plain if self._is_apart(key, keys, contracts or {})}
        return tuple(one.renamed(mine) for one in found)

    def _is_apart(self, key: str, keys: Collection[str], contracts: Mapping[str, Mapping[str, Any]]) -> bool:
        if follows(join_key(key, self.name), frozenset(keys)):
            return True
        measured_on = contracts.get(key, {}).get("device")
        return key in OF_A_DEVICE and measured_on not in (None, self.name)

    def _limits(self) -> list[Constraint]:
        bounds = [one for key, limit in self.limits.items() if key != _CONDITIONS for one in self._bound(key, limit)]
        return bounds + [one for text in self.limits.get(_CONDITIONS, ()) for one in Constraint.of(text)]

    def _bound(self, key: str, limit: object) -> tuple[Constraint, ...]:
        metric = check_metric_key(key)
        if isinstance(limit, str):
            return Constraint.of(f"{metric} {limit}")
        if finite(limit) is None or not isinstance(limit, int | float):
            raise InvalidStudy(f"device {self.name!r}: limit {key!r} must be a finite number, got {limit!r}")
        if not is_cost(metric):
            raise InvalidStudy(
                f"device {self.name!r}: a mere number is the most of a cost; limit {key!r} must say which way, like "
                f"'>= {limit!r}', got {limit!r}"
            )
        return (Constraint.bound(metric, limit),)


def _plain(limits: object) -> Limits:
    match limits:
        case Mapping():
            listed = limits.get(_CONDITIONS, ())
            if not isinstance(listed, list | tuple):
                raise InvalidStudy(f"a device's {_CONDITIONS!r} is a list of conditions, got {listed!r}")
            return {**limits, **({_CONDITIONS: tuple(listed)} if listed else {})}
        case list() | tuple():
            return {_CONDITIONS: tuple(limits)}
    raise InvalidStudy(f"a device's limits are {{metric: at most}} or a list of conditions, got {limits!r}")
