"""The statements about one trial's life: added, handed out, closed, given back; all guarded by state and epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Double, Row, and_, bindparam, func, insert, literal, select, update

from trimtab_service.domain.errors import TrialNotFound
from trimtab_service.domain.metric import Value
from trimtab_service.domain.space import Params
from trimtab_service.domain.study import Study
from trimtab_service.domain.trial import (
    FINISHED,
    MAX_ATTEMPTS,
    OPEN,
    Failure,
    FailureKind,
    Source,
    Trial,
    TrialState,
)
from trimtab_service.store.clock import after, now
from trimtab_service.store.events import Events
from trimtab_service.store.mapping import from_failure, from_values, in_order, to_trial
from trimtab_service.store.tables import EventKind, trial_values, trials

_RUNNING, _WAITING, _FAILED = (
    literal(state.value, literal_execute=True)
    for state in (TrialState.RUNNING, TrialState.WAITING, TrialState.FAILED)
)
"""Spelled out in statements: an index of the trials in one state is used only where the state is no variable."""
_FIRST_EVENT = {
    TrialState.WAITING: EventKind.ADDED,
    TrialState.RUNNING: EventKind.HANDED_OUT,
    **{state: EventKind(state.value) for state in FINISHED},
}
_LOST = Failure(FailureKind.INFRASTRUCTURE, f"lease lost {MAX_ATTEMPTS} times")


Locked = Row[int, int, int]
"""The row id, lease_epoch and attempt of a trial that this transaction holds."""


@dataclass(frozen=True, slots=True)
class NewTrial:
    """A trial to be added. A running one needs lease_seconds; a finished one brings its values or its failure."""

    number: int
    params: Params
    source: Source = Source.USER
    state: TrialState = TrialState.WAITING
    values: Mapping[str, Value] = field(default_factory=dict)
    failure: Failure | None = None
    worker: str = ""
    reason: str = ""
    lease_seconds: float | None = None


class Trials(Events):
    """The statements about one trial's life."""

    def add_trials(self, study: Study, new: Sequence[NewTrial]) -> tuple[Trial, ...]:
        """Add trials; their numbers were taken before. A running one begins its first lease now."""
        if not new:
            return ()
        statement = (
            insert(trials)
            .values(
                created_at=now(),
                started_at=after(bindparam("started", type_=Double)),
                finished_at=after(bindparam("finished", type_=Double)),
                lease_until=after(bindparam("lease", type_=Double)),
            )
            .returning(*trials.c, sort_by_parameter_order=True)
        )
        rows = self.connection.execute(statement, [self._new_row(study, one) for one in new]).all()
        values = [
            line
            for row, one in zip(rows, new, strict=True)
            for line in from_values(self.project_id, row.id, one.values)
        ]
        if values:
            self.connection.execute(insert(trial_values), values)
        for state, kind in _FIRST_EVENT.items():
            self.record(kind, [(row.id, row.lease_epoch) for row in rows if row.state == state])
        return tuple(to_trial(row, in_order(study.problem, one.values)) for row, one in zip(rows, new, strict=True))

    def claimable(self, study: Study) -> int:
        """How many trials `claim` could hand out: those that wait, and those whose lease ran out."""
        counts = [
            select(func.count()).select_from(trials).where(self.of_study(study), *conditions).scalar_subquery()
            for conditions in ((trials.c.state == _WAITING,), (_lost(), trials.c.attempt < MAX_ATTEMPTS))
        ]  # SQLite walks the whole study where one count joins these by "or"
        count: int = self.connection.execute(select(counts[0] + counts[1])).scalar_one()
        return count

    def claim(self, study: Study, worker: str, limit: int, lease_seconds: float) -> tuple[Trial, ...]:
        """Hand out up to limit trials: first those whose lease ran out, then those that wait, each by number.

        No trial is handed out twice, however many ask at once. One that was handed out MAX_ATTEMPTS times and lost
        fails instead.
        """
        lost = self._lock(self.of_study(study), _lost())
        self._fail([row for row in lost if row.attempt >= MAX_ATTEMPTS])
        again = [row for row in lost if row.attempt < MAX_ATTEMPTS][:limit]
        self.record(EventKind.LEASE_LOST, [(row.id, row.lease_epoch) for row in again])
        picked = [*again, *self._lock(self.of_study(study), trials.c.state == _WAITING, limit=limit - len(again))]
        if not picked:
            return ()
        handed_out = self.connection.execute(
            update(trials)
            .where(self.own(trials), trials.c.id.in_([row.id for row in picked]))
            .values(
                state=_RUNNING,
                worker=worker,
                attempt=trials.c.attempt + 1,
                lease_epoch=trials.c.lease_epoch + 1,
                lease_until=after(lease_seconds),
                started_at=now(),
                **from_failure(None),
            )
            .returning(*trials.c)
        )
        rows = {row.id: row for row in handed_out}
        in_turn = [rows[row.id] for row in picked]
        self.record(EventKind.HANDED_OUT, [(row.id, row.lease_epoch) for row in in_turn])
        return tuple(to_trial(row, {}) for row in in_turn)

    def any_lost(self, grace_seconds: float) -> bool:
        """Whether any lease ran out so long ago."""
        lost = select(trials.c.id).where(self.own(trials), _lost(grace_seconds)).limit(1)
        return self.connection.execute(lost).first() is not None

    def sweep_lost(self, grace_seconds: float) -> int:
        """Take trials from workers whose lease ran out so long ago: they wait, or fail after their last attempt.

        How many there were.
        """
        lost = self._lock(self.own(trials), _lost(grace_seconds))
        self._fail([row for row in lost if row.attempt >= MAX_ATTEMPTS])
        again = [row for row in lost if row.attempt < MAX_ATTEMPTS]
        if again:
            self.connection.execute(
                update(trials)
                .where(self.own(trials), trials.c.id.in_([row.id for row in again]))
                .values(state=_WAITING, worker="", lease_until=None)
            )
            self.record(EventKind.LEASE_LOST, [(row.id, row.lease_epoch) for row in again])
        return len(lost)

    def trial(self, study: Study, number: int) -> Trial:
        """The trial with its values and their contracts. Raises TrialNotFound."""
        row = self.connection.execute(select(trials).where(self.of_number(study, number))).one_or_none()
        if row is None:
            raise TrialNotFound(f"study {study.name!r} has no trial {number}")
        found = self.connection.execute(
            select(trial_values.c.metric, trial_values.c.value, trial_values.c.stderr, trial_values.c.contract).where(
                self.own(trial_values),
                trial_values.c.trial_id == row.id,
                trial_values.c.variant == "",
                trial_values.c.device == "",
            )
        )
        values = {metric: Value(value, stderr, contract) for metric, value, stderr, contract in found}
        return to_trial(row, in_order(study.problem, values))

    def finished_before(self, study: Study, number: int) -> frozenset[int]:
        """The numbers of the trials that had finished when this one was added."""
        added = select(trials.c.created_at).where(self.of_number(study, number)).scalar_subquery()
        found = self.connection.execute(
            select(trials.c.number).where(self.of_study(study), trials.c.finished_at <= added)
        )
        return frozenset(found.scalars())

    def close_trial(self, study: Study, before: Trial, after: Trial) -> bool:
        """Finish the trial with its values; False when another request finished it first.

        A failure also needs the lease's epoch; a result is taken whatever the lease, as long as the trial is open.
        """
        statement = update(trials).where(
            self.of_number(study, before.number), trials.c.state.in_([state.value for state in OPEN])
        )
        if after.state is TrialState.FAILED:
            statement = statement.where(trials.c.lease_epoch == before.epoch, trials.c.state == _RUNNING)
        failure = None if after.state is TrialState.COMPLETE else after.failure
        closed = self.connection.execute(
            statement.values(
                state=after.state.value, finished_at=now(), lease_until=None, **from_failure(failure)
            ).returning(trials.c.id, trials.c.lease_epoch)
        ).one_or_none()
        if closed is None:
            return False
        if after.values:
            self.connection.execute(insert(trial_values), list(from_values(self.project_id, closed.id, after.values)))
        self.record(EventKind(after.state.value), [(closed.id, closed.lease_epoch)])
        return True

    def give_back(self, study: Study, before: Trial, after: Trial) -> bool:
        """Let the trial wait for the next ask; False when it does not run under this epoch any more."""
        given = self.connection.execute(
            update(trials)
            .where(
                self.of_number(study, before.number),
                trials.c.state == _RUNNING,
                trials.c.lease_epoch == before.epoch,
            )
            .values(state=_WAITING, worker="", attempt=after.attempt, lease_until=None, **from_failure(after.failure))
            .returning(trials.c.id, trials.c.lease_epoch)
        ).all()
        self.record(EventKind.GIVEN_BACK, [(row.id, row.lease_epoch) for row in given])
        return bool(given)

    def renew(self, study: Study, number: int, epoch: int, lease_seconds: float) -> bool:
        """Keep the lease for so many seconds from now; False when the trial does not run under this epoch."""
        renewed = self.connection.execute(
            update(trials)
            .where(self.of_number(study, number), trials.c.state == _RUNNING, trials.c.lease_epoch == epoch)
            .values(lease_until=after(lease_seconds))
        )
        return renewed.rowcount == 1

    def _new_row(self, study: Study, one: NewTrial) -> dict[str, Any]:
        runs = one.state is TrialState.RUNNING
        return {
            "project_id": self.project_id,
            "study_id": study.id,
            "number": one.number,
            "state": one.state.value,
            "source": one.source.value,
            "params": one.params,
            "reason": one.reason,
            "worker": one.worker,
            "attempt": int(runs),
            "lease_epoch": int(runs),
            "lease": one.lease_seconds if runs else None,
            "started": 0.0 if runs else None,
            "finished": 0.0 if one.state in FINISHED else None,
            **from_failure(one.failure),
        }

    def _lock(self, *conditions: ColumnElement[bool], limit: int | None = None) -> Sequence[Locked]:
        """The trials by number, held until the transaction ends; those that another claim holds are left to it."""
        return self.connection.execute(
            select(trials.c.id, trials.c.lease_epoch, trials.c.attempt)
            .where(*conditions)
            .order_by(trials.c.number)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()

    def _fail(self, lost: Sequence[Locked]) -> None:
        """Close trials whose last attempt's lease ran out, and that are locked."""
        if not lost:
            return
        self.connection.execute(
            update(trials)
            .where(self.own(trials), trials.c.id.in_([row.id for row in lost]))
            .values(state=_FAILED, finished_at=now(), lease_until=None, **from_failure(_LOST))
        )
        happened = [(row.id, row.lease_epoch) for row in lost]
        self.record(EventKind.LEASE_LOST, happened)
        self.record(EventKind.FAILED, happened)


def _lost(grace_seconds: float = 0.0) -> ColumnElement[bool]:
    """The condition that a trial's lease ran out, so many seconds ago or more, by the database's clock."""
    return and_(trials.c.state == _RUNNING, trials.c.lease_until < after(-grace_seconds))
