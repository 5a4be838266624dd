"""Which changes a transaction sees, so that a reader takes only the rows that changed since it looked last.

A row that tells when it changed holds the mark of the transaction that changed it last. On PostgreSQL that is the
transaction's number; a reader sees those that had ended when it began, which are not simply the lowest. On SQLite,
where one transaction writes at a time, the mark is how many events trials have had so far: each change brings one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

_EVENTS = "(SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'trial_events')"


class mark(FunctionElement[int]):  # noqa: N801  # reads as the SQL that it becomes
    """The mark of the transaction that writes it. On SQLite the change's event must follow, not come before."""

    type = BigInteger()
    inherit_cache = True


class moment(FunctionElement[str]):  # noqa: N801  # reads as the SQL that it becomes
    """What the transaction sees, as text for `Moment.of`."""

    type = Text()
    inherit_cache = True


@dataclass(frozen=True, slots=True)
class Moment:
    """Changes by marks from high on had not happened, nor those of open, all of which are low or higher."""

    low: int
    high: int
    open: frozenset[int] = frozenset()

    @classmethod
    def of(cls, text: str) -> Moment:
        """The moment in "low:high:mark,mark"."""
        low, high, marks = text.split(":")
        return cls(int(low), int(high), frozenset(int(one) for one in marks.split(",") if one))

    def sees(self, one: int) -> bool:
        """Whether the changes under the mark are seen."""
        return one < self.high and one not in self.open

    def sees_all_of(self, other: Moment) -> bool:
        """Whether it sees every change that the other one sees."""
        between = sum(one >= self.high for one in other.open)
        return other.high - self.high <= between and not any(other.sees(one) for one in self.open)


@compiles(mark, "sqlite")
def _mark_on_sqlite(_element: mark, _compiler: Any, **_options: Any) -> str:
    return _EVENTS


@compiles(mark, "postgresql")
def _mark_on_postgresql(_element: mark, _compiler: Any, **_options: Any) -> str:
    return "CAST(CAST(pg_current_xact_id() AS text) AS bigint)"


@compiles(moment, "sqlite")
def _moment_on_sqlite(_element: moment, _compiler: Any, **_options: Any) -> str:
    return f"({_EVENTS} || ':' || {_EVENTS} || ':')"


@compiles(moment, "postgresql")
def _moment_on_postgresql(_element: moment, _compiler: Any, **_options: Any) -> str:
    return "CAST(pg_current_snapshot() AS text)"
