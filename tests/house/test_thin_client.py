"""The client stays thin: what its wheel asks for, what installing it brings, and what `import trimtab` loads."""

from __future__ import annotations

import email
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.house.repo import CLIENT, build_wheel

HTTP = {"httpx2", "httpcore2", "h11", "anyio", "idna", "truststore", "certifi", "sniffio", "typing_extensions"}
"""httpx2 and all that it may stand on."""
HEAVY = {
    "numpy",
    "scipy",
    "scikit-learn",
    "fastapi",
    "sqlalchemy",
    "pydantic",
    "pandas",
    "rich",
    "starlette",
    "uvicorn",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(CLIENT.parent, tmp_path_factory.mktemp("wheel"))


def test_the_wheel_asks_for_nothing_but_httpx2(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        (name,) = (name for name in file.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(file.read(name))
    needed = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert [line.split("<")[0].split(">")[0] for line in needed] == ["httpx2"]


def test_the_wheel_holds_every_module_the_type_marker_and_nothing_of_the_server(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        names = {name for name in file.namelist() if ".dist-info/" not in name}
    kept = {f"trimtab/{path.relative_to(CLIENT)}" for path in CLIENT.rglob("*.py")}
    assert names == kept | {"trimtab/py.typed"}


def test_importing_trimtab_loads_itself_the_http_client_and_the_standard_library_only() -> None:
    listing = (
        "import json, sys; import trimtab; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    loaded = set(json.loads(subprocess.run([sys.executable, "-c", listing], capture_output=True, check=True).stdout))
    of_others = {name for name in loaded - set(sys.stdlib_module_names) if not name.startswith("_")}
    assert "trimtab" in of_others
    assert of_others - HTTP - {"trimtab"} == set()


@pytest.mark.slow
def test_installing_the_client_into_an_empty_environment_brings_few_packages_and_none_that_is_heavy(
    tmp_path: Path,
) -> None:
    python = tmp_path / "empty" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "empty")], check=True)
    before = _installed(python)
    subprocess.run([python, "-m", "pip", "install", "--quiet", str(CLIENT.parent)], check=True, cwd=tmp_path)
    brought = _installed(python) - before
    assert {"trimtab", "httpx2"} <= brought
    assert brought & HEAVY == set()
    assert {name.replace("-", "_") for name in brought} <= HTTP | {"trimtab"}
    assert len(brought) <= 8
    used = subprocess.run(
        [python, "-I", "-c", "import trimtab; print(trimtab.Client)"], capture_output=True, check=True
    )
    assert b"trimtab" in used.stdout


def _installed(python: Path) -> set[str]:
    command = [str(python), "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"]
    listed = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return {package["name"].lower() for package in listed}
