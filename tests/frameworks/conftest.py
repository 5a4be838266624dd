"""The tests of this folder need torch and others, and are slow; `make test-slow` has the place."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

NEEDED = ("torch", "fvcore", "onnx", "codecarbon")
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]

collect_ignore_glob = ["*"] if MISSING else []


def pytest_report_header() -> str | None:
    """Why the folder is left out, and what runs it."""
    if not MISSING:
        return None
    return f"tests/frameworks is left out: no {', '.join(MISSING)} here; make test-slow brings them"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is slow."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)
