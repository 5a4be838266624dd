"""Measure jobs: each to one worker at a time, a lost one again, thrice in all; done once."""

from __future__ import annotations

import pytest

from tests.builders import a_project, a_study, a_trial
from tests.store.racing import race
from trimtab_service.domain.errors import JobNotFound, TrialNotFound
from trimtab_service.domain.trial import MAX_ATTEMPTS, Failure, FailureKind, TrialState
from trimtab_service.store import JobState

PI = ("latency_ms", "pi-zero")
BROKEN = Failure(FailureKind.ERROR, "no such file")


def a_job(store, wanted=PI, study=None):
    """A waiting job of a complete trial; the study and the job."""
    study = study or a_study(store)
    trial = a_trial(store, study, state=TrialState.COMPLETE)
    with store.begin() as tx:
        assert tx.add_measure_jobs(study, trial.number, [wanted]) == 1
    return study, trial.number


def claim(store, metric="latency_ms", device="pi-zero", limit=1, lease_seconds=60.0, **of):
    with store.begin() as tx:
        return tx.claim_measure_jobs(metric, device, "board-1", limit, lease_seconds, **of)


def found(store, job):
    with store.read() as tx:
        return tx.measure_job(job.id)


def change(store, name, *arguments):
    with store.begin() as tx:
        return getattr(tx, name)(*arguments)


def test_a_job_is_handed_out_with_what_its_worker_needs(store):
    study, number = a_job(store)
    (job,) = claim(store)
    assert (job.study, job.number) == (study.public_id, number)
    assert (job.metric, job.device, job.worker, job.worker_device) == (*PI, "board-1", "pi-zero")
    assert (job.state, job.epoch, job.attempt, job.failure) == (JobState.RUNNING, 1, 1, None)
    assert found(store, job) == job
    assert claim(store) == ()


def test_a_trial_has_one_job_of_each_metric_and_device(store):
    study, number = a_job(store)
    with store.begin() as tx:
        assert tx.add_measure_jobs(study, number, [PI, ("energy_mj", "pi-zero"), ("latency_ms", "")]) == 2
        assert tx.add_measure_jobs(study, number, []) == 0
        assert tx.measure_jobs(study) == {JobState.WAITING: 3}
        with pytest.raises(TrialNotFound, match="no trial 99"):
            tx.add_measure_jobs(study, 99, [PI])
        assert tx.measure_jobs(a_study(tx)) == {}


def test_jobs_are_of_the_metric_the_device_the_study_and_the_project(store):
    study, _ = a_job(store)
    a_job(store, ("latency_ms", "phone"))
    a_job(store, ("energy_mj", "pi-zero"))
    other, _ = a_job(store)
    with store.begin(a_project(store)) as tx:
        assert tx.claim_measure_jobs(*PI, "board", 9, 60.0) == ()
    assert [job.study for job in claim(store, limit=9, study=other)] == [other.public_id]
    assert [job.study for job in claim(store, limit=9)] == [study.public_id]
    assert claim(store, device="", limit=9) == ()


def test_a_job_of_no_device_goes_to_any_device_after_its_own(store):
    _, plain = a_job(store, ("latency_ms", ""))
    a_job(store)
    own, any_device = claim(store, limit=2)
    assert (own.device, any_device.device, any_device.worker_device) == ("pi-zero", "", "pi-zero")
    assert any_device.number == plain
    a_job(store, ("latency_ms", ""))
    (job,) = claim(store, device="")
    assert (job.device, job.worker_device) == ("", "")


def test_sixteen_claimers_of_forty_jobs_get_each_once(store):
    study = a_study(store)
    for _ in range(40):
        a_job(store, study=study)

    def work(place: int) -> list[tuple[int, int]]:
        mine = []
        for _ in range(50):
            got = claim(store, limit=1 + place % 3)
            mine += [(job.number, job.epoch) for job in got]
            if not got:
                break
        return mine

    handed_out = [one for mine in race(16, work) for one in mine]
    handed_out += [(job.number, job.epoch) for job in claim(store, limit=40)]
    assert sorted(handed_out) == [(number, 1) for number in range(40)]


def test_a_lost_lease_taken_by_many_at_once_goes_to_one(store):
    a_job(store)
    (lost,) = claim(store, lease_seconds=-1)
    assert sum(race(8, lambda _: len(claim(store)))) == 1
    assert (found(store, lost).epoch, found(store, lost).attempt) == (2, 2)


def test_a_job_whose_lease_is_lost_each_time_fails_after_the_last_attempt(store):
    study, _ = a_job(store)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        (job,) = claim(store, lease_seconds=-1)
        assert job.attempt == attempt
    assert claim(store) == ()
    failed = found(store, job)
    assert (failed.state, failed.failure.kind) == (JobState.FAILED, FailureKind.INFRASTRUCTURE)
    with store.read() as tx:
        assert tx.measure_jobs(study) == {JobState.FAILED: 1}


def test_the_sweep_lets_lost_jobs_wait_and_ends_those_of_the_last_attempt(store):
    a_job(store)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        (job,) = claim(store, lease_seconds=-1)
        with store.read() as tx:
            assert tx.any_lost(0.0)
            assert not tx.any_lost(30.0)
        with store.begin() as tx:
            assert tx.sweep_lost(30.0) == 0
            assert tx.sweep_lost(0.0) == 1
            assert not tx.any_lost(0.0)
        last = attempt == MAX_ATTEMPTS
        assert found(store, job).state is (JobState.FAILED if last else JobState.WAITING)
    assert claim(store) == ()


def test_a_job_is_done_once_whoever_tells_first(store):
    a_job(store)
    (late,) = claim(store, lease_seconds=-1)
    (job,) = claim(store)
    assert job.epoch == 2

    def close(place: int) -> bool:
        mine = late if place % 2 else job
        return change(store, "close_measure_job", mine, mine.epoch)

    assert sum(race(8, close)) == 1
    assert found(store, job).state is JobState.DONE
    for epoch in (1, 2):
        assert not change(store, "close_measure_job", job, epoch, BROKEN)
        assert not change(store, "release_measure_job", job, epoch)
        assert not change(store, "renew_measure_job", job, epoch, 60.0)
    assert claim(store) == ()


def test_a_result_is_taken_after_the_lease_was_lost(store):
    a_job(store)
    (late,) = claim(store, lease_seconds=-1)
    change(store, "sweep_lost", 0.0)
    assert change(store, "close_measure_job", late, late.epoch)
    assert claim(store) == ()


def test_only_the_present_holder_fails_releases_or_renews_a_job(store):
    a_job(store)
    (late,) = claim(store, lease_seconds=-1)
    (job,) = claim(store)
    for epoch in (late.epoch, job.epoch + 1):
        assert not change(store, "close_measure_job", job, epoch, BROKEN)
        assert not change(store, "release_measure_job", job, epoch)
        assert not change(store, "renew_measure_job", job, epoch, 60.0)
    assert found(store, job) == job


def test_a_renewed_job_is_not_lost(store):
    a_job(store)
    (job,) = claim(store, lease_seconds=-1)
    assert change(store, "renew_measure_job", job, job.epoch, 60.0)
    assert claim(store) == ()


def test_a_released_job_waits_and_its_attempt_does_not_count(store):
    a_job(store)
    for epoch in range(1, MAX_ATTEMPTS + 3):
        (job,) = claim(store)
        assert (job.attempt, job.epoch) == (1, epoch)
        assert change(store, "release_measure_job", job, job.epoch)
    free = found(store, job)
    assert (free.state, free.worker, free.worker_device) == (JobState.WAITING, "", "")


def test_a_failed_job_stays_failed(store):
    a_job(store)
    (job,) = claim(store)
    assert change(store, "close_measure_job", job, job.epoch, BROKEN)
    assert (found(store, job).state, found(store, job).failure) == (JobState.FAILED, BROKEN)
    assert not change(store, "close_measure_job", job, job.epoch)
    assert claim(store) == ()


def test_an_infrastructure_failure_lets_the_job_wait_while_attempts_are_left(store):
    a_job(store)
    gone = Failure(FailureKind.INFRASTRUCTURE, "board unplugged")
    for attempt in range(1, MAX_ATTEMPTS + 1):
        (job,) = claim(store)
        assert job.failure is None
        assert change(store, "close_measure_job", job, job.epoch, gone)
        after = found(store, job)
        assert after.failure == gone
        assert after.state is (JobState.FAILED if attempt == MAX_ATTEMPTS else JobState.WAITING)
    assert claim(store) == ()


def test_a_job_that_is_not_there_is_not_found(store):
    study, _ = a_job(store)
    (job,) = claim(store)
    with store.begin(a_project(store)) as tx:
        with pytest.raises(JobNotFound, match="no measure job"):
            tx.measure_job(job.id)
        assert not tx.close_measure_job(job, job.epoch)
    change(store, "delete_study", study)
    with pytest.raises(JobNotFound, match=f"no measure job {job.id}"):
        found(store, job)


def test_a_claim_among_many_jobs_reads_the_index(store):
    study = a_study(store)
    a_job(store, study=study)
    statements = {
        "waiting": "SELECT id FROM measure_jobs WHERE project_id = 1 AND metric = 'latency_ms' "
        "AND device = 'pi-zero' AND state = 'waiting' ORDER BY id LIMIT 4",
        "lease": "SELECT id FROM measure_jobs WHERE project_id = 1 AND state = 'running' "
        "AND lease_until < '2026-11-24T00:00:00Z'",
    }
    for index, statement in statements.items():
        with store.begin() as tx:
            if tx.connection.dialect.name == "postgresql":  # a small table is read whole unless that is forbidden
                tx.connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
                plan = tx.connection.exec_driver_sql(f"EXPLAIN {statement}").scalars().all()
            else:
                plan = [row[3] for row in tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")]
        assert f"measure_jobs_{index}_idx" in " ".join(plan)
        assert "Sort" not in " ".join(plan)
        assert "TEMP B-TREE" not in " ".join(plan)
