"""The values that the weights of one layer may take, and which of them each weight takes.

symbols: (n,) which level, below `alphabet`. positions: (n,) index of each in the flat layer, which only a grid with
channels needs. A pruned layer's levels hold exactly 0, which filler entries and lost weights take.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from trimtab.compression import sharing

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Codebook:
    """k shared values, float32 (k,), increasing until they are retrained."""

    values: Array

    @classmethod
    def fit(cls, weights: Array, clusters: int, *, with_zero: bool) -> Codebook:
        """k-means of the kept weights (n,). with_zero: one of the k values is exactly 0, the others are centroids."""
        middle = sharing.centroids(weights, clusters - 1 if with_zero else clusters)
        return cls(np.sort(np.append(middle, 0.0) if with_zero else middle).astype(np.float32))

    @property
    def alphabet(self) -> int:
        """k."""
        return len(self.values)

    @property
    def bits(self) -> int:
        """What the values themselves take: 32 bits each."""
        return 32 * len(self.values)

    def assign(self, weights: Array, positions: Array) -> Array:
        """The symbol (n,) of the value nearest to each weight."""
        order = np.argsort(self.values, kind="stable")  # retrained values need no longer be increasing
        symbols: Array = order[sharing.nearest(weights, self.values[order])].astype(np.uint16)
        return symbols

    def restore(self, symbols: Array, positions: Array) -> Array:
        """The values (n,) of the symbols, float32."""
        values: Array = self.values[symbols]
        return values

    def zeros(self, positions: Array) -> Array:
        """The symbol (n,) of 0."""
        return np.full(len(positions), int(np.argmin(np.abs(self.values))))

    def refit(self, symbols: Array, weights: Array, *, with_zero: bool) -> Codebook:
        """Every value the mean of the retrained weights that share it (Han et al. 2015, section 3.3).

        with_zero: 0 stays 0.
        """
        sizes = np.bincount(symbols, minlength=self.alphabet)
        means = np.bincount(symbols, weights, self.alphabet) / np.maximum(sizes, 1)
        fixed = (sizes == 0) | (with_zero & (self.values == 0))
        return Codebook(np.where(fixed, self.values, means).astype(np.float32))


@dataclass(frozen=True)
class Grid:
    """Evenly spaced values scale · (symbol - zero), for the whole layer or one row of them for each channel.

    scales: float32 (c,). zero_points: uint16 (c,). axis: of the channels, None when c = 1. shape: of the layer.
    Jacob et al. 2017, arXiv 1712.05877, Eq. 1.
    """

    width: int
    scales: Array
    zero_points: Array
    axis: int | None
    shape: tuple[int, ...]

    @classmethod
    def fit(cls, layer: Array, width: int, *, axis: int | None, symmetric: bool) -> Grid:
        """The grid of 2^width values over the layer's range, moved so that 0 is exactly one of them.

        symmetric: the range is [-a, a] with a the largest magnitude, and the lowest value stays unused; a width of 1
        leaves 0 and the a that has its sign.
        """
        top = 2**width - 1
        others = None if axis is None else tuple(one for one in range(layer.ndim) if one != axis)
        low = np.minimum(np.atleast_1d(layer.min(axis=others)), 0).astype(np.float64)
        high = np.maximum(np.atleast_1d(layer.max(axis=others)), 0).astype(np.float64)
        if symmetric:
            half = max(1, top // 2)
            scales = np.maximum(-low, high) / half
            zero_points = np.where(high >= -low, 0, 1) if width == 1 else np.full(len(scales), half + 1)
        else:
            scales = (high - low) / top
            zero_points = np.round(-low / np.where(scales > 0, scales, 1))
        scales = np.minimum(scales, np.finfo(np.float32).max).astype(np.float32)
        scales = np.where(scales > 0, scales, np.float32(1))  # nothing but 0, or too small for float32
        return cls(width, scales, zero_points.astype(np.uint16), axis, layer.shape)

    @property
    def alphabet(self) -> int:
        """2^width."""
        return 1 << self.width

    @property
    def bits(self) -> int:
        """What the grid itself takes: a scale of 32 bits and a zero point of 16 for each channel."""
        return 48 * len(self.scales)

    def assign(self, weights: Array, positions: Array) -> Array:
        """The symbol (n,) of the value nearest to each weight."""
        channel = self._channels(positions)
        steps = np.round(np.divide(weights, self.scales[channel], dtype=np.float64)) + self.zero_points[channel]
        symbols: Array = np.clip(steps, 0, self.alphabet - 1).astype(np.uint16)
        return symbols

    def restore(self, symbols: Array, positions: Array) -> Array:
        """The values (n,) of the symbols, float32."""
        channel = self._channels(positions)
        steps = symbols.astype(np.int32) - self.zero_points[channel].astype(np.int32)
        values: Array = self.scales[channel] * steps.astype(np.float32)
        return values

    def zeros(self, positions: Array) -> Array:
        """The symbol (n,) of 0."""
        symbols: Array = np.broadcast_to(self.zero_points[self._channels(positions)], positions.shape)
        return symbols

    def refit(self, symbols: Array, weights: Array, *, with_zero: bool) -> Grid:
        """A grid has nothing to move."""
        return self

    def _channels(self, positions: Array) -> Any:
        return 0 if self.axis is None else np.unravel_index(positions, self.shape)[self.axis]


Levels = Codebook | Grid
