"""Migrations: up, down and up again; they lead to the very tables of tables.py; two at a time do no harm."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, func, inspect, select, text
from sqlalchemy.schema import CheckConstraint

from tests.builders import a_study, a_trial
from trimtab_service.domain.trial import TrialState
from trimtab_service.store import Store, migrate
from trimtab_service.store.engines import open_engines
from trimtab_service.store.tables import metadata


@pytest.fixture
def engine(empty_database_url):
    engines = open_engines(empty_database_url)
    yield engines.migrate
    engines.close()


def names(connection: Connection) -> set[str]:
    found = inspect(connection)
    return {*found.get_table_names(), *found.get_view_names()} - {"alembic_version"}


def test_up_down_and_up_again(engine):
    for _ in range(2):
        migrate.upgrade(engine)
        with engine.connect() as connection:
            assert names(connection) == {*metadata.tables, "trial_history"}
            assert migrate.revision_of(connection) == migrate.head()
        migrate.downgrade(engine, "base")
        with engine.connect() as connection:
            assert names(connection) == set()
            assert migrate.revision_of(connection) is None


def test_down_works_with_rows_in_every_table(engine, empty_database_url):
    migrate.upgrade(engine)
    store = Store(empty_database_url)
    study = a_study(store)
    a_trial(store, study, state=TrialState.COMPLETE)
    store.close()
    migrate.downgrade(engine, "base")
    with engine.connect() as connection:
        assert names(connection) == set()


def test_migrations_lead_to_the_tables_of_the_code(engine):
    migrate.upgrade(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_migrations_lead_to_the_constraints_of_the_code(engine, tmp_path):
    migrate.upgrade(engine)
    with engine.begin() as connection:
        migrated = constraints(connection)
        if connection.dialect.name == "postgresql":
            connection.execute(text("CREATE SCHEMA twin"))
            connection.execute(text("SET LOCAL search_path TO twin"))
            metadata.create_all(connection, checkfirst=False)
            assert constraints(connection) == migrated
        else:
            twin = create_engine(f"sqlite:///{tmp_path / 'twin.db'}")
            metadata.create_all(twin)
            with twin.connect() as other:
                assert constraints(other) == migrated
            twin.dispose()
    assert migrated["trials"]["trials_state_check"]


def constraints(connection: Connection) -> dict[str, dict[str, object]]:
    """Table -> name of a constraint or an index -> what it says."""
    found = inspect(connection)
    return {
        table: {
            **{one["name"]: one["sqltext"] for one in found.get_check_constraints(table)},
            **{one["name"]: (one["referred_table"], one["options"]) for one in found.get_foreign_keys(table)},
            **{one["name"]: one["column_names"] for one in found.get_unique_constraints(table)},
            **{
                one["name"]: (one["column_names"], {name: str(of) for name, of in one["dialect_options"].items()})
                for one in found.get_indexes(table)
            },
        }
        for table in metadata.tables
    }


def test_every_constraint_has_a_name_that_begins_with_its_table():
    unnamed = [
        (table.name, constraint)
        for table in metadata.tables.values()
        for constraint in table.constraints
        if not str(constraint.name).startswith(f"{table.name}_")
    ]
    assert unnamed == []
    assert any(isinstance(one, CheckConstraint) for table in metadata.tables.values() for one in table.constraints)


def test_every_table_carries_its_project():
    assert [name for name, table in metadata.tables.items() if "project_id" not in table.c] == ["projects"]


def test_processes_that_migrate_at_once_wait_for_each_other(empty_database_url):
    program = (
        "import sys; from trimtab_service.store import Store; store = Store(sys.argv[1]); "
        "store.migrate(); state = store.check(); store.close(); sys.exit(state['revision'] != state['head'])"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, empty_database_url], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=120)[0].decode() for process in running]
    assert [process.returncode for process in running] == [0, 0], said


def test_a_migration_of_postgresql_waits_until_another_is_over(postgresql_url, postgresql_store):
    waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    migration = threading.Thread(target=postgresql_store.migrate)
    other = create_engine(postgresql_url.replace("postgresql://", "postgresql+psycopg://"))
    with other.begin() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(migrate.ADVISORY_LOCK)))
        migration.start()
        give_up = time.monotonic() + 30
        while not connection.execute(waiting).scalar_one():
            assert migration.is_alive()
            assert time.monotonic() < give_up
            time.sleep(0.02)
    migration.join(30)
    assert not migration.is_alive()
    other.dispose()


def test_a_store_that_is_up_to_date_is_left_as_it_is(store):
    study = a_study(store)
    store.migrate()
    with store.read() as tx:
        assert tx.study(study.name) == study
