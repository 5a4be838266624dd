"""Turns the errors of the databases into the rules' own, once, at the border of the store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import PrimaryKeyConstraint, UniqueConstraint
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from trimtab_service.domain.errors import DatabaseUnavailable
from trimtab_service.store import tables


class Raced(Exception):
    """Another transaction got in between; run the whole transaction again and it sees what that one did."""


_RACES = {"idempotency_pkey"}
"""Unique constraints that two honest transactions can both run into."""

_RACED_STATES = {"40001", "40P01"}
"""Serialization failure, deadlock."""

_UNAVAILABLE_STATES = ("08", "53", "55P03", "57", "58", "25P03", "25P04")
"""Connection, resources, lock timeout, shutdown or statement timeout, disk; and this side's own two timeouts."""

_SQLITE_UNAVAILABLE = {"BUSY", "LOCKED", "FULL", "IOERR", "CANTOPEN", "READONLY", "CORRUPT", "NOTADB", "PROTOCOL"}


@contextmanager
def translated() -> Iterator[None]:
    """Raises Raced and DatabaseUnavailable in place of the drivers' errors; what is a bug here passes as it is."""
    try:
        yield
    except NoConnectionFree as error:
        raise DatabaseUnavailable("every database connection is busy; try again") from error
    except SQLAlchemyError as error:
        if isinstance(error, IntegrityError) and constraint_of(error) in _RACES:
            raise Raced from error
        if isinstance(error, DBAPIError):
            if getattr(error.orig, "sqlstate", None) in _RACED_STATES:
                raise Raced from error
            if _is_unavailable(error):
                raise DatabaseUnavailable(f"the database can't be used just now: {error.orig}") from error
        raise


def constraint_of(error: IntegrityError) -> str | None:
    """The name of the constraint that was violated; SQLite names only a unique one's columns."""
    match error.orig:
        case psycopg.Error() as original:
            return original.diag.constraint_name
        case sqlite3.IntegrityError() as original:
            prefix, _, columns = str(original).partition("UNIQUE constraint failed: ")
            return None if prefix else _unique_constraints().get(columns)
    return None


def _is_unavailable(error: DBAPIError) -> bool:
    if error.connection_invalidated:
        return True
    match error.orig:
        case psycopg.Error() as original:
            state = original.sqlstate
            if state is None:
                return isinstance(original, psycopg.OperationalError | psycopg.InterfaceError)
            return state.startswith(_UNAVAILABLE_STATES)
        case sqlite3.Error() as original:
            name = getattr(original, "sqlite_errorname", "")
            return any(name.startswith(f"SQLITE_{word}") for word in _SQLITE_UNAVAILABLE)
    return False


def _unique_constraints() -> dict[str, str]:
    """How SQLite spells the columns of a unique constraint -> the constraint's name."""
    return {
        ", ".join(f"{table.name}.{column.name}" for column in constraint.columns): str(constraint.name)
        for table in tables.metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, UniqueConstraint | PrimaryKeyConstraint)
    }
