"""The repo is laid out as its architecture says, and keeps nothing that does not belong in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house.repo import CLIENT, ROOT, SERVICE, kept_files, pins, text_of

TOP = {
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "dev.py", "pyproject.toml"),
    *("Dockerfile", "docker-compose.yml", ".dockerignore", ".env.example", ".gitignore", ".ci"),
    *("benchmarks", "clients", "docs", "examples", "migrations", "requirements", "service", "tests"),
}
BANNED = {"util", "helper", "manager", "handler", "processor", "info", "data", "misc", "base", "core", "common"}
INDEX_HOST = re.compile(
    r"\b(pypi|pythonhosted|npmjs|yarnpkg|unpkg|jsdelivr|crates|anaconda|debian|golang|pythonwheels)\.(org|com|io|net)\b"
)
OTHER_LOCKS = {"uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "package-lock.json", "yarn.lock"}


def test_the_top_level_holds_what_was_designed_and_nothing_else() -> None:
    assert {path.parts[0] for path in kept_files()} == TOP


@pytest.mark.parametrize(
    "room", ["domain", "optimizer", "store", "compute", "usecases", "api", "api/routes", "dashboard", "cli"]
)
def test_every_room_of_the_server_exists(room: str) -> None:
    assert (SERVICE / room / "__init__.py").is_file()


@pytest.mark.parametrize("name", ["__main__.py", "app.py", "settings.py", "py.typed"])
def test_the_server_has_its_fixed_files(name: str) -> None:
    assert (SERVICE / name).is_file()


def test_the_client_is_a_typed_package_of_its_own() -> None:
    assert (CLIENT / "py.typed").is_file()
    assert (CLIENT.parent / "pyproject.toml").is_file()


def test_no_module_is_named_for_its_kind_instead_of_for_what_it_knows() -> None:
    bad = [
        str(path)
        for path in kept_files()
        if path.suffix == ".py"
        for part in [*path.parts[:-1], path.stem]
        for word in part.lower().split("_")
        if word in BANNED or word.removesuffix("s") in BANNED
    ]
    assert bad == []


def test_no_lock_is_kept_that_names_the_index_it_was_made_from() -> None:
    assert [str(path) for path in kept_files() if path.name in OTHER_LOCKS] == []


def test_no_kept_file_names_the_host_of_a_package_index() -> None:
    named = {str(path): found[0] for path in kept_files() if (found := INDEX_HOST.search(text_of(path)))}
    assert named == {}


def test_the_requirements_take_every_package_by_hash_and_none_by_address() -> None:
    for lock in sorted((ROOT / "requirements").glob("*.txt")):
        pins = lock.read_text().replace("\\\n", " ").splitlines()
        for pin in (line for line in pins if line[:1].isalnum()):
            assert re.match(r"[a-z0-9._-]+==\S+ ", pin), f"{lock.name}: {pin[:60]}"
            assert "--hash=sha256:" in pin, f"{lock.name}: {pin[:60]}"
            assert "://" not in pin, f"{lock.name}: {pin[:60]}"


@pytest.mark.parametrize(("part", "whole"), [("lock.txt", "slow.txt"), ("image.txt", "lock.txt")])
def test_the_locks_agree_on_every_version(part: str, whole: str) -> None:
    assert pins(part) <= pins(whole)


def test_no_kept_file_is_a_database_a_key_or_larger_than_half_a_megabyte() -> None:
    tables = {Path(f"benchmarks/data/{name}.npz") for name in ("fcnet_protein", "mlp_vehicle")}
    odd = [
        str(path)
        for path in kept_files()
        if path.suffix in {".db", ".pem", ".key", ".pyc"}
        or path.name in {".env", "credentials"}
        or (ROOT / path).stat().st_size > (2_000_000 if path in tables else 500_000)
    ]
    assert odd == []
