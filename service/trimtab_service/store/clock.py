"""The database's clock: the only one that leases, sessions and timestamps are set and compared by.

On SQLite an instant is text like 2026-11-24T04:46:01.123Z, which sorts by time; on PostgreSQL it is a timestamptz.
In the domain it is an aware datetime in UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

_SQLITE_FORMAT = "%Y-%m-%dT%H:%M:%fZ"


class Instant(TypeDecorator[datetime]):
    """A moment in UTC, to the millisecond on SQLite and the microsecond on PostgreSQL."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text on SQLite, which has no type for a time."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """An aware datetime as the database keeps it."""
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """An aware datetime in UTC."""
        if value is None:
            return None
        return (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)


class now(FunctionElement[datetime]):  # noqa: N801  # reads as the SQL that it becomes
    """The time at which the statement began."""

    type = Instant()
    inherit_cache = True


class after(FunctionElement[datetime]):  # noqa: N801  # reads as the SQL that it becomes
    """The time so many seconds from now, or before now when negative; NULL for NULL seconds."""

    type = Instant()
    inherit_cache = True


@compiles(now, "sqlite")
def _now_on_sqlite(_element: now, _compiler: Any, **_options: Any) -> str:
    return f"strftime('{_SQLITE_FORMAT}', 'now')"


@compiles(now, "postgresql")
def _now_on_postgresql(_element: now, _compiler: Any, **_options: Any) -> str:
    return "statement_timestamp()"


@compiles(after, "sqlite")
def _after_on_sqlite(element: after, compiler: Any, **options: Any) -> str:
    seconds = compiler.process(element.clauses, **options)
    return f"strftime('{_SQLITE_FORMAT}', 'now', ({seconds}) || ' seconds')"


@compiles(after, "postgresql")
def _after_on_postgresql(element: after, compiler: Any, **options: Any) -> str:
    seconds = compiler.process(element.clauses, **options)
    return f"(statement_timestamp() + make_interval(secs => CAST({seconds} AS double precision)))"
