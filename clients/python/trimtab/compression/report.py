"""What a compression came to: the stages in figures, the bytes, and the weights as they come back from them."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from trimtab.compression import huffman, stream
from trimtab.compression.errors import InvalidWeights
from trimtab.compression.layers import Coded, Layer
from trimtab.compression.models import Weights, weights_of
from trimtab.costs.cost import counted

STAGES = ("original", "pruned", "quantized", "huffman")


@dataclass(frozen=True, slots=True)
class Stage:
    """The model after one stage, by the accounting of Han et al. 2015: payload, codebooks and code tables.

    bytes: of the whole model. rate: the original's bytes / these. entropy_bound: the bytes that no code of single
    symbols goes under, tables included; None before there are symbols. bits_per_weight: of all weights, kept or not.
    """

    name: str
    bytes: int
    rate: float
    entropy_bound: int | None
    bits_per_weight: float


@dataclass(frozen=True, eq=False)
class Report:
    """A compressed model.

    stages: from "original" on, those that were asked for. data: the stream, as it is stored. layers: name -> what is
    stored of it.
    """

    stages: tuple[Stage, ...]
    data: bytes = field(repr=False)
    layers: Mapping[str, Layer] = field(repr=False)
    _rebuild: Callable[[Weights], Any] = field(repr=False)
    _is_model: bool = field(repr=False)

    @property
    def stored_bytes(self) -> int:
        """What really lies on the disk: the stream with names, shapes and checks."""
        return len(self.data)

    @property
    def rate(self) -> float:
        """The original's bytes / the stored bytes."""
        return self.stages[0].bytes / self.stored_bytes

    @cached_property
    def _decoded(self) -> Weights:
        return stream.decode(self.data)

    @property
    def weights(self) -> Weights:
        """Name -> array as decoded from the stream. Arrays of the caller's own: to train them changes no report."""
        return {name: array.copy() for name, array in self._decoded.items()}

    @property
    def restored(self) -> Any:
        """The weights as decoded from the stream, in the form in which they came: dict, list or single array."""
        return self.weights if self._is_model else self._rebuild(self.weights)

    @property
    def restored_model(self) -> Any:
        """A copy of the model with the decoded weights; None when weights were given and no model."""
        return self._rebuild(self.weights) if self._is_model else None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the stream to a file, whole or not at all; `trimtab.compression.load` reads it. Raises OSError."""
        stream.save(self.data, path)

    def staleness(self, weights_or_model: Any) -> float:
        """How many bits per stored entry today's weights waste under this code: cross-entropy less entropy.

        Near 0 the codebook still fits; infinite when today's weights need a level that the code has no word for. Of a
        pruned layer the weights count that lie where entries are stored. Raises InvalidWeights.
        """
        today = weights_of(weights_or_model)[0]
        wasted, total = 0.0, 0
        for name, layer in self.layers.items():
            if not isinstance(layer, Coded) or layer.levels is None or layer.symbols is None:
                continue
            before = np.bincount(layer.symbols, minlength=layer.levels.alphabet)
            now = np.bincount(
                layer.levels.assign(_same(today, name, layer), layer.positions), minlength=layer.levels.alphabet
            )
            wasted += _cross_bits(now, before) - huffman.entropy_bits(now)
            total += int(now.sum())
        return max(0.0, wasted / total) if total else 0.0

    def as_metrics(self) -> dict[str, dict[str, Any]]:
        """size_bytes and parameters_nonzero of what is stored, as a trial takes them."""
        nonzero = sum(int(np.count_nonzero(array)) for array in self._decoded.values())
        stages = {stage.name: stage.bytes for stage in self.stages}
        size = counted("bytes of the compressed stream, with names, shapes and checks", stages=stages)
        return {
            "size_bytes": {"value": self.stored_bytes, "stderr": None, "contract": size},
            "parameters_nonzero": {
                "value": nonzero,
                "stderr": None,
                "contract": counted("weights that are not 0 after decoding"),
            },
        }

    def _repr_html_(self) -> str:
        return f"<pre>{self}</pre>"

    def __str__(self) -> str:
        lines = [f"{'stage':<12}{'bytes':>14}{'rate':>9}{'bits/weight':>13}{'bound':>14}"]
        for stage in self.stages:
            bound = "" if stage.entropy_bound is None else f"{stage.entropy_bound:,}"
            row = f"{stage.name:<12}{stage.bytes:>14,}{stage.rate:>8.2f}x{stage.bits_per_weight:>13.3f}{bound:>14}"
            lines.append(row.rstrip())
        lines.append(f"{'stored':<12}{self.stored_bytes:>14,}{self.rate:>8.2f}x")
        return "\n".join(lines)


def stages_of(layers: Mapping[str, Layer], names: tuple[str, ...]) -> tuple[Stage, ...]:
    """The stages of these names over all layers."""
    bits = [layer.bits for layer in layers.values()]
    size = sum(layer.size for layer in layers.values())
    original = sum(one["original"] for one in bits)
    made = []
    for name in names:
        taken = sum(one[name] for one in bits)
        bound = round(sum(one[f"{name}_bound"] for one in bits) / 8) if f"{name}_bound" in bits[0] else None
        made.append(Stage(name, round(taken / 8), original / taken, bound, taken / size))
    return tuple(made)


def _same(today: Weights, name: str, layer: Coded) -> np.ndarray[Any, Any]:
    """Today's weights (m,) where the layer stores an entry. Raises InvalidWeights."""
    array = today.get(name)
    if array is None or array.shape != layer.shape or not np.isfinite(array).all():
        came = "none" if array is None else f"shape {array.shape}, {int(np.isfinite(array).sum()):,} of them finite"
        raise InvalidWeights(f"expected finite weights of shape {layer.shape} for {name!r}, got {came}")
    return array.ravel()[layer.positions]


def _cross_bits(now: np.ndarray[Any, Any], before: np.ndarray[Any, Any]) -> float:
    if np.any((now > 0) & (before == 0)):
        return math.inf
    some = now > 0
    return float(-(now[some] * np.log2(before[some] / before.sum())).sum())
