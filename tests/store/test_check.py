"""What the store says of its database, and what it says when there is none."""

from __future__ import annotations

import pytest

from tests import postgres
from trimtab_service.domain.errors import DatabaseUnavailable
from trimtab_service.store import Store


def test_the_check_names_the_database_and_its_revision(store, database_url):
    state = store.check()
    assert state["backend"] == database_url.split(":")[0]
    assert state["version"]
    assert state["revision"] == state["head"] is not None


def test_an_empty_database_has_no_revision(empty_database_url):
    store = Store(empty_database_url)
    state = store.check()
    store.close()
    assert state["revision"] is None
    assert state["head"] is not None


def test_commits_are_durable_on_sqlite(sqlite_store):
    state = sqlite_store.check()
    assert (state["journal_mode"], state["synchronous"]) == ("wal", 2)


def test_a_server_that_is_not_there_is_unavailable():
    store = Store(f"postgresql://nobody@127.0.0.1:{postgres.free_port()}/nothing")
    with pytest.raises(DatabaseUnavailable):
        store.check()
    with pytest.raises(DatabaseUnavailable), store.begin():
        pass
    store.close()


def test_a_file_that_can_not_be_made_is_unavailable(tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'missing' / 'trimtab.db'}")
    with pytest.raises(DatabaseUnavailable):
        store.check()
    store.close()


def test_a_database_of_another_kind_is_refused_without_its_password():
    with pytest.raises(ValueError, match="sqlite or postgresql") as refused:
        Store("mysql://me:secret@host/name")
    assert "secret" not in str(refused.value)
