"""Which metrics are one figure in two units, and how one follows from the other.

Sizes: size_kb is 1,000 bytes and size_mb 1,000,000, kib 1,024 and mib 1,048,576. Operations: a multiply-accumulate is
two FLOPs. All of it holds for a metric of a device too.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from trimtab_service.domain.metric import COST_METRICS, Value, join_key, split_key

_FAMILIES = (
    {"size_bytes": 1, "size_kb": 1_000, "size_mb": 1_000_000, "kib": 1_024, "mib": 1_048_576},
    {"flops": 1, "macs": 2},
)
"""Metric -> how many of the family's smallest unit it has. Told bytes and FLOPs go before what else is told."""
_FAMILY = {metric: family for family in _FAMILIES for metric in family}


def relatives(key: str) -> Iterator[tuple[str, int, int]]:
    """The keys that this one follows from, each as (key, n, d): the value is that one's, times n, over d."""
    metric, device = split_key(key)
    family = _FAMILY.get(metric, {})
    for other, unit in family.items():
        if other != metric:
            yield join_key(other, device), unit, family[metric]


def derived(key: str, values: Mapping[str, float]) -> float | None:
    """The value of this key, or what follows for it from another unit; None where neither is there."""
    found = values.get(key)
    if found is not None:
        return found
    for other, n, d in relatives(key):
        known = values.get(other)
        if known is not None and math.isfinite(known * n):
            return known * n / d
    return None


def derived_value(key: str, values: Mapping[str, Value]) -> Value | None:
    """The same with its standard error, and a contract that says from what it follows."""
    found = values.get(key)
    if found is not None:
        return found
    for other, n, d in relatives(key):
        known = values.get(other)
        if known is not None and math.isfinite(known.value * n):
            stderr = None if known.stderr is None else known.stderr * n / d
            return Value(known.value * n / d, stderr, _contract(other, known))
    return None


def follows(key: str, keys: Collection[str]) -> bool:
    """Whether the key is one of these or follows from one of them."""
    return key in keys or any(other in keys for other, _, _ in relatives(key))


def is_cost(key: str) -> bool:
    """Whether the metric is a cost, which can't be negative: one of COST_METRICS or another unit of one."""
    metric, _ = split_key(key)
    return metric in COST_METRICS or metric in _FAMILY


def _contract(source: str, value: Value) -> dict[str, Any]:
    """The source's contract without its convention, which counts in the other unit."""
    kept = {key: one for key, one in value.contract.items() if key != "convention"}
    return {**kept, "derived_from": source}
