"""Whether two figures may be compared: how each was come by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DECISIVE = (
    "how",
    "convention",
    "counter",
    "device",
    "device_id",
    "threads",
    "dtype",
    "input_shape",
    "statistic",
    "power",
    "pue",
)
"""What makes two figures incomparable where both contracts tell it and they differ. None tells nothing."""


def differences(first: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What keeps two figures from being compared: key -> {"expected": of the first, "got": of the other}."""
    return {
        key: {"expected": first[key], "got": other[key]}
        for key in DECISIVE
        if first.get(key) is not None and other.get(key) is not None and first[key] != other[key]
    }
