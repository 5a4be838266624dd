"""One array of a model as it is stored, what that takes, and the way back: whole, pruned, or in levels.

Bits are counted as in Han et al. 2015, section 3.1: the entries and the values of the codebook; a Huffman code costs
another 8 bits for the length of each of its words.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from trimtab.compression import huffman, positions
from trimtab.compression.levels import Codebook, Grid, Levels

Array = np.ndarray[Any, Any]

WORD_BITS = 8
"""What the length of one word takes in the table of a Huffman code."""


@dataclass(frozen=True)
class Whole:
    """An array that is kept as it is."""

    array: Array

    @property
    def bits(self) -> dict[str, float]:
        """Stage -> bits; there is but one way to store it."""
        stages = ("original", "pruned", "quantized", "huffman", "quantized_bound", "huffman_bound")
        return dict.fromkeys(stages, 8.0 * self.array.nbytes)

    @property
    def size(self) -> int:
        """How many weights."""
        return self.array.size

    def restore(self) -> Array:
        """The array."""
        return self.array


@dataclass(frozen=True)
class Coded:
    """An array of which only some entries are stored, or of which the values are levels, or both.

    gaps: uint16 (m,), before each entry, or None when all are stored. index_bits: of a gap. Either levels and
    symbols, uint16 (m,), or values (m,) in the array's own dtype.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    gaps: Array | None
    index_bits: int
    levels: Levels | None
    symbols: Array | None
    values: Array | None

    @property
    def bits(self) -> dict[str, float]:
        """Stage -> bits, and what no code of single symbols goes under: with the levels, and with the code tables."""
        size, item = self.size, 8 * self.dtype.itemsize
        gap_counts = np.zeros(0, int) if self.gaps is None else np.bincount(self.gaps, minlength=2**self.index_bits)
        count = size if self.gaps is None else len(self.gaps)
        found = {"original": float(size * item), "pruned": float(count * (item + self.index_bits))}
        tables = WORD_BITS * len(gap_counts)
        streams = [gap_counts]
        if self.levels is None or self.symbols is None:
            found["quantized"] = found["pruned"]
            uncoded = count * item
        else:
            width = huffman.width(self.levels.alphabet)
            found["quantized"] = float(count * (width + self.index_bits) + self.levels.bits)
            uncoded = self.levels.bits
            tables += WORD_BITS * self.levels.alphabet
            streams.append(np.bincount(self.symbols, minlength=self.levels.alphabet))
        found["huffman"] = float(sum(map(huffman.payload_bits, streams)) + tables + uncoded)
        found["quantized_bound"] = sum(map(huffman.entropy_bits, streams)) + uncoded
        found["huffman_bound"] = found["quantized_bound"] + tables
        return found

    @property
    def size(self) -> int:
        """How many weights, stored or not."""
        return math.prod(self.shape)

    @property
    def positions(self) -> Array:
        """Where the entries lie in the flat array, (m,)."""
        return np.arange(self.size) if self.gaps is None else positions.absolute(self.gaps)

    def restore(self) -> Array:
        """The array as it decodes, in its dtype."""
        flat, where = np.zeros(self.size, self.dtype), self.positions
        if self.levels is None or self.symbols is None:
            flat[where] = self.values
            return flat.reshape(self.shape)
        with np.errstate(over="ignore"):  # a grid may reach half a step beyond what the dtype holds
            values = self.levels.restore(self.symbols, where).astype(self.dtype)
        most = np.finfo(self.dtype).max
        flat[where] = np.clip(values, -most, most)
        return flat.reshape(self.shape)


Layer = Whole | Coded


def share(layer: Array, mask: Array | None, levels: Levels | None, index_bits: int | None, *, coded: bool) -> Coded:
    """The layer with the kept weights of the mask, in the levels if there are any.

    index_bits: None takes the width that gives the fewest bytes. coded: whether it goes into Huffman codes.
    """
    kept = np.arange(layer.size) if mask is None else np.flatnonzero(mask)
    values = layer.ravel()[kept]
    symbols = None if levels is None else levels.assign(values, kept)
    if mask is None:
        return Coded(layer.shape, layer.dtype, None, 0, levels, symbols, values if levels is None else None)
    if index_bits is not None:
        return _with_gaps(layer, kept, levels, symbols, values, index_bits)
    tried = [_with_gaps(layer, kept, levels, symbols, values, bits) for bits in positions.WIDTHS]
    stage = "huffman" if coded else "quantized"
    return min(tried, key=lambda one: one.bits[stage])


def _with_gaps(
    layer: Array, kept: Array, levels: Levels | None, symbols: Array | None, values: Array, index_bits: int
) -> Coded:
    gaps, real = positions.relative(kept, index_bits)
    where = positions.absolute(gaps)
    if levels is None or symbols is None:
        spread = np.zeros(len(gaps), layer.dtype)
        spread[real] = values
        return Coded(layer.shape, layer.dtype, gaps, index_bits, None, None, spread)
    filled = levels.zeros(where).astype(np.uint16)
    filled[real] = symbols
    return Coded(layer.shape, layer.dtype, gaps, index_bits, levels, filled, None)


__all__ = ["Codebook", "Coded", "Grid", "Layer", "Whole", "share"]
