"""Counts what named arrays hold. They say nothing of how they are used, so MACs and latency stay unknown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from trimtab.costs.cost import Layer, UnsupportedModel
from trimtab.costs.tally import Tally
from trimtab.errors import NotInstalled

try:
    import numpy as np
except ImportError as error:
    raise NotInstalled('counting arrays needs numpy: pip install "trimtab[measure]"') from error

Array = np.ndarray[Any, Any]

_USE = "arrays say nothing of how they are used"


def tally(model: Mapping[Any, Any], example_input: Any = None, *, training: bool = False) -> Tally:
    """The counts of {name: array}. Which of them are trained is not known either. Raises UnsupportedModel.

    example_input, training: without meaning here, since nothing says how the arrays are used.
    """
    if not model:
        raise UnsupportedModel("expected a dict {name: numpy array} with at least one array, got an empty one")
    for name, array in model.items():
        if not isinstance(array, np.ndarray):
            kind = type(array)
            raise UnsupportedModel(
                f"expected a dict {{name: numpy array}}, got {kind.__module__}.{kind.__qualname__} under {name!r}"
            )
        if array.dtype.kind not in "biufc":
            raise UnsupportedModel(f"expected arrays of numbers, got dtype {array.dtype} under {name!r}")
    arrays = list(model.values())
    return Tally(
        parameters=sum(array.size for array in arrays),
        parameters_nonzero=sum(int(np.count_nonzero(array)) for array in arrays),
        bytes_by_dtype=bytes_by_dtype(arrays),
        layers=tuple(Layer(str(name), "array", array.size, None) for name, array in model.items()),
        notes={"parameters": "elements of the arrays"},
        unknown=dict.fromkeys(
            ("trainable_parameters", "macs", "macs_nonzero", "flops", "activation_peak_bytes", "latency_ms"), _USE
        ),
    )


def bytes_by_dtype(arrays: Iterable[Array]) -> dict[str, int]:
    """dtype -> bytes of the arrays that have it; records count by their fields, and what aligns them is "padding"."""
    held: Counter[str] = Counter()
    for array in arrays:
        fields = [] if array.dtype.fields is None else [field[0] for field in array.dtype.fields.values()]
        for dtype in fields or [array.dtype]:
            held[str(dtype)] += dtype.itemsize * array.size
        held["padding"] += array.nbytes - sum(dtype.itemsize for dtype in fields or [array.dtype]) * array.size
    return dict(+held)
