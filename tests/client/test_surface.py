"""What `import trimtab` offers, and what it costs."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import trimtab
from trimtab import costs

ROOT = Path(__file__).parents[2]


def test_all_is_exactly_what_is_public() -> None:
    public = {
        name
        for name, value in vars(trimtab).items()
        if not name.startswith("_") and not isinstance(value, ModuleType) and value.__class__.__name__ != "_Feature"
    }
    lazy = {"coding", "compress", "compression", "costs", "measure"}
    typing_only = {"Any", "TYPE_CHECKING"}
    assert set(trimtab.__all__) == (public - typing_only) | lazy | {"__version__"}
    assert list(trimtab.__all__) == sorted(trimtab.__all__)
    assert dir(trimtab) == trimtab.__all__


def test_every_name_of_all_can_be_had() -> None:
    for name in trimtab.__all__:
        assert getattr(trimtab, name) is not None


def test_every_error_is_offered() -> None:
    from trimtab import errors

    classes = {name for name, cls in vars(errors).items() if isinstance(cls, type) and issubclass(cls, Exception)}
    assert classes <= set(trimtab.__all__)


def test_measuring_is_reached_by_both_names() -> None:
    assert trimtab.costs is costs
    assert trimtab.measure is costs.measure


def test_what_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'trimtab' has no attribute 'predict'"):
        _ = trimtab.predict  # type: ignore[attr-defined]


def test_the_version_is_the_distributions() -> None:
    project = tomllib.loads((ROOT / "clients" / "python" / "pyproject.toml").read_text())["project"]
    assert trimtab.__version__ == project["version"]


def after(statement: str) -> dict[str, list[str]]:
    """What a fresh Python has loaded, started and written after a statement."""
    script = f"""
import sys, threading, json
before = set(sys.modules)
{statement}
loaded = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print(json.dumps({{
    "packages": sorted(name for name in loaded - set(sys.stdlib_module_names) if not name.startswith("_")),
    "threads": [thread.name for thread in threading.enumerate()],
}}))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded: dict[str, list[str]] = json.loads(done.stdout)
    return loaded


def test_importing_loads_nothing_but_the_standard_library_and_starts_nothing() -> None:
    assert after("import trimtab") == {"packages": ["trimtab"], "threads": ["MainThread"]}


def test_a_client_loads_nothing_more_before_its_first_request() -> None:
    assert after("import trimtab; trimtab.Client('http://127.0.0.1:9', 'tt_x')") == {
        "packages": ["trimtab"],
        "threads": ["MainThread"],
    }


def test_the_first_request_loads_the_http_library_and_what_it_needs_only() -> None:
    statement = """
import trimtab
try:
    trimtab.Client('http://127.0.0.1:9', 'tt_x', deadline=0.0).studies()
except trimtab.ServerUnreachable:
    pass
"""
    needed = {"httpx2", "httpcore2", "h11", "idna", "truststore", "typing_extensions", "anyio"}
    packages = set(after(statement)["packages"])
    assert {"trimtab", "httpx2", "httpcore2"} <= packages <= needed | {"trimtab"}
