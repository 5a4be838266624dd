"""All trials of a study as CSV, one row each, in columns that depend on the study alone."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from trimtab_service.domain.metric import COST_METRICS
from trimtab_service.domain.page import Page
from trimtab_service.domain.study import Problem
from trimtab_service.domain.trial import Trial, TrialState
from trimtab_service.usecases import history, studies
from trimtab_service.usecases.rooms import Caller, Rooms

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""With these a spreadsheet takes a text for a formula, or looks past them for one."""
_FIRST = ("number", "state", "source", "attempt", "worker", "created_at", "started_at", "finished_at")
_LAST = ("failure", "message", "reason")


def export(
    rooms: Rooms, caller: Caller, ref: str, states: Sequence[TrialState], where: Sequence[str], order: str
) -> tuple[Iterator[str], int, dict[str, str], str]:
    """Lines, status, headers and media type of the answer. Errors are raised here, before the first line is sent."""
    study = studies.get(rooms, caller, ref).study

    def page(cursor: str | None) -> Page[Trial]:
        return history.trials(
            rooms,
            caller,
            study.public_id,
            states=states,
            where=where,
            order=order,
            cursor=cursor,
            limit=history.MAX_LIMIT,
        )

    first = page(None)

    def lines() -> Iterator[str]:
        yield _line(_header(study.problem))
        current = first
        while True:
            yield "".join(_line(_row(study.problem, trial)) for trial in current.items)
            if current.next_cursor is None:
                return
            current = page(current.next_cursor)

    headers = {"Content-Disposition": f'attachment; filename="{study.name}.csv"'}
    return lines(), 200, headers, "text/csv; charset=utf-8"


def _metrics(problem: Problem) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*problem.objective_names, *problem.metrics, *COST_METRICS)))


def _header(problem: Problem) -> list[str]:
    metrics = _metrics(problem)
    return [
        *_FIRST,
        *(f"params.{name}" for name in problem.space.names),
        *(f"values.{name}" for name in metrics),
        *(f"stderrs.{name}" for name in metrics),
        *_LAST,
    ]


def _row(problem: Problem, trial: Trial) -> list[Any]:
    told = [trial.values.get(name) for name in _metrics(problem)]
    times = (trial.created_at, trial.started_at, trial.finished_at)
    return [
        trial.number,
        trial.state.value,
        trial.source.value,
        trial.attempt,
        trial.worker,
        *(None if time is None else time.isoformat() for time in times),
        *(trial.params.get(name) for name in problem.space.names),
        *(None if value is None else value.value for value in told),
        *(None if value is None else value.stderr for value in told),
        None if trial.failure is None else trial.failure.kind.value,
        None if trial.failure is None else trial.failure.message,
        trial.reason,
    ]


def _line(cells: Sequence[Any]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow([_harmless(cell) for cell in cells])
    return text.getvalue()


def _harmless(cell: Any) -> Any:
    """Texts that a spreadsheet would run as a formula get a ' in front; numbers stay numbers."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
