"""The statements about measure jobs: late metrics of complete trials, leased to workers that have the device."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, literal, select, update

from trimtab_service.domain.errors import JobNotFound, TrialNotFound
from trimtab_service.domain.study import Study
from trimtab_service.domain.trial import MAX_ATTEMPTS, Failure, FailureKind
from trimtab_service.store.clock import after, now
from trimtab_service.store.mapping import from_failure, to_failure
from trimtab_service.store.scope import Scope
from trimtab_service.store.tables import JobState, measure_jobs, studies, trials

_RUNNING, _WAITING = (literal(state.value, literal_execute=True) for state in (JobState.RUNNING, JobState.WAITING))
"""Spelled out in statements: an index of the jobs in one state is used only where the state is no variable."""
_LOST = Failure(FailureKind.INFRASTRUCTURE, f"lease lost {MAX_ATTEMPTS} times")
_FREE: dict[str, Any] = {"worker": "", "worker_device": "", "lease_until": None}


@dataclass(frozen=True, slots=True)
class MeasureJob:
    """A metric of a trial that is to be measured. study: its public id. number: the trial's.

    device: whose figure is wanted, "" for any. worker_device: what the worker who holds it, or held it last, measures
    on. epoch: rises with each hand-out.
    """

    id: int
    study: str
    number: int
    metric: str
    device: str
    state: JobState
    worker: str
    worker_device: str
    attempt: int
    epoch: int
    failure: Failure | None


class MeasureJobs(Scope):
    """The statements about measure jobs."""

    def add_measure_jobs(self, study: Study, number: int, wanted: Collection[tuple[str, str]]) -> int:
        """Jobs of the trial for each (metric, device) that has none yet; how many there are. Raises TrialNotFound."""
        trial_id = self.connection.execute(select(trials.c.id).where(self.of_number(study, number))).scalar()
        if trial_id is None:
            raise TrialNotFound(f"study {study.name!r} has no trial {number}")
        statement = (
            self.upsert(measure_jobs)
            .on_conflict_do_nothing(index_elements=["trial_id", "metric", "device"])
            .returning(measure_jobs.c.id)
        )
        added = 0
        for metric, device in sorted(wanted):
            made = self.connection.execute(
                statement.values(
                    project_id=self.project_id,
                    study_id=study.id,
                    trial_id=trial_id,
                    metric=metric,
                    device=device,
                    state=JobState.WAITING.value,
                    worker="",
                    worker_device="",
                    attempt=0,
                    lease_epoch=0,
                    created_at=now(),
                )
            )
            added += len(made.all())
        return added

    def claim_measure_jobs(
        self,
        metric: str,
        device: str,
        worker: str,
        limit: int,
        lease_seconds: float,
        study: Study | None = None,
    ) -> tuple[MeasureJob, ...]:
        """Hand out up to limit jobs of the metric: of the device, then of none, which any device may take.

        Of each, those whose lease ran out come first, then the oldest. No job is handed out twice, however many ask
        at once. One that was handed out MAX_ATTEMPTS times and lost fails instead.
        """
        conditions = [self.own(measure_jobs), measure_jobs.c.metric == metric]
        if study is not None:
            conditions.append(measure_jobs.c.study_id == study.id)
        picked: list[int] = []
        for wanted in dict.fromkeys((device, "")):
            of_device = and_(*conditions, measure_jobs.c.device == wanted)
            lost = self._hold_jobs(of_device, _lost())
            self._fail_jobs([row.id for row in lost if row.attempt >= MAX_ATTEMPTS])
            picked += [row.id for row in lost if row.attempt < MAX_ATTEMPTS][: limit - len(picked)]
            waiting = self._hold_jobs(of_device, measure_jobs.c.state == _WAITING, limit=limit - len(picked))
            picked += [row.id for row in waiting]
        if not picked:
            return ()
        self.connection.execute(
            update(measure_jobs)
            .where(self.own(measure_jobs), measure_jobs.c.id.in_(picked))
            .values(
                state=_RUNNING,
                worker=worker,
                worker_device=device,
                attempt=measure_jobs.c.attempt + 1,
                lease_epoch=measure_jobs.c.lease_epoch + 1,
                lease_until=after(lease_seconds),
                **from_failure(None),
            )
        )
        jobs = {job.id: job for job in self._jobs(measure_jobs.c.id.in_(picked))}
        return tuple(jobs[job_id] for job_id in picked)

    def measure_job(self, job_id: int) -> MeasureJob:
        """The job. Raises JobNotFound."""
        jobs = self._jobs(measure_jobs.c.id == job_id)
        if not jobs:
            raise JobNotFound(f"there is no measure job {job_id}")
        return jobs[0]

    def measure_jobs(self, study: Study) -> dict[JobState, int]:
        """How many of the study's jobs are in each state; a state without jobs is left out."""
        found = self.connection.execute(
            select(measure_jobs.c.state, func.count())
            .where(self.own(measure_jobs), measure_jobs.c.study_id == study.id)
            .group_by(measure_jobs.c.state)
        )
        return {JobState(state): count for state, count in found}

    def close_measure_job(self, job: MeasureJob, epoch: int, failure: Failure | None = None) -> bool:
        """End the job: done, or without a value after a failure; False when another request ended it first.

        A failure also needs the lease's epoch; a result is taken whatever the lease, as long as the job is open, and
        is kept by `add_values`. After an infrastructure failure the job waits again while attempts are left.
        """
        if failure is None:
            still_open = measure_jobs.c.state.in_([_WAITING, _RUNNING])
            return self._change_job(
                job, still_open, state=JobState.DONE.value, lease_until=None, **from_failure(None)
            )
        if failure.kind is FailureKind.INFRASTRUCTURE and job.attempt < MAX_ATTEMPTS:
            return self._change_job(job, _held(epoch), state=JobState.WAITING.value, **_FREE, **from_failure(failure))
        return self._change_job(
            job, _held(epoch), state=JobState.FAILED.value, lease_until=None, **from_failure(failure)
        )

    def release_measure_job(self, job: MeasureJob, epoch: int) -> bool:
        """Let the job wait for the next ask, its attempt not counted; False when it does not run under the epoch."""
        return self._change_job(
            job, _held(epoch), state=JobState.WAITING.value, attempt=measure_jobs.c.attempt - 1, **_FREE
        )

    def renew_measure_job(self, job: MeasureJob, epoch: int, lease_seconds: float) -> bool:
        """Keep the lease for so many seconds from now; False when the job does not run under the epoch."""
        return self._change_job(job, _held(epoch), lease_until=after(lease_seconds))

    def any_lost_job(self, grace_seconds: float) -> bool:
        """Whether any lease of a job ran out so long ago."""
        lost = select(measure_jobs.c.id).where(self.own(measure_jobs), _lost(grace_seconds)).limit(1)
        return self.connection.execute(lost).first() is not None

    def sweep_lost_jobs(self, grace_seconds: float) -> int:
        """Take jobs from workers whose lease ran out so long ago: they wait, or fail after their last attempt.

        How many there were.
        """
        lost = self._hold_jobs(self.own(measure_jobs), _lost(grace_seconds))
        self._fail_jobs([row.id for row in lost if row.attempt >= MAX_ATTEMPTS])
        again = [row.id for row in lost if row.attempt < MAX_ATTEMPTS]
        if again:
            self.connection.execute(
                update(measure_jobs)
                .where(self.own(measure_jobs), measure_jobs.c.id.in_(again))
                .values(state=_WAITING, **_FREE)
            )
        return len(lost)

    def _change_job(self, job: MeasureJob, condition: ColumnElement[bool], **changes: Any) -> bool:
        """Change the job if the condition holds; whether it did."""
        changed = self.connection.execute(
            update(measure_jobs).where(self.own(measure_jobs), measure_jobs.c.id == job.id, condition).values(changes)
        )
        return changed.rowcount == 1

    def _jobs(self, condition: ColumnElement[bool]) -> list[MeasureJob]:
        found = self.connection.execute(
            select(measure_jobs, studies.c.public_id, trials.c.number)
            .join(trials, trials.c.id == measure_jobs.c.trial_id)
            .join(studies, studies.c.id == measure_jobs.c.study_id)
            .where(self.own(measure_jobs), condition)
        )
        return [_to_job(row) for row in found]

    def _hold_jobs(self, *conditions: ColumnElement[bool], limit: int | None = None) -> Sequence[Row[int, int]]:
        """The row id and attempt of jobs, the oldest first, held until the transaction ends; others' are left out."""
        return self.connection.execute(
            select(measure_jobs.c.id, measure_jobs.c.attempt)
            .where(*conditions)
            .order_by(measure_jobs.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()

    def _fail_jobs(self, held: Sequence[int]) -> None:
        if held:
            self.connection.execute(
                update(measure_jobs)
                .where(self.own(measure_jobs), measure_jobs.c.id.in_(held))
                .values(state=JobState.FAILED.value, lease_until=None, **from_failure(_LOST))
            )


def _lost(grace_seconds: float = 0.0) -> ColumnElement[bool]:
    """The condition that a job's lease ran out, so many seconds ago or more, by the database's clock."""
    return and_(measure_jobs.c.state == _RUNNING, measure_jobs.c.lease_until < after(-grace_seconds))


def _held(epoch: int) -> ColumnElement[bool]:
    """The condition that a job runs under the epoch."""
    return and_(measure_jobs.c.state == _RUNNING, measure_jobs.c.lease_epoch == epoch)


def _to_job(row: Row[Any]) -> MeasureJob:
    return MeasureJob(
        id=row.id,
        study=row.public_id,
        number=row.number,
        metric=row.metric,
        device=row.device,
        state=JobState(row.state),
        worker=row.worker,
        worker_device=row.worker_device,
        attempt=row.attempt,
        epoch=row.lease_epoch,
        failure=to_failure(row),
    )


def _ended(state: JobState, failure: Failure | None) -> dict[str, Any]:
    return {"state": state.value, "lease_until": None, **from_failure(failure)}
