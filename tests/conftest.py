"""Where tests run: one thread of BLAS, a home of their own, no settings from outside, and a store on each database.

`store`, `database_url` and `empty_database_url` run a test twice, on SQLite and on PostgreSQL.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests import databases, postgres
from trimtab_service.store import Store

hypothesis.settings.register_profile("ci", derandomize=True)  # where a change lands, the same examples every time
if os.environ.get("CI") == "true":
    hypothesis.settings.load_profile("ci")
_WORKER = os.environ.get("PYTEST_XDIST_WORKER")
_KEPT = {"TRIMTAB_PG_BIN", "TRIMTAB_SOAK"}
"""Settings of the tests themselves."""

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):  # before the first import of numpy
    os.environ[_name] = "1"
for _name in [name for name in os.environ if name.startswith("TRIMTAB_") and name not in _KEPT]:
    del os.environ[_name]
if _WORKER is None:  # a worker inherits these from the process that started it
    _HOME = tempfile.mkdtemp(prefix="tt-home-")
    for _name in ("CONFIG", "STATE", "DATA", "CACHE"):
        os.environ[f"XDG_{_name}_HOME"] = str(Path(_HOME) / _name.lower())


def pytest_unconfigure() -> None:
    """Delete the home that this run had to itself."""
    if _WORKER is None:
        shutil.rmtree(_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of the run share."""
    own = tmp_path_factory.getbasetemp()
    return own if _WORKER is None else own.parent


@pytest.fixture(scope="session")
def run_owner() -> int:
    """The process that lives as long as the run: this one, or the one that started the workers."""
    return os.getpid() if _WORKER is None else os.getppid()


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return databases.sqlite_template(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def _postgresql_copy(run_folder: Path, run_owner: int) -> str:
    if postgres.binaries() is None:
        missing = f"no PostgreSQL binaries; {postgres.INSTALL} brings them, TRIMTAB_PG_BIN names others"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return databases.postgresql_copy(run_folder, run_owner, _WORKER or "main")


@pytest.fixture
def sqlite_url(_sqlite_template: Path, tmp_path: Path) -> str:
    """The URL of an SQLite file with empty tables."""
    return databases.sqlite_copy(_sqlite_template, tmp_path)


@pytest.fixture
def postgresql_url(_postgresql_copy: str) -> str:
    """The URL of a PostgreSQL database with empty tables."""
    databases.empty(_postgresql_copy)
    return _postgresql_copy


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a database with empty tables, for tests that start whole servers."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A store on a database with empty tables."""
    opened = Store(database_url)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_store(sqlite_url: str) -> Iterator[Store]:
    """A store on an SQLite file with empty tables."""
    opened = Store(sqlite_url)
    yield opened
    opened.close()


@pytest.fixture
def postgresql_store(postgresql_url: str) -> Iterator[Store]:
    """A store on a PostgreSQL database with empty tables."""
    opened = Store(postgresql_url)
    yield opened
    opened.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server = request.getfixturevalue("_postgresql_copy")
    name = f"trimtab_empty_{_WORKER or 'main'}"
    yield postgres.create_database(server, name)
    postgres.drop_database(server, name)
