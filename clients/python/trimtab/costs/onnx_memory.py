"""The most memory that the values of an ONNX graph take at once, by when each is used last; imports onnx."""

from __future__ import annotations

from collections.abc import Container

from trimtab.costs.onnx_arrays import bits, graphs, packed
from trimtab.costs.onnx_graph import Flow
from trimtab.costs.onnx_operators import made


def peak(flow: Flow, constants: Container[str]) -> tuple[int | None, str]:
    """(bytes, ""), or None and why it is not known.

    An input is alive from the start until its last use, an output from its node to the end, a value between from its
    node until its last use. Constants, and what is computed from them alone, are not counted.
    """
    nodes = [node for node in flow.nodes if made(node) not in constants]
    inner = next((node.op_type for node in nodes if any(graphs(node))), None)
    if inner is not None:
        return None, f"{inner} runs a graph of its own"
    values = [*flow.inputs, *(name for node in nodes for name in node.output if name)]
    vague = next((name for name in values if name not in flow.shapes or not bits(flow.types[name])), None)
    if vague is not None:
        return None, f"the size of the value {vague!r} is not known"
    size = {name: packed(flow.shapes[name], flow.types[name]) for name in values}
    last = {name: at for at, node in enumerate(nodes) for name in (*node.output, *node.input) if name in size}
    last |= dict.fromkeys(flow.outputs, len(nodes))
    live = most = sum(size[name] for name in flow.inputs)
    for at, node in enumerate(nodes):
        touched = {name for name in (*node.input, *node.output) if name in size}
        live += sum(size[name] for name in node.output if name)
        most = max(most, live)
        live -= sum(size[name] for name in touched if last[name] == at)
    return most, ""
