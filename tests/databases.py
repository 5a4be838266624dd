"""Databases for tests: migrated once, copied for each worker, emptied before each test."""

from __future__ import annotations

import shutil
from pathlib import Path

import psycopg
from psycopg import sql

from tests import postgres
from trimtab_service.store import Store
from trimtab_service.store.tables import DEFAULT_PROJECT, metadata, projects

_TEMPLATE = "trimtab_template"


def migrate(url: str) -> None:
    """Bring a database up to date, and leave it."""
    store = Store(url)
    try:
        store.migrate()
    finally:
        store.close()


def sqlite_template(folder: Path) -> Path:
    """An SQLite file with empty tables, to be copied while nobody uses it."""
    file = folder / "template.db"
    migrate(f"sqlite:///{file}")
    return file


def sqlite_copy(template: Path, folder: Path) -> str:
    """The URL of a fresh SQLite file with empty tables."""
    file = folder / "trimtab.db"
    shutil.copyfile(template, file)
    return f"sqlite:///{file}"


def postgresql_copy(root: Path, owner: int, worker: str) -> str:
    """The URL of this worker's database on the run's server, with tables."""
    with postgres.alone(root):
        server = postgres.shared_server(root, owner)
        if not (root / "postgres.template").exists():
            migrate(postgres.create_database(server, _TEMPLATE))
            (root / "postgres.template").touch()
        return postgres.create_database(server, f"trimtab_{worker}", _TEMPLATE)


def empty(url: str) -> None:
    """Throw out whoever is still connected, and delete every row but the default project.

    Deleting a few rows takes a few milliseconds, TRUNCATE of ten tables a few hundred.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.execute("SET lock_timeout = '20s'")
        with connection.transaction():
            for table in reversed(metadata.sorted_tables):
                kept = f" WHERE id <> {DEFAULT_PROJECT}" if table is projects else ""
                connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table.name)) + sql.SQL(kept))
