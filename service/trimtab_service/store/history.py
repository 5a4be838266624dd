"""The questions about all trials of a study at once: the optimizer's history, and the columns of values.

A transaction that only reads takes from the database what has changed since the last one; others read everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Row, Text, cast, select

from trimtab_service.domain.history import PackedHistory
from trimtab_service.domain.metric import Value, split_key
from trimtab_service.domain.study import Problem, Study
from trimtab_service.domain.trial import FailureKind, Observation, TrialState
from trimtab_service.domain.units import relatives
from trimtab_service.store.columns import Columns, Completed
from trimtab_service.store.kept import Known, T
from trimtab_service.store.moment import Moment, moment
from trimtab_service.store.probes import Probes
from trimtab_service.store.tables import trial_values, trials
from trimtab_service.store.values import MANY, Values

_BASELINE = 0
"""The number of the trial that limits relative to a baseline refer to."""

Named = Row[int, int, int]
"""The row id, number and mark of a trial."""


@dataclass(frozen=True, slots=True)
class _Change:
    """What changed since something was known. whole: that is of no use any more, and every trial is named.

    now: the moment of this transaction. last: number and row id of the study's last trial.
    """

    trials: Sequence[Named]
    now: Moment
    last: tuple[int, int] | None
    whole: bool


class History(Values, Probes):
    """The questions about all trials of a study."""

    def history(self, study: Study, problem: Problem | None = None) -> PackedHistory:
        """Every trial as the optimizer sees it, and every cost probe, numbered -1, -2, …

        problem: another one over the same space, whose objectives and limits are asked about in place of the study's.
        """
        kept = None if self.memory is None or problem is not None else self.memory.histories
        known = None if kept is None else kept.get(study.id)
        asked = problem or study.problem
        change = self._change(study, known)
        if not change.whole and _relative(asked) and any(row.number == _BASELINE for row in change.trials):
            change = self._change(study, None)
        if known is None or change.whole:
            known = Known(PackedHistory({}), change.now)
        history = known.what.changed(self._observations(study, asked, change.trials, known.probes))
        if kept is not None:
            kept.put(study.id, Known(history, change.now, change.last, self.probe_count(study)))
        return history

    def columns(self, study: Study) -> Columns:
        """The values of all complete trials and their variants, a row each.

        In a transaction that only reads, the same object as before while no trial changed.
        """
        kept = None if self.memory is None else self.memory.columns
        known = None if kept is None else kept.get(study.id)
        change = self._change(study, known)
        columns = Columns() if known is None or change.whole else known.what
        columns = columns.changed(one for ids in _batches(change.trials) for one in self._completed(ids))
        if kept is not None:
            kept.put(study.id, Known(columns, change.now, change.last))
        return columns

    def told_keys(self, study: Study) -> frozenset[str]:
        """The metric keys of which any complete trial, or a variant of one, has a value."""
        return frozenset(self.columns(study).values)

    def _change(self, study: Study, known: Known[T] | None) -> _Change:
        """The study's trials that changed since, by number; all of them when nothing of use is known.

        What is known may be of a later moment, or of a database that has lost its latest transactions.
        """
        last = None if known is None else known.last
        of_last = select(trials.c.id).where(self.of_number(study, -1 if last is None else last[0]))
        text, last_id = self.connection.execute(select(moment(), of_last.scalar_subquery())).one()
        now = Moment.of(text)
        if known is None or not now.sees_all_of(known.moment) or (last is not None and last[1] != last_id):
            found = self._named(study)
            return _Change(found, now, max(((row.number, row.id) for row in found), default=None), whole=True)
        since = self._named(study, trials.c.changed.between(known.moment.low, now.high))
        found = [row for row in since if not known.moment.sees(row.changed)]
        latest = max([*((row.number, row.id) for row in found), *([] if last is None else [last])], default=None)
        return _Change(found, now, latest, whole=False)

    def _named(self, study: Study, *conditions: ColumnElement[bool]) -> Sequence[Named]:
        return self.connection.execute(
            select(trials.c.id, trials.c.number, trials.c.changed)
            .where(self.of_study(study), *conditions)
            .order_by(trials.c.number)
        ).all()

    def _observations(
        self, study: Study, problem: Problem, changed: Sequence[Named], probes_seen: int
    ) -> Iterator[Observation]:
        """These trials, and the cost probes after those that were seen."""
        baseline = self._baseline(study) if _relative(problem) else None
        fields = [trials.c[name] for name in ("id", "number", "state", "params", "failure_kind")]
        needed = trial_values.c.metric.in_(_metrics(problem))
        for ids in _batches(changed):
            told = self.values_of(ids, needed, trial_values.c.variant == "")
            for row in self.connection.execute(select(*fields).where(self.own(trials), trials.c.id.in_(ids))):
                failure = None if row.failure_kind is None else FailureKind(row.failure_kind)
                values = told.get(row.id, {}).get("", {})
                state = TrialState(row.state)
                yield Observation.of(problem, row.number, state, row.params, values, failure, baseline)
        for number, (params, costs) in enumerate(self.probes(study, probes_seen), probes_seen + 1):
            values = {key: Value(cost) for key, cost in costs.items()}
            yield Observation.of(problem, -number, TrialState.INFEASIBLE, params, values, None, baseline)

    def _completed(self, ids: Sequence[int]) -> Iterator[Completed]:
        """These trials for their columns."""
        fields = (trials.c.id, trials.c.number, trials.c.state, cast(trials.c.params, Text).label("params"))
        complete = select(*fields).where(self.own(trials), trials.c.id.in_(ids)).order_by(trials.c.number)
        told = self.values_of(ids)
        for row in self.connection.execute(complete):
            if row.state != TrialState.COMPLETE:
                yield Completed(row.number, row.params, None)
                continue
            values = told.get(row.id, {})
            numbers = {name: {key: one.value for key, one in of.items()} for name, of in values.items()}
            yield Completed(row.number, row.params, {"": {}, **numbers})

    def _baseline(self, study: Study) -> dict[str, float] | None:
        """What the baseline trial was told so far."""
        trial_id = self.connection.execute(select(trials.c.id).where(self.of_number(study, _BASELINE))).scalar()
        told = {} if trial_id is None else self.values_of([trial_id]).get(trial_id, {}).get("", {})
        return {key: value.value for key, value in told.items()} or None


def _batches(changed: Sequence[Named]) -> Iterator[list[int]]:
    """The row ids, not too many at a time."""
    for first in range(0, len(changed), MANY):
        yield [row.id for row in changed[first : first + MANY]]


def _metrics(problem: Problem) -> set[str]:
    """The metrics that decide the losses and margins, and those that these follow from."""
    keys = {*problem.objective_names, *(key for limit in problem.limits for key in limit.metrics)}
    keys |= {other for key in keys for other, _, _ in relatives(key)}
    return {split_key(key)[0] for key in keys}


def _relative(problem: Problem) -> bool:
    return problem.baseline is not None and any(limit.relative for limit in problem.limits)
