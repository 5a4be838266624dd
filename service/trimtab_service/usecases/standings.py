"""How the finished trials of a study, and their variants, stand against each other: a row each, in columns.

What does not depend on the question is worked out once and kept until a trial changes: who keeps the study's limits,
the losses, and an index for bounds on the same metrics: the rows that are on the front under some such bounds. So a
question about a device, however many trials there are, looks at the few rows of an index.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trimtab_service.domain.study import Problem, Study
from trimtab_service.domain.units import relatives
from trimtab_service.optimizer.pareto import non_dominated
from trimtab_service.store import Columns, Transaction
from trimtab_service.usecases.conditions import Condition, of_limit
from trimtab_service.usecases.history import NUMBER
from trimtab_service.usecases.limits import baseline_values
from trimtab_service.usecases.rooms import Rooms

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
"""Places of rows."""
Axes = tuple[tuple[str, int], ...]
"""Metrics that are bounded, each with 1 where it is bounded from above and -1 from below."""


@dataclass(frozen=True, slots=True)
class Standings:
    """numbers: (n,) of the rows' trials. baseline: values of the baseline trial, where a limit refers to it.

    feasible: (n,), which rows are known to keep every limit of the study. losses: (n, m), nan where no value is.
    """

    study: Study
    columns: Columns
    baseline: Mapping[str, float] | None
    numbers: NDArray[np.int64]
    losses: Floats
    feasible: NDArray[np.bool_]
    _indexes: dict[tuple[tuple[int, ...], Axes], Rows] = field(default_factory=dict, repr=False, compare=False)
    _values: dict[str, Floats] = field(default_factory=dict, repr=False, compare=False)

    def values(self, key: str) -> Floats:
        """The rows' values of a metric, told or derived from one that was; nan where there is none. -> (n,)"""
        if key not in self._values:
            self._values[key] = _column(self.columns, key)
        return self._values[key]

    def untold(self, name: str) -> bool:
        """Whether this is a metric that no row has a value of."""
        return (
            name != NUMBER and name not in self.study.problem.space.names and bool(np.isnan(self.values(name)).all())
        )

    def fitting(self, conditions: Sequence[Condition]) -> Rows:
        """The feasible rows for which all conditions hold."""
        kept = self.feasible.copy()
        for condition in conditions:
            kept &= self._holds(condition, kept)
        return np.flatnonzero(kept)

    def front(self, conditions: Sequence[Condition], objectives: Sequence[int] | None = None) -> Rows:
        """The rows that no other beats among those that are feasible and for which all conditions hold.

        objectives: places of those that count, all by default. In the order of their losses, the earlier of equals
        first.
        """
        chosen = tuple(range(self.losses.shape[1]) if objectives is None else objectives)
        bounds = [condition.bound for condition in conditions if condition.bound is not None]
        if len(bounds) == len(conditions):
            rows = self._index(chosen, tuple(sorted({(bound.key, bound.sense) for bound in bounds})))
            for bound in bounds:
                rows = rows[bound.sense * self.values(bound.key)[rows] <= bound.sense * bound.limit]
        else:
            rows = self.fitting(conditions)
            rows = rows[~np.isnan(self.losses[np.ix_(rows, np.array(chosen, dtype=np.intp))]).any(axis=1)]
        losses = self.losses[np.ix_(rows, np.array(chosen, dtype=np.intp))]
        best = non_dominated(losses)
        order = np.lexsort((rows[best], *losses[best].T[::-1]))
        found: Rows = rows[best][order]
        return found

    def reader(self, names: Collection[str]) -> Callable[[int], dict[str, Any]]:
        """Reads a row's params and values of these names, as far as it has them; a metric goes before a param."""
        told = {name: self.values(name).tolist() for name in names if name != NUMBER}
        chosen, params = told.keys() & self.study.problem.space.names, self.columns.params

        def read(row: int) -> dict[str, Any]:
            found = {name: value for name, value in params[row].items() if name in chosen} if chosen else {}
            for name, column in told.items():
                if column[row] == column[row]:  # not nan
                    found[name] = column[row]
            return {**found, NUMBER: int(self.numbers[row])}

        return read

    def _holds(self, condition: Condition, among: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Where the condition holds, looked at among some rows only. -> (n,)"""
        if (bound := condition.bound) is not None:
            return bound.sense * self.values(bound.key) <= bound.sense * bound.limit
        read, holds = self.reader(condition.names), np.zeros(len(self.numbers), dtype=bool)
        for row in np.flatnonzero(among).tolist():
            holds[row] = condition.holds(read(row))
        return holds

    def _index(self, objectives: tuple[int, ...], axes: Axes) -> Rows:
        """The rows that can be on a front of these objectives, whatever the bounds on the axes are.

        One that another row beats in an objective, and matches in all others and on every axis, never is: where it
        fits, so does the other. Of the rest, rows of equal losses stay together.
        """
        if (objectives, axes) not in self._indexes:
            rows = np.flatnonzero(self.feasible & ~np.isnan(self.losses[:, objectives]).any(axis=1))
            losses = self.losses[np.ix_(rows, np.array(objectives, dtype=np.intp))]
            bounded = [sense * self.values(key)[rows] for key, sense in axes]
            outer = np.column_stack([losses, *(np.where(np.isnan(one), np.inf, one) for one in bounded)])
            self._indexes[objectives, axes] = rows[_with_equals(losses, non_dominated(outer))]
        return self._indexes[objectives, axes]


def standings(rooms: Rooms, tx: Transaction, study: Study) -> Standings:
    """The study's standings, kept from before while no trial changed."""
    columns, baseline = tx.columns(study), baseline_values(tx, study)
    seen = (columns.version, study.problem, tuple(sorted((baseline or {}).items())))
    if (kept := rooms.standings.get(study.id, seen)) is not None:
        return kept  # type: ignore[no-any-return]  # what is kept under a study are its standings
    made = _standings(study, columns, baseline)
    rooms.standings.keep(study.id, seen, made)
    return made


def _standings(study: Study, columns: Columns, baseline: Mapping[str, float] | None) -> Standings:
    numbers = np.asarray(columns.numbers, dtype=np.int64)
    none, every = np.empty((len(numbers), 0)), np.ones(len(numbers), dtype=bool)
    made = Standings(study, columns, baseline, numbers, none, every)
    for limit in study.problem.limits:
        np.logical_and(made.feasible, made._holds(of_limit(limit, baseline), made.feasible), out=made.feasible)
    losses = np.column_stack([_losses(study.problem, place, made) for place in range(len(study.problem.objectives))])
    return Standings(study, columns, baseline, numbers, losses, made.feasible, {}, made._values)


def _losses(problem: Problem, place: int, made: Standings) -> Floats:
    objective = problem.objectives[place]
    values = made.values(objective.metric)
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = np.log10(values) if objective.log else values
    return -scaled if objective.is_maximized else scaled


def _column(columns: Columns, key: str) -> Floats:
    """The metric's column, with what derives from other columns where it was not told."""
    told = columns.values
    values = np.asarray(told[key]) if key in told else np.full(len(columns), np.nan)
    for other, n, d in relatives(key):
        if other in told:
            values = np.where(np.isnan(values), np.asarray(told[other]) * n / d, values)
    return values


def _with_equals(losses: Floats, kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The kept rows, and those of the same losses as a kept one. -> (n,)"""
    if not len(losses):
        return kept
    _, group = np.unique(losses, axis=0, return_inverse=True)
    group = group.reshape(-1)
    return np.isin(group, group[kept])
