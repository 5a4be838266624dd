"""A tell ends a trial once; late, repeated and foreign ones are answered with what happened."""

from __future__ import annotations

import pytest

from trimtab_service.domain.errors import (
    LeaseLost,
    MissingMetric,
    TrialAlreadyFinished,
    TrialNotFound,
    UnknownMetric,
)
from trimtab_service.domain.trial import FailureKind, TrialState
from trimtab_service.usecases import ask, history, report, tell


@pytest.fixture
def asked(study, rooms, caller, once):
    study()
    return ask.ask(rooms, caller, "s", 1, "w", once()).body["result"][0]


def now(rooms, caller, number=0):
    return history.trial(rooms, caller, "s", number).trial


def test_a_tell_keeps_values_errors_and_contracts(asked, rooms, caller, once):
    contract = {"statistic": "median", "repetitions": 50}
    told = {"loss": {"value": 0.5, "stderr": 0.1}, "latency_ms": {"value": 2, "contract": contract}}
    tell.tell(rooms, caller, "s", 0, 1, told, once())
    trial = now(rooms, caller)
    assert trial.state is TrialState.COMPLETE
    assert (trial.values["loss"].value, trial.values["loss"].stderr) == (0.5, 0.1)
    assert dict(trial.values["latency_ms"].contract) == contract
    assert trial.finished_at >= trial.started_at


def test_the_same_tell_twice_is_fine_and_another_one_is_a_conflict(asked, rooms, caller, once):
    first = tell.tell(rooms, caller, "s", 0, 1, {"loss": 0.5}, once())
    again = tell.tell(rooms, caller, "s", 0, 1, {"loss": 0.5}, once())
    assert again.body["result"] == first.body["result"]
    with pytest.raises(TrialAlreadyFinished, match=r"complete with \{loss: 0.5\} and can't be told \{loss: 0.25\}"):
        tell.tell(rooms, caller, "s", 0, 1, {"loss": 0.25}, once())
    assert now(rooms, caller).values["loss"].value == 0.5


def test_a_late_tell_wins_while_the_trial_is_open_and_the_second_worker_hears_of_it(asked, rooms, caller, once):
    tell.release(rooms, caller, "s", 0, 1, once())
    (again,) = ask.ask(rooms, caller, "s", 1, "other", once()).body["result"]
    assert again.epoch == 2
    tell.tell(rooms, caller, "s", 0, 1, {"loss": 0.5}, once())
    with pytest.raises(TrialAlreadyFinished):
        tell.heartbeat(rooms, caller, "s", 0, 2)
    with pytest.raises(TrialAlreadyFinished):
        tell.tell(rooms, caller, "s", 0, 2, {"loss": 0.1}, once())


def test_an_epoch_that_was_never_given_out_is_refused(asked, rooms, caller, once):
    with pytest.raises(LeaseLost, match="handed out under epochs 1 to 1, got epoch 2"):
        tell.tell(rooms, caller, "s", 0, 2, {"loss": 0.5}, once())


@pytest.mark.parametrize(
    ("values", "error"), [({}, MissingMetric), ({"loss": 1, "x": 1}, UnknownMetric), ({"macs": 1}, MissingMetric)]
)
def test_a_tell_that_makes_no_sense_leaves_the_trial_running(asked, rooms, caller, once, values, error):
    with pytest.raises(error):
        tell.tell(rooms, caller, "s", 0, 1, values, once())
    assert now(rooms, caller).state is TrialState.RUNNING


def test_an_unknown_trial_is_named(asked, rooms, caller, once):
    with pytest.raises(TrialNotFound, match="7"):
        tell.tell(rooms, caller, "s", 7, 1, {"loss": 0.5}, once())


def test_a_failure_is_kept_in_word_and_sentence(asked, rooms, caller, once):
    tell.fail(rooms, caller, "s", 0, 1, FailureKind.OOM, "14 GB", once())
    trial = now(rooms, caller)
    assert trial.state is TrialState.FAILED
    assert (trial.failure.kind, trial.failure.message) == (FailureKind.OOM, "14 GB")


def test_infrastructure_failures_come_again_until_the_attempts_are_used_up(asked, rooms, caller, once):
    trial = asked
    for _ in range(2):
        tell.fail(rooms, caller, "s", 0, trial.epoch, FailureKind.INFRASTRUCTURE, "preempted", once())
        (trial,) = ask.ask(rooms, caller, "s", 1, "w", once()).body["result"]
        assert trial.number == 0
    tell.fail(rooms, caller, "s", 0, trial.epoch, FailureKind.INFRASTRUCTURE, "preempted", once())
    assert now(rooms, caller).state is TrialState.FAILED
    assert ask.ask(rooms, caller, "s", 1, "other", once()).body["result"][0].number == 1


def test_a_heartbeat_keeps_the_lease(asked, rooms, caller):
    assert tell.heartbeat(rooms, caller, "s", 0, 1) == 60
    with pytest.raises(LeaseLost):
        tell.heartbeat(rooms, caller, "s", 0, 5)


def test_reports_are_kept_by_step_in_any_order(asked, rooms, caller, once):
    for step, loss in [(2, 0.2), (0, 0.9), (1, 0.5), (2, 0.2)]:
        answer = report.report(rooms, caller, "s", 0, 1, step, {"loss": loss}, once())
        assert answer.body == {"result": False}
    reports = history.trial(rooms, caller, "s", 0).reports
    assert list(reports) == [(0, {"loss": 0.9}), (1, {"loss": 0.5}), (2, {"loss": 0.2})]
    with pytest.raises(UnknownMetric):
        report.report(rooms, caller, "s", 0, 1, 3, {"acc": 1}, once())
