"""Counts scikit-learn's estimators by formulas, for one row, from their fitted arrays; imports only numpy.

Which formula is told by the class's name, so that nothing of scikit-learn is imported that its user did not. Where
there is none, the stored arrays are counted, and the estimator is named as uncounted.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from trimtab.costs import (
    sklearn_distances,
    sklearn_kernels,
    sklearn_pipelines,
    sklearn_products,
    sklearn_stored,
    sklearn_transforms,
    sklearn_trees,
)
from trimtab.costs.arrays import bytes_by_dtype
from trimtab.costs.cost import FLOPS_CONVENTION, MACS_CONVENTION, InvalidExample, UnsupportedModel
from trimtab.costs.sklearn_counts import Count, Formula, Parts, total
from trimtab.costs.tally import Tally

USES = ("predict", "transform", "score_samples", "kneighbors")
"""What a model is asked for: the first of these that it can."""
FORMULAS: dict[str, Formula] = (
    sklearn_products.FORMULAS
    | sklearn_transforms.FORMULAS
    | sklearn_trees.FORMULAS
    | sklearn_kernels.FORMULAS
    | sklearn_distances.FORMULAS
    | sklearn_pipelines.FORMULAS
)
_OVERRIDES = frozenset({*USES, "predict_proba", "decision_function"})
"""A class of one's own that defines one of these does not work as the class of scikit-learn that it inherits from."""


def tally(model: Any, example_input: Any = None, *, training: bool = False) -> Tally:
    """The counts of a fitted model for one row, and a call of it on the example's first, where there is one.

    training: without meaning here; a fitted estimator has no training mode.
    Raises UnsupportedModel and InvalidExample.
    """
    use = next((name for name in USES if hasattr(model, name)), None)
    count = _count(model, use or "predict")
    if count.uncounted and not count.arrays:
        raise UnsupportedModel(
            f"expected a fitted scikit-learn estimator that holds arrays, got {_named(type(model))} without any; "
            "was it fitted?"
        )
    features = getattr(model, "n_features_in_", None)
    row = None if example_input is None else _first_row(example_input, features)
    dtype = _dtype(count, row)
    serialized_bytes, unpicklable = _pickled(model)
    return Tally(
        parameters=count.parameters,
        trainable_parameters=count.parameters,
        parameters_nonzero=count.nonzero,
        bytes_by_dtype=bytes_by_dtype(count.arrays),
        serialized_bytes=serialized_bytes,
        macs=None if count.uncounted and not count.macs else count.macs,
        macs_nonzero=count.macs if count.macs_nonzero is None else count.macs_nonzero,
        operations=round(count.operations),
        uncounted=count.uncounted,
        activation_peak_bytes=None if count.peak is None or dtype is None else count.peak * dtype.itemsize,
        layers=count.layers,
        depends_on=_depends_on(row, features, dtype),
        call=None if row is None or use is None else _call(getattr(model, use), row),
        what=f"model.{use}",
        notes=_notes(count, sparse=hasattr(row, "tocsr")),
        unknown=_unknown(count, model, use) | unpicklable,
    )


def _count(model: Any, use: str, name: str = "") -> Count:
    """The estimator's counts with its rows of the table of layers. name: where it sits in the whole model."""
    kind = type(model).__name__
    found = _found(model, use)
    if isinstance(found, Count):
        own_rows = tuple(replace(row, name=f"{name}.{row.name}" if name else row.name) for row in found.layers)
        return replace(found, layers=own_rows or (found.row(name or kind, kind),))
    parts = [_count(part, how, f"{name}.{label}" if name else label) for label, part, how in found.parts]
    whole = total([found.own, *parts])
    if found.together:
        return replace(whole, layers=(replace(whole, kind=found.together).row(name or kind, kind),))
    rows = [row for part in parts for row in part.layers]
    own = found.own.row(name or kind, kind)
    if found.own.uncounted or own.macs or own.operations or own.parameters:
        rows.append(own)
    return replace(whole, layers=tuple(rows))


def _found(model: Any, use: str) -> Count | Parts:
    formula = _formula(type(model))
    if formula is None:
        stored = sklearn_stored.arrays(model)
        numbers = sum(array.size * len(array.dtype.names or " ") for array in stored)
        held = frozenset({"elements of the arrays that the fitted estimator stores"})
        return Count(parameters=numbers, arrays=tuple(stored), uncounted={_named(type(model)): 1}, holds=held)
    try:
        return formula(model, use)
    except AttributeError as error:
        raise UnsupportedModel(
            f"expected a fitted {_named(type(model))}, got one that lacks what fitting sets ({error}); was it fitted?"
        ) from error


def _formula(kind: type) -> Formula | None:
    """The formula of the nearest class of scikit-learn, unless a class of one's own works otherwise."""
    for parent in kind.__mro__:
        ours = parent.__module__.startswith("sklearn.")
        if ours and parent.__name__ in FORMULAS:
            return FORMULAS[parent.__name__]
        if not ours and _OVERRIDES & vars(parent).keys():
            return None
    return None


def _named(kind: type) -> str:
    ours = kind.__module__.startswith("sklearn.")
    return kind.__name__ if ours else f"{kind.__module__}.{kind.__qualname__}"


def _first_row(example_input: Any, features: int | None) -> Any:
    """The first row, as (1, features) where the model says how many it takes, else as what came in its first place.

    Rows may be a list, an array, a data frame, which keeps its names, or a sparse matrix. Raises InvalidExample.
    """
    if features is None:
        if not len(example_input):
            raise InvalidExample("example_input must have at least one row, got none")
        return example_input[:1]
    try:
        rows = example_input if hasattr(example_input, "shape") else np.asarray(example_input)
    except ValueError as error:
        raise InvalidExample(f"example_input must have rows of {features} numbers each, but {error}") from error
    if len(rows.shape) == 1 and isinstance(rows, np.ndarray):
        rows = rows.reshape(1, -1)
    if len(rows.shape) != 2 or rows.shape[0] < 1 or rows.shape[1] != features:
        raise InvalidExample(
            f"example_input must have shape (rows, {features}) with at least one row, got {tuple(rows.shape)!r}"
        )
    return (rows.tocsr() if hasattr(rows, "tocsr") else rows)[:1]


def _dtype(count: Count, row: Any) -> np.dtype[Any] | None:
    """What floats are computed in: scikit-learn turns ints into the weights' type and keeps floats."""
    given = getattr(row, "dtype", None)
    floats = [array.dtype for array in count.arrays if array.dtype.kind == "f"]
    if isinstance(given, np.dtype) and given.kind == "f" and given.itemsize >= 4:
        floats.append(given)
    return np.result_type(*floats) if floats else None


def _depends_on(row: Any, features: int | None, dtype: np.dtype[Any] | None) -> dict[str, Any]:
    shape = [1, *getattr(row, "shape", (1,))[1:]] if features is None else [1, features]
    return {"input_shape": shape} | ({} if dtype is None else {"dtype": str(dtype)})


def _call(run: Callable[[Any], object], row: Any) -> Callable[[], object]:
    def call() -> object:
        try:
            return run(row)
        except (TypeError, ValueError) as error:
            raise InvalidExample(f"example_input does not suit the model: {error}") from error

    return call


def _pickled(model: Any) -> tuple[int | None, dict[str, str]]:
    """How long the model's pickle is; where it can't be pickled, None and why."""
    try:
        return len(pickle.dumps(model)), {}
    except Exception as error:  # a class may refuse in its own way
        return None, {"serialized_bytes": f"{type(error).__name__}: {error}"}


def _notes(count: Count, *, sparse: bool) -> dict[str, str]:
    flops = FLOPS_CONVENTION
    if count.does:
        flops += f", 1 per other operation: {'; '.join(sorted(count.does))}"
    if count.worst > count.operations:
        flops += f"; {2 * count.macs + round(count.worst)} at most"
    return {
        "parameters": f"numbers that the model uses: {'; '.join(sorted(count.holds))}",
        "trainable_parameters": "all of them, since fitting sets each",
        "macs": MACS_CONVENTION + ("; counted as if the row were dense" if sparse else ""),
        "serialized_bytes": "bytes of pickle.dumps(model)",
        "macs_nonzero": "multiply-accumulates whose weight is not 0; products with stored rows count in full",
        "flops": flops,
        "activation_peak_bytes": "largest input plus output of one step",
    }


def _unknown(count: Count, model: Any, use: str | None) -> dict[str, str]:
    reasons = {}
    if not count.arrays:
        reasons["size_bytes"] = "it stores no arrays"
    if count.nonzero is None:
        reasons["parameters_nonzero"] = "among what it stores a zero is a value like another, not a pruned weight"
    if count.peak is None:
        reasons["activation_peak_bytes"] = "no formula for what lies between its steps"
    if use is None:
        reasons["latency_ms"] = f"{_named(type(model))} has none of {', '.join(USES)}"
    return reasons
