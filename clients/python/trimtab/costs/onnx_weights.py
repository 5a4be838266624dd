"""Tells parameters from the other arrays of an ONNX graph by where they are used; imports onnx."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx

from trimtab.costs.onnx_arrays import Stored, constant, graphs, initialisers
from trimtab.costs.onnx_operators import FACTORS, NO_WEIGHTS, PASSES_ON, ZERO_POINTS, made, operator


@dataclass(frozen=True, slots=True)
class Form:
    """A value that does not depend on the inputs. arrays: what it is made of, as far as they can be parameters.

    whole: whether it is the elements of the one array, in whatever shape and type.
    """

    arrays: tuple[Stored, ...] = ()
    whole: bool = False


Scope = dict[str, Form]
"""Value -> what it is made of, for the values that do not depend on the inputs."""

_FLOATS = ("float", "bfloat", "complex")
_SMALL_INTEGERS = ("int8", "uint8", "int4", "uint4", "int2", "uint2")
_INTEGERS = ("int16", "uint16", "int32")
_INTEGER_BIASES = {("QLinearConv", 8), ("com.microsoft.QGemm", 6)}


@dataclass(frozen=True, slots=True)
class _Zero:
    """What stands for 0 in an array of integers. See `Stored.nonzero`."""

    point: np.ndarray[Any, Any]
    axis: int
    block: int


@dataclass(slots=True)
class Weights:
    """arrays: everything stored. scope: of the graph itself. parameters: in the order of their first use.

    by_node: node, by the first value that it makes -> elements of the parameters that it uses before others do.
    """

    arrays: list[Stored] = field(default_factory=list)
    scope: Scope = field(default_factory=dict)
    parameters: dict[Stored, None] = field(default_factory=dict)
    by_node: Counter[str] = field(default_factory=Counter)
    _quantised: set[Stored] = field(default_factory=set)
    _zeros: dict[Stored, _Zero] = field(default_factory=dict)
    _nonzero: dict[Stored, int | None] = field(default_factory=dict)

    @classmethod
    def of(cls, graph: onnx.GraphProto, nodes: Iterable[onnx.NodeProto]) -> Weights:
        """nodes: of the graph, its local functions laid open."""
        found = cls()
        found.scope = found._opened(graph, nodes, {})
        for node in nodes:
            for array in found._used_by(node, found.scope):
                if array not in found.parameters:
                    found.parameters[array] = None
                    found.by_node[made(node)] += array.size
        return found

    def nonzero(self) -> int | None:
        """Parameters that are not 0; None when an array was not read."""
        counts = [self.nonzero_of(array) for array in self.parameters]
        return None if None in counts else sum(one for one in counts if one is not None)

    def nonzero_of(self, array: Stored) -> int | None:
        """Elements that stand for another number than 0; None when the array was not read."""
        if array not in self._nonzero:
            zero = self._zeros.get(array)
            self._nonzero[array] = array.nonzero(zero.point, zero.axis, zero.block) if zero else array.nonzero()
        return self._nonzero[array]

    def bytes_by_dtype(self) -> dict[str, int]:
        """Bytes of everything stored, by type."""
        sizes: Counter[str] = Counter()
        for array in self.arrays:
            sizes[array.dtype] += array.nbytes
        return dict(sizes)

    def _opened(self, graph: onnx.GraphProto, nodes: Iterable[onnx.NodeProto], outer: Mapping[str, Form]) -> Scope:
        """What the graph stores, and what is made of that alone."""
        own = list(initialisers(graph))
        self.arrays += own
        scope = {**outer, **{array.name: Form((array,), whole=True) for array in own}}
        for node in nodes:
            held = constant(node)
            if held is not None:
                self.arrays.append(held)
            form = Form((held,), whole=True) if held is not None else self._form(node, scope)
            if form is not None:
                scope |= {name: form for name in node.output if name}
            self._note_zero(node, scope)
        return scope

    def _form(self, node: onnx.NodeProto, scope: Scope) -> Form | None:
        """What the node makes, when that does not depend on the inputs: they are given, and so are their shapes."""
        name = operator(node)
        if name in ("Shape", "Size"):
            return Form()
        if not all(one in scope for one in node.input if one) or not node.input or any(graphs(node)):
            return None
        first = scope[node.input[0]]
        if name == "DequantizeLinear":
            self._quantised.update(first.arrays)
        if name in PASSES_ON:
            return first
        return Form(tuple(dict.fromkeys(self._weights_at(node, scope))))

    def _used_by(self, node: onnx.NodeProto, scope: Scope) -> Iterator[Stored]:
        """The parameters that the node and the graphs that it runs compute with."""
        for graph in graphs(node):
            inner = self._opened(graph, graph.node, scope)
            for one in graph.node:
                yield from self._used_by(one, inner)
        if made(node) not in scope:  # else it is a form of something, which is used where that goes
            yield from self._weights_at(node, scope)

    def _weights_at(self, node: onnx.NodeProto, scope: Scope) -> Iterator[Stored]:
        name = operator(node)
        for place, value in enumerate(node.input):
            for array in scope[value].arrays if value in scope else ():
                if self._is_parameter(array, name, place):
                    yield array

    def _note_zero(self, node: onnx.NodeProto, scope: Scope) -> None:
        """Keep what stands for 0 in the node's weights."""
        weights, zero, axis = ZERO_POINTS.get(operator(node), (0, 0, 0))
        if not zero or len(node.input) <= zero:
            return
        array, point = (scope.get(node.input[place], Form()) for place in (weights, zero))
        if array.whole and point.whole and not point.arrays[0].is_elsewhere:
            attributes = {one.name: one.i for one in node.attribute}
            axis = 0 if attributes.get("transB") else axis
            place = attributes.get("axis", axis), attributes.get("block_size", 0)
            self._zeros[array.arrays[0]] = _Zero(point.arrays[0].values(), *place)

    def _is_parameter(self, array: Stored, name: str, place: int) -> bool:
        """Whether the array is one, by its type and by the place at which it is used."""
        if not array.shape or place in NO_WEIGHTS.get(name, ()) or (array.size == 1 and name in FACTORS):
            return False
        if array.dtype in _INTEGERS:
            return array in self._quantised or (name, place) in _INTEGER_BIASES
        return array.dtype.startswith(_FLOATS) or array.dtype in _SMALL_INTEGERS
