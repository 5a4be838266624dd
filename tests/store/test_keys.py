"""API keys and sessions: kept by their hashes, revoked at once, login tokens good for one use."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from tests.builders import a_key, a_project
from tests.store.racing import race
from trimtab_service.store.tables import sessions

TOKEN = b"\x00\xff" * 16


def test_a_key_comes_back_as_it_was_added(store):
    with store.begin() as tx:
        assert not tx.any_key()
        added = tx.add_key("abcdefgh", TOKEN, "worker", "for the cluster")
        assert tx.any_key()
        assert tx.find_key("abcdefgh") == added
        assert tx.find_key("ABCDEFGH") is None
    assert (added.key_id, added.key_hash, added.role, added.note) == ("abcdefgh", TOKEN, "worker", "for the cluster")
    assert (added.project_id, added.revoked) == (1, False)


def test_keys_are_listed_the_oldest_first(store):
    made = (a_key(store), a_key(store), a_key(store))
    with store.read() as tx:
        assert tx.keys() == made


def test_a_role_that_is_none_is_refused(store):
    with pytest.raises(IntegrityError, match="role"):
        a_key(store, role="king")


def test_a_revoked_key_is_found_as_revoked(store):
    key = a_key(store)
    with store.begin() as tx:
        assert tx.revoke_key(key.key_id)
        assert tx.revoke_key(key.key_id)
        assert not tx.revoke_key("nothing")
        assert tx.find_key(key.key_id).revoked


def test_a_session_stands_for_its_key(store):
    key = a_key(store)
    with store.begin() as tx:
        tx.add_session(TOKEN, "session", key.id, 60)
        assert tx.find_session(TOKEN, "session") == key
        assert tx.find_session(TOKEN, "login") is None
        assert tx.find_session(b"other", "session") is None
        tx.drop_session(TOKEN)
        assert tx.find_session(TOKEN, "session") is None
        tx.drop_session(TOKEN)


def test_a_session_of_a_revoked_key_is_none(store):
    key = a_key(store)
    with store.begin() as tx:
        tx.add_session(TOKEN, "session", key.id, 60)
        tx.add_session(b"token", "login", key.id, 60)
        tx.revoke_key(key.key_id)
        assert tx.find_session(TOKEN, "session") is None
        assert tx.take_session(b"token", "login") is None


def test_a_session_that_ran_out_is_none_and_is_swept_by_the_next(store):
    key = a_key(store)
    with store.begin() as tx:
        tx.add_session(TOKEN, "session", key.id, -1)
        assert tx.find_session(TOKEN, "session") is None
        tx.add_session(b"token", "login", key.id, 0.2)
    time.sleep(0.3)
    with store.begin() as tx:
        assert tx.take_session(b"token", "login") is None
        tx.add_session(b"new", "session", key.id, 60)
        assert tx.connection.execute(select(func.count()).select_from(sessions)).scalar_one() == 1


def test_a_session_that_is_used_lasts_on(store):
    key = a_key(store)
    with store.begin() as tx:
        tx.add_session(TOKEN, "session", key.id, 0.3)
        assert tx.find_session(TOKEN, "session", renew_seconds=60) == key
    time.sleep(0.4)
    with store.read() as tx:
        assert tx.find_session(TOKEN, "session") == key


def test_a_session_is_not_written_again_while_it_is_fresh(store):
    key = a_key(store)
    with store.begin() as tx:
        tx.add_session(TOKEN, "session", key.id, 60)
    ends = select(sessions.c.expires_at)
    with store.begin() as tx:
        before = tx.connection.execute(ends).scalar_one()
        tx.find_session(TOKEN, "session", renew_seconds=60)
        assert tx.connection.execute(ends).scalar_one() == before
        tx.find_session(TOKEN, "session", renew_seconds=120)
        assert tx.connection.execute(ends).scalar_one() > before


def test_a_login_token_is_good_for_one_use(store):
    key = a_key(store)
    with store.begin() as tx:
        tx.add_session(TOKEN, "login", key.id, 60)
        assert tx.take_session(TOKEN, "session") is None
        assert tx.take_session(TOKEN, "login") == key
        assert tx.take_session(TOKEN, "login") is None


def test_of_many_who_use_a_login_token_at_once_one_comes_in(store):
    key = a_key(store)
    with store.begin() as tx:
        tx.add_session(TOKEN, "login", key.id, 60)

    def take(_: int) -> bool:
        with store.begin() as tx:
            return tx.take_session(TOKEN, "login") is not None

    assert sum(race(8, take)) == 1


def test_a_key_and_its_session_are_found_from_any_project_and_keep_their_own(store):
    other = a_project(store)
    key = a_key(store, project_id=other)
    with store.begin() as tx:
        assert tx.find_key(key.key_id).project_id == other
        tx.add_session(TOKEN, "session", key.id, 60)
        assert tx.find_session(TOKEN, "session").project_id == other
        assert tx.connection.execute(select(sessions.c.project_id)).scalar_one() == other
        assert tx.keys() == ()
        assert not tx.revoke_key(key.key_id)
    with store.read(other) as tx:
        assert tx.keys() == (key,)
