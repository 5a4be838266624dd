"""Which metrics are one figure in two units: sizes in bytes, kB, MB, KiB, MiB, and operations as MACs or FLOPs."""

from __future__ import annotations

from collections.abc import Collection

_FAMILIES = (("size_bytes", "size_kb", "size_mb", "kib", "mib"), ("macs", "flops"))


def follows(metric: str, told: Collection[str]) -> bool:
    """Whether the server knows a metric once these were told: it is among them, or another unit of one that is."""
    if metric in told:
        return True
    return any(metric in family and any(one in told for one in family) for family in _FAMILIES)


def measured_as(metric: str) -> str:
    """The figure of `trimtab.measure` that a metric is another unit of; the metric itself where it is none."""
    return "size_bytes" if metric in _FAMILIES[0] else metric
