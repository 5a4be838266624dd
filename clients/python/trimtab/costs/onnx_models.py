"""Counts ONNX models by walking their graph; imports onnx when the first of them comes."""

from __future__ import annotations

import os
from collections.abc import Mapping
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
    _check(model)
    from trimtab.costs import onnx_counting

    return onnx_counting.tally(model, example_input)


def zeros(path: str, shapes: Mapping[str, tuple[int, ...]]) -> Mapping[str, Any] | None:
    """An example of zeros for an .onnx file, in its types: of these shapes, and of its own where none is given.

    None when no shape is given and the file's own have symbolic axes. Raises what `tally` does.
    """
    _check(path)
    from trimtab.costs import onnx_files, onnx_running

    return onnx_running.zeros(onnx_files.parsed(Path(path)), shapes)


def _check(model: Any) -> None:
    """Refuse a path where there is no file, before the package that reads it is asked for."""
    if isinstance(model, str | os.PathLike) and not Path(model).is_file():
        raise UnsupportedModel(f"expected an .onnx file, got {os.fspath(model)!r}, where there is none")
    try:
        import onnx  # noqa: F401  # told apart from what else may be missing
    except ImportError as missing:
        raise NotInstalled('measuring an ONNX model needs onnx: pip install "trimtab[onnx]"') from missing
