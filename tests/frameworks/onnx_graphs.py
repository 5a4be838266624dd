"""Builds small ONNX models for the tests: nodes with named inputs, weights as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

Shape = Sequence[int | str]


def node(op: str, inputs: str, outputs: str, domain: str = "", **attributes: Any) -> onnx.NodeProto:
    """A node; inputs and outputs are names with spaces between, "-" for one that is left out."""
    names = [["" if name == "-" else name for name in text.split()] for text in (inputs, outputs)]
    return helper.make_node(op, *names, domain=domain, **attributes)


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Shape | np.ndarray],
    outputs: str = "y",
    weights: Mapping[str, Any] | None = None,
    opset: int = 23,
    functions: Sequence[onnx.FunctionProto] = (),
    sparse: Sequence[onnx.SparseTensorProto] = (),
) -> onnx.ModelProto:
    """A model. inputs: name -> shape of float32, or an array for its shape and type. weights: name -> array."""
    values = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(one.dtype), one.shape)
        if isinstance(one, np.ndarray)
        else helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, one)
        for name, one in inputs.items()
    ]
    stored = [
        one if isinstance(one, onnx.TensorProto) else numpy_helper.from_array(np.asarray(one), name)
        for name, one in (weights or {}).items()
    ]
    graph = helper.make_graph(
        list(nodes),
        "net",
        values,
        [onnx.ValueInfoProto(name=name) for name in outputs.split()],
        stored,
        sparse_initializer=list(sparse),
    )
    domains = {one.domain for one in nodes if one.domain} | {one.domain for one in functions}
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(name, 1) for name in sorted(domains))]
    return helper.make_model(graph, opset_imports=opsets, functions=list(functions), ir_version=10)


def ones(*shape: int, dtype: str = "float32") -> np.ndarray:
    """Weights without a zero."""
    return np.ones(shape, dtype)
