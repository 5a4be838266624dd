"""Counts scikit-learn's multi-layer perceptrons and linear models from their fitted arrays; imports only numpy.

Both are chains of matrix products: W_1 (n_0, n_1), … W_L (n_{L-1}, n_L), biases b_l (n_l,). A linear model has L = 1.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Any

import numpy as np

from trimtab.costs.arrays import bytes_by_dtype
from trimtab.costs.cost import InvalidExample, UnsupportedModel
from trimtab.costs.tally import Tally

_Array = np.ndarray[Any, Any]
_OTHER_WAYS = ("support_vectors_", "estimators_", "dual_coef_")
"""Fitted attributes of models that also have a coef_ but predict from something else."""


@dataclass(frozen=True)
class _Chain:
    """weights: W_1 … W_L, each (inputs, outputs). biases: b_1 … b_L, or none."""

    weights: tuple[_Array, ...]
    biases: tuple[_Array, ...]

    @property
    def arrays(self) -> list[_Array]:
        return [*self.weights, *self.biases]


def tally(model: Any, example_input: Any = None, *, training: bool = False) -> Tally:
    """The counts of a fitted model, and its own `predict` of the first row where an example is given.

    training: without meaning here; a fitted estimator has no training mode.
    Raises UnsupportedModel and InvalidExample.
    """
    chain = _chain(model)
    features = chain.weights[0].shape[0]
    row = None if example_input is None else _first_row(example_input, features)
    dtype = _dtype(chain, row)
    parameters = sum(array.size for array in chain.arrays)
    serialized_bytes, unknown = _pickled(model)
    return Tally(
        parameters=parameters,
        trainable_parameters=parameters,
        parameters_nonzero=sum(int(np.count_nonzero(array)) for array in chain.arrays),
        bytes_by_dtype=bytes_by_dtype(chain.arrays),
        serialized_bytes=serialized_bytes,
        macs=sum(weight.size for weight in chain.weights),
        macs_nonzero=sum(int(np.count_nonzero(weight)) for weight in chain.weights),
        activation_peak_bytes=max(sum(weight.shape) for weight in chain.weights) * dtype.itemsize,
        depends_on={"input_shape": [1, features], "dtype": str(dtype)},
        call=None if row is None else lambda: model.predict(row),
        what="model.predict",
        notes={"serialized_bytes": "bytes of pickle.dumps(model)"},
        unknown=unknown,
    )


def _pickled(model: Any) -> tuple[int | None, dict[str, str]]:
    """How long the model's pickle is; where it can't be pickled, None and why."""
    try:
        return len(pickle.dumps(model)), {}
    except Exception as error:  # a class may refuse in its own way
        return None, {"serialized_bytes": f"{type(error).__name__}: {error}"}


def _chain(model: Any) -> _Chain:
    if hasattr(model, "coefs_") and hasattr(model, "intercepts_"):
        return _Chain(tuple(model.coefs_), tuple(model.intercepts_))
    kind = type(model).__name__
    other = [name for name in _OTHER_WAYS if hasattr(model, name)]
    if other or not (hasattr(model, "coef_") and hasattr(model, "intercept_")):
        raise UnsupportedModel(
            "expected a fitted scikit-learn MLP (coefs_, intercepts_) or linear model (coef_, intercept_), "
            + (f"got {kind}, which predicts from {other[0]}" if other else f"got {kind} without them; was it fitted?")
        )
    if not isinstance(model.coef_, np.ndarray):
        raise UnsupportedModel(
            f"expected a linear model with a dense coef_, got {kind} with a {type(model.coef_).__name__}; "
            "call its densify() first"
        )
    biased = getattr(model, "fit_intercept", True)  # without it scikit-learn keeps a zero that predict does not need
    return _Chain((np.atleast_2d(model.coef_).T,), (np.atleast_1d(model.intercept_),) if biased else ())


def _first_row(example_input: Any, features: int) -> Any:
    """The first row as (1, features) of anything that has a shape and slices by rows, or of a list."""
    rows = example_input if hasattr(example_input, "shape") else np.asarray(example_input)
    if len(rows.shape) == 1 and isinstance(rows, np.ndarray):
        rows = rows.reshape(1, -1)
    if len(rows.shape) != 2 or rows.shape[0] < 1 or rows.shape[1] != features:
        raise InvalidExample(
            f"example_input must have shape (rows, {features}) with at least one row, got {tuple(rows.shape)!r}"
        )
    return rows[:1]


def _dtype(chain: _Chain, row: Any) -> np.dtype[Any]:
    """What the products are computed in: scikit-learn turns ints into the weights' type and keeps floats."""
    given = getattr(row, "dtype", None)
    floats = [given] if isinstance(given, np.dtype) and given.kind == "f" and given.itemsize >= 4 else []
    return np.result_type(*(array.dtype for array in chain.arrays), *floats)
