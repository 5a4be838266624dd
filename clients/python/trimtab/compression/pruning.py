"""Which weights are kept: those of the largest magnitude, in each layer or in the whole model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def masks(weights: Mapping[str, Array], prune: float, per: str) -> dict[str, Array]:
    """Name -> mask of the kept weights. Exactly round((1 - prune) · n), and at least 1, are kept: of each layer
    (per="layer") or of all together ("model", which keeps at least 1 in each layer, too).

    Among equal magnitudes the first are kept.
    """
    if per == "layer":
        return {name: _largest(np.abs(array).ravel(), prune).reshape(array.shape) for name, array in weights.items()}
    flat = np.concatenate([np.abs(array).ravel() for array in weights.values()])
    kept = _largest(flat, prune)
    made, start = {}, 0
    for name, array in weights.items():
        mask = kept[start : start + array.size].reshape(array.shape)
        made[name] = mask if mask.any() else _largest(np.abs(array).ravel(), 1.0).reshape(array.shape)
        start += array.size
    return made


def _largest(magnitudes: Array, prune: float) -> Array:
    count = max(1, round((1 - prune) * magnitudes.size))
    threshold = np.partition(magnitudes, magnitudes.size - count)[magnitudes.size - count]
    mask: Array = magnitudes > threshold
    ties = np.flatnonzero(magnitudes == threshold)
    mask[ties[: count - int(mask.sum())]] = True
    return mask
