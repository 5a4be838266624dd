"""What a study's surrogates know: computed in the pool from its history, and kept while no trial changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from trimtab_service.compute import Closed, DeadlinePassed, WorkerDied
from trimtab_service.domain.errors import ComputeUnavailable, InvalidParams, InvalidQuery
from trimtab_service.domain.insight import Calibrations, Importances, Predictions
from trimtab_service.domain.space import Params, Space
from trimtab_service.optimizer import insight
from trimtab_service.usecases.rooms import Caller, Rooms

R = TypeVar("R")

MAX_CONFIGURATIONS = 100
"""Params that one request may ask predictions for."""


def predict(rooms: Rooms, caller: Caller, ref: str, configurations: Sequence[Mapping[str, Any]]) -> Predictions:
    """What every objective is believed to be at each of the params.

    Raises InvalidQuery, InvalidParams, NoSurrogate and ComputeUnavailable.
    """
    if not 1 <= len(configurations) <= MAX_CONFIGURATIONS:
        raise InvalidQuery(f"expected 1 to {MAX_CONFIGURATIONS} params, got {len(configurations)}")
    with rooms.store.read(caller.project_id) as tx:
        space = tx.study(ref).problem.space
    return _answer(rooms, caller, ref, insight.predict, [_checked(space, *one) for one in enumerate(configurations)])


def importances(rooms: Rooms, caller: Caller, ref: str) -> Importances:
    """How much each parameter matters for each objective. Raises NoSurrogate and ComputeUnavailable."""
    return _answer(rooms, caller, ref, insight.importances)


def calibration(rooms: Rooms, caller: Caller, ref: str) -> Calibrations:
    """Whether the surrogate of each objective can be trusted. Raises NoSurrogate and ComputeUnavailable."""
    return _answer(rooms, caller, ref, insight.calibration)


def _answer(rooms: Rooms, caller: Caller, ref: str, question: Callable[..., R], *arguments: Any) -> R:
    """The answer to question(problem, history, surrogates, *arguments): kept from before while no trial changed."""
    with rooms.store.read(caller.project_id) as tx:
        study = tx.study(ref)
        key, seen = (study.id, question.__name__, repr(arguments)), tx.last_change(study)
        if (kept := rooms.answers.get(key, seen)) is not None:
            return kept  # type: ignore[no-any-return]  # what is kept under a question is its answer
        history, surrogates = tx.history(study), tx.surrogates(study)
    answer = compute(rooms, question, study.problem, history, surrogates, *arguments)
    rooms.answers.keep(key, seen, answer)
    return answer


def compute(rooms: Rooms, function: Callable[..., R], *arguments: Any) -> R:
    """The function's result, computed in the pool within the deadline. Raises ComputeUnavailable."""
    try:
        return rooms.compute.run(function, *arguments, deadline=rooms.deadline)
    except Closed as error:
        raise ComputeUnavailable("the server is ending; ask another one or a later one") from error
    except (DeadlinePassed, WorkerDied) as error:
        raise ComputeUnavailable(f"the surrogates could not answer: {error}; try again") from error


def _checked(space: Space, place: int, params: Mapping[str, Any]) -> Params:
    try:
        return space.check(params)
    except InvalidParams as error:
        raise InvalidParams(f"params {place}: {error.detail}") from error
