"""The import contracts speak of the rooms that are there, and they bite. `make check` holds them against the code."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.house.repo import ROOT, SERVICE, configuration

CONTRACTS: list[dict[str, Any]] = configuration()["tool"]["importlinter"]["contracts"]


def _layers() -> dict[str, Any]:
    (layers,) = (contract for contract in CONTRACTS if contract["type"] == "layers")
    return layers


def test_every_room_on_disk_has_a_floor_and_every_floor_is_a_room() -> None:
    layers = _layers()
    floors = {room.strip() for floor in layers["layers"] for room in floor.replace(":", "|").split("|")}
    rooms = {path.stem for path in SERVICE.glob("*.py")} | {
        path.parent.name for path in SERVICE.glob("*/__init__.py")
    }
    assert floors | set(layers["exhaustive_ignores"]) == rooms - {"__init__"}
    assert layers["exhaustive"] is True


def test_every_module_that_a_contract_names_exists() -> None:
    named = {
        module
        for contract in CONTRACTS
        for key in ("source_modules", "forbidden_modules", "protected_modules", "allowed_importers", "modules")
        for module in contract.get(key, [])
        if module.startswith("trimtab_service.")
    }
    missing = [
        module
        for module in sorted(named)
        if not (path := SERVICE.parent.joinpath(*module.split("."))).is_dir()
        and not path.with_suffix(".py").is_file()
    ]
    assert missing == []


@pytest.mark.parametrize(
    ("room", "line", "broken"),
    [
        ("domain/trial.py", "import numpy", "The domain is plain Python"),
        ("optimizer/pareto.py", "import sqlalchemy", "The optimizer is pure mathematics"),
        ("usecases/tell.py", "import sqlalchemy", "SQL lives in the store"),
        ("store/__init__.py", "import trimtab_service.usecases.tell", "Rooms import downward only"),
        ("compute/__init__.py", "import trimtab_service.settings", "Only the composition root reads settings"),
        ("domain/trial.py", "import trimtab", "Client and service share a wire format, never code"),
    ],
)
def test_a_forbidden_import_breaks_its_contract(tmp_path: Path, room: str, line: str, broken: str) -> None:
    for part in ("service", "clients/python"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "service" / "trimtab_service" / room).open("a") as file:
        file.write(f"\n{line}\n")
    ended = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(str(tmp_path / p) for p in ("service", "clients/python"))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1, ended.stdout + ended.stderr
    verdicts = [row for row in ended.stdout.splitlines() if row.endswith("BROKEN")]
    assert any(row.startswith(broken) for row in verdicts), ended.stdout
