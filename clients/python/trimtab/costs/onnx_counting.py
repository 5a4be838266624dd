"""Counts an ONNX graph node by node: parameters by their use, multiply-accumulates by formula, and live memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import onnx

from trimtab.costs import onnx_files, onnx_graph, onnx_memory, onnx_running
from trimtab.costs.cost import Layer
from trimtab.costs.onnx_arrays import dtype, graphs
from trimtab.costs.onnx_graph import Flow
from trimtab.costs.onnx_operators import FORMULAS, FREE, Call, Part, Unshaped, made, operator
from trimtab.costs.onnx_weights import Weights
from trimtab.costs.tally import Tally

_NOTES = {
    "parameters": (
        "elements of the arrays that the graph computes with, floats and quantised weights, a shared one once; "
        "running statistics, scales, zero points, shapes, bounds, initial states and single factors are none; "
        "an array of floats that is never trained can't be told from a parameter"
    ),
    "size_bytes": "every array that the model stores, as it is, without file format",
    "serialized_bytes": "bytes of the .onnx file with its external data, or of the ModelProto as it would be written",
    "activation_peak_bytes": (
        "most bytes of inputs, outputs and values between that are alive at once in the graph's order, each value in "
        "memory of its own; constants aside"
    ),
}
_OPAQUE = (onnx.AttributeProto.FLOATS, onnx.AttributeProto.TENSOR, onnx.AttributeProto.TENSORS)
"""Attributes in which an operator that nobody knows may keep its parameters."""


def tally(model: Any, example_input: Any) -> Tally:
    """The counts of a model. See `onnx_models.tally`."""
    proto, written = onnx_files.read(model)
    feeds = onnx_running.feeds(proto, example_input)
    flow = onnx_graph.flow(proto, feeds)
    weights = Weights.of(proto.graph, flow.nodes)
    rows = _Rows(flow, weights)
    peak, no_peak = onnx_memory.peak(flow, weights.scope)
    call, what = onnx_running.runner(model, feeds)
    unknown = {"trainable_parameters": "an ONNX graph does not say what training changes"}
    if flow.vague:
        unknown |= dict.fromkeys(("macs", "flops", "macs_nonzero"), flow.vague)
    if peak is None:
        unknown["activation_peak_bytes"] = flow.vague or no_peak
    if call is None:
        unknown["latency_ms"] = what
    if rows.opaque:
        reason = f"{', '.join(sorted(rows.opaque))} may keep parameters of its own"
        unknown |= dict.fromkeys(("parameters", "parameters_nonzero", "size_bytes"), reason)
    elif weights.nonzero() is None:
        unknown["parameters_nonzero"] = "arrays lie in a file that was not read"
    if rows.macs_nonzero is None and not flow.vague:
        unknown["macs_nonzero"] = "weights are cut out of arrays or computed from them, or were not read"
    return Tally(
        parameters=None if rows.opaque else sum(array.size for array in weights.parameters),
        parameters_nonzero=None if rows.opaque else weights.nonzero(),
        bytes_by_dtype={} if rows.opaque else weights.bytes_by_dtype(),
        serialized_bytes=written,
        macs=None if flow.vague else rows.macs,
        macs_nonzero=None if flow.vague else rows.macs_nonzero,
        uncounted=dict(rows.uncounted),
        activation_peak_bytes=peak,
        layers=tuple(rows.layers),
        depends_on=_depends_on(flow),
        counter=f"shape inference of onnx {onnx.__version__}, trimtab.costs",
        call=call,
        what=what if call else "",
        notes=_NOTES,
        unknown=unknown,
    )


class _Rows:
    """The table of layers, and the sums over it. macs_nonzero: None when an array could not be read."""

    def __init__(self, flow: Flow, weights: Weights) -> None:
        self.flow, self.weights = flow, weights
        self.macs = 0
        self.macs_nonzero: int | None = 0
        self.uncounted: Counter[str] = Counter()
        self.opaque: set[str] = set()
        self.layers: list[Layer] = []
        for node in flow.nodes:
            if made(node) not in weights.scope:  # else what it makes is a constant
                self._add(node)

    def _add(self, node: onnx.NodeProto) -> None:
        parts = self._parts(node)
        macs = None if parts is None else sum(count for count, _ in parts)
        parameters = self.weights.by_node[made(node)]
        if macs or macs is None or parameters:
            name, shape = node.name or made(node), self.flow.shapes.get(made(node))
            self.layers.append(Layer(name, operator(node), parameters, macs, shape, None if macs is None else 0))
        for count, places in parts or ():
            self.macs += count
            left = self._nonzero(node, count, places)
            self.macs_nonzero = None if left is None or self.macs_nonzero is None else self.macs_nonzero + left

    def _parts(self, node: onnx.NodeProto) -> list[Part] | None:
        """What the node multiplies; None, and named, where that is not known."""
        name = operator(node)
        if name in FREE or (any(graphs(node)) and all(map(_is_free, graphs(node)))):
            return []
        try:
            return FORMULAS[name](self._call(node))
        except Unshaped:
            if not self.flow.vague:
                self.uncounted[f"{name} of unknown shape"] += 1
        except (LookupError, ValueError):
            self.uncounted[name] += 1
            if name not in FORMULAS and any(one.type in _OPAQUE for one in node.attribute):
                self.opaque.add(name)
        return None

    def _call(self, node: onnx.NodeProto) -> Call:
        return Call(
            [self.flow.shapes.get(name) if name else None for name in node.input],
            [self.flow.shapes.get(name) if name else None for name in node.output],
            {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute},
            tuple(bool(name) for name in node.input),
        )

    def _nonzero(self, node: onnx.NodeProto, macs: int, places: tuple[int, ...]) -> int | None:
        """The MACs that remain when those with a weight of 0 are left out; None where the weights are a mixture."""
        forms = [self.weights.scope.get(node.input[place]) for place in places if place < len(node.input)]
        form = next((one for one in forms if one is not None and one.arrays), None)
        if form is None:
            return macs
        array = form.arrays[0]
        left = self.weights.nonzero_of(array) if form.whole else None
        return None if left is None else macs * left // max(array.size, 1)


def _is_free(graph: onnx.GraphProto) -> bool:
    return all(
        operator(node) in FREE or (any(graphs(node)) and all(map(_is_free, graphs(node)))) for node in graph.node
    )


def _depends_on(flow: Flow) -> Mapping[str, Any]:
    """The shapes and types of the inputs, of the only one without a list around."""
    if flow.vague:
        return {}
    shapes = [list(flow.shapes[name]) for name in flow.inputs]
    kinds = sorted({dtype(flow.types[name]) for name in flow.inputs})
    return {"input_shape": shapes[0] if len(shapes) == 1 else shapes, "dtype": "+".join(kinds)}
