"""`compress`: magnitude pruning, shared or evenly spaced values, Huffman codes, one after the other.

Han, Mao & Dally 2015, "Deep Compression", arXiv 1510.00149.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np

from trimtab.compression import pruning, stream
from trimtab.compression.errors import InvalidCompression, InvalidWeights
from trimtab.compression.layers import Coded, Layer, Whole, share
from trimtab.compression.levels import Codebook, Grid, Levels
from trimtab.compression.models import Array, Weights, weights_of
from trimtab.compression.report import STAGES, Report, stages_of

Retrain = Callable[[Weights, str], Mapping[str, Array]]
MOST_BITS = 16


def compress(
    weights_or_model: Any,
    *,
    prune: float | None = None,
    bits: int | None = None,
    clusters: int | None = None,
    huffman: bool = True,
    index_bits: int | None = None,
    per: Literal["layer", "model"] = "layer",
    quantizer: Literal["kmeans", "uniform"] = "kmeans",
    channel_axis: int | None = None,
    symmetric: bool = True,
    only: Collection[str] | None = None,
    retrain: Retrain | None = None,
) -> Report:
    """Compress a model's weights and say what each stage saves.

    prune: the share of weights that are dropped, the smallest magnitudes of each layer (per="layer") or of all
    layers together ("model"). bits: of a weight: at most 2^bits values that k-means finds for each layer, or with
    quantizer="uniform" 2^bits evenly spaced ones, for the layer or for each index of channel_axis, around 0 when
    symmetric.
    clusters: exactly so many k-means values instead; in a pruned layer one of them is 0. huffman: Huffman codes of
    values and positions. index_bits: of a gap between kept weights; None takes the best for each layer, the paper has
    8 in convolutions and 5 elsewhere.
    only: the names that are compressed. By default arrays of floats with two or more dimensions, and where there are
    none, those with more than one value; the others, such as biases, are stored as they are.
    retrain: called with ({name: weights}, stage) after "pruned" and after "quantized"; returns the weights retrained.
    Pruned weights are 0 again whatever it returns, and shared values become the mean of the weights that share them.

    Raises InvalidWeights (not finite, empty), InvalidCompression (settings), UnsupportedModel.
    """
    _check(prune, bits, clusters, index_bits, per, quantizer, channel_axis, symmetric)
    weights, rebuild, is_model = weights_of(weights_or_model)
    chosen = _chosen(weights, only)
    _check_weights(weights, chosen)
    if not chosen and (prune or bits is not None or clusters is not None):
        raise InvalidCompression(
            f"expected an array of floats to prune or quantise, got none among {list(weights)!r}"
        )
    masks: dict[str, Array] = {}
    if prune:
        masks = pruning.masks({name: weights[name] for name in chosen}, float(prune), per)
        weights = _masked(weights, masks)
        if retrain is not None:
            weights = _masked(_retrained(weights, retrain, "pruned"), masks)
    levels: dict[str, Levels] = {}
    for name in chosen if bits is not None or clusters is not None else ():
        layer, mask = weights[name], masks.get(name)
        if quantizer == "kmeans":
            levels[name] = _codebook(name, layer, mask, bits, clusters)
        else:
            assert bits is not None  # _check
            levels[name] = Grid.fit(layer, bits, axis=_axis(name, layer, channel_axis), symmetric=symmetric)
    layers: dict[str, Layer] = {
        name: share(array, masks.get(name), levels.get(name), index_bits, coded=huffman)
        if name in chosen
        else Whole(array)
        for name, array in weights.items()
    }
    if levels and retrain is not None:
        layers = _refitted(layers, _retrained({n: one.restore() for n, one in layers.items()}, retrain, "quantized"))
    asked = (True, bool(masks), bool(levels), huffman and bool(masks or levels))
    names = tuple(name for name, wanted in zip(STAGES, asked, strict=True) if wanted)
    return Report(stages_of(layers, names), stream.encode(layers, coded=huffman), layers, rebuild, is_model)


def _codebook(name: str, layer: Array, mask: Array | None, bits: int | None, clusters: int | None) -> Codebook:
    values = layer.ravel() if mask is None else layer[mask]
    room = len(values) + (mask is not None)
    if clusters is not None and clusters > room:
        raise InvalidCompression(
            f"expected at most {room:,} clusters for {name!r}, got {clusters:,}: one for each value"
        )
    count = clusters if clusters is not None else min(2 ** (bits or 0), room)
    return Codebook.fit(values, count, with_zero=mask is not None)


def _refitted(layers: Mapping[str, Layer], retrained: Weights) -> dict[str, Layer]:
    """The layers with every shared value the mean of its retrained weights; what is stored whole is replaced."""
    made: dict[str, Layer] = {}
    for name, layer in layers.items():
        if isinstance(layer, Whole):
            made[name] = Whole(retrained[name])
        elif layer.levels is not None and layer.symbols is not None:
            flat = retrained[name].ravel()
            values = flat if layer.gaps is None else flat[np.cumsum(layer.gaps.astype(np.int64) + 1) - 1]
            fitted = layer.levels.refit(layer.symbols, values, with_zero=layer.gaps is not None)
            made[name] = Coded(
                layer.shape, layer.dtype, layer.gaps, layer.index_bits, fitted, layer.symbols, layer.values
            )
        else:
            made[name] = layer
    return made


def _masked(weights: Weights, masks: Mapping[str, Array]) -> Weights:
    return {
        name: np.where(masks[name], array, 0).astype(array.dtype) if name in masks else array
        for name, array in weights.items()
    }


def _retrained(weights: Weights, retrain: Retrain, stage: str) -> Weights:
    got = retrain({name: array.copy() for name, array in weights.items()}, stage)
    if not isinstance(got, Mapping):
        raise InvalidWeights(f"expected retrain to return {{name: weights}}, got {type(got).__name__}")
    wrong = [name for name in weights if name not in got or np.shape(got[name]) != weights[name].shape]
    if wrong:
        raise InvalidWeights(f"expected retrain to return every array in its shape, got none such for {wrong[0]!r}")
    made = {name: np.asarray(got[name], array.dtype) for name, array in weights.items()}
    _check_weights(made, ())
    return made


# --- What is refused ------------------------------------------------------------------------------------------------


def _chosen(weights: Weights, only: Collection[str] | None) -> list[str]:
    if not weights:
        raise InvalidWeights("expected at least one array, got none")
    if only is not None:
        if isinstance(only, str):
            raise InvalidCompression(f"only takes a list of names, got the text {only!r}: only=[{only!r}]")
        unknown = [name for name in only if name not in weights]
        if unknown:
            raise InvalidCompression(f"only takes a collection of names out of {list(weights)!r}, got {unknown!r}")
        return [name for name in weights if name in only]
    floats = [name for name, array in weights.items() if array.dtype.kind == "f"]
    matrices = [name for name in floats if weights[name].ndim > 1]
    return matrices or [name for name in floats if weights[name].size > 1] or floats


def _check_weights(weights: Weights, chosen: Collection[str]) -> None:
    for name, array in weights.items():
        if array.dtype.kind not in "biufc":
            raise InvalidWeights(f"expected arrays of numbers, got dtype {array.dtype} for {name!r}")
        if array.size == 0:
            raise InvalidWeights(f"expected arrays with at least one weight, got shape {array.shape} for {name!r}")
        if array.dtype.kind != "f":
            continue
        odd = array.size - int(np.isfinite(array).sum())
        if odd:
            raise InvalidWeights(
                f"expected finite weights, got {odd:,} of {array.size:,} NaN or infinite in {name!r}"
            )
        if float(np.abs(array).max()) > float(np.finfo(np.float32).max):
            raise InvalidWeights(f"expected weights that float32 can hold, got {np.abs(array).max():g} in {name!r}")
    for name in chosen:
        if weights[name].dtype.kind != "f":
            raise InvalidWeights(f"expected floats to compress, got dtype {weights[name].dtype} for {name!r}")


def _check(
    prune: Any,
    bits: Any,
    clusters: Any,
    index_bits: Any,
    per: Any,
    quantizer: Any,
    channel_axis: Any,
    symmetric: Any,
) -> None:
    if prune is not None and (isinstance(prune, bool) or not isinstance(prune, Real) or not 0 <= float(prune) < 1):
        raise InvalidCompression(f"prune must be a share of at least 0 and below 1, got {prune!r}")
    _whole("bits", bits, 1, MOST_BITS)
    _whole("clusters", clusters, 1, 2**MOST_BITS)
    _whole("index_bits", index_bits, 1, MOST_BITS)
    if bits is not None and clusters is not None:
        raise InvalidCompression(f"expected bits or clusters, got both: {bits} and {clusters}")
    if per not in ("layer", "model"):
        raise InvalidCompression(f"per must be 'layer' or 'model', got {per!r}")
    if quantizer not in ("kmeans", "uniform"):
        raise InvalidCompression(f"quantizer must be 'kmeans' or 'uniform', got {quantizer!r}")
    if quantizer == "uniform" and bits is None:
        raise InvalidCompression(f"quantizer='uniform' takes bits, got bits=None, clusters={clusters!r}")
    if quantizer == "kmeans" and channel_axis is not None:
        raise InvalidCompression(f"channel_axis goes with quantizer='uniform', got {channel_axis!r} with 'kmeans'")
    if quantizer == "kmeans" and not symmetric:
        raise InvalidCompression("symmetric=False goes with quantizer='uniform', got it with 'kmeans'")
    if prune and clusters == 1:
        raise InvalidCompression("a pruned layer needs at least 2 clusters, since one of them is 0, got 1")


def _whole(name: str, number: Any, low: int, high: int) -> None:
    if number is None:
        return
    if isinstance(number, bool) or not isinstance(number, Integral) or not low <= int(number) <= high:
        raise InvalidCompression(f"{name} must be a whole number from {low} to {high:,}, got {number!r}")


def _axis(name: str, layer: Array, axis: int | None) -> int | None:
    if axis is None:
        return None
    if isinstance(axis, bool) or not isinstance(axis, Integral) or not -layer.ndim <= int(axis) < layer.ndim:
        raise InvalidCompression(f"channel_axis must be an axis of {name!r}, shape {layer.shape}, got {axis!r}")
    return axis % layer.ndim
