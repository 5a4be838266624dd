"""Migrations: up, down and up again; they lead to the very tables of tables.py; two at a time do no harm."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, func, inspect, select, text
from sqlalchemy.schema import CheckConstraint

from tests.builders import a_problem, a_study, a_trial, some_params
from trimtab_service.domain.device import Device
from trimtab_service.domain.metric import Direction, Objective, Value
from trimtab_service.domain.trial import Failure, FailureKind, TrialState
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


FORMER_SPEC = {
    "space": {"x": {"type": "float", "low": 0.0, "high": 1.0}},
    "objectives": {"accuracy": {"direction": "maximize", "log": False, "reference": None}},
    "metrics": ["recall"],
    "algorithm": "gp",
    "options": {},
    "seed": 3,
}


@pytest.fixture
def former(engine):
    """A database of the first version with a study of two complete trials and one that runs."""
    migrate.upgrade(engine, "0001")
    with engine.begin() as connection:
        at = {"at": "2026-11-24T04:46:01.123Z"}
        connection.execute(
            text(
                "INSERT INTO studies (project_id, public_id, name, state, spec, charged, next_number, metadata, "
                "created_at) VALUES (1, 'st_1', 'digits', 'active', :spec, 3, 3, '{}', :at)"
            ),
            {"spec": json.dumps(FORMER_SPEC), **at},
        )
        for number, state in enumerate(("complete", "complete", "running")):
            connection.execute(
                text(
                    "INSERT INTO trials (project_id, study_id, number, state, source, params, reason, worker, "
                    "attempt, lease_epoch, lease_until, created_at) "
                    "SELECT 1, id, :number, :state, 'gp', '{\"x\": 0.5}', '', "
                    "'w', 1, 1, :until, :at FROM studies"
                ),
                {"number": number, "state": state, "until": at["at"] if state == "running" else None, **at},
            )
        connection.execute(
            text(
                "INSERT INTO trial_events (project_id, trial_id, epoch, kind, at) "
                "SELECT 1, id, 1, 'handed_out', :at FROM trials"
            ),
            at,
        )
        connection.execute(
            text(
                "INSERT INTO trial_values (project_id, trial_id, variant, metric, device, value, contract) "
                "SELECT 1, id, '', 'accuracy', '', 0.5 + number, '{}' FROM trials WHERE state = 'complete'"
            )
        )
    return engine


def test_a_study_of_the_first_version_goes_on_after_the_second_migration(former, empty_database_url):
    migrate.upgrade(former)
    store = Store(empty_database_url)
    with store.begin() as tx:
        study = tx.study("digits")
        assert (study.problem.metrics, study.refused_in_a_row) == (("recall",), 0)
        assert [trial.values for trial in tx.trials(study).items] == [
            {"accuracy": Value(0.5)},
            {"accuracy": Value(1.5)},
            {},
        ]
        assert [trial.artifact for trial in tx.trials(study).items] == ["", "", ""]
        assert tx.last_change(study) == (3, 3)
        assert len(tx.history(study)) == 3
        running = tx.trial(study, 2)
        assert tx.close_trial(study, running, running.complete({"accuracy": Value(0.25)}))
        assert tx.last_change(study) == (4, 4)
        assert list(tx.columns(study).values["accuracy"]) == [0.5, 1.5, 0.25]
    store.close()


def test_the_first_version_finds_its_study_after_the_second_migration_is_undone(former, empty_database_url):
    migrate.upgrade(former)
    store = Store(empty_database_url)
    problem = a_problem(
        constraints=('latency_ms["pi"] <= 20',), known_metrics=("macs",), late_metrics=("latency_ms",)
    )
    later = a_study(store, name="later", problem=problem)
    with store.begin() as tx:
        study = tx.study("digits")
        tx.add_values(study, 0, {"macs": Value(7.0), 'latency_ms["pi"]': Value(3.0)})
        tx.add_values(study, 1, {"accuracy": Value(0.125)}, variant="int8")
        tx.add_measure_jobs(study, 1, [("latency_ms", "")])
        tx.add_probes(later, [(some_params(), {"macs": Value(1.0)})])
        tx.count_failure(study, "w", Failure(FailureKind.ERROR), pause_from=1, pause_seconds=60.0)
        tx.save_device(Device("pi", {"macs": 9.0}))
        tx.keep_contracts(study, {"macs": {"counter": "own"}})
    store.close()

    migrate.downgrade(former, "0001")

    with former.connect() as connection:
        specs = dict(connection.execute(text("SELECT name, spec FROM studies")).all())
        parsed = {name: json.loads(spec) if isinstance(spec, str) else spec for name, spec in specs.items()}
        assert parsed["digits"] == FORMER_SPEC
        assert parsed["later"].keys() == FORMER_SPEC.keys()
        assert parsed["later"]["objectives"] == FORMER_SPEC["objectives"]
        kinds = connection.execute(text("SELECT kind, count(*) FROM trial_events GROUP BY kind")).all()
        assert kinds == [("handed_out", 3)]
        values = connection.execute(
            text("SELECT number, variant, metric, device, value FROM trial_history WHERE metric IS NOT NULL")
        ).all()
        assert sorted(values) == [
            (0, "", "accuracy", "", 0.5),
            (0, "", "latency_ms", "pi", 3.0),
            (0, "", "macs", "", 7.0),
            (1, "", "accuracy", "", 1.5),
            (1, "int8", "accuracy", "", 0.125),
        ]
        assert constraints_of_events(connection) == 8  # the kinds of the first version
    migrate.upgrade(former)
    with former.connect() as connection:
        assert constraints_of_events(connection) == 9


def constraints_of_events(connection: Connection) -> int:
    """How many kinds of events the database allows."""
    (check,) = inspect(connection).get_check_constraints("trial_events")
    return str(check["sqltext"]).count("'") // 2


def test_a_study_that_the_first_version_could_not_read_holds_up_its_return(engine, empty_database_url):
    migrate.upgrade(engine)
    store = Store(empty_database_url)
    many = tuple(Objective(f"m{place}", Direction.MINIMIZE) for place in range(5))
    a_study(store, name="wide", objectives=many)
    store.close()
    with pytest.raises(ValueError, match="study 'wide' has the objectives"):
        migrate.downgrade(engine, "0001")
    with engine.connect() as connection:
        assert migrate.revision_of(connection) == "0002"
