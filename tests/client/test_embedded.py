"""The short road to a study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import trimtab
from tests.client.fake_server import KEY, FakeServer
from trimtab import Client, Float, InvalidStudy, embedded

DEFINITION: dict[str, Any] = {"space": {"lr": Float(0, 1)}, "objectives": {"accuracy": "max"}}


def test_a_server_that_is_given_is_used_and_the_page_is_named(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    with server.listening() as url:
        study = trimtab.study(
            "tiny", url=url, key=KEY, **DEFINITION, constraints=["size_kb <= 64"], baseline={"lr": 0.5}
        )
        assert study.client.url == url
        study.client.close()
    assert capsys.readouterr().err == f"trimtab: {url}/s/tiny\n"
    body = server.calls("/v1/studies")[0].body
    assert (body["constraints"], body["baseline"], body["exist_ok"]) == (["size_kb <= 64"], {"lr": 0.5}, True)


def test_the_server_of_the_environment_is_used(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with server.listening() as url:
        monkeypatch.setenv("TRIMTAB_URL", url)
        monkeypatch.setenv("TRIMTAB_KEY", KEY)
        study = trimtab.study("tiny", **DEFINITION, worker="gpu-0", exist_ok=False)
        assert (study.client.url, study.client.worker) == (url, "gpu-0")
        study.client.close()
    assert server.calls("/v1/studies")[0].body["exist_ok"] is False


def test_without_one_a_server_is_started_in_the_folder(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def local(path: Path, **options: Any) -> Client:
        asked.append((path, options))
        return server.client()

    monkeypatch.setattr(embedded.Client, "local", local)
    monkeypatch.chdir(tmp_path)
    study = trimtab.study("tiny", **DEFINITION)
    assert study.name == "tiny"
    assert asked == [(Path(".trimtab/trimtab.db"), {"worker": None})]
    assert (tmp_path / ".trimtab").is_dir()
    said = capsys.readouterr().err
    assert said.startswith("trimtab: http://fake/s/tiny, log in with the key of [sqlite:///")
    assert str(tmp_path / ".trimtab" / "trimtab.db") in said


def test_a_definition_that_is_refused_leaves_no_server_behind(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = server.client()
    closed = []
    monkeypatch.setattr(client, "close", lambda: closed.append(True))
    monkeypatch.setattr(embedded.Client, "local", lambda *_, **__: client)
    with pytest.raises(InvalidStudy):
        trimtab.study("tiny", space={"lr": Float(0, 1)}, objectives="accuracy", folder=tmp_path)  # type: ignore[arg-type]
    assert closed == [True]
