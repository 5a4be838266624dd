"""What a study found: the best trial, the Pareto front and its hypervolume, and how they grew."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trimtab_service.domain.errors import InvalidQuery, NoCompleteTrial
from trimtab_service.domain.metric import Objective
from trimtab_service.domain.study import Study
from trimtab_service.domain.trial import Trial, TrialState
from trimtab_service.optimizer.pareto import hypervolume, infer_reference, non_dominated
from trimtab_service.store import Transaction
from trimtab_service.usecases.history import holds, parse_where
from trimtab_service.usecases.rooms import Caller, Rooms

_BATCH = 1_000
_LOWEST_LOG, _HIGHEST_LOG = math.log10(5e-324), math.log10(sys.float_info.max) - 1e-13
"""log10 of the least and the largest positive float."""


@dataclass(frozen=True, slots=True)
class Front:
    """The non-dominated complete trials, best first objective first.

    hypervolume: in the objectives' scaled units (log10 where log) from the reference; None without a trial, and where
        it is beyond the largest float.
    inferred: the reference, in the metrics' own units, was made from the front, since some objective has none.
    """

    study: Study
    trials: tuple[Trial, ...]
    hypervolume: float | None
    reference: Mapping[str, float] | None
    inferred: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """After each finished trial, in the order of numbers: the best value so far, or the hypervolume so far.

    A hypervolume beyond the largest float counts as that.
    """

    metric: str
    numbers: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Survey:
    """Every complete trial of a study by number, the front among them, and how it grew."""

    trials: tuple[Trial, ...]
    front: Front
    progress: Progress


def best(rooms: Rooms, caller: Caller, ref: str) -> Trial:
    """The complete trial with the best value of the one objective; the earlier of equals.

    Raises NoCompleteTrial, and InvalidQuery for a study of several objectives.
    """
    with rooms.store.read(caller.project_id) as tx:
        study = tx.study(ref)
        if len(study.problem.objectives) > 1:
            names = list(study.problem.objective_names)
            raise InvalidQuery(f"study {study.name!r} has objectives {names!r}: ask for its pareto front instead")
        complete = list(_complete(tx, study))
        if not complete:
            raise NoCompleteTrial(f"no trial of study {study.name!r} is complete yet")
        return min(complete, key=lambda trial: (_losses(study, trial), trial.number))


def pareto(rooms: Rooms, caller: Caller, ref: str, where: Sequence[str] = ()) -> Front:
    """The non-dominated complete trials among those for which the conditions hold. Raises InvalidQuery."""
    with rooms.store.read(caller.project_id) as tx:
        study = tx.study(ref)
        conditions = parse_where(study.problem, where)
        trials = [trial for trial in _complete(tx, study) if holds(trial, conditions)]
    return _front(study, trials)


def progress(rooms: Rooms, caller: Caller, ref: str) -> Progress:
    """Best value so far (one objective) or hypervolume so far (several), after each complete trial."""
    with rooms.store.read(caller.project_id) as tx:
        study = tx.study(ref)
        trials = list(_complete(tx, study))
    return _progress(study, trials)


def survey(rooms: Rooms, caller: Caller, ref: str) -> Survey:
    """All complete trials, the front and the progress, from one reading of the study."""
    with rooms.store.read(caller.project_id) as tx:
        study = tx.study(ref)
        trials = tuple(_complete(tx, study))
    return Survey(trials, _front(study, trials), _progress(study, trials))


def _front(study: Study, trials: Sequence[Trial]) -> Front:
    """The non-dominated ones among complete trials."""
    if not trials:
        return Front(study, (), None, None, inferred=False)
    losses = np.array([_losses(study, trial) for trial in trials])
    reference, inferred = _reference(study, losses)
    front = non_dominated(losses)
    chosen = sorted(map(int, np.flatnonzero(front)), key=lambda place: (tuple(losses[place]), trials[place].number))
    volume = hypervolume(losses[front], reference)
    return Front(
        study,
        tuple(trials[place] for place in chosen),
        volume if math.isfinite(volume) else None,
        {
            objective.metric: _unscaled(objective, worst)
            for objective, worst in zip(study.problem.objectives, reference, strict=True)
        },
        inferred,
    )


def _progress(study: Study, trials: Sequence[Trial]) -> Progress:
    """How the best value or the hypervolume grew over complete trials."""
    numbers = tuple(trial.number for trial in trials)
    objectives = study.problem.objectives
    metric = objectives[0].metric if len(objectives) == 1 else "hypervolume"
    if not trials:
        return Progress(metric, (), ())
    losses = np.array([_losses(study, trial) for trial in trials])
    if len(objectives) == 1:
        so_far = [_unscaled(objectives[0], loss) for loss in np.minimum.accumulate(losses[:, 0])]
        return Progress(metric, numbers, tuple(so_far))
    reference, _ = _reference(study, losses)
    return Progress(metric, numbers, tuple(_growing_hypervolume(losses, reference)))


def _growing_hypervolume(losses: np.ndarray, reference: np.ndarray) -> Iterator[float]:
    """Hypervolume of the first 1, 2, … rows of losses (n, m); recomputed only when the front changes."""
    front = np.empty((0, losses.shape[1]))
    volume = 0.0
    for row in losses:
        if not np.any(np.all(front <= row, axis=1)):
            front = np.vstack([front[~np.all(row <= front, axis=1)], row])
            volume = min(hypervolume(front, reference), sys.float_info.max)
        yield volume


def _complete(tx: Transaction, study: Study) -> Iterator[Trial]:
    cursor: str | None = None
    while True:
        page = tx.trials(study, states=(TrialState.COMPLETE,), order="number", cursor=cursor, limit=_BATCH)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


def _losses(study: Study, trial: Trial) -> tuple[float, ...]:
    return tuple(objective.loss(trial.values[objective.metric].value) for objective in study.problem.objectives)


def _reference(study: Study, losses: np.ndarray) -> tuple[np.ndarray, bool]:
    """The reference in losses (m,), and whether any of it had to be inferred from the losses (n, m)."""
    given = [objective.reference for objective in study.problem.objectives]
    inferred = np.asarray(infer_reference(losses), dtype=float)
    reference = np.array(
        [
            guess if worst is None else objective.loss(worst)
            for objective, worst, guess in zip(study.problem.objectives, given, inferred, strict=True)
        ]
    )
    return reference, None in given


def _unscaled(objective: Objective, loss: float) -> float:
    """The value of a loss; on a log scale, cut to what a positive float can be."""
    signed = -float(loss) if objective.direction == "maximize" else float(loss)
    if not objective.log:
        return signed
    return math.pow(10.0, min(max(signed, _LOWEST_LOG), _HIGHEST_LOG))
