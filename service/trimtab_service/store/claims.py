"""The statements that hand out trials, keep their leases, and take them back when a lease runs out."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Row, and_, func, literal, select, update

from trimtab_service.domain.study import Study
from trimtab_service.domain.trial import MAX_ATTEMPTS, Failure, FailureKind, Trial, TrialState
from trimtab_service.store.clock import after, now
from trimtab_service.store.mapping import from_failure, to_trial
from trimtab_service.store.measure_jobs import MeasureJobs
from trimtab_service.store.moment import mark
from trimtab_service.store.tables import EventKind, trials
from trimtab_service.store.values import Values

_RUNNING, _WAITING, _FAILED = (
    literal(state.value, literal_execute=True)
    for state in (TrialState.RUNNING, TrialState.WAITING, TrialState.FAILED)
)
"""Spelled out in statements: an index of the trials in one state is used only where the state is no variable."""
_LOST = Failure(FailureKind.INFRASTRUCTURE, f"lease lost {MAX_ATTEMPTS} times")

Locked = Row[int, int, int]
"""The row id, lease_epoch and attempt of a trial that this transaction holds."""


class Claims(Values, MeasureJobs):
    """The statements about leases of trials."""

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
                changed=mark(),
                **from_failure(None),
            )
            .returning(*trials.c)
        )
        rows = {row.id: row for row in handed_out}
        in_turn = [rows[row.id] for row in picked]
        self.record(EventKind.HANDED_OUT, [(row.id, row.lease_epoch) for row in in_turn])
        told = self.values_of([row.id for row in in_turn if row.lease_epoch > 1], contracts=True)
        return tuple(to_trial(study.problem, row, told.get(row.id, {})) for row in in_turn)

    def any_lost(self, grace_seconds: float) -> bool:
        """Whether any lease of a trial or of a measure job ran out so long ago."""
        lost = select(trials.c.id).where(self.own(trials), _lost(grace_seconds)).limit(1)
        return self.connection.execute(lost).first() is not None or self.any_lost_job(grace_seconds)

    def sweep_lost(self, grace_seconds: float) -> int:
        """Take trials and measure jobs from workers whose lease ran out so long ago.

        They wait, or fail after their last attempt. How many there were.
        """
        lost = self._lock(self.own(trials), _lost(grace_seconds))
        self._fail([row for row in lost if row.attempt >= MAX_ATTEMPTS])
        again = [row for row in lost if row.attempt < MAX_ATTEMPTS]
        if again:
            self.connection.execute(
                update(trials)
                .where(self.own(trials), trials.c.id.in_([row.id for row in again]))
                .values(state=_WAITING, worker="", lease_until=None, changed=mark())
            )
            self.record(EventKind.LEASE_LOST, [(row.id, row.lease_epoch) for row in again])
        return len(lost) + self.sweep_lost_jobs(grace_seconds)

    def renew(self, study: Study, number: int, epoch: int, lease_seconds: float) -> bool:
        """Keep the lease for so many seconds from now; False when the trial does not run under this epoch."""
        renewed = self.connection.execute(
            update(trials)
            .where(self.of_number(study, number), trials.c.state == _RUNNING, trials.c.lease_epoch == epoch)
            .values(lease_until=after(lease_seconds))
        )
        return renewed.rowcount == 1

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
            .values(state=_FAILED, finished_at=now(), lease_until=None, changed=mark(), **from_failure(_LOST))
        )
        happened = [(row.id, row.lease_epoch) for row in lost]
        self.record(EventKind.LEASE_LOST, happened)
        self.record(EventKind.FAILED, happened)


def _lost(grace_seconds: float = 0.0) -> ColumnElement[bool]:
    """The condition that a trial's lease ran out, so many seconds ago or more, by the database's clock."""
    return and_(trials.c.state == _RUNNING, trials.c.lease_until < after(-grace_seconds))
