"""Works out what an ONNX graph computes of shapes, so that inference can go on; imports onnx.

Inference alone follows additions and products of shapes; exporters also divide, compare and choose them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper, reference

from trimtab.costs.onnx_arrays import constant, initialisers
from trimtab.costs.onnx_operators import Shape, made, operator

SMALL = 1024
"""Elements up to which an array may be a shape."""

_Array = np.ndarray[Any, Any]
_ARITHMETIC = frozenset(
    """
    Abs Add And Cast Ceil Concat ConstantOfShape Div Equal Expand Floor Gather Greater GreaterOrEqual Identity Less
    LessOrEqual Max Min Mod Mul Neg Not Or Pow ReduceMax ReduceMin ReduceProd ReduceSum Reshape Round Shape Size Slice
    Split Sqrt Squeeze Sub Transpose Unsqueeze Where
    """.split()  # noqa: SIM905  # a list of words reads better as words
)
_FILLS = {"ConstantOfShape": 0, "Expand": 1}
"""Operator -> the input that says how large the result is."""


def fold(model: onnx.ModelProto, shapes: Mapping[str, Shape]) -> bool:
    """Put initialisers in place of the nodes whose small results are known; whether there were any.

    shapes: of the values, as far as inferred.
    """
    known = {
        array.name: array.values()
        for array in initialisers(model.graph)
        if array.size <= SMALL and array.indices is None and not array.is_elsewhere
    }
    kept = []
    folded = False
    for node in model.graph.node:
        results = _results(node, known, shapes, model)
        if results is None:
            kept.append(node)
            continue
        folded = True
        for name, result in zip(node.output, results, strict=True):
            known[name] = result
            model.graph.initializer.append(numpy_helper.from_array(result, name))
    if folded:
        del model.graph.node[:]
        model.graph.node.extend(kept)
    return folded


def _results(
    node: onnx.NodeProto, known: Mapping[str, _Array], shapes: Mapping[str, Shape], model: onnx.ModelProto
) -> list[_Array] | None:
    """What the node makes; None when that is not known, or is large."""
    held = constant(node)
    if held is not None:
        return [held.values()] if held.size <= SMALL and held.indices is None and not held.is_elsewhere else None
    name = operator(node)
    if name not in _ARITHMETIC or not made(node):
        return None
    if name in ("Shape", "Size"):
        if node.input[0] not in shapes:
            return None
        feeds = {node.input[0]: np.broadcast_to(np.float32(0), shapes[node.input[0]])}
    elif not all(one in known for one in node.input if one):
        return None
    else:
        feeds = {one: known[one] for one in node.input if one}
    if name in _FILLS and math.prod(map(int, known[node.input[_FILLS[name]]])) > SMALL:
        return None
    try:
        return [np.asarray(one) for one in _run(node, feeds, model)]
    except Exception:  # the reference refuses with any class; the shapes behind it stay unknown, and are named
        return None


def _run(node: onnx.NodeProto, feeds: Mapping[str, _Array], model: onnx.ModelProto) -> list[Any]:
    helper = onnx.helper
    graph = helper.make_graph(
        [node],
        "one",
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
            for name, array in feeds.items()
        ],
        [onnx.ValueInfoProto(name=name) for name in node.output],
    )
    one = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    results: list[Any] = reference.ReferenceEvaluator(one).run(None, dict(feeds))
    return results
