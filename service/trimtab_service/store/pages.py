"""The questions about trials by order, by number and by state."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select

from trimtab_service.domain.errors import InvalidQuery
from trimtab_service.domain.metric import split_key
from trimtab_service.domain.page import Page
from trimtab_service.domain.study import Study
from trimtab_service.domain.trial import Trial, TrialState
from trimtab_service.store import cursor as cursors
from trimtab_service.store.mapping import to_trial
from trimtab_service.store.tables import trial_values, trials
from trimtab_service.store.values import MANY, Values

_NUMBER, _FINISHED_AT = "number", "finished_at"


class Pages(Values):
    """The questions about trials by order, by number and by state."""

    def trials(
        self,
        study: Study,
        states: Sequence[TrialState] = (),
        order: str = _NUMBER,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[Trial]:
        """Trials of these states (all when empty), with values but without contracts.

        order: number, finished_at or a metric's key, with a - before it for the other way. Trials that have no such
        value come last in either. Raises InvalidQuery for a cursor that is none, or that is another order's.
        """
        statement = select(trials).where(self.of_study(study)).limit(limit + 1)
        if states:
            statement = statement.where(trials.c.state.in_([state.value for state in states]))
        statement = self._ordered(statement, order, cursor)
        rows = self.connection.execute(statement).all()
        items = tuple(self._told(study, rows[:limit]))
        return Page(items, self.cursor_after(study, items[-1], order) if len(rows) > limit else None)

    def cursor_after(self, study: Study, trial: Trial, order: str) -> str:
        """The cursor of a page that begins after this trial."""
        name = order.removeprefix("-")
        key: cursors.Key = None
        if name == _FINISHED_AT and trial.finished_at is not None:
            key = trial.finished_at.isoformat()
        elif name in trial.values and name != _NUMBER:
            key = trial.values[name].value
        return cursors.encode(order, key, trial.number)

    def trials_of(self, study: Study, numbers: Sequence[int]) -> tuple[Trial, ...]:
        """The trials of these numbers, as far as they are there, by number; with values but without contracts."""
        found: list[Trial] = []
        ordered = sorted(set(numbers))
        for first in range(0, len(ordered), MANY):
            some = trials.c.number.in_(ordered[first : first + MANY])
            statement = select(trials).where(self.of_study(study), some).order_by(trials.c.number)
            found += self._told(study, self.connection.execute(statement).all())
        return tuple(found)

    def counts(self, study_ids: Sequence[int]) -> dict[int, dict[TrialState, int]]:
        """Study's row id -> how many trials are in each state; a state without trials is left out."""
        found = self.connection.execute(
            select(trials.c.study_id, trials.c.state, func.count())
            .where(self.own(trials), trials.c.study_id.in_(study_ids))
            .group_by(trials.c.study_id, trials.c.state)
        )
        counts: dict[int, dict[TrialState, int]] = {study_id: {} for study_id in study_ids}
        for study_id, state, count in found:
            counts[study_id][TrialState(state)] = count
        return counts

    def _told(self, study: Study, rows: Sequence[Row[Any]]) -> list[Trial]:
        told = self.values_of([row.id for row in rows])
        return [to_trial(study.problem, row, told.get(row.id, {})) for row in rows]

    def _ordered(self, statement: Select[Any], order: str, cursor: str | None) -> Select[Any]:
        """The statement in order, from after the cursor on. Ties go by number."""
        name, descending = order.removeprefix("-"), order.startswith("-")
        key, number = (None, None) if cursor is None else cursors.decode(cursor, order)
        if number is not None and number >= 2**31:
            raise InvalidQuery(f"expected a cursor as a page gave it, got one after trial {number}")
        if name == _NUMBER:
            column = trials.c.number
            if number is not None:
                statement = statement.where(column < number if descending else column > number)
            return statement.order_by(column.desc() if descending else column)
        if name == _FINISHED_AT:
            by: ColumnElement[Any] = trials.c.finished_at
        else:
            by = trial_values.c.value
            metric, device = split_key(name)
            statement = statement.outerjoin(
                trial_values,
                and_(
                    trial_values.c.trial_id == trials.c.id,
                    trial_values.c.metric == metric,
                    trial_values.c.device == device,
                    trial_values.c.variant == "",
                ),
            )
        if number is not None:
            statement = statement.where(_is_after(by, _sort_key(name, key), number, descending=descending))
        return statement.order_by(by.is_(None), by.desc() if descending else by, trials.c.number)


def _is_after(by: ColumnElement[Any], key: Any, number: int, *, descending: bool) -> ColumnElement[bool]:
    later = trials.c.number > number
    if key is None:
        return and_(by.is_(None), later)
    return or_(by < key if descending else by > key, and_(by == key, later), by.is_(None))


def _sort_key(name: str, key: cursors.Key) -> float | datetime | None:
    """The cursor's key as the column's type. Raises InvalidQuery."""
    match key:
        case None:
            return None
        case str() if name == _FINISHED_AT:
            try:
                found = datetime.fromisoformat(key)
                if found.tzinfo is not None:
                    return found.astimezone(UTC)
            except (ValueError, OverflowError) as error:
                raise InvalidQuery(f"expected a cursor as a page gave it, got the time {key[:60]!r}") from error
        case int() | float() if name != _FINISHED_AT:
            return float(key)
    raise InvalidQuery(f"expected a cursor as a page ordered by {name!r} gave it, got key {key!r}")
