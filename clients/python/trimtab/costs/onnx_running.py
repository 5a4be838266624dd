"""Fits an example to the inputs of an ONNX model, and runs the model on it with onnxruntime if that is installed."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx

from trimtab.costs.cost import InvalidExample, UnsupportedModel
from trimtab.costs.onnx_graph import Feeds, inputs_of, told
from trimtab.costs.onnx_operators import Shape

Runner = Callable[[], object]


def feeds(model: onnx.ModelProto, example_input: Any) -> Feeds | None:
    """{input: array} of an example in any of its forms, in the types of the graph; None for no example.

    Raises InvalidExample for missing and strange inputs, for what is no array, and for another type of elements.
    """
    if example_input is None:
        return None
    inputs = {one.name: one for one in inputs_of(model)}
    if isinstance(example_input, Mapping):
        given = dict(example_input)
    else:
        arrays = example_input if isinstance(example_input, tuple) else (example_input,)
        if len(arrays) != len(inputs):
            raise InvalidExample(f"expected {_listed(inputs)}, got {len(arrays)} array{'s' * (len(arrays) != 1)}")
        given = dict(zip(inputs, arrays, strict=True))
    if set(given) != set(inputs):
        raise InvalidExample(f"expected {_listed(inputs)}, got {', '.join(map(repr, given)) or 'none'}")
    return {name: _array(one, given[name]) for name, one in inputs.items()}


def zeros(model: onnx.ModelProto, shapes: Mapping[str, Shape]) -> Feeds | None:
    """An example of zeros: of these shapes, and of the declared ones where none is given.

    None when no shape is given and the declared ones have symbolic axes. Raises InvalidExample as `feeds` does.
    """
    found: dict[str, Any] = {}
    for one in inputs_of(model):
        kind = one.type.tensor_type
        axes = kind.shape.dim
        fixed = kind.HasField("shape") and all(axis.HasField("dim_value") for axis in axes)
        shape = shapes.get(one.name, tuple(axis.dim_value for axis in axes) if fixed else None)
        if shape is not None:
            found[one.name] = np.zeros(shape, onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type))
    if not shapes and len(found) < len(inputs_of(model)):
        return None
    return feeds(model, found | {name: () for name in shapes if name not in found})


def runner(model: Any, feeds: Feeds | None) -> tuple[Runner | None, str]:
    """A call that runs the model once, and what it is called; without one, why there is none.

    model: the ModelProto or its file. The session is made at the first call, with one thread. The call raises
    UnsupportedModel when the runtime can't run the model.
    """
    if feeds is None:
        return None, "no example_input was given"
    if importlib.util.find_spec("onnxruntime") is None:
        return None, "onnxruntime is not installed: pip install onnxruntime"
    session: Any = None

    def call() -> object:
        nonlocal session
        try:
            if session is None:
                session = _session(model)
            return session.run(None, feeds)
        except Exception as error:  # those of onnxruntime have no class in common
            raise UnsupportedModel(
                f"onnxruntime can't run the model: {error}; latency=False counts without running"
            ) from error

    return call, f"InferenceSession.run of onnxruntime {importlib.metadata.version('onnxruntime')}"


def _session(model: Any) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what goes wrong comes as an exception
    source = os.fspath(model) if isinstance(model, str | os.PathLike) else model.SerializeToString()
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def _array(value: onnx.ValueInfoProto, given: Any) -> np.ndarray[Any, Any]:
    """The array of an input; plain numbers take the type of the graph, arrays must have it."""
    if not value.type.HasField("tensor_type"):
        raise InvalidExample(f"input {value.name!r} takes no array but a {value.type.WhichOneof('value')}")
    expected = onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
    typed = hasattr(given, "dtype")
    try:
        array = np.asarray(given.detach() if hasattr(given, "detach") else given, None if typed else expected)
    except (TypeError, ValueError) as error:
        raise InvalidExample(f"input {value.name!r}: expected an array of {expected}, got {given!r:.80}") from error
    if array.dtype != expected:
        raise InvalidExample(f"input {value.name!r}: expected {expected} of shape {told(value)}, got {array.dtype}")
    return array


def _listed(inputs: Mapping[str, onnx.ValueInfoProto]) -> str:
    names = ", ".join(f"{name!r} {told(one)}" for name, one in inputs.items())
    return f"the input{'s' * (len(inputs) != 1)} {names}" if inputs else "no inputs"
