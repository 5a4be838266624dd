"""How databases are opened, and what happens when they can't be used: SQLite's one writer, PostgreSQL's limits."""

from __future__ import annotations

import sqlite3
import threading

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from tests import postgres
from tests.builders import a_study, a_trial
from tests.store.racing import race
from trimtab_service.domain.errors import DatabaseUnavailable
from trimtab_service.store import Raced, Store
from trimtab_service.store.tables import trials


def pragma(tx, name):
    return tx.connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()


def test_every_sqlite_connection_is_durable_and_checks_foreign_keys(sqlite_store):
    together = threading.Barrier(6)

    def look(_: int) -> tuple[object, ...]:
        with sqlite_store.read() as tx:
            together.wait()  # six connections are open now
            names = ("journal_mode", "synchronous", "foreign_keys", "wal_autocheckpoint", "query_only")
            return tuple(pragma(tx, name) for name in names)

    assert race(6, look) == [("wal", 2, 1, 0, 1)] * 6
    with sqlite_store.begin() as tx:
        assert (pragma(tx, "journal_mode"), pragma(tx, "synchronous"), pragma(tx, "foreign_keys")) == ("wal", 2, 1)
        assert pragma(tx, "wal_autocheckpoint") > 0
        assert pragma(tx, "query_only") == 0
        assert pragma(tx, "busy_timeout") == 5_000


def test_a_writing_transaction_holds_the_sqlite_file_from_its_beginning(sqlite_store, sqlite_url):
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None, timeout=0)
    with sqlite_store.begin(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    with sqlite_store.read():
        other.execute("BEGIN IMMEDIATE")
    other.close()


def test_sqlite_readers_go_on_while_somebody_writes(sqlite_store):
    with sqlite_store.begin() as writing:
        study = a_study(writing, name="new")
        with sqlite_store.read() as tx:
            assert tx.find_study("new") is None
    with sqlite_store.read() as tx:
        assert tx.find_study("new") == study


def test_a_reader_sees_one_state_throughout(store):
    study = a_study(store)
    with store.read() as tx:
        assert len(tx.history(study)) == 0
        a_trial(store, study)
        assert len(tx.history(study)) == 0
    with store.read() as tx:
        assert len(tx.history(study)) == 1


def test_a_reading_transaction_can_not_write(store):
    def write() -> None:
        with store.read() as tx:
            a_study(tx, name="never")

    with pytest.raises((DBAPIError, DatabaseUnavailable)):
        write()
    with store.read() as tx:
        assert tx.find_study("never") is None


def test_a_store_in_memory_keeps_what_it_is_told():
    store = Store("sqlite://")
    store.migrate()
    study = a_study(store)

    def add(_: int) -> None:
        for _ in range(5):
            a_trial(store, study)
            with store.read() as tx:
                assert tx.study(study.name).next_number > 0

    race(8, add)
    with store.read() as tx:
        assert len(tx.history(study)) == 40
    store.close()


def test_a_transaction_that_fails_leaves_nothing(store):
    def fail() -> None:
        with store.begin() as tx:
            a_study(tx, name="never")
            raise LookupError("on the way")

    with pytest.raises(LookupError, match="on the way"):
        fail()
    with store.read() as tx:
        assert tx.find_study("never") is None


def test_a_file_that_another_process_locks_is_unavailable_and_then_heals(sqlite_store, sqlite_url):
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailable, match="locked"):
        a_study(sqlite_store)
    other.execute("ROLLBACK")
    other.close()
    a_study(sqlite_store)


def test_a_file_that_is_no_database_is_unavailable(tmp_path):
    file = tmp_path / "trimtab.db"
    file.write_bytes(b"this is a letter, not a database" * 100)
    store = Store(f"sqlite:///{file}")
    with pytest.raises(DatabaseUnavailable):
        store.check()
    store.close()


def test_postgresql_connections_have_limits_and_a_name(postgresql_store):
    names = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "application_name"]
    with postgresql_store.begin() as tx:
        shown = [tx.connection.execute(text(f"SHOW {name}")).scalar_one() for name in names]
        assert tx.connection.execute(text("SHOW transaction_isolation")).scalar_one() == "read committed"
    assert shown == ["5s", "2s", "10s", "trimtab"]


def test_a_row_that_is_locked_for_too_long_is_unavailable(postgresql_store):
    study = a_study(postgresql_store)

    def touch() -> None:
        with postgresql_store.begin() as tx:
            tx.lock_study(study.name)

    with postgresql_store.begin() as holder:
        holder.lock_study(study.name)
        with pytest.raises(DatabaseUnavailable, match="lock"):
            touch()
    touch()


def test_a_deadlock_is_a_race_for_one_of_the_two(postgresql_store):
    studies = [a_study(postgresql_store), a_study(postgresql_store)]
    both_hold_one = threading.Barrier(2)

    def cross(place: int) -> bool:
        try:
            with postgresql_store.begin() as tx:
                tx.connection.execute(text("SET LOCAL deadlock_timeout = '50ms'"))
                tx.lock_study(studies[place].name)
                both_hold_one.wait()
                tx.lock_study(studies[1 - place].name)
        except Raced:
            return False
        return True

    assert sorted(race(2, cross)) == [False, True]


def test_connections_that_the_server_ended_are_replaced(postgresql_store, postgresql_url):
    study = a_study(postgresql_store)
    postgres.execute(
        postgresql_url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    with postgresql_store.read() as tx:
        assert tx.study(study.name) == study


def test_a_connection_that_the_server_ends_in_a_transaction_is_unavailable(postgresql_store, postgresql_url):
    study = a_study(postgresql_store)

    def cut_off() -> None:
        with postgresql_store.begin() as tx:
            tx.take_numbers(study, 1, charged=True)
            postgres.execute(
                postgresql_url,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )
            tx.take_numbers(study, 1, charged=True)

    with pytest.raises(DatabaseUnavailable):
        cut_off()
    with postgresql_store.read() as tx:
        assert tx.study(study.name).next_number == 0


WRONG = {
    "trials_state_check": {"state": "lost"},
    "trials_source_check": {"source": "oracle"},
    "trials_lease_until_check": {"state": "running"},
    "trials_failed_check": {"state": "failed"},
    "trials_failure_kind_check": {"failure_kind": "weather"},
    "trials_counters_check": {"attempt": -1},
}


@pytest.mark.parametrize("constraint", WRONG)
def test_a_row_that_makes_no_sense_is_refused_by_the_database_itself(store, constraint):
    study = a_study(store)
    row = {
        "project_id": 1,
        "study_id": study.id,
        "number": 0,
        "state": "waiting",
        "source": "user",
        "params": {},
        "reason": "",
        "worker": "",
        "attempt": 0,
        "lease_epoch": 0,
        "created_at": study.created_at,
    }

    def add(changes: dict[str, object]) -> None:
        with store.begin() as tx:
            tx.connection.execute(insert(trials).values(**{**row, **changes}))

    with pytest.raises(IntegrityError, match=constraint):
        add(WRONG[constraint])
    add({})


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
def test_a_number_that_is_not_finite_is_refused_by_the_database_itself(store, number):
    study = a_study(store)
    trial = a_trial(store, study)
    columns = {"variant": "", "device": "", "metric": "accuracy", "project_id": 1, "contract": "{}"}
    statements = {
        "trial_values": {**columns, "value": number, "stderr": None},
        "reports": {"project_id": 1, "step": 0, "metric": "accuracy", "epoch": 1, "value": number},
    }
    extra = {"trial_values": "", "reports": ", at"}
    more = {"trial_values": "", "reports": ", (SELECT created_at FROM trials)"}
    for table, row in statements.items():
        names, values = ", ".join(row), ", ".join(f":{name}" for name in row)
        sql = f"INSERT INTO {table} (trial_id, {names}{extra[table]}) SELECT id, {values}{more[table]} FROM trials"
        with pytest.raises(IntegrityError), store.begin() as tx:
            tx.connection.execute(text(sql), row)
    with store.read() as tx:
        assert tx.trial(study, trial.number).values == {}
        assert tx.reports(study, trial.number) == []
