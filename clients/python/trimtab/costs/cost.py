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
)
"""Every figure, by the name under which a trial tells it."""

FLOPS_CONVENTION = "2 FLOPs per multiply-accumulate"
MACS_CONVENTION = "1 MAC per multiply-accumulate; bias additions, norms, activations and pooling count 0"
NONZERO_CONVENTION = "multiply-accumulates whose weight is not 0; products of two activations count in full"


class UnsupportedModel(TrimtabError, TypeError):
    """The model is of no kind that can be measured."""

    code = "unsupported_model"


class InvalidExample(TrimtabError, ValueError):
    """The example input does not fit the model."""

    code = "invalid_example"


class InTraining(TrimtabError, ValueError):
    """The model is in training mode, in which it does not run as it will be used."""

    code = "in_training"


class UnknownCost(TrimtabError, ValueError):
    """A figure was wanted that is not known of this model."""

    code = "unknown_cost"


@dataclass(frozen=True, slots=True)
class Layer:
    """One row of the table of layers.

    name: where it sits in the model. kind: what it is. macs: None when it has an operation without a formula.
    output_shape: of the example's way through it; None when the example did not pass.
    operations: arithmetic besides the MACs, such as a tree's comparisons; None as macs.
    """

    name: str
    kind: str
    parameters: int
    macs: int | None
    output_shape: tuple[int, ...] | None = None
    operations: int | None = 0


@dataclass(frozen=True, slots=True)
class Cost:
    """What one model costs. A figure that is not known is None, and `unknown` says why where that is not plain.

    parameters_nonzero, macs_nonzero: those that pruning has left, beside the dense figures.
    size_bytes: of the stored arrays, as they are, without file format; bytes_by_dtype: the same, apart.
    serialized_bytes: of the file that the model's own framework writes.
    macs: multiply-accumulates of the example; flops: 2 x macs, and 1 for each operation that is none and still is the
    model's work, such as a tree's comparisons; the contract names them. Where an operation has no formula both are
    None, `uncounted` names it (operation -> how often), and macs_at_least is what could be counted.
    activation_peak_bytes: the most that inputs, outputs and what lies between take at once. latency_ms: of one call
    on the example; energy_mj, co2_g: of the same call.
    layers: the table of layers. stderr: metric -> standard error of a sampled figure. contract: metric -> how it was
    come by.
    """

    parameters: int | None = None
    trainable_parameters: int | None = None
    parameters_nonzero: int | None = None
    size_bytes: int | None = None
    bytes_by_dtype: Mapping[str, int] = field(default_factory=dict, repr=False)
    serialized_bytes: int | None = None
    macs: int | None = None
    macs_at_least: int | None = field(default=None, repr=False)
    macs_nonzero: int | None = None
    flops: int | None = None
    uncounted: Mapping[str, int] = field(default_factory=dict)
    activation_peak_bytes: int | None = None
    latency_ms: float | None = None
    energy_mj: float | None = None
    co2_g: float | None = None
    layers: tuple[Layer, ...] = field(default=(), repr=False)
    stderr: Mapping[str, float] = field(default_factory=dict, repr=False)
    contract: Mapping[str, Contract] = field(default_factory=dict, repr=False)
    unknown: Mapping[str, str] = field(default_factory=dict, repr=False)

    def as_metrics(self) -> dict[str, dict[str, Any]]:
        """The known figures as a trial takes them: metric -> {"value", "stderr", "contract"}, ready for JSON.

        What could be counted of an operation without a formula is not among them: a bound is no figure.
        """
        return {
            name: {
                "value": getattr(self, name),
                "stderr": self.stderr.get(name),
                "contract": dict(self.contract.get(name, {})),
            }
            for name in METRICS
            if getattr(self, name) is not None
        }

    def __str__(self) -> str:
        from trimtab.costs import card

        return card.text(self)

    def _repr_html_(self) -> str:
        from trimtab.costs import card

        return card.html(self)


def counted(convention: str, **depends_on: Any) -> Contract:
    """The contract of a figure that was counted or computed, not sampled."""
    return {
        "how": "counted",
        "convention": convention,
        "counter": "trimtab.costs",
        "version": client_version(),
        **depends_on,
    }


@functools.cache
def client_version() -> str:
    """The version of this client; "unknown" where it runs from a plain folder."""
    try:
        return metadata.version("trimtab")
    except metadata.PackageNotFoundError:
        return "unknown"
