"""Measure: late metrics of complete trials, leased to workers who have the device, one job each.

A job completes the values of its trial and changes none that are there. It is guarded by its epoch, as a trial is: no
job is lost, since one whose lease ran out waits again, and none is done twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from trimtab_service.domain.errors import InvalidQuery, InvalidStudy, LeaseLost, TrialAlreadyFinished
from trimtab_service.domain.metric import Value, check_metric_key, join_key
from trimtab_service.domain.study import Study
from trimtab_service.domain.trial import Failure, FailureKind, Trial
from trimtab_service.store import JobState, MeasureJob, Transaction
from trimtab_service.usecases.contracts import fence
from trimtab_service.usecases.once import Answer, Once
from trimtab_service.usecases.rooms import Caller, Rooms, again_when_raced

__all__ = ["Leased", "MeasureJob", "ask", "fail", "heartbeat", "release", "tell"]


@dataclass(frozen=True, slots=True)
class Leased:
    """A job that was handed out, with what the worker needs to know of its trial. study: its name."""

    job: MeasureJob
    study: str
    trial: Trial


@again_when_raced
def ask(
    rooms: Rooms, caller: Caller, metric: str, device: str, worker: str, count: int, ref: str | None, once: Once
) -> Answer:
    """Up to count jobs of this metric for this device, perhaps none; of one study or of all.

    A job of a plain metric, of no device, may be taken by any. Raises StudyNotFound and InvalidQuery.
    """
    _check_key(join_key(metric, device))
    with rooms.store.begin(caller.project_id) as tx:
        if (answer := once.saved(tx)) is not None:
            return answer
        study = None if ref is None else tx.study(ref)
        jobs = tx.claim_measure_jobs(metric, device, worker, count, rooms.lease_seconds, study)
        return once.save(tx, [_leased(tx, job) for job in jobs])


@again_when_raced
def tell(rooms: Rooms, caller: Caller, job_id: int, epoch: int, value: object, once: Once) -> Answer:
    """Keep the measured value; what follows from it (a derived objective, a formula) is filled in.

    The first valid value wins, also one that comes late from a worker whose lease was lost. A value of no device
    keeps in its contract where it was measured.

    The same value twice is fine. Raises JobNotFound, LeaseLost, TrialAlreadyFinished when another value is there,
    InvalidValue and ContractMismatch.
    """
    with rooms.store.begin(caller.project_id) as tx:
        if (answer := once.saved(tx)) is not None:
            return answer
        job = tx.measure_job(job_id)
        study, trial = _of(tx, job)
        key = join_key(job.metric, job.device)
        told = _measured_on(job.device or job.worker_device, Value.of(key, value))
        if job.state is JobState.DONE:
            _check_same(job, key, trial.values.get(key), told)
            return once.save(tx, job)
        _check_may_tell(job, epoch)
        fence(tx, study, {key: told})
        if not tx.close_measure_job(job, epoch):
            raise TrialAlreadyFinished(f"measure job {job.id} was ended by another request just now")
        tx.add_values(study, trial.number, {key: told})
        now = tx.trial(study, trial.number)  # read while this transaction holds the trial
        for variant, values in _following(study, now).items():
            tx.add_values(study, trial.number, values, variant)
        return once.save(tx, tx.measure_job(job_id))


@again_when_raced
def fail(
    rooms: Rooms, caller: Caller, job_id: int, epoch: int, kind: FailureKind, message: str, once: Once
) -> Answer:
    """End the job without a value; after an infrastructure failure it waits again while attempts are left.

    Raises JobNotFound, LeaseLost and TrialAlreadyFinished.
    """
    with rooms.store.begin(caller.project_id) as tx:
        if (answer := once.saved(tx)) is not None:
            return answer
        job, failure = tx.measure_job(job_id), Failure(kind, message)
        if not (job.state is JobState.FAILED and job.failure == failure and job.epoch == epoch):
            _check_lease(job, epoch)
            if not tx.close_measure_job(job, epoch, failure):
                raise LeaseLost(f"measure job {job.id} was given away just now")
        return once.save(tx, tx.measure_job(job_id))


@again_when_raced
def release(rooms: Rooms, caller: Caller, job_id: int, epoch: int, once: Once) -> Answer:
    """Give the job back unharmed: the next ask hands it out. Raises JobNotFound, LeaseLost, TrialAlreadyFinished."""
    with rooms.store.begin(caller.project_id) as tx:
        if (answer := once.saved(tx)) is not None:
            return answer
        job = tx.measure_job(job_id)
        _check_lease(job, epoch)
        if not tx.release_measure_job(job, epoch):
            raise LeaseLost(f"measure job {job.id} was given away just now")
        return once.save(tx, tx.measure_job(job_id))


@again_when_raced
def heartbeat(rooms: Rooms, caller: Caller, job_id: int, epoch: int) -> float:
    """Keep the lease for another lease_seconds, which is returned. Raises as release does."""
    with rooms.store.begin(caller.project_id) as tx:
        job = tx.measure_job(job_id)
        if not tx.renew_measure_job(job, epoch, rooms.lease_seconds):
            _check_lease(job, epoch)
            raise LeaseLost(f"measure job {job_id} was given away just now")
    return rooms.lease_seconds


def _check_key(key: str) -> None:
    try:
        check_metric_key(key)
    except InvalidStudy as error:
        raise InvalidQuery(error.detail) from error


def _leased(tx: Transaction, job: MeasureJob) -> Leased:
    study, trial = _of(tx, job)
    return Leased(job, study.name, trial)


def _of(tx: Transaction, job: MeasureJob) -> tuple[Study, Trial]:
    study = tx.study(job.study)
    return study, tx.trial(study, job.number)


def _measured_on(device: str, value: Value) -> Value:
    return replace(value, contract={**value.contract, "device": device}) if device else value


def _check_may_tell(job: MeasureJob, epoch: int) -> None:
    """A late value of no device would be taken for one of the device that has the job now."""
    if job.state is JobState.FAILED or not job.device:
        _check_lease(job, epoch)
    if not 1 <= epoch <= job.epoch:
        raise LeaseLost(f"measure job {job.id} was handed out under epochs 1 to {job.epoch}, got epoch {epoch}")


def _check_lease(job: MeasureJob, epoch: int) -> None:
    if job.state in (JobState.DONE, JobState.FAILED):
        raise TrialAlreadyFinished(f"measure job {job.id} is {job.state.value}")
    if job.state is not JobState.RUNNING or job.epoch != epoch:
        raise LeaseLost(f"measure job {job.id} is {job.state.value} under epoch {job.epoch}, got epoch {epoch}")


def _check_same(job: MeasureJob, key: str, before: Value | None, told: Value) -> None:
    if before is None or (before.value, before.stderr) != (told.value, told.stderr):
        there = "no value" if before is None else before.value
        raise TrialAlreadyFinished(f"measure job {job.id} is done: {key} is {there} and can't be told {told.value}")


def _following(study: Study, trial: Trial) -> Mapping[str, Mapping[str, Value]]:
    """What can be worked out now that a value has come, without what is there: by variant, "" for the trial's own.

    Raises InvalidValue.
    """
    values = study.problem.values({}, complete=True, before=trial.values)
    told, found = {"": trial.values, **trial.variants}, {"": values}
    for name, own in trial.variants.items():
        found[name] = study.problem.told.variant(name, own, values)
    new = {name: {key: one for key, one in found[name].items() if told[name].get(key) != one} for name in told}
    return {name: values for name, values in new.items() if values}
