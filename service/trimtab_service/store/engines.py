"""Opens databases. SQLite: one connection that writes and checkpoints, others that only read. PostgreSQL: a pool.

SQLite before 3.51.3 can corrupt a WAL file when two connections checkpoint at a time, so only the writer does.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, QueuePool, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError

BUSY_SECONDS = 5.0
"""How long a transaction waits for SQLite's one write connection."""
POOL_SIZE, POOL_SECONDS, RECYCLE_SECONDS = 16, 2.0, 1800
APPLICATION = "trimtab"
_TIMEOUTS = {"statement_timeout": 5_000, "lock_timeout": 2_000, "idle_in_transaction_session_timeout": 10_000}
"""Of PostgreSQL, in milliseconds."""

_dumps = partial(json.dumps, allow_nan=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Engines:
    """A database, opened. write and read are one engine for SQLite in memory, and share a pool on PostgreSQL."""

    write: Engine
    read: Engine
    migrate: Engine

    def close(self) -> None:
        """Close every connection; the writer's last, since the last one to close a SQLite file checkpoints it."""
        for engine in (self.migrate, self.read, self.write):
            engine.dispose()


def open_engines(url: str, *, checkpoints: bool = True) -> Engines:
    """The engines for sqlite:///file, sqlite:// (in memory) or postgresql://… . Opens no connection yet.

    checkpoints: whether the writer moves what is in SQLite's WAL into the file. Without it, one may write to a file
    that another process serves, as long as that one keeps it open.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed, checkpoints)
    return _postgresql(parsed.set(drivername="postgresql+psycopg"))


def file_of(url: str) -> Path | None:
    """The real path of the file that an SQLite URL opens; None for one in memory and for PostgreSQL.

    Raises ValueError when the URL is none of a database that can be opened.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() != "sqlite" or _is_memory(parsed):
        return None
    return Path(os.path.realpath(str(parsed.database)))


def name_of(url: str) -> str:
    """The database for people to read, without a password. Raises ValueError as file_of does."""
    file, parsed = file_of(url), _parsed(url)
    if file is not None:
        return f"sqlite:///{file}"
    if parsed.get_backend_name() == "sqlite":
        return "sqlite in memory, gone when the server ends"
    return parsed.set(drivername="postgresql", query={}).render_as_string()


def _parsed(url: str) -> URL:
    """Raises ValueError; its message never shows the URL, which may hold a password."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise ValueError("expected a database URL such as postgresql://USER:PASSWORD@HOST:PORT/NAME") from error
    match parsed.get_backend_name():
        case "postgresql":
            return parsed
        case "sqlite" if parsed.host is None and "?" not in url:
            return parsed
        case "sqlite":
            raise ValueError(
                "expected sqlite:/// and the path of a file, without parameters; a ? in the path is written as %3F"
            )
    raise ValueError(f"expected a database URL of sqlite or postgresql, got one of {parsed.get_backend_name()!r}")


def _is_memory(url: URL) -> bool:
    return url.database in (None, "", ":memory:")


def _sqlite(url: URL, checkpoints: bool) -> Engines:
    write = _sqlite_engine(url, pool_size=1, pool_timeout=BUSY_SECONDS, writes=True, checkpoints=checkpoints)
    if _is_memory(url):
        return Engines(write, write, write)
    read = _sqlite_engine(url, pool_size=POOL_SIZE, pool_timeout=POOL_SECONDS, writes=False, checkpoints=False)
    return Engines(write, read, write)


def _sqlite_engine(url: URL, *, pool_size: int, pool_timeout: float, writes: bool, checkpoints: bool) -> Engine:
    engine = create_engine(
        url,
        json_serializer=_dumps,
        poolclass=QueuePool,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=pool_timeout,
        connect_args={"check_same_thread": False, "timeout": BUSY_SECONDS, "isolation_level": None},
    )

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: DBAPIConnection, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        if not checkpoints:
            cursor.execute("PRAGMA wal_autocheckpoint = 0")
        if not writes:
            cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgresql(url: URL) -> Engines:
    arguments = {"json_serializer": _dumps}
    write = create_engine(
        url,
        isolation_level="READ COMMITTED",
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_timeout=POOL_SECONDS,
        pool_pre_ping=True,
        pool_recycle=RECYCLE_SECONDS,
        connect_args=_connection(_TIMEOUTS),
        **arguments,
    )
    read = write.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    migrate = create_engine(url, poolclass=NullPool, connect_args=_connection({}), **arguments)
    return Engines(write, read, migrate)


def _connection(timeouts: dict[str, int]) -> dict[str, Any]:
    return {
        "application_name": APPLICATION,
        "connect_timeout": int(BUSY_SECONDS),
        "options": " ".join(f"-c {name}={milliseconds}" for name, milliseconds in timeouts.items()),
    }
