"""What a study's surrogates know: computed in the pool from its history, and kept while no trial changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from trimtab_service.compute import Closed, DeadlinePassed, WorkerDied
from trimtab_service.domain.errors import ComputeUnavailable, InvalidParams, InvalidQuery
from trimtab_service.domain.insight import Calibrations, Importances, Picture, Predictions, SuggestionCard, View
from trimtab_service.domain.space import Params, Space
from trimtab_service.domain.study import Problem, Study
from trimtab_service.domain.trial import Trial
from trimtab_service.optimizer import insight
from trimtab_service.store import Transaction
from trimtab_service.usecases.rooms import Caller, Rooms

R = TypeVar("R")

MAX_CONFIGURATIONS = 100
"""Params that one request may ask predictions for."""
MOST_POINTS = 401
MOST_POINTS_OF_TWO = 64
"""Places per parameter that a slice and a contour may show."""


def predict(rooms: Rooms, caller: Caller, ref: str, configurations: Sequence[Mapping[str, Any]]) -> Predictions:
    """What every objective is believed to be at each of the params.

    Raises InvalidQuery, InvalidParams, NoSurrogate and ComputeUnavailable.
    """
    if not 1 <= len(configurations) <= MAX_CONFIGURATIONS:
        raise InvalidQuery(f"expected 1 to {MAX_CONFIGURATIONS} params, got {len(configurations)}")
    with rooms.store.read(caller.project_id) as tx:
        space = tx.study(ref).problem.space
    checked = [_checked(space, f"params {place}", params) for place, params in enumerate(configurations)]
    return answer_about(rooms, caller, ref, repr(checked), insight.predict, checked)


def importances(rooms: Rooms, caller: Caller, ref: str) -> Importances:
    """How much each parameter matters for each objective. Raises NoSurrogate and ComputeUnavailable."""
    return answer_about(rooms, caller, ref, "importances", insight.importances)


def calibration(rooms: Rooms, caller: Caller, ref: str) -> Calibrations:
    """Whether the surrogate of each objective can be trusted. Raises NoSurrogate and ComputeUnavailable."""
    return answer_about(rooms, caller, ref, "calibration", insight.calibration)


def picture(
    rooms: Rooms,
    caller: Caller,
    ref: str,
    *,
    parameters: Sequence[str] = (),
    base: int | Mapping[str, Any] | None = None,
    points: int | None = None,
    paths: int = 0,
    seed: int | None = None,
) -> Picture:
    """How the surrogates were fitted, which bounds are active, and a slice along one parameter or a contour over two.

    base: params that are held, or the number of a trial; None for the best trial. seed: None for the study's.
    Raises InvalidQuery, InvalidParams, TrialNotFound, NoSurrogate and ComputeUnavailable.
    """
    with rooms.store.read(caller.project_id) as tx:
        study = tx.study(ref)
        held = tx.trial(study, base).params if isinstance(base, int) else base
    problem = study.problem
    for name in parameters:
        _check_parameter(problem.space, name)
    if len(set(parameters)) < len(parameters):
        raise InvalidQuery(f"expected two different parameters, got {parameters[0]!r} twice")
    most = MOST_POINTS if len(parameters) < 2 else MOST_POINTS_OF_TWO
    if points is not None and not 2 <= points <= most:
        over = "along one parameter" if len(parameters) < 2 else "over two parameters"
        raise InvalidQuery(f"points must be in [2, {most}] {over}, got {points}")
    view = View(
        parameters=tuple(parameters),
        base=None if held is None else _checked(problem.space, "params to hold", held),
        base_trial=base if isinstance(base, int) else None,
        points=points or (101 if len(parameters) < 2 else 25),
        paths=paths,
        seed=problem.seed if seed is None else seed,
    )
    return answer_about(rooms, caller, ref, repr(view), insight.picture, view)


def suggestion_card(rooms: Rooms, caller: Caller, ref: str, number: int) -> SuggestionCard:
    """Why a trial was proposed, and what was expected of it then. Raises TrialNotFound and ComputeUnavailable."""

    def of_trial(tx: Transaction, study: Study) -> tuple[Trial, frozenset[int]]:
        return tx.trial(study, number), tx.finished_before(study, number)

    return answer_about(rooms, caller, ref, f"card {number}", insight.suggestion_card, read=of_trial)


def _check_parameter(space: Space, name: str) -> None:
    searched = [one.name for one in space.parameters if one.cardinality > 1]
    if name not in searched:
        raise InvalidQuery(f"expected a parameter with something to choose, of {searched!r}, got {name!r}")


def answer_about(
    rooms: Rooms,
    caller: Caller,
    ref: str,
    about: str,
    question: Callable[..., R],
    *arguments: Any,
    problem: Callable[[Transaction, Study], Problem] | None = None,
    read: Callable[[Transaction, Study], tuple[Any, ...]] | None = None,
) -> R:
    """The answer to question(problem, history, surrogates, *arguments), kept from before while no trial changed.

    about: what tells it from other questions.  problem: another one than the study's, under whose
    metrics and limits the history is seen.  read: further arguments that a trial may change, so they are read
    together with the history.
    """
    with rooms.store.read(caller.project_id) as tx:
        study = tx.study(ref)
        asked = study.problem if problem is None else problem(tx, study)
        key, seen = (study.id, about), (tx.last_change(study), tx.probe_count(study), asked)
        if (kept := rooms.answers.get(key, seen)) is not None:
            return kept  # type: ignore[no-any-return]  # what is kept under a question is its answer
        history = tx.history(study) if problem is None else tx.history(study, asked)
        surrogates = tx.surrogates(study)
        arguments += () if read is None else read(tx, study)
    answer = compute(rooms, question, asked, history, surrogates, *arguments)
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


def _checked(space: Space, what: str, params: Mapping[str, Any]) -> Params:
    try:
        return space.check(params)
    except InvalidParams as error:
        raise InvalidParams(f"{what}: {error.detail}") from error
