"""The credentials file holds a key per address, and only its owner may read it."""

from __future__ import annotations

import stat

import pytest

from trimtab_service.cli import credentials


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
    assert [path.name for path in credentials.path().parent.iterdir()] == ["credentials"]
