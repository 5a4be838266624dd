"""Keys and sessions let in who holds them, and nobody else."""

from __future__ import annotations

import re

import pytest

from trimtab_service.usecases import keys


def test_a_key_lets_its_holder_in_until_it_is_revoked(rooms):
    key = keys.make_key(rooms, note="laptop")
    assert re.fullmatch(r"tt_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}", key.text)
    assert keys.authenticate(rooms, key.text).key_id == key.key_id
    assert keys.revoke_key(rooms, key.key_id)
    assert keys.authenticate(rooms, key.text) is None
    assert not keys.revoke_key(rooms, "nobody12")


def test_what_is_no_key_lets_nobody_in(rooms):
    key = keys.make_key(rooms).text
    other = keys.make_key(rooms).text
    mixed = "_".join([*key.split("_")[:2], *other.split("_")[2:]])
    for text in ("", "tt", "tt_a_b_c", key[:-1], key + "x", key.swapcase(), mixed, key.replace("tt_", "xx_", 1)):
        assert keys.authenticate(rooms, text) is None


def test_only_hashes_are_stored(rooms):
    key = keys.make_key(rooms)
    secret = key.text.split("_")[2]
    (row,) = keys.list_keys(rooms)
    assert secret not in repr(row)
    assert len(row.key_hash) == 32


def test_a_login_token_opens_one_session(rooms):
    key = keys.make_key(rooms)
    token = keys.login_token(rooms, key.key_id)
    secret = keys.open_session(rooms, token)
    assert keys.session(rooms, secret).key_id == key.key_id
    assert keys.open_session(rooms, token) is None
    keys.close_session(rooms, secret)
    assert keys.session(rooms, secret) is None


def test_a_key_opens_a_session_and_revoking_it_ends_that(rooms):
    key = keys.make_key(rooms)
    secret = keys.open_session(rooms, key.text)
    keys.revoke_key(rooms, key.key_id)
    assert keys.session(rooms, secret) is None
    assert keys.open_session(rooms, "anything") is None
    with pytest.raises(LookupError):
        keys.login_token(rooms, key.key_id)
