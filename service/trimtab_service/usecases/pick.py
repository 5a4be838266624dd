"""Pick: which model to take under limits, and what its neighbours on the front would buy or save."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trimtab_service.domain.metric import COST_METRICS, split_key
from trimtab_service.domain.units import follows, relatives
from trimtab_service.optimizer.pareto import non_dominated
from trimtab_service.usecases import numerals
from trimtab_service.usecases.best import best_of, place_of
from trimtab_service.usecases.conditions import Condition
from trimtab_service.usecases.front import Entry, conditions_of, entries_of
from trimtab_service.usecases.rooms import Caller, Rooms
from trimtab_service.usecases.standings import Floats, Standings, standings


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another model on the whole front. changes: metric -> its value less the picked one's."""

    entry: Entry
    changes: Mapping[str, float]
    sentence: str


@dataclass(frozen=True, slots=True)
class Pick:
    """The best model by an objective. neighbours: the nearest better one and the nearest that saves something."""

    entry: Entry
    by: str
    sentence: str
    neighbours: tuple[Neighbour, ...]


@dataclass(frozen=True, slots=True)
class _Axis:
    """A metric that models are compared by. sense: 1 where less is better, -1 where more is.

    share: its values are shares of 1, so that a hundredth is a point.
    """

    key: str
    sense: int
    share: bool


def pick(
    rooms: Rooms,
    caller: Caller,
    ref: str,
    *,
    where: Sequence[str] = (),
    device: str | None = None,
    by: str | None = None,
) -> Pick:
    """The best model by an objective, the first by default, under the conditions and the limits of the device.

    Its neighbours are those on the front of all models that keep the study's own limits: over the objectives, and the
    metrics that are bounded. Raises NoCompleteTrial, NoFeasibleTrial, InvalidQuery and DeviceNotFound.
    """
    with rooms.store.read(caller.project_id) as tx:
        study = tx.study(ref)
        all_of, conditions = standings(rooms, tx, study), conditions_of(tx, study, where, device)
        place = place_of(study.problem, by)
        axes = _axes(all_of, conditions)
        losses = np.column_stack([axis.sense * all_of.values(axis.key) for axis in axes])
        rows = all_of.front(conditions)
        if not len(rows):
            rows = all_of.front(conditions, [place])  # late metrics may be missing
        if not len(rows):
            best_of(tx, all_of, conditions, place)  # says why there is none
        others = list(losses[rows].T[::-1])
        picked = int(rows[np.lexsort((rows, *others, losses[rows, place]))[0]])
        around = _neighbours(all_of, losses, picked, place)
        entry, *entries = entries_of(tx, all_of, [picked, *around])
        neighbours = tuple(
            Neighbour(
                found,
                _changes(axes, losses[row] - losses[picked]),
                _exchange(axes, place, losses[picked], losses[row], found),
            )
            for row, found in zip(around, entries, strict=True)
        )
        return Pick(entry, axes[place].key, _sentence(entry, axes, axes[place].key, conditions), neighbours)


def _axes(all_of: Standings, conditions: Sequence[Condition]) -> list[_Axis]:
    """The objectives, then the metrics that are bounded, unless they are an objective in another unit."""
    problem = all_of.study.problem
    senses = {one.metric: -1 if one.is_maximized else 1 for one in problem.objectives}
    for condition in conditions:
        if condition.bound is not None and not follows(condition.bound.key, tuple(senses)):
            senses[_told(all_of, condition.bound.key)] = condition.bound.sense
    return [_Axis(key, sense, _is_share(key, all_of.values(key))) for key, sense in senses.items()]


def _told(all_of: Standings, key: str) -> str:
    """The metric that was told of which this is another unit, else the metric itself."""
    told = all_of.columns.values
    return next((other for other, _, _ in relatives(key) if other in told), key)


def _is_share(key: str, values: Floats) -> bool:
    told = values[~np.isnan(values)]
    return split_key(key)[0] not in COST_METRICS and bool(len(told)) and told.min() >= 0 and told.max() <= 1


def _neighbours(all_of: Standings, losses: Floats, picked: int, place: int) -> list[int]:
    """On the whole front, the nearest row that is better by the objective, and the nearest that is worse by it.

    Distances are taken in units of the front's range.
    """
    rows = np.flatnonzero(all_of.feasible & ~np.isnan(losses).any(axis=1))
    rows = rows[non_dominated(losses[rows])]
    if not len(rows):
        return []
    spread = np.ptp(losses[rows], axis=0)
    away = np.linalg.norm((losses[rows] - losses[picked]) / np.where(spread > 0, spread, 1.0), axis=1)
    sides = (losses[rows, place] < losses[picked, place], losses[rows, place] > losses[picked, place])
    return [int(rows[beside][np.argmin(away[beside])]) for beside in sides if beside.any()]


def _changes(axes: Sequence[_Axis], losses: Floats) -> dict[str, float]:
    return {axis.key: float(axis.sense * by) for axis, by in zip(axes, losses, strict=True)}


def _sentence(entry: Entry, axes: Sequence[_Axis], by: str, conditions: Sequence[Condition]) -> str:
    values = entry.trial.values
    said = ", ".join(numerals.said(axis.key, values[axis.key].value) for axis in axes if axis.key in values)
    under = f" under {' and '.join(condition.text for condition in conditions)}" if conditions else ""
    return f"{_name(entry)} is the best by {by}{under}: {said}"


def _exchange(axes: Sequence[_Axis], place: int, picked: Floats, other: Floats, entry: Entry) -> str:
    """What the other one costs more, and what it gives for that."""
    change = other - picked
    worse = [_cost(axis, float(by)) for axis, by in zip(axes, change, strict=True) if by > 0]
    if not worse:
        gains = [_gain(axis, float(by)) for axis, by in zip(axes, change, strict=True) if by < 0]
        return f"{_and(gains)} for nothing more, but outside what was asked for ({_name(entry)})"
    if change[place] < 0:
        gains = [_gain(axis, float(by)) for axis, by in zip(axes, change, strict=True) if by < 0]
        return f"{_and(worse)} would buy {_and(gains)} ({_name(entry)})"
    saved = [
        _saved(axis, float(by), float(axis.sense * before))
        for axis, by, before in zip(axes, change, picked, strict=True)
        if by < 0
    ]
    return f"{_and(worse)} would save {_and(saved)} ({_name(entry)})"


def _cost(axis: _Axis, by: float) -> str:
    """How much worse: "another 16.4 kB", "0.3 points of accuracy less"."""
    amount = _amount(axis, by)
    return f"another {amount}" if axis.sense > 0 else f"{amount} less"


def _gain(axis: _Axis, by: float) -> str:
    """How much better: "+0.6 points of accuracy", "-3.1 ms of latency_ms"."""
    return f"{'-' if axis.sense > 0 else '+'}{_amount(axis, -by)}"


def _saved(axis: _Axis, by: float, before: float) -> str:
    """The same as a part of what it was, for a cost: "58 % of size_bytes"."""
    if axis.sense < 0 or before <= 0:
        return _gain(axis, by)
    return f"{numerals.short(100 * -by / before, digits=2)} % of {axis.key}"


def _amount(axis: _Axis, by: float) -> str:
    if axis.share:
        return f"{numerals.short(100 * by, digits=2)} points of {axis.key}"
    amount = numerals.amount(split_key(axis.key)[0], by)
    return amount if axis.key == "size_bytes" else f"{amount} of {axis.key}"


def _name(entry: Entry) -> str:
    return f"trial {entry.trial.number}" + (f", variant {entry.variant}" if entry.variant else "")


def _and(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
