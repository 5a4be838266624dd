"""Which trials a page of the table shows. Orders by a param too, which the store has no column for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from trimtab_service.dashboard.addresses import BY_PARAM, Look
from trimtab_service.domain.errors import InvalidQuery
from trimtab_service.domain.metric import COST_METRICS
from trimtab_service.domain.page import Page
from trimtab_service.domain.parameter import Categorical
from trimtab_service.domain.space import Space
from trimtab_service.domain.study import Problem, Study
from trimtab_service.domain.trial import Trial
from trimtab_service.usecases import history
from trimtab_service.usecases.rooms import Caller, Rooms

PAGE = 50
_BATCH = 1_000


def trials(rooms: Rooms, caller: Caller, study: Study, look: Look) -> Page[Trial]:
    """A page of the trials that the look lets through, in its order. Raises InvalidQuery."""
    check_order(study.problem, look.order)
    name = look.order.removeprefix("-").removeprefix(BY_PARAM)
    if BY_PARAM not in look.order:
        return _read(rooms, caller, study, look, PAGE)
    every = list(_all(rooms, caller, study, replace(look, order="number", cursor="")))
    ordered = by_param(study.problem.space, every, name, descending=look.order.startswith("-"))
    start = _place(look.cursor)
    rest = len(ordered) > start + PAGE
    return Page(tuple(ordered[start : start + PAGE]), str(start + PAGE) if rest else None)


def check_order(problem: Problem, order: str) -> None:
    """Raises InvalidQuery unless the order is a column's."""
    name = order.removeprefix("-")
    metrics = ("number", "finished_at", *problem.objective_names, *problem.metrics, *COST_METRICS)
    known = name.removeprefix(BY_PARAM) in problem.space.names if name.startswith(BY_PARAM) else name in metrics
    if not known:
        raise InvalidQuery(f"expected to order by a column of this study, got {order[:60]!r}")


def by_param(space: Space, trials: list[Trial], name: str, *, descending: bool) -> list[Trial]:
    """Ordered by a param: numbers by size, choices in the order they were declared; those without it come last."""
    parameter = space[name]
    present = [trial for trial in trials if name in trial.params]
    absent = [trial for trial in trials if name not in trial.params]
    if isinstance(parameter, Categorical):
        places = {repr(choice): place for place, choice in enumerate(parameter.choices)}
        present.sort(key=lambda trial: places.get(repr(trial.params[name]), len(places)), reverse=descending)
    else:
        present.sort(key=lambda trial: trial.params[name], reverse=descending)
    return present + absent


def _all(rooms: Rooms, caller: Caller, study: Study, look: Look) -> Iterator[Trial]:
    while True:
        page = _read(rooms, caller, study, look, _BATCH)
        yield from page.items
        if page.next_cursor is None:
            return
        look = replace(look, cursor=page.next_cursor)


def _read(rooms: Rooms, caller: Caller, study: Study, look: Look, limit: int) -> Page[Trial]:
    return history.trials(
        rooms,
        caller,
        study.public_id,
        states=() if look.state is None else (look.state,),
        where=look.wheres,
        order=look.order,
        cursor=look.cursor or None,
        limit=limit,
    )


def _place(cursor: str) -> int:
    if not cursor:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 10):
        raise InvalidQuery(f"expected a cursor as a page gave it, got {cursor[:60]!r}")
    return int(cursor)
