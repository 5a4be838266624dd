"""Reads an ONNX model from its file, and says in a sentence why it can't; imports onnx."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError, EncodeError  # type: ignore[import-untyped]

from trimtab.costs import onnx_arrays
from trimtab.costs.cost import UnsupportedModel


def read(model: Any) -> tuple[onnx.ModelProto, int | None]:
    """The model with its arrays, and its bytes: of the file with its external data, or as the proto would be written.

    A proto of over 2 GiB can't be written in one piece, so that its bytes are None. Raises UnsupportedModel.
    """
    if isinstance(model, str | os.PathLike):
        return _load(Path(model))
    if not isinstance(model, onnx.ModelProto):
        kind = type(model)
        raise UnsupportedModel(
            f"expected an onnx.ModelProto or an .onnx file, got {kind.__module__}.{kind.__qualname__}"
        )
    _check(model, "the ModelProto")
    try:
        return model, model.ByteSize()
    except (EncodeError, ValueError):
        return model, None


def parsed(path: Path) -> onnx.ModelProto:
    """The model of a file, its external data not read. Raises UnsupportedModel."""
    try:
        model = onnx.load(path, format="protobuf", load_external_data=False)
    except (DecodeError, ValueError, OSError) as error:
        raise UnsupportedModel(f"{path.name} is no ONNX model, or is not whole: {error}") from error
    _check(model, path.name)
    return model


def _load(path: Path) -> tuple[onnx.ModelProto, int]:
    model = parsed(path)
    beside = {
        entry.value
        for tensor in onnx_arrays.tensors(model)
        for entry in tensor.external_data
        if entry.key == "location"
    }
    try:
        onnx.load_external_data_for_model(model, str(path.parent))
        return model, sum(one.stat().st_size for one in (path, *(path.parent / name for name in beside)))
    except (onnx.checker.ValidationError, ValueError, OSError) as error:
        raise UnsupportedModel(f"the external data of {path.name} can't be read: {error}") from error


def _check(model: onnx.ModelProto, name: str) -> None:
    """Bytes that are no ONNX may pass for an empty message, and a message cut off at a border for a shorter one."""
    parts = {
        "graph with outputs": model.graph.output,
        "version of the format": model.ir_version,
        "set of operators": model.opset_import,
    }
    missing = [f"no {what}" for what, there in parts.items() if not there]
    if missing:
        raise UnsupportedModel(f"{name} is no ONNX model, or is not whole: it has {', '.join(missing)}")
