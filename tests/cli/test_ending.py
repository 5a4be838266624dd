"""How a server ends while an ask computes. The computing process is stopped by SIGSTOP, so that it never finishes."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from tests.servers import PATIENCE, Server
from trimtab_service.cli.ending import GRACE, LAST

STUDY = {"name": "s", "space": {"x": {"type": "float", "low": 0, "high": 1}}, "objectives": {"loss": "minimize"}}
SETTINGS = {"TRIMTAB_AUTH": "false", "TRIMTAB_DEADLINE_SECONDS": "600"}


STOPPED: list[int] = []
"""Computing processes that were stopped, and so can't end by themselves."""


@pytest.fixture(autouse=True)
def end_stopped():
    yield
    while STOPPED:
        with contextlib.suppress(ProcessLookupError):
            os.kill(STOPPED.pop(), signal.SIGKILL)


@pytest.fixture
def server(tmp_path):
    with Server(f"sqlite:///{tmp_path / 'trimtab.db'}", tmp_path / "server.log", **SETTINGS) as server:
        assert httpx2.post(f"{server.url}/v1/studies", json=STUDY).status_code == 201
        assert ask(server).status_code == 201
        yield server


@pytest.fixture
def thread():
    with ThreadPoolExecutor(1) as pool:
        yield pool


def ask(server: Server) -> httpx2.Response:
    return httpx2.post(f"{server.url}/v1/studies/s/ask", json={"count": 1}, timeout=PATIENCE)


def computing(pid: int) -> list[int]:
    """The computing processes of a server, without what multiprocessing keeps beside them to clean up."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid and b"resource_tracker" not in (process / "cmdline").read_bytes():
                found.append(int(process.name))
    return found


def stop_computing(server: Server) -> int:
    (child,) = computing(server.pid)
    os.kill(child, signal.SIGSTOP)
    STOPPED.append(child)
    return child


def wait_until_ended(pid: int) -> None:
    """Until the process is gone, or waits only for somebody to read its exit code."""
    stat, until = Path(f"/proc/{pid}/stat"), time.monotonic() + PATIENCE
    while stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < until, f"process {pid} goes on after its server"
        time.sleep(0.05)


def trials(server: Server) -> int:
    with sqlite3.connect(server.database.removeprefix("sqlite:///")) as connection:
        return int(connection.execute("SELECT count(*) FROM trials").fetchone()[0])


def test_an_ask_that_never_finishes_is_refused_after_the_grace_and_nothing_is_kept_of_it(server, thread):
    child = stop_computing(server)
    asking = thread.submit(ask, server)
    time.sleep(1)
    begun = time.monotonic()
    assert server.stop() == 0
    assert GRACE - 0.5 < time.monotonic() - begun < LAST + 2
    answer = asking.result(PATIENCE)
    assert (answer.status_code, answer.json()["code"]) == (503, "compute_unavailable")
    assert trials(server) == 1
    wait_until_ended(child)


def test_an_ask_that_finishes_within_the_grace_is_answered(server, thread):
    child = stop_computing(server)
    asking = thread.submit(ask, server)
    time.sleep(1)
    server.tell_to_end(signal.SIGTERM)
    time.sleep(1)
    os.kill(child, signal.SIGCONT)
    begun = time.monotonic()
    assert server.wait() == 0
    assert time.monotonic() - begun < GRACE
    assert asking.result(PATIENCE).status_code == 201
    assert trials(server) == 2


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_told_twice_it_ends_at_once(server, thread, second):
    stop_computing(server)
    asking = thread.submit(ask, server)
    time.sleep(1)
    begun = time.monotonic()
    server.tell_to_end(signal.SIGTERM)
    time.sleep(1)
    server.tell_to_end(second)
    assert server.wait() == 0
    assert time.monotonic() - begun < GRACE - 1
    with pytest.raises(httpx2.HTTPError):
        asking.result(PATIENCE)
    assert trials(server) == 1


def test_several_processes_end_in_time_too(postgresql_url, tmp_path, thread):
    with Server(postgresql_url, tmp_path / "server.log", TRIMTAB_WORKERS="2", **SETTINGS) as server:
        httpx2.post(f"{server.url}/v1/studies", json=STUDY)
        assert ask(server).status_code == 201
        for process in computing(server.pid):
            for child in computing(process):
                os.kill(child, signal.SIGSTOP)
                STOPPED.append(child)
        asking = thread.submit(ask, server)
        time.sleep(1)
        begun = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - begun < LAST + 3
        answer = asking.result(PATIENCE)
        assert (answer.status_code, answer.json()["code"]) == (503, "compute_unavailable")
