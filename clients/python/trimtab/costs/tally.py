"""What a counter hands to the front door: the counts of one model, and a call that runs it once, to be timed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from trimtab.costs.cost import FLOPS_CONVENTION, MACS_CONVENTION, NONZERO_CONVENTION, Contract, Cost, Layer, counted


@dataclass(frozen=True, slots=True)
class Tally:
    """The counts of one model. See `Cost` for what each means; a count that is not known is None.

    macs: of what has a formula; uncounted: operation -> how often, of what has none. depends_on: what the counts of
    the example depend on, such as input_shape and dtype. operations: arithmetic that is no multiply-accumulate and
    still is the model's work, such as a tree's comparisons; 0 for networks, by convention.
    counter: who counted, with its version.
    call: runs the model once on the example, None where it can't be run; what: the call's name, as "model.predict".
    around: what calls stand in, however many, so that the model is afterwards what it was.
    notes: metric -> what is particular to how this counter comes by it, in place of the usual convention.
    unknown: metric -> why it is not known.
    """

    parameters: int | None
    trainable_parameters: int | None = None
    parameters_nonzero: int | None = None
    bytes_by_dtype: Mapping[str, int] = field(default_factory=dict)
    serialized_bytes: int | None = None
    macs: int | None = None
    macs_nonzero: int | None = None
    operations: int = 0
    uncounted: Mapping[str, int] = field(default_factory=dict)
    activation_peak_bytes: int | None = None
    layers: tuple[Layer, ...] = ()
    depends_on: Mapping[str, Any] = field(default_factory=dict)
    counter: str = "trimtab.costs"
    call: Callable[[], object] | None = None
    around: Callable[[], AbstractContextManager[object]] = nullcontext
    what: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)

    def cost(self, **more: Any) -> Cost:
        """The cost, each figure with its contract. more: figures of `Cost` that were measured besides.

        contract, stderr and unknown of `more` are added to the tally's own.
        """
        whole = self.macs is not None and not self.uncounted
        macs = self.macs if whole else None
        figures: dict[str, int | None] = {
            "parameters": self.parameters,
            "trainable_parameters": self.trainable_parameters,
            "parameters_nonzero": self.parameters_nonzero,
            "size_bytes": sum(self.bytes_by_dtype.values()) if self.bytes_by_dtype else None,
            "serialized_bytes": self.serialized_bytes,
            "macs": macs,
            "macs_nonzero": self.macs_nonzero if whole else None,
            "flops": None if macs is None else 2 * macs + self.operations,
            "activation_peak_bytes": self.activation_peak_bytes,
        }
        contract = {name: self._contract(name) for name, figure in figures.items() if figure is not None}
        unknown = dict(self.unknown)
        if self.uncounted:
            named = ", ".join(f"{name} x{times}" for name, times in sorted(self.uncounted.items()))
            unknown |= dict.fromkeys(("macs", "macs_nonzero", "flops"), f"no formula for {named}")
        return Cost(
            **{
                **figures,
                "bytes_by_dtype": dict(self.bytes_by_dtype),
                "macs_at_least": self.macs,
                "uncounted": dict(self.uncounted),
                "layers": self.layers,
                **more,
                "contract": contract | more.get("contract", {}),
                "unknown": unknown | more.get("unknown", {}),
            }
        )

    def _contract(self, metric: str) -> Contract:
        convention, depends = _CONVENTIONS[metric]
        relevant = self.depends_on if depends else {"dtype": "+".join(sorted(self.bytes_by_dtype))}
        if metric not in _OF_STORED and not depends:
            relevant = {}
        made = counted(self.notes.get(metric, convention), **relevant)
        return made | ({"counter": self.counter} if depends else {})


_CONVENTIONS = {
    "parameters": ("elements of the arrays that the prediction uses", False),
    "trainable_parameters": ("those that training changes", False),
    "parameters_nonzero": ("those that are not 0", False),
    "size_bytes": ("bytes of the arrays as they are, without file format", False),
    "serialized_bytes": ("bytes of the file that the framework writes", False),
    "macs": (MACS_CONVENTION, True),
    "macs_nonzero": (NONZERO_CONVENTION, True),
    "flops": (FLOPS_CONVENTION, True),
    "activation_peak_bytes": ("largest sum of the activations that are alive at once", True),
}
"""Metric -> (convention, whether the figure depends on the example)."""
_OF_STORED = frozenset({"size_bytes", "serialized_bytes"})
