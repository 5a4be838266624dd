"""The command `trimtab measure`: what a model in a file costs, without a server."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from trimtab import costs, tables
from trimtab.costs import card, onnx_models

Answer = tuple[Mapping[str, Any], Sequence[str]]
"""As JSON, and as lines."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("file", metavar="FILE.onnx", help="an ONNX model")
    parser.add_argument(
        "--input",
        dest="inputs",
        metavar="NAME=1x3x32x32",
        type=_shape,
        action="append",
        default=[],
        help="the shape of an input, filled with zeros (may be repeated; default: the shape in the file)",
    )
    parser.add_argument("--no-latency", dest="latency", action="store_false", help="count, and time nothing")
    parser.add_argument("--layers", action="store_true", help="a table of the layers too")


def measured(arguments: argparse.Namespace) -> Answer:
    """The cost of the file. Raises what `trimtab.measure` does."""
    example = onnx_models.zeros(arguments.file, dict(arguments.inputs))
    cost = costs.measure(arguments.file, example, latency=arguments.latency)
    answer = {
        "metrics": cost.as_metrics(),
        "macs_at_least": cost.macs_at_least,
        "uncounted": dict(cost.uncounted),
        "unknown": dict(cost.unknown),
        "layers": [asdict(layer) for layer in cost.layers],
    }
    lines = str(replace(cost, layers=())).splitlines()
    if arguments.layers:
        shown = [
            {
                "layer": layer.name,
                "kind": layer.kind,
                "parameters": layer.parameters,
                "MACs": layer.macs,
                "output": None if layer.output_shape is None else card.shape(layer.output_shape),
            }
            for layer in cost.layers
        ]
        lines += ["", *(tables.table(shown) or ["no layers"])]
    return answer, lines


def _shape(text: str) -> tuple[str, tuple[int, ...]]:
    name, _, sizes = text.rpartition("=")
    if not name or not re.fullmatch(r"([0-9]+(x[0-9]+)*)?", sizes):
        raise argparse.ArgumentTypeError(f"expected NAME=1x3x32x32, got {text!r}")
    return name, tuple(int(size) for size in sizes.split("x") if size)
