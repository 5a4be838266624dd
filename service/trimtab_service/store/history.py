"""The questions about many trials: pages in an order, the optimizer's history, counts, and the surrogates' states."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, literal, or_, select, union

from trimtab_service.domain.errors import InvalidQuery
from trimtab_service.domain.history import PackedHistory
from trimtab_service.domain.metric import Objective, Value
from trimtab_service.domain.page import Page
from trimtab_service.domain.space import Params
from trimtab_service.domain.study import Study
from trimtab_service.domain.trial import OPEN, Observation, Trial, TrialState
from trimtab_service.store import cursor as cursors
from trimtab_service.store.clock import now
from trimtab_service.store.kept import Known, Seen
from trimtab_service.store.mapping import JsonObject, in_order, to_trial
from trimtab_service.store.scope import Scope
from trimtab_service.store.tables import surrogates, trial_values, trials

_NUMBER, _FINISHED_AT = "number", "finished_at"
_MANY = 1_000
"""More trials than this are not named one by one in a statement."""
_OPEN = [literal(state.value, literal_execute=True) for state in sorted(OPEN)]
"""Spelled out in the statement: an index of the trials in one state is used only where the state is no variable."""


class History(Scope):
    """The questions about many trials."""

    def trials(
        self,
        study: Study,
        states: Sequence[TrialState] = (),
        order: str = _NUMBER,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[Trial]:
        """Trials of these states (all when empty), with values but without contracts.

        order: number, finished_at or a metric's name, with a - before it for the other way. Trials that have no such
        value come last in either. Raises InvalidQuery for a cursor that is none, or that is another order's.
        """
        statement = select(trials).where(self.of_study(study)).limit(limit + 1)
        if states:
            statement = statement.where(trials.c.state.in_([state.value for state in states]))
        statement = self._ordered(statement, order, cursor)
        rows = self.connection.execute(statement).all()
        values = self._values([row.id for row in rows[:limit]])
        items = tuple(to_trial(row, in_order(study.problem, values.get(row.id, {}))) for row in rows[:limit])
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

    def history(self, study: Study) -> PackedHistory:
        """Every trial as the optimizer sees it. A transaction that only reads takes from the database what is new."""
        known = Known() if self.kept is None else self.kept.get(study.id)
        seen = self._open_or_since(study, known)
        changed = known.changed(seen)
        if changed is None:
            known = Known()
            seen = self._open_or_since(study, known)
            changed = known.changed(seen) or []
        history = known.history.changed(self._observations(study, changed))
        if self.kept is not None and seen:
            last = max(seen, key=lambda row: row.number)
            still_open = {row.number: row.state for row in seen if row.state in OPEN}
            self.kept.put(study.id, Known(history, still_open, last.number + 1, last.id))
        return history

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

    def surrogates(self, study: Study) -> dict[str, JsonObject]:
        """Metric -> the state of its surrogate."""
        found = self.connection.execute(
            select(surrogates.c.metric, surrogates.c.state)
            .where(self.own(surrogates), surrogates.c.study_id == study.id)
            .order_by(surrogates.c.metric)
        )
        return {metric: state for metric, state in found}  # noqa: C416  # dict() can't tell a row from a sequence

    def save_surrogates(self, study: Study, states: Mapping[str, JsonObject]) -> None:
        """Keep the states of these metrics; those of others stay."""
        insert = self.upsert(surrogates)
        statement = insert.on_conflict_do_update(
            index_elements=["study_id", "metric"],
            set_={"state": insert.excluded.state, "updated_at": insert.excluded.updated_at},
        )
        for metric, state in sorted(states.items()):
            self.connection.execute(
                statement.values(
                    project_id=self.project_id, study_id=study.id, metric=metric, state=dict(state), updated_at=now()
                )
            )

    def _open_or_since(self, study: Study, known: Known) -> Sequence[Seen]:
        """The trials that are open or were, and those from the last known one on."""
        conditions = [trials.c.number >= max(known.next_number - 1, 0), *(trials.c.state == word for word in _OPEN)]
        if known.open:
            few = len(known.open) <= _MANY
            conditions.append(trials.c.number.in_(known.open) if few else trials.c.number >= min(known.open))
        columns = select(trials.c.id, trials.c.number, trials.c.state).where(self.of_study(study))
        # SQLite walks the whole study where one statement joins these by "or"
        return self.connection.execute(union(*(columns.where(one) for one in conditions))).all()

    def _observations(self, study: Study, trial_ids: Sequence[int]) -> Iterator[Observation]:
        """These trials of the study; all of it where they are many."""
        if not trial_ids:
            return
        these = self.of_study(study)
        if len(trial_ids) <= _MANY:
            these = and_(these, trials.c.id.in_(trial_ids))
        complete = select(trials.c.id).where(these, trials.c.state == TrialState.COMPLETE.value)
        objectives = study.problem.objectives
        values = self._values(complete, trial_values.c.metric.in_(study.problem.objective_names))
        for row in self.connection.execute(
            select(trials.c.id, trials.c.number, trials.c.state, trials.c.params).where(these)
        ):
            yield _observation(row.number, TrialState(row.state), row.params, objectives, values.get(row.id, {}))

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
            statement = statement.outerjoin(
                trial_values,
                and_(
                    trial_values.c.trial_id == trials.c.id,
                    trial_values.c.metric == name,
                    trial_values.c.variant == "",
                    trial_values.c.device == "",
                ),
            )
        if number is not None:
            statement = statement.where(_is_after(by, _sort_key(name, key), number, descending=descending))
        return statement.order_by(by.is_(None), by.desc() if descending else by, trials.c.number)

    def _values(
        self, trial_ids: Sequence[int] | Select[Any], *conditions: ColumnElement[bool]
    ) -> dict[int, dict[str, Value]]:
        """Trial's row id -> metric -> value, without contracts."""
        found = self.connection.execute(
            select(trial_values.c.trial_id, trial_values.c.metric, trial_values.c.value, trial_values.c.stderr).where(
                self.own(trial_values),
                trial_values.c.trial_id.in_(trial_ids),
                *conditions,
                trial_values.c.variant == "",
                trial_values.c.device == "",
            )
        )
        values: dict[int, dict[str, Value]] = {}
        for trial_id, metric, value, stderr in found:
            values.setdefault(trial_id, {})[metric] = Value(value, stderr)
        return values


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


def _observation(
    number: int, state: TrialState, params: Params, objectives: tuple[Objective, ...], values: Mapping[str, Value]
) -> Observation:
    if state is not TrialState.COMPLETE:
        return Observation(number, state, params)
    told = [(objective, values[objective.metric]) for objective in objectives]
    return Observation(
        number,
        state,
        params,
        losses=tuple(objective.loss(value.value) for objective, value in told),
        variances=tuple(_variance(objective, value) for objective, value in told),
    )


def _variance(objective: Objective, value: Value) -> float:
    """Of the loss. On a log10 scale by the delta method: (d log10(v) / dv * stderr)^2 = (stderr / (v ln 10))^2."""
    if value.stderr is None:
        return 0.0
    scaled = value.stderr / (value.value * math.log(10.0)) if objective.log else value.stderr
    return scaled * scaled
