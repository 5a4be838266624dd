"""Which database a server opens: one server per file whatever its name, and one sentence when it can't be opened."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import httpx2
import pytest

from tests.cli.commands import run, says_in_one_sentence
from tests.servers import Server
from trimtab_service.cli import credentials, main
from trimtab_service.cli.side_files import AlreadyServed, ServerLock
from trimtab_service.store import file_of, name_of


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////there/a.db", "/there/a.db"),
        ("sqlite:////there/run%3F1.db", "/there/run?1.db"),
        ("sqlite:////there/a b%2541.db", "/there/a b%41.db"),
        ("sqlite:////there/a b%41.db", "/there/a bA.db"),
        ("sqlite:////there/../here/h#1.db", "/here/h#1.db"),
        ("sqlite://", None),
        ("sqlite:///", None),
        ("sqlite:///:memory:", None),
        ("postgresql://me:secret@there/a.db", None),
    ],
)
def test_the_file_of_a_url_is_the_one_that_is_opened(url, path):
    assert file_of(url) == (None if path is None else Path(path))


def test_a_relative_path_and_a_link_are_the_real_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.symlink("a.db", "b.db")
    assert file_of("sqlite:///b.db") == tmp_path.resolve() / "a.db"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sqlite:////there/run%3F1.db", "sqlite:////there/run?1.db"),
        ("sqlite://", "sqlite in memory, gone when the server ends"),
        ("postgresql://me:secret@there:5433/trials?password=secret", "postgresql://me:***@there:5433/trials"),
    ],
)
def test_a_database_is_named_without_its_password(url, name):
    assert name_of(url) == name


@pytest.mark.parametrize("command", [["serve", "--port", "0"], ["migrate"], ["keys", "list"]])
@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("sqlite:///run?1.db", "a ? in the path is written as %3F"),
        ("sqlite:///run?timeout=1", "without parameters"),
        ("sqlite://host/run.db", "expected sqlite:/// and the path of a file"),
        ("postgresql://me:secret@host:notaport/x", "expected a database URL such as"),
    ],
)
def test_a_url_that_means_no_database_is_refused_without_showing_its_password(command, url, says, capsys):
    assert main([*command, "--database", url]) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert says in sentence
    assert "secret" not in sentence


def test_a_file_is_served_by_one_server_whatever_name_it_is_given(tmp_path):
    with Server(f"sqlite:///{tmp_path / 'a.db'}", tmp_path / "server.log") as server:
        os.symlink("a.db", tmp_path / "b.db")
        for name in ("b.db", "%61.db"):
            second = run("serve", "--port", "0", "--database", f"sqlite:///{tmp_path / name}")
            assert says_in_one_sentence(second, f"{tmp_path.resolve() / 'a.db'} is served already")
            assert server.url in second.stderr


@pytest.mark.parametrize("name", ["run?1.db", "a b%41.db"])
def test_a_file_of_any_name_is_served_under_its_own_lock_and_address(tmp_path, name):
    file = tmp_path.resolve() / name
    escaped = name.replace("%", "%25").replace("?", "%3F")
    with Server(f"sqlite:///{tmp_path / escaped}", tmp_path / "server.log") as server:
        assert file.exists()
        assert Path(f"{file}.lock").exists()
        key = credentials.key_for(f"sqlite:///{file}")
        headers = {"Authorization": f"Bearer {key}"}
        assert httpx2.get(f"{server.url}/v1/studies", headers=headers).status_code == 200


def test_a_database_in_memory_is_served_while_it_lasts(tmp_path):
    with Server("sqlite://", tmp_path / "server.log") as server:
        assert "in memory" in server.lines[1]
        body = {"name": "s", "space": {"x": {"type": "float", "low": 0, "high": 1}}, "objectives": {"loss": "min"}}
        headers = {"Authorization": f"Bearer {server.key}"}
        assert httpx2.post(f"{server.url}/v1/studies", json=body, headers=headers).status_code == 201
        assert httpx2.post(f"{server.url}/v1/studies/s/ask", json={}, headers=headers).status_code == 201


def test_a_lock_that_was_refused_is_free_once_its_holder_lets_go(tmp_path):
    file = tmp_path / "a.db"
    first = ServerLock(file)
    with pytest.raises(AlreadyServed):
        ServerLock(file, patience=0.1)
    first.close()
    ServerLock(file, patience=0.1).close()


@pytest.mark.parametrize("command", [["serve", "--port", "0"], ["migrate"], ["keys", "list"]])
def test_a_folder_that_is_not_there_is_said(tmp_path, command, capsys):
    assert main([*command, "--database", f"sqlite:///{tmp_path / 'missing' / 'a.db'}"]) == 1
    (sentence,) = capsys.readouterr().err.splitlines()
    assert f"{tmp_path / 'missing' / 'a.db.lock'}: No such file or directory" in sentence


def test_a_file_that_is_no_database_is_said(tmp_path):
    (tmp_path / "a.db").write_text("no database\n" * 1_000)
    refused = run("serve", "--port", "0", "--database", f"sqlite:///{tmp_path / 'a.db'}")
    assert says_in_one_sentence(refused, "file is not a database")


@pytest.mark.parametrize("command", [["serve", "--port", "0"], ["migrate"], ["keys", "list"]])
def test_a_database_of_a_newer_version_is_said(sqlite_url, command):
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    refused = run(*command, "--database", sqlite_url)
    assert says_in_one_sentence(refused, "is at revision '9999', which this version does not know")
    assert refused.returncode == 1


def test_credentials_that_can_not_be_read_are_said(sqlite_url, tmp_path):
    (tmp_path / "trimtab").mkdir()
    (tmp_path / "trimtab" / "credentials").write_text("not toml [")
    refused = run("serve", "--port", "0", "--database", sqlite_url, XDG_CONFIG_HOME=str(tmp_path))
    assert says_in_one_sentence(refused, "is not a file of credentials")
