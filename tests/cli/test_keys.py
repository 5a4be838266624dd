"""Keys from the command line, also while a server has the file, which stays the only one that checkpoints it."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import httpx2
import pytest

from tests.cli.commands import run, says_in_one_sentence
from tests.servers import Server
from trimtab_service.cli import main
from trimtab_service.store import Store


@pytest.fixture
def server(tmp_path):
    with Server(f"sqlite:///{tmp_path / 'trimtab.db'}", tmp_path / "server.log") as server:
        yield server


def status(server: Server, key: str) -> int:
    return httpx2.get(f"{server.url}/v1/studies", headers={"Authorization": f"Bearer {key}"}).status_code


def test_keys_are_made_listed_and_revoked_while_a_server_has_the_file(server):
    made = run("keys", "create", "--note", "laptop", TRIMTAB_DATABASE=server.database)
    key = made.stdout.strip()
    _, key_id, secret, _ = key.split("_")
    assert status(server, key) == 200
    listed = run("keys", "list", TRIMTAB_DATABASE=server.database).stdout
    assert listed.splitlines()[0].split() == ["key", "role", "made", "state", "note"]
    (line,) = [line for line in listed.splitlines() if key_id in line]
    assert line.split()[-2:] == ["valid", "laptop"]
    assert secret not in listed
    revoked = run("keys", "revoke", key_id, TRIMTAB_DATABASE=server.database)
    assert revoked.stdout == f"{key_id} is revoked\n"
    assert status(server, key) == 401
    unknown = run("keys", "revoke", "nobody12", TRIMTAB_DATABASE=server.database)
    assert says_in_one_sentence(unknown, "there is no key 'nobody12'")


def test_programs_get_json(tmp_path):
    words = ("--json", "--database", f"sqlite:///{tmp_path / 'trimtab.db'}")
    migrated = json.loads(run("migrate", *words).stdout)
    assert migrated["backend"] == "sqlite"
    assert migrated["revision"] == migrated["head"]
    made = json.loads(run("keys", "create", "--note", "ci", *words).stdout)
    assert made["key"].startswith(f"tt_{made['key_id']}_")
    assert json.loads(run("keys", "revoke", made["key_id"], *words).stdout) == {
        "key_id": made["key_id"],
        "revoked": True,
    }
    (listed,) = json.loads(run("keys", "list", *words).stdout)
    assert listed.pop("created_at")
    assert listed == {"key_id": made["key_id"], "role": "admin", "note": "ci", "revoked": True}


def test_a_key_that_is_made_while_a_server_has_the_file_is_not_checkpointed(server, capsys):
    file = Path(server.database.removeprefix("sqlite:///"))
    before = file.read_bytes()
    long = "x" * 6_000_000  # beyond the 1,000 pages after which SQLite checkpoints
    assert main(["keys", "create", "--note", long, "--database", server.database]) == 0
    assert file.read_bytes() == before
    assert status(server, capsys.readouterr().out.strip()) == 200
    assert server.stop() == 0
    assert len(file.read_bytes()) > len(before)


def test_a_store_that_does_not_checkpoint_leaves_a_long_wal_as_it_is(sqlite_url):
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as held:  # as a server does
        held.execute("SELECT * FROM api_keys").fetchall()
        store = Store(sqlite_url, checkpoints=False)
        file = Path(sqlite_url.removeprefix("sqlite:///"))
        before = file.read_bytes()
        for number in range(3):
            with store.begin() as tx:
                tx.add_key(f"key{number}", b"", "admin", "x" * 3_000_000)  # far beyond SQLite's 1,000 pages
        store.close()
        assert file.read_bytes() == before
        assert held.execute("SELECT count(*) FROM api_keys").fetchone() == (3,)
    held.close()


def test_migrating_a_file_that_is_served_is_refused_with_the_servers_address(server):
    refused = run("migrate", "--database", server.database)
    assert says_in_one_sentence(refused, "is served already")
    assert server.url in refused.stderr
