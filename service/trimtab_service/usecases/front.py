"""What a study found: the Pareto front with its knee and its hypervolume, and how they grew."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trimtab_service.domain.errors import InvalidQuery
from trimtab_service.domain.metric import Objective
from trimtab_service.domain.study import Problem, Study
from trimtab_service.domain.told import as_variant
from trimtab_service.domain.trial import Trial, TrialState
from trimtab_service.optimizer.pareto import hypervolume, infer_reference, knee
from trimtab_service.store import Transaction
from trimtab_service.usecases.conditions import Condition, of_device, of_where
from trimtab_service.usecases.rooms import Caller, Rooms
from trimtab_service.usecases.standings import Floats, Rows, Standings, standings

MOST_OBJECTIVES = 4
"""Of more, no hypervolume is computed."""
_BATCH = 1_000
_LOWEST_LOG, _HIGHEST_LOG = math.log10(5e-324), math.log10(sys.float_info.max) - 1e-13
"""log10 of the least and the largest positive float."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A finished trial as a front has it. variant: which of its variants this is; "" for the model as trained.

    trial: with the variant's values in place of its own.
    """

    trial: Trial
    variant: str = ""


@dataclass(frozen=True, slots=True)
class Front:
    """The non-dominated ones among the trials and variants that keep every limit, best first objective first.

    hypervolume: in the objectives' scaled units (log10 where log) from the reference; None without a trial, with more
        than MOST_OBJECTIVES, and where it is beyond the largest float.
    inferred: the reference, in the metrics' own units, was made from the front, since some objective has none.
    knee: the entry beyond which little more of one objective costs much of another, if there is one.
    """

    study: Study
    entries: tuple[Entry, ...]
    hypervolume: float | None
    reference: Mapping[str, float] | None
    inferred: bool
    knee: Entry | None = None

    @property
    def trials(self) -> tuple[Trial, ...]:
        """The entries' trials, each with the values that count."""
        return tuple(entry.trial for entry in self.entries)


@dataclass(frozen=True, slots=True)
class Progress:
    """After each trial that keeps the limits, by number: the best value so far, or the hypervolume so far.

    A hypervolume beyond the largest float counts as that. reference, inferred: as of the front; None for a value.
    """

    metric: str
    numbers: tuple[int, ...]
    values: tuple[float, ...]
    reference: Mapping[str, float] | None = None
    inferred: bool = False


@dataclass(frozen=True, slots=True)
class Survey:
    """Every complete trial of a study by number, the front among them, and how it grew.

    over: the numbers of those that are not known to keep the limits, nor is any variant of theirs.
    """

    trials: tuple[Trial, ...]
    front: Front
    progress: Progress
    over: frozenset[int] = frozenset()


def pareto(rooms: Rooms, caller: Caller, ref: str, where: Sequence[str] = (), device: str | None = None) -> Front:
    """The front under the conditions and the limits of the device, over trials and variants.

    Raises InvalidQuery and DeviceNotFound.
    """
    with rooms.store.read(caller.project_id) as tx:
        study = tx.study(ref)
        conditions = conditions_of(tx, study, where, device)
        return front_of(tx, standings(rooms, tx, study), conditions)


def growth(rooms: Rooms, caller: Caller, ref: str, where: Sequence[str] = (), device: str | None = None) -> Progress:
    """The hypervolume after each trial, under the conditions and the limits of the device.

    Raises InvalidQuery, also for more than MOST_OBJECTIVES objectives, and DeviceNotFound.
    """
    with rooms.store.read(caller.project_id) as tx:
        study = tx.study(ref)
        if len(study.problem.objectives) > MOST_OBJECTIVES:
            raise InvalidQuery(
                f"hypervolume takes 1 to {MOST_OBJECTIVES} objectives, study {study.name!r} has "
                f"{len(study.problem.objectives)}"
            )
        all_of = standings(rooms, tx, study)
        return _hypervolumes(all_of, all_of.fitting(conditions_of(tx, study, where, device)))


def progress(rooms: Rooms, caller: Caller, ref: str) -> Progress:
    """Best value so far (one objective) or hypervolume so far (several), after each trial that keeps the limits."""
    with rooms.store.read(caller.project_id) as tx:
        return _progress(standings(rooms, tx, tx.study(ref)))


def survey(rooms: Rooms, caller: Caller, ref: str) -> Survey:
    """All complete trials, the front and the progress, from one reading of the study."""
    with rooms.store.read(caller.project_id) as tx:
        study = tx.study(ref)
        all_of = standings(rooms, tx, study)
        over = frozenset(map(int, all_of.numbers)) - frozenset(map(int, all_of.numbers[all_of.feasible]))
        return Survey(tuple(_complete(tx, study)), front_of(tx, all_of, ()), _progress(all_of), over)


def conditions_of(tx: Transaction, study: Study, where: Sequence[str], device: str | None) -> tuple[Condition, ...]:
    """What is asked of trials beyond the study's own limits. Raises InvalidQuery and DeviceNotFound."""
    limits = () if device is None else of_device(tx, study, device)
    return (*of_where(study.problem, where), *limits)


def front_of(tx: Transaction, all_of: Standings, conditions: Sequence[Condition]) -> Front:
    """The front among the rows for which the conditions hold."""
    rows = all_of.front(conditions)
    return _front(all_of, rows, entries_of(tx, all_of, rows))


def _front(all_of: Standings, rows: Rows, entries: tuple[Entry, ...]) -> Front:
    study = all_of.study
    if not entries:
        return Front(study, (), None, None, inferred=False)
    losses = all_of.losses[rows]
    reference, inferred = _reference(study.problem, losses)
    bulge = knee(losses, [objective.weight for objective in study.problem.objectives])
    return Front(
        study,
        entries,
        _volume(losses, reference),
        _in_own_units(study.problem, reference),
        inferred,
        None if bulge is None else entries[bulge],
    )


def entries_of(tx: Transaction, all_of: Standings, rows: Rows | Sequence[int]) -> tuple[Entry, ...]:
    """The entries of these rows, in their order."""
    numbers = [int(all_of.numbers[row]) for row in rows]
    trials = {trial.number: trial for trial in tx.trials_of(all_of.study, sorted(set(numbers)))}
    variants = [all_of.columns.variants[row] for row in rows]
    computed = all_of.study.problem.computed
    return tuple(_entry(trials[number], variant, computed) for number, variant in zip(numbers, variants, strict=True))


def _entry(trial: Trial, variant: str, computed: frozenset[str]) -> Entry:
    if not variant:
        return Entry(trial)
    return Entry(replace(trial, values=as_variant(trial.values, trial.variants[variant], computed)), variant)


def _volume(losses: Floats, reference: Floats) -> float | None:
    if len(reference) > MOST_OBJECTIVES:
        return None
    volume = hypervolume(losses, reference)
    return volume if math.isfinite(volume) else None


def _progress(all_of: Standings) -> Progress:
    """How the best value or the hypervolume grew over the trials that keep the limits."""
    objectives, rows = all_of.study.problem.objectives, all_of.fitting(())
    if len(objectives) > 1:
        return _hypervolumes(all_of, rows)
    rows = rows[~np.isnan(all_of.losses[rows, 0])]
    so_far = np.minimum.accumulate(all_of.losses[rows, 0])
    last = _last_of_each(all_of.numbers[rows])
    return Progress(
        objectives[0].metric,
        tuple(map(int, all_of.numbers[rows][last])),
        tuple(_unscaled(objectives[0], loss) for loss in so_far[last]),
    )


def _hypervolumes(all_of: Standings, rows: Rows) -> Progress:
    rows = rows[~np.isnan(all_of.losses[rows]).any(axis=1)]
    problem, losses, numbers = all_of.study.problem, all_of.losses[rows], all_of.numbers[rows]
    if not len(rows) or losses.shape[1] > MOST_OBJECTIVES:
        return Progress("hypervolume", (), ())
    reference, inferred = _reference(problem, losses)
    volumes = np.fromiter(_growing_hypervolume(losses, reference), dtype=float)
    last = _last_of_each(numbers)
    return Progress(
        "hypervolume",
        tuple(map(int, numbers[last])),
        tuple(map(float, volumes[last])),
        _in_own_units(problem, reference),
        inferred,
    )


def _last_of_each(numbers: NDArray[np.int64]) -> Rows:
    """The places of the last row of each trial, by number: its variants follow it. -> (trials,)"""
    return np.flatnonzero(np.append(numbers[1:] != numbers[:-1], True)) if len(numbers) else np.arange(0)


def _growing_hypervolume(losses: Floats, reference: Floats) -> Iterator[float]:
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


def _reference(problem: Problem, losses: Floats) -> tuple[Floats, bool]:
    """The reference in losses (m,), and whether any of it had to be inferred from the losses (n, m)."""
    given = [objective.reference for objective in problem.objectives]
    inferred = np.asarray(infer_reference(losses), dtype=float)
    reference = np.array(
        [
            guess if worst is None else objective.loss(worst)
            for objective, worst, guess in zip(problem.objectives, given, inferred, strict=True)
        ]
    )
    return reference, None in given


def _in_own_units(problem: Problem, losses: Floats) -> dict[str, float]:
    pairs = zip(problem.objectives, losses, strict=True)
    return {objective.metric: _unscaled(objective, worst) for objective, worst in pairs}


def _unscaled(objective: Objective, loss: float) -> float:
    """The value of a loss; on a log scale, cut to what a positive float can be."""
    signed = -float(loss) if objective.is_maximized else float(loss)
    if not objective.log:
        return signed
    return math.pow(10.0, min(max(signed, _LOWEST_LOG), _HIGHEST_LOG))
