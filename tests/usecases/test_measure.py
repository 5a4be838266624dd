"""Late metrics are measured once each, by whoever has the device, and proposals never wait for them."""

from __future__ import annotations

import threading
import time

import pytest

from trimtab_service.domain.errors import (
    ContractMismatch,
    InvalidValue,
    JobNotFound,
    LeaseLost,
    MissingMetric,
    TrialAlreadyFinished,
)
from trimtab_service.domain.trial import FailureKind, Source, TrialState
from trimtab_service.store import JobState
from trimtab_service.usecases import ask, enqueue, history, measure, tell, upkeep

LATE = {
    "objectives": {"accuracy": "maximize", 'latency_ms["pi"]': "minimize"},
    "late_metrics": ['latency_ms["pi"]'],
}
PI = 'latency_ms["pi"]'


@pytest.fixture
def trained(study, rooms, caller, once):
    """A study with trials whose latency is still to be measured."""

    def make(count=1, **changes):
        study(**{**LATE, **changes})
        for place in range(count):
            trial = ask.ask(rooms, caller, "s", 1, "trainer", once()).body["result"][0]
            values = {"accuracy": 0.5 + place / 100}
            tell.tell(rooms, caller, "s", trial.number, trial.epoch, values, once(), artifact=f"m/{place}.onnx")

    return make


@pytest.fixture
def jobs(rooms, caller, once):
    def run(count=1, *, metric="latency_ms", device="pi", worker="board", ref=None):
        return measure.ask(rooms, caller, metric, device, worker, count, ref, once()).body["result"]

    return run


@pytest.fixture
def measured(rooms, caller, once):
    def run(leased, value, epoch=None):
        job = leased.job
        return measure.tell(rooms, caller, job.id, epoch or job.epoch, value, once()).body["result"]

    return run


def now(rooms, caller, number=0):
    return history.trial(rooms, caller, "s", number).trial


def test_a_job_brings_what_the_worker_needs_and_completes_its_trial(trained, jobs, measured, rooms, caller):
    trained(2)
    first, second = jobs(5)
    assert (first.study, first.trial.number, first.trial.artifact) == ("s", 0, "m/0.onnx")
    assert first.trial.params == now(rooms, caller).params
    assert jobs() == []
    assert measured(first, {"value": 12.5, "stderr": 0.5, "contract": {"threads": 1}}).state is JobState.DONE
    trial = now(rooms, caller)
    assert (trial.state, trial.values[PI].value, trial.values[PI].stderr) == (TrialState.COMPLETE, 12.5, 0.5)
    assert trial.values["accuracy"].value == 0.5
    assert PI not in now(rooms, caller, 1).values
    measured(second, 3)


def test_a_metric_that_is_not_late_must_be_told(study, rooms, caller, once):
    study(**LATE)
    ask.ask(rooms, caller, "s", 1, "w", once())
    with pytest.raises(MissingMetric, match="accuracy"):
        tell.tell(rooms, caller, "s", 0, 1, {PI: 3}, once())


def test_a_trial_told_whole_makes_no_job_and_one_from_elsewhere_makes_one(study, jobs, rooms, caller, once):
    study(**LATE)
    enqueue.add(rooms, caller, "s", [{"params": {"x": 0}, "values": {"accuracy": 0.5, PI: 3}}], once())
    assert jobs() == []
    enqueue.add(rooms, caller, "s", [{"params": {"x": 0.5}, "values": {"accuracy": 0.5}}], once())
    assert [one.trial.number for one in jobs(9)] == [1]
    enqueue.add(rooms, caller, "s", [{"params": {"x": 0.1}, "state": "failed"}], once())
    assert jobs() == []


def test_a_job_goes_to_its_device_only_and_to_its_study_if_asked(trained, jobs, study):
    trained()
    assert jobs(device="nano") == []
    assert jobs(metric="energy_mj") == []
    study(name="other", **LATE)
    assert jobs(ref="other") == []
    assert len(jobs(ref="s")) == 1


def test_a_plain_late_metric_is_measured_anywhere_and_says_where(trained, jobs, measured, rooms, caller):
    trained(2, objectives={"accuracy": "maximize"}, late_metrics=["latency_ms"])
    measured(jobs(device="nano")[0], 7)
    assert now(rooms, caller).values["latency_ms"].contract == {"device": "nano"}
    with pytest.raises(ContractMismatch, match="expected 'nano', got 'pi'"):
        measured(jobs(device="pi")[0], 5)


def test_the_same_value_twice_is_fine_and_another_changes_nothing(trained, jobs, measured, rooms, caller):
    trained()
    (job,) = jobs()
    assert measured(job, 5) == measured(job, 5)
    with pytest.raises(TrialAlreadyFinished, match=r"is 5\.0 and can't be told 6\.0"):
        measured(job, 6)
    assert now(rooms, caller).values[PI].value == 5


@pytest.mark.parametrize("value", [None, "5", True, float("nan"), {"value": 1, "x": 2}])
def test_what_is_no_number_leaves_the_job_open(trained, jobs, measured, rooms, caller, value):
    trained()
    (job,) = jobs()
    with pytest.raises(InvalidValue):
        measured(job, value)
    assert PI not in now(rooms, caller).values
    measured(job, 5)


def test_a_lost_job_comes_again_and_the_first_value_wins(trained, jobs, measured, rooms, caller):
    trained()
    object.__setattr__(rooms, "lease_seconds", 0.01)
    (lost,) = jobs(worker="lost")
    time.sleep(0.1)
    object.__setattr__(rooms, "lease_seconds", 60)
    (again,) = jobs(worker="next")
    assert (again.job.id, again.job.epoch) == (lost.job.id, 2)
    measured(lost, 5)
    with pytest.raises(TrialAlreadyFinished):
        measured(again, 6)
    with pytest.raises(LeaseLost, match="epochs 1 to 2, got epoch 3"):
        trained_again(jobs, measured, rooms, caller)
    assert now(rooms, caller).values[PI].value == 5


def trained_again(jobs, measured, rooms, caller):
    """A tell under an epoch that was never given out."""
    with rooms.store.begin(caller.project_id) as tx:
        study = tx.study("s")
        tx.add_measure_jobs(study, 0, [("energy_mj", "pi")])
    object.__setattr__(rooms, "lease_seconds", 0.01)
    jobs(metric="energy_mj")
    time.sleep(0.1)
    (job,) = jobs(metric="energy_mj")
    measured(job, 5, epoch=3)


def test_the_sweep_takes_jobs_from_lost_workers(trained, jobs, rooms):
    trained()
    object.__setattr__(rooms, "lease_seconds", 0.01)
    jobs()
    time.sleep(0.1)
    assert upkeep.sweep_leases(rooms, grace=0) == 1
    assert len(jobs()) == 1


def test_a_job_is_released_kept_and_failed(trained, jobs, rooms, caller, once):
    trained()
    (job,) = jobs()
    assert measure.heartbeat(rooms, caller, job.job.id, 1) == 60
    with pytest.raises(LeaseLost):
        measure.heartbeat(rooms, caller, job.job.id, 2)
    released = measure.release(rooms, caller, job.job.id, 1, once()).body["result"]
    assert (released.state, released.attempt) == (JobState.WAITING, 0)
    with pytest.raises(LeaseLost):
        measure.release(rooms, caller, job.job.id, 1, once())
    for attempt in range(1, 4):
        (job,) = jobs()
        failed = measure.fail(
            rooms, caller, job.job.id, job.job.epoch, FailureKind.INFRASTRUCTURE, "no board", once()
        ).body["result"]
        assert failed.state is (JobState.FAILED if attempt == 3 else JobState.WAITING)
    assert jobs() == []
    again = measure.fail(rooms, caller, job.job.id, job.job.epoch, FailureKind.INFRASTRUCTURE, "no board", once())
    assert again.body["result"].failure.message == "no board"
    with pytest.raises(TrialAlreadyFinished):
        measure.heartbeat(rooms, caller, job.job.id, job.job.epoch)
    with pytest.raises(JobNotFound):
        measure.heartbeat(rooms, caller, 999, 1)


def test_proposals_keep_coming_while_nothing_is_measured(study, rooms, caller, once):
    study(**LATE, algorithm="gp", options={"n_initial": 3})
    for place in range(8):
        trial = ask.ask(rooms, caller, "s", 1, "w", once()).body["result"][0]
        tell.tell(rooms, caller, "s", trial.number, trial.epoch, {"accuracy": 0.5 + place / 100}, once())
    assert trial.source is not Source.FALLBACK
    assert trial.number == 7


def test_no_job_is_lost_or_done_twice_by_many_workers(trained, jobs, rooms, caller, once):
    trained(20)
    done, errors = [], []

    def work(name):
        try:
            while batch := jobs(3, worker=name):
                for leased in batch:
                    job = leased.job
                    measure.tell(rooms, caller, job.id, job.epoch, float(leased.trial.number), once())
                    done.append(leased.trial.number)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(f"w{place}",)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(done) == list(range(20))
    assert [now(rooms, caller, number).values[PI].value for number in range(20)] == list(range(20))


def test_what_follows_from_late_metrics_is_worked_out_when_the_last_one_comes(
    study, jobs, measured, rooms, caller, once
):
    study(
        objectives={"reward": {"direction": "maximize", "formula": 'accuracy - latency_ms["a"] - latency_ms["b"]'}},
        metrics=["accuracy"],
        late_metrics=['latency_ms["a"]', 'latency_ms["b"]'],
    )
    enqueue.add(rooms, caller, "s", [{"params": {"x": 0}, "values": {"accuracy": 9}}], once())
    measured(jobs(device="a")[0], 2)
    assert "reward" not in now(rooms, caller).values
    measured(jobs(device="b")[0], 3)
    assert now(rooms, caller).values["reward"].value == 4


def test_a_late_value_gives_every_variant_its_own_reward(study, jobs, measured, rooms, caller, once):
    reward = {"direction": "maximize", "formula": "accuracy / size_kb - latency_ms"}
    study(objectives={"reward": reward}, metrics=["accuracy", "size_kb"], late_metrics=["latency_ms"])
    trial = ask.ask(rooms, caller, "s", 1, "trainer", once()).body["result"][0]
    variants = {"int8": {"size_kb": 1}, "fast": {"latency_ms": 1}, "empty": {"size_kb": 0}}

    def told():
        return tell.tell(rooms, caller, "s", trial.number, trial.epoch, values, once(), variants=variants)

    values = {"accuracy": 8, "size_kb": 4}
    told()
    assert now(rooms, caller).variants["fast"]["reward"].value == 1
    assert "reward" not in now(rooms, caller).variants["int8"]
    measured(jobs(device="")[0], 0.5)
    found = now(rooms, caller)
    assert found.values["reward"].value == 1.5
    assert {name: own["reward"].value for name, own in found.variants.items() if "reward" in own} == {
        "fast": 1,
        "int8": 7.5,
    }
    told()
    assert now(rooms, caller) == found
