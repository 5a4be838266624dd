"""Counts what named arrays hold. They say nothing of how they are used, so MACs and latency stay unknown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from trimtab.costs.cost import Cost, UnsupportedModel, counted


def measure(weights: Mapping[Any, Any]) -> Cost:
    """The cost of {name: array}. Which of them are trained is not known either. Raises UnsupportedModel."""
    if not weights:
        raise UnsupportedModel("expected a dict {name: numpy array} with at least one array, got an empty one")
    for name, array in weights.items():
        if not isinstance(array, np.ndarray):
            kind = type(array)
            raise UnsupportedModel(
                f"expected a dict {{name: numpy array}}, got {kind.__module__}.{kind.__qualname__} under {name!r}"
            )
        if array.dtype.hasobject or array.dtype.names:
            raise UnsupportedModel(f"expected arrays of numbers, got dtype {array.dtype} under {name!r}")
    arrays = list(weights.values())
    held = dtypes(arrays)
    return Cost(
        parameters=sum(array.size for array in arrays),
        size_bytes=sum(array.nbytes for array in arrays),
        contract={
            "parameters": counted("every element of every array", arrays=len(arrays)),
            "size_bytes": counted("bytes of the arrays as they are, without file format", dtype=held),
        },
    )


def dtypes(arrays: list[np.ndarray[Any, Any]]) -> str:
    """The dtypes of the arrays in one word: "float64", or "float32+int8" where they differ."""
    return "+".join(sorted({str(array.dtype) for array in arrays}))
