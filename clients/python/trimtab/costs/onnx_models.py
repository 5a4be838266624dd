"""Counts ONNX models by walking their graph; imports onnx when the first of them comes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from trimtab.costs.cost import UnsupportedModel
from trimtab.costs.tally import Tally
from trimtab.errors import NotInstalled


def tally(model: Any, example_input: Any, *, training: bool = False) -> Tally:
    """The counts of an onnx.ModelProto or of an .onnx file; a graph knows no modes, so `training` says nothing.

    example_input: {input: array}, a tuple of arrays in the order of the inputs, or the array of the only one. It sets
    the symbolic axes; without it the counts are known when the graph has none.

    Raises UnsupportedModel, InvalidExample, and NotInstalled without onnx.
    """
    if isinstance(model, str | os.PathLike) and not Path(model).is_file():
        raise UnsupportedModel(f"expected an .onnx file, got {os.fspath(model)!r}, where there is none")
    try:
        import onnx  # noqa: F401  # told apart from what else may be missing
    except ImportError as missing:
        raise NotInstalled('measuring an ONNX model needs onnx: pip install "trimtab[onnx]"') from missing
    from trimtab.costs import onnx_counting

    return onnx_counting.tally(model, example_input)
