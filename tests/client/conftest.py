"""What the client's tests share: a fake server, a study on it, and surroundings without anybody's settings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import trimtab
from tests.client.fake_server import FakeServer


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No TRIMTAB_* setting is there, and the credentials file would lie under this folder."""
    for name in ("TRIMTAB_URL", "TRIMTAB_KEY", "TRIMTAB_PROGRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config"


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def client(server: FakeServer) -> Iterator[trimtab.Client]:
    with server.client() as client:
        yield client


@pytest.fixture
def study(client: trimtab.Client) -> trimtab.Study:
    return client.create_study(
        "digits", space={"lr": trimtab.Float(0.0, 1.0)}, objectives={"accuracy": "maximize"}, max_trials=5
    )
