"""Enqueue params to be tried next, and add trials that were finished elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trimtab_service.domain.errors import DatabaseUnavailable, InvalidParams
from trimtab_service.domain.space import Params
from trimtab_service.domain.study import Problem, Study
from trimtab_service.domain.trial import Failure, FailureKind, Source, TrialState
from trimtab_service.store import NewTrial
from trimtab_service.usecases.contracts import fence
from trimtab_service.usecases.once import Answer, Once
from trimtab_service.usecases.results import Result, order_measurements
from trimtab_service.usecases.rooms import Caller, Rooms, again_when_raced

_FINISHED = (TrialState.COMPLETE, TrialState.FAILED)


@again_when_raced
def enqueue(rooms: Rooms, caller: Caller, ref: str, params: Mapping[str, Any], once: Once) -> Answer:
    """A waiting trial that the next ask hands out. It is charged to the budget now.

    Raises InvalidParams, BudgetReached, StudyPaused.
    """
    with rooms.store.begin(caller.project_id) as tx:
        if (answer := once.saved(tx)) is not None:
            return answer
        study = tx.lock_study(ref)
        study.check_open()
        checked = study.problem.space.check(params)
        _check_allowed(study.problem, checked)
        study.room()
        number = _first(tx.take_numbers(study, 1, charged=True), study)
        (trial,) = tx.add_trials(
            study, [NewTrial(number=number, params=checked, source=Source.USER, state=TrialState.WAITING)]
        )
        return once.save(tx, trial)


@again_when_raced
def add(rooms: Rooms, caller: Caller, ref: str, trials: Sequence[Mapping[str, Any]], once: Once) -> Answer:
    """Finished trials from elsewhere, all or none; they cost no budget. Raises Invalid naming the one at fault."""
    with rooms.store.begin(caller.project_id) as tx:
        if (answer := once.saved(tx)) is not None:
            return answer
        study = tx.lock_study(ref)
        checked = [_finished(study.problem, trial) for trial in trials]
        fence(tx, study, *(trial["values"] for trial in checked))
        fence(tx, study, *(values for trial in checked for values in trial["variants"].values()), variants=True)
        first = _first(tx.take_numbers(study, len(checked), charged=False), study)
        added = tx.add_trials(study, [NewTrial(number=first + place, **trial) for place, trial in enumerate(checked)])
        for trial in added:
            if trial.state is TrialState.COMPLETE:
                order_measurements(tx, study, trial)
        return once.save(tx, added)


def _check_allowed(problem: Problem, params: Params) -> None:
    """Raises InvalidParams for params that break a space constraint."""
    for constraint in problem.space_constraints:
        if not constraint.holds(params, absent=True):
            raise InvalidParams(f"expected params that keep space constraint {constraint.text!r}, got {params!r}")


def _first(number: int | None, study: Study) -> int:
    if number is None:
        raise DatabaseUnavailable(f"no trial number could be taken from study {study.name!r}; try again")
    return number


def _finished(problem: Problem, given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a NewTrial."""
    state = given.get("state") or TrialState.COMPLETE.value
    if state not in _FINISHED:
        raise InvalidParams(f"an added trial is {[s.value for s in _FINISHED]!r}, got {state!r}")
    complete = state == TrialState.COMPLETE
    if complete and given.get("failure"):
        raise InvalidParams(f"a complete trial has no failure, got {given['failure']!r}; add it as failed")
    failure = given.get("failure") or {"kind": FailureKind.ERROR.value}
    params = problem.space.check(given["params"])
    values, variants = given.get("values") or {}, given.get("variants") or {}
    result = Result.of(problem, values, variants, complete=complete)
    return {
        "params": params,
        "source": Source.USER,
        "state": TrialState(state),
        "values": result.values,
        "variants": result.variants,
        "artifact": given.get("artifact") or "",
        "failure": None if complete else Failure(FailureKind(failure["kind"]), failure.get("message", "")),
    }
