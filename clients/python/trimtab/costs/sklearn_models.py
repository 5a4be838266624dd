"""Counts scikit-learn's multi-layer perceptrons and linear models from their fitted arrays; imports only numpy.

Both are chains of matrix products: W_1 (n_0, n_1), … W_L (n_{L-1}, n_L), biases b_l (n_l,). A linear model has L = 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from trimtab.costs import stopwatch
from trimtab.costs.arrays import dtypes
from trimtab.costs.cost import FLOPS_CONVENTION, Contract, Cost, InvalidExample, UnsupportedModel, counted

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


def measure(model: Any, example_input: Any, seconds: float) -> Cost:
    """The cost of a fitted model; latency by its own `predict` where an example is given.

    Raises UnsupportedModel and InvalidExample.
    """
    chain = _chain(model)
    features = chain.weights[0].shape[0]
    row = None if example_input is None else _first_row(example_input, features)
    dtype = _dtype(chain, row)
    parameters = sum(array.size for array in chain.arrays)
    macs = sum(weight.size for weight in chain.weights)
    peak = max(weight.shape[0] + weight.shape[1] for weight in chain.weights) * dtype.itemsize
    shape = [1, features]
    held = counted("elements of the weights and biases that predict uses")
    contract: dict[str, Contract] = {
        "parameters": held,
        "trainable_parameters": held,
        "size_bytes": counted(
            "bytes of the weights and biases as they are, without file format", dtype=dtypes(chain.arrays)
        ),
        "macs": counted(
            "1 MAC per multiply-accumulate of the matrix products; biases and activations are not counted",
            input_shape=shape,
        ),
        "flops": counted(FLOPS_CONVENTION, input_shape=shape),
        "activation_peak_bytes": counted(
            "largest input plus output of one layer, by their shapes", input_shape=shape, dtype=str(dtype)
        ),
    }
    latency_ms = stderr = None
    if row is not None:
        timing = stopwatch.time(lambda: model.predict(row), seconds)
        latency_ms, stderr = timing.median_ms, timing.stderr_ms
        contract["latency_ms"] = timing.contract("model.predict", input_shape=shape, dtype=str(dtype))
    return Cost(
        parameters=parameters,
        trainable_parameters=parameters,
        size_bytes=sum(array.nbytes for array in chain.arrays),
        macs=macs,
        flops=2 * macs,
        activation_peak_bytes=peak,
        latency_ms=latency_ms,
        stderr={} if stderr is None else {"latency_ms": stderr},
        contract=contract,
    )


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
