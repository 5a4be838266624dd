"""Look at trials: a page of them, filtered and ordered, or one with everything that is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trimtab_service.domain.errors import InvalidQuery
from trimtab_service.domain.expression import Expression
from trimtab_service.domain.metric import COST_METRICS
from trimtab_service.domain.page import Page
from trimtab_service.domain.study import Problem
from trimtab_service.domain.trial import Trial, TrialState
from trimtab_service.usecases.rooms import Caller, Rooms

MAX_LIMIT = 1_000
NUMBER = "number"
"""How conditions call a trial's number."""
_BATCH = 500


@dataclass(frozen=True, slots=True)
class TrialView:
    """A trial and its reports: (step, values) by step."""

    trial: Trial
    reports: Sequence[tuple[int, dict[str, float]]]


def trials(
    rooms: Rooms,
    caller: Caller,
    ref: str,
    *,
    states: Sequence[TrialState] = (),
    where: Sequence[str] = (),
    order: str = "number",
    cursor: str | None = None,
    limit: int = 100,
) -> Page[Trial]:
    """Trials of these states (all when empty) for which every condition holds. Raises InvalidQuery."""
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidQuery(f"limit must be in [1, {MAX_LIMIT}], got {limit}")
    with rooms.store.read(caller.project_id) as tx:
        study = tx.study(ref)
        _check_order(study.problem, order)
        conditions = parse_where(study.problem, where)
        if not conditions:
            return tx.trials(study, states=states, order=order, cursor=cursor, limit=limit)
        found: list[Trial] = []
        while True:
            page = tx.trials(study, states=states, order=order, cursor=cursor, limit=min(limit, _BATCH))
            for place, one in enumerate(page.items):
                if holds(one, conditions):
                    found.append(one)
                if len(found) == limit and place + 1 < len(page.items):
                    return Page(tuple(found), tx.cursor_after(study, one, order))
            cursor = page.next_cursor
            if cursor is None or len(found) == limit:
                return Page(tuple(found), cursor)


def trial(rooms: Rooms, caller: Caller, ref: str, number: int) -> TrialView:
    """One trial with its contracts and reports. Raises StudyNotFound and TrialNotFound."""
    with rooms.store.read(caller.project_id) as tx:
        study = tx.study(ref)
        return TrialView(tx.trial(study, number), tx.reports(study, number))


def _check_order(problem: Problem, order: str) -> None:
    known = ("number", "finished_at", *problem.objective_names, *problem.metrics, *COST_METRICS)
    if order.removeprefix("-") not in known:
        raise InvalidQuery(f"order must be one of {list(known)!r}, perhaps with a - before it, got {order!r}")


def parse_where(problem: Problem, texts: Sequence[str]) -> tuple[Expression, ...]:
    """The conditions, read and checked against the study's names. Raises InvalidQuery."""
    conditions = tuple(Expression.condition(text) for text in texts)
    for condition in conditions:
        check_names(problem, condition)
    return conditions


def check_names(problem: Problem, expression: Expression) -> None:
    """Raises InvalidQuery for names that are no parameter, no metric and not `number`."""
    unknown = sorted(name for name in expression.names if not (name == NUMBER or problem.knows(name)))
    if unknown:
        known = [*problem.space.names, *problem.metric_names, NUMBER]
        raise InvalidQuery(f"{expression.text!r}: expected names of {known!r}, got {unknown!r}")


def holds(trial: Trial, conditions: Sequence[Expression]) -> bool:
    """Whether every condition holds for the trial's params and values; a metric goes before a param of its name."""
    if not conditions:
        return True
    names = {**trial.params, **{name: value.value for name, value in trial.values.items()}, NUMBER: trial.number}
    return all(condition.selects(names) for condition in conditions)
