"""The server as a process: who may serve a file, who may come in, and how it ends."""

from __future__ import annotations

import fcntl
import json
import signal
import subprocess
import time
from pathlib import Path

import httpx2
import pytest

from tests.cli.commands import run, says_in_one_sentence
from tests.servers import COMMAND, PATIENCE, Server


@pytest.fixture
def server(tmp_path):
    with Server(f"sqlite:///{tmp_path / 'trimtab.db'}", tmp_path / "server.log") as server:
        yield server


def test_the_first_start_makes_a_key_says_where_and_lets_it_in(server):
    assert server.lines[0] == f"trimtab-service: listening on {server.url}"
    assert server.lines[1] == f"trimtab-service: the database is {server.database}"
    assert server.key.startswith("tt_")
    assert server.key not in "\n".join(server.lines)
    studies = f"{server.url}/v1/studies"
    assert httpx2.get(studies).status_code == 401
    assert httpx2.get(studies, headers={"Authorization": f"Bearer {server.key}"}).json()["items"] == []
    (login,) = [line.split()[2] for line in server.lines if "/login?token=" in line]
    assert httpx2.get(login).status_code == 303
    assert httpx2.get(login).status_code != 303


def test_the_key_stays_the_same_over_a_restart(server):
    key = server.key
    assert server.stop() == 0
    server.start()
    assert server.key == key


def test_a_file_is_served_by_one_server_and_the_second_says_where(server):
    second = run("serve", "--port", "0", "--database", server.database)
    assert second.returncode == 1
    assert server.url in second.stderr
    assert "is served already" in second.stderr


def test_a_port_that_is_taken_is_said(server, tmp_path):
    second = run("serve", "--port", str(server.port), "--database", f"sqlite:///{tmp_path / 'other.db'}")
    assert second.returncode == 1
    assert f"can't listen on 127.0.0.1:{server.port}" in second.stderr


def test_without_auth_everybody_on_this_machine_comes_in_and_may_retry(tmp_path):
    settings = {"TRIMTAB_AUTH": "false"}
    with Server(f"sqlite:///{tmp_path / 'open.db'}", tmp_path / "server.log", **settings) as server:
        assert any("no key is asked for" in line for line in server.lines)
        body = {"name": "s", "space": {"x": {"type": "float", "low": 0, "high": 1}}, "objectives": {"loss": "min"}}
        answers = [
            httpx2.post(f"{server.url}/v1/studies", json=body, headers={"Idempotency-Key": "k"}) for _ in range(2)
        ]
        assert [answer.status_code for answer in answers] == [201, 201]
        assert answers[0].json() == answers[1].json()


def test_an_embedded_server_ends_with_its_last_client(tmp_path):
    database = tmp_path / "trimtab.db"
    with Path(f"{database}.clients").open("w") as client:
        fcntl.flock(client, fcntl.LOCK_SH)
        process = subprocess.Popen(
            [*COMMAND, "serve", "--embedded", "--port", "0", "--database", f"sqlite:///{database}"],
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:
            assert process.stdout is not None
            url = process.stdout.readline().split()[-1]
            assert json.loads(Path(f"{database}.lock").read_text()) == {"url": url, "pid": process.pid}
            time.sleep(1)
            assert httpx2.get(f"{url}/healthz").status_code == 200
            client.close()
            assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize("ended_by", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_told_to_end_ends_well(server, ended_by):
    assert server.stop(ended_by) == 0
    server.start()
    assert httpx2.get(f"{server.url}/healthz").status_code == 200


def test_postgresql_that_was_not_migrated_is_refused_with_the_command(empty_database_url):
    if empty_database_url.startswith("sqlite"):
        migrated = run("migrate", "--database", empty_database_url)
        assert (migrated.returncode, "is at revision" in migrated.stdout) == (0, True)
        return
    refused = run("serve", "--port", "0", "--database", empty_database_url)
    assert refused.returncode == 1
    assert "run trimtab-service migrate" in refused.stderr
    assert run("migrate", "--database", empty_database_url).returncode == 0


def test_a_database_that_can_not_be_reached_is_said():
    refused = run("serve", "--port", "0", "--database", "postgresql://postgres@127.0.0.1:1/none")
    assert says_in_one_sentence(refused, "can't be used just now")


def test_several_processes_serve_one_postgresql(postgresql_url, tmp_path):
    with Server(postgresql_url, tmp_path / "server.log", TRIMTAB_WORKERS="2", TRIMTAB_AUTH="false") as server:
        body = {"name": "many", "space": {"x": {"type": "float", "low": 0, "high": 1}}, "objectives": {"loss": "min"}}
        assert httpx2.post(f"{server.url}/v1/studies", json=body).status_code == 201
        numbers = [
            httpx2.post(f"{server.url}/v1/studies/many/ask", json={"count": 1}).json()["trials"][0]["number"]
            for _ in range(8)
        ]
        assert numbers == list(range(8))
