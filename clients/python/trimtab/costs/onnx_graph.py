"""Follows an example through an ONNX graph: which shape every value has; imports onnx and runs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import inliner, shape_inference

from trimtab.costs.cost import InvalidExample, UnsupportedModel
from trimtab.costs.onnx_arrays import initialisers
from trimtab.costs.onnx_folding import SMALL, fold
from trimtab.costs.onnx_operators import Shape

Feeds = Mapping[str, np.ndarray[Any, Any]]
"""Input -> array."""


@dataclass(frozen=True, slots=True)
class Flow:
    """nodes: in the order of running, local functions laid open. shapes: value -> shape, where it is known.

    types: value -> ONNX's number for the type of its elements. inputs, outputs: of the graph. vague: why not every
    input has a shape; empty when all have.
    """

    nodes: tuple[onnx.NodeProto, ...]
    shapes: Mapping[str, Shape]
    types: Mapping[str, int]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    vague: str


def flow(model: onnx.ModelProto, feeds: Feeds | None) -> Flow:
    """The graph with the shapes that follow from the feeds, or from the graph's own inputs without any.

    Raises InvalidExample for feeds that do not fit, UnsupportedModel for shapes that contradict each other.
    """
    try:
        thin = _thin(model)
    except UnicodeDecodeError as error:
        raise UnsupportedModel(f"a name in the ONNX graph is no text: {error}") from error
    inputs = inputs_of(model)
    bound: dict[str, int] = {}
    if feeds is not None:
        for one in inputs:
            _bind(one, feeds[one.name], bound)
        for one in thin.graph.input:
            if one.name in feeds:
                _set_shape(one, feeds[one.name].shape)
    for one in (*thin.graph.input, *thin.graph.value_info, *thin.graph.output):
        _resolve(one, bound)
    try:
        if thin.functions:
            thin = inliner.inline_local_functions(thin)
        nodes = tuple(thin.graph.node)
        shapes, types = _inferred(thin)
    except (shape_inference.InferenceError, onnx.checker.ValidationError, RuntimeError, ValueError) as error:
        raise UnsupportedModel(f"the shapes of the ONNX graph do not follow: {_first_line(error)}") from error
    vague = next((f"input {one.name!r} has the shape {told(one)}" for one in inputs if one.name not in shapes), "")
    return Flow(
        nodes,
        shapes,
        types,
        tuple(one.name for one in inputs),
        tuple(one.name for one in thin.graph.output),
        f"{vague}, which an example_input sets" if vague else "",
    )


def _inferred(model: onnx.ModelProto) -> tuple[dict[str, Shape], dict[str, int]]:
    """(shapes, types) of the values: inference, and then again with the shapes that could be worked out."""
    while True:
        inferred = shape_inference.infer_shapes(model, check_type=False, strict_mode=False, data_prop=True)
        shapes, types = _read(inferred.graph)
        if not fold(model, shapes):
            return shapes, types


def _read(graph: onnx.GraphProto) -> tuple[dict[str, Shape], dict[str, int]]:
    shapes, types = {}, {}
    for one in (*graph.input, *graph.value_info, *graph.output):
        kind = one.type.tensor_type
        types[one.name] = kind.elem_type
        if kind.HasField("shape") and all(axis.HasField("dim_value") for axis in kind.shape.dim):
            shapes[one.name] = tuple(axis.dim_value for axis in kind.shape.dim)
    for array in initialisers(graph):
        shapes[array.name], types[array.name] = array.shape, array.tensor.data_type
    return shapes, types


def inputs_of(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """What has to be fed: an input with an initialiser has its value."""
    given = {array.name for array in initialisers(model.graph)}
    return [one for one in model.graph.input if one.name not in given]


def told(value: onnx.ValueInfoProto) -> str:
    """The declared shape as people write it: "(batch, 3, 32, 32)"."""
    kind = value.type.tensor_type
    if not kind.HasField("shape"):
        return "(...)"
    return _written(
        axis.dim_param or (axis.dim_value if axis.HasField("dim_value") else "?") for axis in kind.shape.dim
    )


def _written(axes: Iterable[object]) -> str:
    texts = [str(axis) for axis in axes]
    return f"({texts[0]},)" if len(texts) == 1 else f"({', '.join(texts)})"


def _thin(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with large initialisers as inputs: inference copies what it gets, and reads only shapes."""
    thin = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import, functions=model.functions)
    graph = thin.graph
    graph.name = model.graph.name or "graph"
    for part in ("node", "input", "output", "value_info"):
        getattr(graph, part).extend(getattr(model.graph, part))
    present = {one.name for one in graph.input}
    for array in initialisers(model.graph):
        if array.indices is None and array.size <= SMALL and not array.is_elsewhere:
            graph.initializer.append(array.tensor)
        elif array.name not in present:
            graph.input.append(onnx.helper.make_tensor_value_info(array.name, array.tensor.data_type, array.shape))
    return thin


def _bind(value: onnx.ValueInfoProto, array: np.ndarray[Any, Any], bound: dict[str, int]) -> None:
    """Compare an array with the declared shape; bound: symbolic axis -> its length so far."""
    kind = value.type.tensor_type
    if not kind.HasField("shape"):
        return
    fits = len(kind.shape.dim) == array.ndim
    for axis, length in zip(kind.shape.dim, array.shape, strict=False):
        expected = axis.dim_value if axis.HasField("dim_value") else length
        if axis.dim_param:
            expected = bound.setdefault(axis.dim_param, length)
        fits = fits and expected == length
    if not fits:
        known = ", ".join(f"{name}={length}" for name, length in bound.items() if name in told(value))
        raise InvalidExample(
            f"input {value.name!r}: expected the shape {told(value)}{f' with {known}' if known else ''}, "
            f"got {_written(array.shape)}"
        )


def _set_shape(value: onnx.ValueInfoProto, shape: Iterable[int]) -> None:
    value.type.tensor_type.ClearField("shape")
    value.type.tensor_type.shape.SetInParent()
    for length in shape:
        value.type.tensor_type.shape.dim.add(dim_value=length)


def _resolve(value: onnx.ValueInfoProto, bound: Mapping[str, int]) -> None:
    """Put lengths in place of names; a name that nothing binds says nothing."""
    for axis in value.type.tensor_type.shape.dim if value.type.HasField("tensor_type") else ():
        if axis.dim_param in bound:
            axis.dim_value = bound[axis.dim_param]
        elif axis.dim_param:
            axis.ClearField("dim_param")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
