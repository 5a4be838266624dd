"""Make, find, change and delete studies."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trimtab_service.domain.errors import InvalidSpace, InvalidStudy, StudyConflict, StudyNameTaken
from trimtab_service.domain.page import Page
from trimtab_service.domain.study import Problem, Study, StudyState, check_budget, check_name, difference
from trimtab_service.domain.trial import TrialState
from trimtab_service.optimizer.suggest import why_unsatisfiable
from trimtab_service.store import NewTrial, Transaction
from trimtab_service.usecases.insight import compute
from trimtab_service.usecases.limits import BASELINE_NUMBER
from trimtab_service.usecases.once import Answer, Once
from trimtab_service.usecases.rooms import Caller, Rooms, again_when_raced

MADE, FOUND = 201, 200


@dataclass(frozen=True, slots=True)
class StudyView:
    """A study and how many of its trials are in each state."""

    study: Study
    counts: Mapping[TrialState, int]


@again_when_raced
def create(rooms: Rooms, caller: Caller, definition: Mapping[str, Any], once: Once) -> Answer:
    """A new study; with exist_ok, the one of this name when its definition is the same.

    A study with a baseline begins with a trial of those params, which waits and is charged. Raises StudyNameTaken
    without exist_ok, StudyConflict with the difference when the definition is another, Invalid for a definition that
    makes no sense, and InvalidSpace with the reason when no params of the space are allowed.
    """
    try:
        return _create(rooms, caller, definition, once)
    except StudyNameTaken:  # perhaps made a moment ago by another request: now it is found
        return _create(rooms, caller, definition, once)


def _create(rooms: Rooms, caller: Caller, definition: Mapping[str, Any], once: Once) -> Answer:
    name = check_name(definition["name"])
    problem = Problem.from_spec(definition)
    max_trials = check_budget(definition.get("max_trials"))
    if problem.space_constraints and (reason := compute(rooms, why_unsatisfiable, problem)) is not None:
        raise InvalidSpace(reason)
    with rooms.store.begin(caller.project_id) as tx:
        if (answer := once.saved(tx)) is not None:
            return answer
        found = tx.find_study(name)
        if found is not None:
            if not definition.get("exist_ok"):
                raise StudyNameTaken(f"a study named {name!r} exists already; exist_ok=True returns it")
            _check_same(found, problem, max_trials)
            return once.save(tx, _view(tx, found), status=FOUND)
        study = tx.add_study(_public_id(), name, problem, max_trials, definition.get("metadata") or {})
        if problem.baseline is not None:
            tx.take_numbers(study, 1, charged=True)
            tx.add_trials(study, [NewTrial(number=BASELINE_NUMBER, params=problem.baseline)])
        return once.save(tx, _view(tx, tx.study(study.public_id)), status=MADE)


def get(rooms: Rooms, caller: Caller, ref: str) -> StudyView:
    """The study of this name or public id. Raises StudyNotFound."""
    with rooms.store.read(caller.project_id) as tx:
        return _view(tx, tx.study(ref))


def page(
    rooms: Rooms, caller: Caller, *, state: StudyState | None = None, cursor: str | None = None, limit: int = 50
) -> Page[StudyView]:
    """Studies, the newest first."""
    with rooms.store.read(caller.project_id) as tx:
        found = tx.studies(state=state, cursor=cursor, limit=limit)
        counts = tx.counts([study.id for study in found.items])
        return found.map(lambda study: StudyView(study, counts.get(study.id, {})))


@again_when_raced
def patch(rooms: Rooms, caller: Caller, ref: str, changes: Mapping[str, Any], once: Once) -> Answer:
    """The study with another state, max_trials or metadata. Raises IllegalMove and InvalidStudy."""
    with rooms.store.begin(caller.project_id) as tx:
        if (answer := once.saved(tx)) is not None:
            return answer
        study = tx.lock_study(ref)
        if "state" in changes:
            study = study.move(_state(changes["state"]))
        if "max_trials" in changes:
            study = study.with_budget(changes["max_trials"])
        if "metadata" in changes:
            study = study.with_metadata(changes["metadata"])
        tx.save_study(study)
        return once.save(tx, _view(tx, study))


@again_when_raced
def delete(rooms: Rooms, caller: Caller, ref: str, once: Once) -> Answer:
    """Delete the study and everything of it."""
    with rooms.store.begin(caller.project_id) as tx:
        if (answer := once.saved(tx)) is not None:
            return answer
        study = tx.lock_study(ref)
        tx.delete_study(study)
        rooms.proposing.pop(study.id, None)
        return once.save(tx, None)


def _view(tx: Transaction, study: Study) -> StudyView:
    return StudyView(study, tx.counts([study.id]).get(study.id, {}))


def _public_id() -> str:
    return "st_" + secrets.token_hex(8)


def _state(text: str) -> StudyState:
    try:
        return StudyState(text)
    except ValueError as error:
        raise InvalidStudy(f"state must be one of {[s.value for s in StudyState]!r}, got {text!r}") from error


def _check_same(found: Study, problem: Problem, max_trials: int | None) -> None:
    old = {**found.problem.to_spec(), "max_trials": found.max_trials}
    new = {**problem.to_spec(), "max_trials": max_trials}
    diff = difference(old, new)
    if diff:
        where = "; ".join(f"{path}: expected {d['expected']!r}, got {d['got']!r}" for path, d in diff.items())
        raise StudyConflict(f"study {found.name!r} exists with another definition: {where}", diff=diff)
