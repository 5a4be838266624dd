"""Local mode: a server on a file is joined or started, and left."""

from __future__ import annotations

import concurrent.futures
import fcntl
import os
import stat
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from trimtab import Client, Invalid, NotInstalled, ServerNotStarted, local

SERVER = [sys.executable, str(Path(__file__).with_name("embedded_server.py"))]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "trimtab.db"


def starts(file: Path) -> list[int]:
    """The processes that have served the file."""
    return [int(line) for line in Path(f"{file}.starts").read_text().split()]


def is_served(file: Path) -> bool:
    return local._is_held(file)


def until_it_ends(file: Path) -> None:
    end = time.monotonic() + 20
    while is_served(file):
        assert time.monotonic() < end, "the server did not end"
        time.sleep(0.01)


def test_a_server_is_started_and_its_key_is_found_and_it_ends_with_its_client(file: Path) -> None:
    server = local.join(file, command=SERVER)
    assert server.url.startswith("http://127.0.0.1:")
    assert server.key == "tt_local"
    assert is_served(file)
    with Client(server.url, server.key) as client:
        assert client.studies() == []
    server.leave()
    until_it_ends(file)


def test_a_second_client_joins_and_the_server_ends_with_the_last_one(file: Path) -> None:
    first = local.join(file, command=SERVER)
    second = local.join(file, command=SERVER)
    assert (second.url, second.key) == (first.url, "tt_local")
    assert len(starts(file)) == 1
    first.leave()
    time.sleep(0.2)
    assert is_served(file)
    second.leave()
    until_it_ends(file)


def test_the_server_lives_in_a_session_of_its_own(file: Path) -> None:
    server = local.join(file, command=SERVER)
    (pid,) = starts(file)
    assert os.getsid(pid) == pid != os.getsid(0)
    server.leave()
    until_it_ends(file)


def test_a_file_that_was_served_before_is_served_anew(file: Path) -> None:
    first = local.join(file, command=SERVER)
    first.leave()
    until_it_ends(file)
    second = local.join(file, command=SERVER)
    assert len(starts(file)) == 2
    second.leave()
    until_it_ends(file)


def test_clients_that_come_at_once_share_one_server(file: Path) -> None:
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        servers = list(pool.map(lambda _: local.join(file, command=[*SERVER, "--slow", "0.3"]), range(3)))
    assert len({server.url for server in servers}) == 1
    assert len(starts(file)) == 1
    for server in servers:
        server.leave()
    until_it_ends(file)


def test_what_the_server_said_is_shown_when_it_does_not_start(file: Path) -> None:
    with pytest.raises(ServerNotStarted, match=r"ended with exit code 3: trimtab-service: the disk is full"):
        local.join(file, command=[*SERVER, "--fail"])


def test_a_server_that_never_listens_is_ended_and_given_up(file: Path) -> None:
    with pytest.raises(ServerNotStarted, match="did not listen in time"):
        local.join(file, command=[*SERVER, "--slow", "60"], patience=0.5)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServerNotStarted, match=r"expected a folder for trimtab\.db at .*nowhere, there is none"):
        local.join(tmp_path / "nowhere" / "trimtab.db", command=SERVER)


def test_only_this_user_can_read_the_lock_of_the_clients(file: Path) -> None:
    server = local.join(file, command=SERVER)
    assert stat.S_IMODE(os.stat(f"{file}.clients").st_mode) & 0o077 == 0
    server.leave()
    until_it_ends(file)


def test_the_command_beside_this_python_comes_before_the_one_on_the_path(tmp_path: Path) -> None:
    for folder in ("beside", "path"):
        (tmp_path / folder).mkdir()
        script = tmp_path / folder / "trimtab-service"
        script.write_text("#!/bin/sh\n")
        script.chmod(0o755)
    beside, path = str(tmp_path / "beside"), str(tmp_path / "path")
    assert local.find_command(beside, path) == f"{beside}/trimtab-service"
    assert local.find_command(str(tmp_path), path) == f"{path}/trimtab-service"
    with pytest.raises(NotInstalled, match=r"pip install \. \(from Trimtab's source\)") as caught:
        local.find_command(str(tmp_path), str(tmp_path))
    assert caught.value.code == "not_installed"


@pytest.mark.parametrize("name", ["run?1.db", "run?timeout=1", "a b%41.db", "h#1.db", "50%.db", "é.db", "a@b:c.db"])
def test_a_file_of_any_name_is_the_one_that_is_served(tmp_path: Path, name: str) -> None:
    server = local.join(tmp_path / name, command=SERVER)
    assert server.key == "tt_local"
    assert len(starts(tmp_path / name)) == 1
    assert {file.name for file in tmp_path.iterdir()} == {
        *(f"{name}.lock", f"{name}.clients", f"{name}.starts"),
        "config",
    }
    server.leave()
    until_it_ends(tmp_path / name)


def test_two_names_of_one_file_lead_to_one_server(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "folder").symlink_to(tmp_path / "real")
    (tmp_path / "link.db").symlink_to(tmp_path / "real" / "trimtab.db")
    paths = [tmp_path / "real" / "trimtab.db", tmp_path / "folder" / "trimtab.db", tmp_path / "link.db"]
    servers = [local.join(path, command=SERVER) for path in paths]
    assert len({server.url for server in servers}) == 1
    assert [server.key for server in servers] == ["tt_local"] * 3
    for server in servers:
        server.leave()
    until_it_ends(paths[0])


@pytest.mark.parametrize("odd", [b"\xff.db", "a\0b.db", 5, None])
def test_what_is_no_path_is_refused(odd: Any) -> None:
    with pytest.raises(Invalid, match="expected the path of a database file, in UTF-8, got "):
        local.join(odd, command=SERVER)


@pytest.mark.parametrize("folder", ["", "/", "."])
def test_a_folder_is_refused(folder: str) -> None:
    with pytest.raises(Invalid, match="expected the path of a database file, got the folder /"):
        local.join(folder, command=SERVER)


def test_a_name_that_the_system_refuses_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServerNotStarted, match=r"expected a file that can be served at .*File name too long"):
        local.join(tmp_path / ("a" * 250), command=SERVER)


def test_a_server_that_does_not_end_is_not_waited_for_without_limit(file: Path) -> None:
    with open(f"{file}.clients", "w") as ending:
        fcntl.flock(ending, fcntl.LOCK_EX)
        with pytest.raises(ServerNotStarted, match=r"expected the server that is ending to let go of .*\.clients"):
            local.join(file, command=SERVER, patience=0.3)


def test_a_server_that_is_ending_is_waited_for(file: Path) -> None:
    with open(f"{file}.clients", "w") as ending:
        fcntl.flock(ending, fcntl.LOCK_EX)
        later = threading.Timer(0.3, ending.close)
        later.start()
        server = local.join(file, command=SERVER)
        later.join()
    assert server.key == "tt_local"
    server.leave()
    until_it_ends(file)
