"""The server's wheel holds all that the server needs, and works where the repo is not."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.house.repo import ROOT, SERVICE, build_wheel, kept_files


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(ROOT, tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_every_file_of_the_server_and_its_migrations(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        names = {name for name in file.namelist() if ".dist-info/" not in name}
    rooms = {"service/trimtab_service": "trimtab_service", "migrations": "trimtab_service/migrations"}
    expected = {
        f"{target}/{path.relative_to(source)}"
        for path in kept_files()
        for source, target in rooms.items()
        if path.is_relative_to(source)
    }
    assert names == expected
    assert "trimtab_service/py.typed" in names
    assert "trimtab_service/migrations/env.py" in names
    assert any(name.startswith("trimtab_service/migrations/versions/") for name in names)
    assert any(name.startswith("trimtab_service/dashboard/") and name.endswith(".html") for name in names)


@pytest.mark.slow
def test_the_wheel_alone_migrates_a_fresh_database_from_a_foreign_folder(wheel: Path, tmp_path: Path) -> None:
    python = _environment_with(wheel, tmp_path / "environment")
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    where = subprocess.run(
        [python, "-c", "import trimtab_service; print(trimtab_service.__file__)"],
        cwd=elsewhere,
        env=surroundings,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert Path(where.strip()).is_relative_to(tmp_path)
    assert not Path(where.strip()).is_relative_to(SERVICE)

    command = [python.with_name("trimtab-service"), "migrate", "--database", "sqlite:///fresh.db"]
    for _ in range(2):  # the second finds nothing to do
        said = subprocess.run(command, cwd=elsewhere, env=surroundings, check=True, capture_output=True, text=True)
        assert "the database is at revision" in said.stdout
    database = sqlite3.connect(elsewhere / "fresh.db")
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    database.close()
    assert {"studies", "trials", "trial_values", "trial_history", "alembic_version"} <= tables


def _environment_with(wheel: Path, folder: Path) -> Path:
    """An environment with the wheel in it; dependencies are borrowed by path, which leaves editable installs out."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", str(wheel)]
    subprocess.run(install, check=True)
    borrowed = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    Path(borrowed, "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python
