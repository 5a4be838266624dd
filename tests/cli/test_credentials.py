"""The credentials file holds a key per address, and only its owner may read it."""

from __future__ import annotations

import multiprocessing
import stat

import pytest

from trimtab_service.cli import credentials
from trimtab_service.cli.refused import Refused


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path


def test_a_key_is_kept_under_each_address_beside_those_that_were_there(home):
    assert credentials.key_for("http://a") is None
    credentials.keep("tt_1", ["http://a", 'sqlite:////tmp/we"ird\\ né.db'])
    credentials.keep("tt_2", ["http://b"])
    credentials.keep("tt_3", ["http://a"])
    assert credentials.key_for("http://a") == "tt_3"
    assert credentials.key_for("http://b") == "tt_2"
    assert credentials.key_for('sqlite:////tmp/we"ird\\ né.db') == "tt_1"


def test_only_the_owner_may_read_the_file(home):
    credentials.keep("tt_1", ["http://a"])
    assert stat.S_IMODE(credentials.path().stat().st_mode) == 0o600
    assert stat.S_IMODE(credentials.path().parent.stat().st_mode) == 0o700
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in credentials.path().parent.iterdir()}
    assert files == {"credentials": 0o600, "credentials.lock": 0o600}


def test_processes_that_write_at_a_time_lose_no_key(home):
    spawn = multiprocessing.get_context("spawn")
    together = spawn.Barrier(3)
    writers = [spawn.Process(target=_keep_many, args=(place, together)) for place in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    kept = {address: credentials.key_for(address) for place in range(3) for address in _addresses(place)}
    assert kept == dict.fromkeys(kept, "tt_1")


def _keep_many(place, together):
    together.wait()
    for address in _addresses(place):
        credentials.keep("tt_1", [address])


def _addresses(place):
    return [f"http://{place}-{number}" for number in range(30)]


@pytest.mark.parametrize("content", [b"not toml [", b"\xff\xfe"])
def test_a_file_that_is_none_of_credentials_is_said_and_left_alone(home, content):
    credentials.keep("tt_1", ["http://a"])
    credentials.path().write_bytes(content)
    for attempt in (lambda: credentials.key_for("http://a"), lambda: credentials.keep("tt_2", ["http://b"])):
        with pytest.raises(Refused, match="is not a file of credentials"):
            attempt()
    assert credentials.path().read_bytes() == content


def test_a_home_that_can_not_be_written_is_said(home):
    (home / "trimtab").write_text("a file where the folder should be")
    with pytest.raises(Refused, match="can't keep the key in"):
        credentials.keep("tt_1", ["http://a"])
