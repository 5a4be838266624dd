"""The store: transactions on the database. Only `with store.begin()` commits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection

from trimtab_service.store import migrate
from trimtab_service.store.answers import Answers
from trimtab_service.store.borders import translated
from trimtab_service.store.contracts import Contracts
from trimtab_service.store.devices import Devices
from trimtab_service.store.engines import open_engines
from trimtab_service.store.history import History
from trimtab_service.store.kept import Memory
from trimtab_service.store.keys import Keys
from trimtab_service.store.pages import Pages
from trimtab_service.store.reports import Reports
from trimtab_service.store.studies import Studies
from trimtab_service.store.surrogates import Surrogates
from trimtab_service.store.tables import DEFAULT_PROJECT
from trimtab_service.store.trials import Trials
from trimtab_service.store.workers import Workers


class Transaction(Studies, Trials, Pages, Reports, History, Surrogates, Workers, Devices, Contracts, Keys, Answers):
    """Everything that can be asked and done within one transaction and one project."""


class Store:
    """A database of studies and trials. Raises DatabaseUnavailable and Raced in place of the drivers' errors."""

    def __init__(self, url: str, *, checkpoints: bool = True) -> None:
        """url: sqlite:///file.db, sqlite:// (in memory, for tests) or postgresql://user:password@host/name.

        checkpoints: False for an SQLite file that another process serves. Raises ValueError for another URL.
        """
        self._engines = open_engines(url, checkpoints=checkpoints)
        self._memory = Memory()

    @contextmanager
    def begin(self, project_id: int = DEFAULT_PROJECT) -> Iterator[Transaction]:
        """A transaction that commits at the end, and rolls back on an error."""
        with translated(), self._engines.write.begin() as connection:
            yield Transaction(connection, project_id)

    @contextmanager
    def read(self, project_id: int = DEFAULT_PROJECT) -> Iterator[Transaction]:
        """A transaction that only reads, and sees one state of the database throughout."""
        with translated(), self._engines.read.begin() as connection:
            yield Transaction(connection, project_id, self._memory)

    def migrate(self) -> None:
        """Bring the tables up to the newest revision; nothing happens when they are there."""
        with translated():
            migrate.upgrade(self._engines.migrate)

    def check(self) -> dict[str, Any]:
        """What the database says of itself: backend, version, revision, head, and how it keeps a commit.

        Raises DatabaseUnavailable when it can't be reached.
        """
        with translated(), self._engines.read.connect() as connection:
            backend = connection.dialect.name
            names = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}[backend]
            return {
                "backend": backend,
                "revision": migrate.revision_of(connection),
                "head": migrate.head(),
                **{name: _scalar(connection, sql) for name, sql in names.items()},
            }

    def close(self) -> None:
        """Close every connection."""
        self._engines.close()


_SQLITE = {
    "version": "SELECT sqlite_version()",
    "journal_mode": "PRAGMA journal_mode",
    "synchronous": "PRAGMA synchronous",
}
_POSTGRESQL = {
    "version": "SHOW server_version",
    "fsync": "SHOW fsync",
    "synchronous_commit": "SHOW synchronous_commit",
}


def _scalar(connection: Connection, sql: str) -> Any:
    return connection.exec_driver_sql(sql).scalar_one()
