"""What is done to a row before a model sees it: scaling, filling, encoding, choosing columns, multiplying them.

n: features. Every formula is for one dense row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from trimtab.costs.arrays import Array
from trimtab.costs.sklearn_counts import STATISTICS, Count, Formula, nonzero, size, values

_SCALING = "subtractions of means, divisions by scales"
_LOOKUP = "halvings of a sorted list to find a category"
_COMPARED = "comparisons of a feature with a fixed value"


def standard_scaler(model: Any, use: str) -> Count:
    """StandardScaler: (x - mean_)/scale_, n operations each, where it does them."""
    return _statistics(model.mean_ if model.with_mean else None, model.scale_ if model.with_std else None)


def robust_scaler(model: Any, use: str) -> Count:
    """RobustScaler: (x - center_)/scale_, n operations each, where it does them."""
    return _statistics(model.center_, model.scale_)


def max_abs_scaler(model: Any, use: str) -> Count:
    """MaxAbsScaler: x/scale_, n divisions; where it clips 2·n comparisons."""
    return _statistics(model.scale_) + _clipping(model)


def min_max_scaler(model: Any, use: str) -> Count:
    """MinMaxScaler: x·scale_ + min_, n MACs; where it clips 2·n comparisons."""
    arrays = values(model.scale_, model.min_)
    n = model.n_features_in_
    scaled = Count(
        macs=n,
        parameters=size(arrays),
        parameters_nonzero=nonzero(arrays),
        arrays=arrays,
        peak=2 * n,
        holds=frozenset({STATISTICS}),
        outputs=n,
    )
    return scaled + _clipping(model)


def normalizer(model: Any, use: str) -> Count:
    """Normalizer: n divisions by the norm. l2: n MACs and a root; l1: n additions; max: n comparisons."""
    n = model.n_features_in_
    macs, summed = {"l2": (n, 1), "l1": (0, n), "max": (0, n)}[model.norm]
    return Count(macs=macs, operations=summed + n, peak=2 * n, does=frozenset({"norms"}), outputs=n)


def compared(model: Any, use: str) -> Count:
    """SimpleImputer and Binarizer: one comparison for each feature."""
    n = model.n_features_in_
    held = _held(getattr(model, "statistics_", None))
    return Count(operations=n, peak=2 * n, does=frozenset({_COMPARED})) + held


def encoder(model: Any, use: str) -> Count:
    """OneHotEncoder, OrdinalEncoder: a feature with k categories is found in a sorted list in ceil(log2 k) steps."""
    return _lookups(model.categories_)


def bins(model: Any, use: str) -> Count:
    """KBinsDiscretizer: a feature with k bins is found in the sorted edges in ceil(log2 k) steps."""
    return _lookups([edges[1:] for edges in model.bin_edges_])


def polynomials(model: Any, use: str) -> Count:
    """PolynomialFeatures: one multiplication for each term of degree 2 or more, made from one of a degree less."""
    n = model.n_features_in_
    return Count(
        operations=max(model._n_out_full - n - int(model.include_bias), 0),
        peak=n + model._n_out_full,
        does=frozenset({"products of features"}),
        outputs=model.n_output_features_,
    )


def selection(model: Any, use: str) -> Count:
    """Whatever picks columns by a mask computes nothing; it stores one bit a feature, as a byte."""
    mask = model.get_support()
    return Count(arrays=(mask,), peak=mask.size + int(mask.sum()), outputs=int(mask.sum()))


def function(model: Any, use: str) -> Count:
    """FunctionTransformer: nothing without a function; a function has no formula."""
    if model.func is None:
        return Count(peak=0)
    named = getattr(model.func, "__name__", type(model.func).__name__)
    return Count(uncounted={f"FunctionTransformer({named})": 1})


def fourier(model: Any, use: str) -> Count:
    """RBFSampler: cos(x·W + b): n x components MACs and a cosine for each component."""
    arrays = values(model.random_weights_, model.random_offset_)
    inputs, outputs = model.random_weights_.shape
    return Count(
        macs=inputs * outputs,
        macs_nonzero=nonzero(arrays[:1]),
        operations=outputs,
        parameters=size(arrays),
        parameters_nonzero=nonzero(arrays),
        arrays=arrays,
        peak=inputs + outputs,
        holds=frozenset({"random weights and offsets"}),
        does=frozenset({"cosines"}),
        outputs=outputs,
    )


def _statistics(*arrays: Any) -> Count:
    """Elementwise work: one operation for each number."""
    held = _held(*arrays)
    wide = max((array.size for array in held.arrays), default=0)
    return held + Count(operations=held.parameters, does=frozenset({_SCALING}), peak=2 * wide, outputs=wide or None)


def _held(*arrays: Any) -> Count:
    statistics = values(*arrays)
    if any(array.dtype == object for array in statistics):
        statistics = tuple(_text(array) for array in statistics)
    return Count(
        parameters=size(statistics),
        parameters_nonzero=nonzero(statistics),
        arrays=statistics,
        peak=0,
        holds=frozenset({STATISTICS}) if statistics else frozenset(),
    )


def _clipping(model: Any) -> Count:
    if not model.clip:
        return Count(peak=0)
    return Count(operations=2 * model.n_features_in_, peak=0, does=frozenset({"clipping"}))


def _lookups(lists: Sequence[Array]) -> Count:
    stored = tuple(_text(np.asarray(one)) for one in lists)
    return Count(
        operations=sum(math.ceil(math.log2(one.size)) for one in lists if one.size),
        parameters=sum(one.size for one in lists),
        arrays=stored,
        holds=frozenset({"categories and edges of bins"}),
        does=frozenset({_LOOKUP}),
    )


def _text(array: Array) -> Array:
    """Python objects as the UTF-8 text that names them, so that their bytes are known: dtype S of the longest."""
    if array.dtype != object:
        return array
    return np.array([str(one).encode() for one in array.ravel()])


FORMULAS: dict[str, Formula] = {
    "StandardScaler": standard_scaler,
    "RobustScaler": robust_scaler,
    "MaxAbsScaler": max_abs_scaler,
    "MinMaxScaler": min_max_scaler,
    "Normalizer": normalizer,
    "Binarizer": compared,
    "SimpleImputer": compared,
    "OneHotEncoder": encoder,
    "OrdinalEncoder": encoder,
    "KBinsDiscretizer": bins,
    "PolynomialFeatures": polynomials,
    "SelectorMixin": selection,
    "FunctionTransformer": function,
    "RBFSampler": fourier,
}
"""Class of scikit-learn -> formula; classes that inherit from it are counted alike."""
