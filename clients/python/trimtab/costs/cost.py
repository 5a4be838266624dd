"""The costs of one model as a value, and what is refused on the way to it. Unknown is None, never 0.

A contract says how a figure was come by: convention, counter and version, and what the figure depends on (input
shape, dtype, threads, device, repetitions, statistic). Two figures may be compared when their contracts agree.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

from trimtab.errors import TrimtabError

Contract = dict[str, Any]
"""How one figure was come by, as JSON."""

METRICS = (
    "parameters",
    "trainable_parameters",
    "size_bytes",
    "macs",
    "flops",
    "activation_peak_bytes",
    "latency_ms",
    "energy_mj",
    "co2_g",
)
"""Every figure, by the name under which a trial tells it."""

FLOPS_CONVENTION = "2 FLOPs per multiply-accumulate"


class UnsupportedModel(TrimtabError, TypeError):
    """The model is of no kind that can be measured."""

    code = "unsupported_model"


class InvalidExample(TrimtabError, ValueError):
    """The example input does not fit the model."""

    code = "invalid_example"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one model costs. A figure that is not known is None.

    size_bytes: of the stored arrays, as they are, without file format. macs: multiply-accumulates of one example;
    flops: 2 x macs. activation_peak_bytes: the most that one layer's input and output take together. latency_ms: of
    one example. stderr: metric -> standard error of a sampled figure. contract: metric -> how it was come by.
    """

    parameters: int | None = None
    trainable_parameters: int | None = None
    size_bytes: int | None = None
    macs: int | None = None
    flops: int | None = None
    activation_peak_bytes: int | None = None
    latency_ms: float | None = None
    energy_mj: float | None = None
    co2_g: float | None = None
    stderr: Mapping[str, float] = field(default_factory=dict, repr=False)
    contract: Mapping[str, Contract] = field(default_factory=dict, repr=False)

    def as_metrics(self) -> dict[str, dict[str, Any]]:
        """The known figures as a trial takes them: metric -> {"value", "stderr", "contract"}, ready for JSON."""
        return {
            name: {
                "value": getattr(self, name),
                "stderr": self.stderr.get(name),
                "contract": dict(self.contract.get(name, {})),
            }
            for name in METRICS
            if getattr(self, name) is not None
        }


def counted(convention: str, **depends_on: Any) -> Contract:
    """The contract of a figure that was counted or computed, not sampled."""
    return {"convention": convention, "counter": "trimtab.costs", "version": client_version(), **depends_on}


@functools.cache
def client_version() -> str:
    """The version of this client; "unknown" where it runs from a plain folder."""
    try:
        return metadata.version("trimtab")
    except metadata.PackageNotFoundError:
        return "unknown"
