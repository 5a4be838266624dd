"""The arrays that an ONNX model stores: their bytes, their zeros, and the places where they lie; imports onnx."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from trimtab.costs.cost import UnsupportedModel
from trimtab.costs.onnx_operators import operator

_Array = np.ndarray[Any, Any]
_LISTS = {"value_floats": onnx.TensorProto.FLOAT, "value_ints": onnx.TensorProto.INT64}


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """One array: an initialiser, or what a Constant node holds.

    dtype: as "float32", "int4". indices: of a sparse array, whose other elements are 0.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    tensor: onnx.TensorProto
    indices: onnx.TensorProto | None = None

    @property
    def size(self) -> int:
        """Elements, those of a sparse array that are not stored too."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes as stored: sub-byte types packed, a sparse array's values and indices."""
        if self.indices is not None:
            return _bytes(self.tensor) + _bytes(self.indices)
        return _bytes(self.tensor)

    @property
    def is_elsewhere(self) -> bool:
        """Whether the elements lie in a file that was not read."""
        return bool(self.tensor.data_location == onnx.TensorProto.EXTERNAL)

    def values(self) -> _Array:
        """The stored elements, which must not be elsewhere. Raises UnsupportedModel."""
        try:
            values: _Array = numpy_helper.to_array(self.tensor)
        except (ValueError, TypeError) as error:
            raise UnsupportedModel(f"array {self.name!r} does not hold what its shape {self.shape} says") from error
        return values

    def nonzero(self, zero_point: _Array | None = None, axis: int = 0, block: int = 0) -> int | None:
        """How many elements stand for another number than 0; None when they are elsewhere.

        zero_point: what stands for 0: one for all, one for each index of the axis, or one for each block along it.
        """
        if self.is_elsewhere:
            return None
        values = self.values()
        if self.indices is not None or zero_point is None or not np.any(zero_point):
            return int(np.count_nonzero(values))
        zeros = zero_point.astype(np.int64)
        if zeros.ndim == 1 and zeros.size > 1:
            zeros = zeros.reshape([-1 if at == axis % values.ndim else 1 for at in range(values.ndim)])
        elif block:
            zeros = np.repeat(zeros, block, axis=axis).take(range(values.shape[axis]), axis=axis)
        try:
            return int(np.count_nonzero(values.astype(np.int64) - zeros))
        except ValueError as error:
            raise UnsupportedModel(
                f"array {self.name!r} of shape {self.shape} has zero points of shape {zero_point.shape}"
            ) from error


def dtype(elem_type: int) -> str:
    """The type's name: "float32", "bfloat16", "int4". Raises UnsupportedModel for a number that stands for none."""
    if elem_type not in onnx.TensorProto.DataType.values():
        raise UnsupportedModel(f"{elem_type} stands for no type of elements that onnx {onnx.__version__} knows")
    name: str = onnx.TensorProto.DataType.Name(elem_type).lower()
    return {"float": "float32", "double": "float64"}.get(name, name)


def bits(elem_type: int) -> int:
    """Bits of one element, 8 for truth values; strings have no fixed number and count as 0."""
    if elem_type == onnx.TensorProto.STRING:
        return 0
    digits = re.search(r"\d+", dtype(elem_type))
    return int(digits[0]) if digits else 8


def packed(shape: Iterable[int], elem_type: int) -> int:
    """Bytes of an array, elements of less than a byte packed."""
    return -(-math.prod(shape) * bits(elem_type) // 8)


def initialisers(graph: onnx.GraphProto) -> Iterator[Stored]:
    """The initialisers of this graph alone."""
    for tensor in graph.initializer:
        yield Stored(tensor.name, dtype(tensor.data_type), tuple(tensor.dims), tensor)
    for sparse in graph.sparse_initializer:
        yield _sparse(sparse.values.name, sparse)


def constant(node: onnx.NodeProto) -> Stored | None:
    """What a Constant node holds; None for another node, and for a text."""
    if operator(node) != "Constant":
        return None
    name = node.output[0]
    for attribute in node.attribute:
        if attribute.name == "value":
            return Stored(name, dtype(attribute.t.data_type), tuple(attribute.t.dims), attribute.t)
        if attribute.name == "sparse_value":
            return _sparse(name, attribute.sparse_tensor)
        if attribute.name in ("value_float", "value_int"):
            kind = onnx.TensorProto.FLOAT if attribute.name == "value_float" else onnx.TensorProto.INT64
            number = attribute.f if attribute.name == "value_float" else attribute.i
            return Stored(name, dtype(kind), (), onnx.helper.make_tensor(name, kind, (), [number]))
        if attribute.name in _LISTS:
            kind, numbers = _LISTS[attribute.name], [*attribute.floats, *attribute.ints]
            shape = (len(numbers),)
            return Stored(name, dtype(kind), shape, onnx.helper.make_tensor(name, kind, shape, numbers))
    return None


def graphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The graphs that a node of control flow runs."""
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            yield attribute.g
        yield from attribute.graphs


def tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every tensor of the model, wherever it lies."""
    yield from _tensors_of(model.graph)
    for function in model.functions:
        yield from _tensors_in(function.node)


def _tensors_of(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    yield from _tensors_in(graph.node)


def _tensors_in(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.TensorProto]:
    for node in nodes:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                yield attribute.t
            yield from attribute.tensors
        for graph in graphs(node):
            yield from _tensors_of(graph)


def _sparse(name: str, sparse: onnx.SparseTensorProto) -> Stored:
    return Stored(name, dtype(sparse.values.data_type), tuple(sparse.dims), sparse.values, sparse.indices)


def _bytes(tensor: onnx.TensorProto) -> int:
    if tensor.data_type == onnx.TensorProto.STRING:
        return sum(len(text) for text in tensor.string_data)
    return packed(tensor.dims, tensor.data_type)
