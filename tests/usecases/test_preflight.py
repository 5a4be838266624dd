"""Preflight refuses what is too big before it is trained, and gives its charge back once, whatever is repeated."""

from __future__ import annotations

import threading

import pytest

from trimtab_service.domain.errors import (
    BudgetReached,
    InvalidValue,
    LeaseLost,
    NoFeasibleConfiguration,
    TrialAlreadyFinished,
    UnknownMetric,
)
from trimtab_service.domain.trial import TrialState
from trimtab_service.usecases import ask, enqueue, history, preflight, studies, tell
from trimtab_service.usecases.ask import REFUSALS

LIMITED = {
    "objectives": {"accuracy": "maximize"},
    "constraints": ["size_kb <= 64", "accuracy >= 0.5"],
    "known_metrics": ["size_bytes"],
}


@pytest.fixture
def ask_one(rooms, caller, once):
    def run(worker="w"):
        return ask.ask(rooms, caller, "s", 1, worker, once()).body["result"][0]

    return run


@pytest.fixture
def check(rooms, caller, once):
    def run(trial, key=None, **values):
        made = once(key, shape=lambda verdict: {"result": [verdict.ok, list(verdict.broken)]})
        return preflight.preflight(rooms, caller, "s", trial.number, trial.epoch, values, made).body["result"]

    return run


def charged(rooms, caller):
    return studies.get(rooms, caller, "s").study.charged


def now(rooms, caller, number=0):
    return history.trial(rooms, caller, "s", number).trial


def test_a_model_within_the_limits_goes_on_with_what_is_known_of_it(study, ask_one, check, rooms, caller, once):
    study(**LIMITED)
    trial = ask_one()
    assert check(trial, size_bytes=64_000) == [True, []]
    running = now(rooms, caller)
    assert (running.state, running.values["size_bytes"].value) == (TrialState.RUNNING, 64_000)
    tell.tell(rooms, caller, "s", 0, 1, {"accuracy": 0.9}, once())
    told = now(rooms, caller)
    assert {key: value.value for key, value in told.values.items()} == {
        "accuracy": 0.9,
        "size_bytes": 64_000,
        "size_kb": 64,
    }


def test_a_refused_trial_is_closed_and_its_charge_given_back(study, ask_one, check, rooms, caller):
    study(**LIMITED, max_trials=1)
    trial = ask_one()
    with pytest.raises(BudgetReached):
        ask_one()
    assert check(trial, size_bytes=64_001) == [False, ["size_kb <= 64"]]
    refused = now(rooms, caller)
    assert (refused.state, refused.values["size_bytes"].value) == (TrialState.INFEASIBLE, 64_001)
    assert charged(rooms, caller) == 0
    assert ask_one().number == 1


@pytest.mark.parametrize("key", [None, "a-key"])
def test_the_charge_comes_back_once_whatever_is_repeated(study, ask_one, check, rooms, caller, key):
    study(**LIMITED)
    first, second = ask_one(), ask_one()
    assert charged(rooms, caller) == 2
    answers = [check(first, key, size_bytes=70_000) for _ in range(4)]
    assert answers == [[False, ["size_kb <= 64"]]] * 4
    assert charged(rooms, caller) == 1
    assert check(first, size_bytes=1) == [False, ["size_kb <= 64"]]  # too late to be smaller
    assert charged(rooms, caller) == 1
    assert check(second, size_bytes=1) == [True, []]


def test_refusals_at_once_give_one_charge_back(study, ask_one, check, rooms, caller):
    study(**LIMITED)
    trial, other = ask_one(), ask_one()
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(check(trial, size_bytes=70_000))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [[False, ["size_kb <= 64"]]] * 6
    assert charged(rooms, caller) == 1
    assert check(other, size_bytes=5) == [True, []]


def test_a_trial_that_was_given_away_or_has_ended_is_not_refused(study, ask_one, check, rooms, caller, once):
    study(**LIMITED)
    lost = ask_one()
    tell.release(rooms, caller, "s", 0, 1, once())
    again = ask_one("other")
    with pytest.raises(LeaseLost):
        check(lost, size_bytes=70_000)
    tell.tell(rooms, caller, "s", 0, lost.epoch, {"accuracy": 0.9, "size_bytes": 9}, once())  # late, and first
    with pytest.raises(TrialAlreadyFinished):
        check(again, size_bytes=70_000)
    assert now(rooms, caller).values["size_bytes"].value == 9
    assert charged(rooms, caller) == 1


def test_a_late_result_of_a_refused_trial_comes_too_late(study, ask_one, check, rooms, caller, once):
    study(**LIMITED)
    lost = ask_one()
    tell.release(rooms, caller, "s", 0, 1, once())
    check(ask_one("other"), size_bytes=70_000)
    with pytest.raises(TrialAlreadyFinished, match="is infeasible"):
        tell.tell(rooms, caller, "s", 0, lost.epoch, {"accuracy": 0.9}, once())


@pytest.mark.parametrize(
    ("values", "error"), [({"size": 1}, UnknownMetric), ({"size_bytes": float("nan")}, InvalidValue)]
)
def test_costs_that_make_no_sense_leave_the_trial_running(study, ask_one, check, rooms, caller, values, error):
    study(**LIMITED)
    trial = ask_one()
    with pytest.raises(error):
        check(trial, **values)
    assert now(rooms, caller).state is TrialState.RUNNING


def test_the_baseline_comes_first_and_is_never_refused(study, ask_one, check, rooms, caller, once):
    made = study(
        objectives={"accuracy": "maximize"},
        constraints=["size_bytes <= 0.5 * baseline"],
        known_metrics=["size_bytes"],
        baseline={"x": 0.25},
        max_trials=3,
    )
    assert (made.charged, made.next_number) == (1, 1)
    first = ask_one()
    assert (first.number, first.params) == (0, {"x": 0.25})
    assert check(first, size_bytes=1_000)[0] is True
    second = ask_one()
    assert check(second, size_bytes=501) == [False, ["size_bytes <= 0.5 * baseline"]]
    assert check(ask_one(), size_bytes=500) == [True, []]


def test_after_a_thousand_refusals_in_a_row_none_is_proposed_but_what_waits_is_handed_out(
    study, ask_one, check, rooms, caller, once, monkeypatch
):
    monkeypatch.setattr(ask, "REFUSALS", 3)
    assert REFUSALS == 1_000
    study(**LIMITED)
    check(ask_one(), size_bytes=70_000)
    check(ask_one(), size_bytes=10)  # a model that fits begins the count anew
    for _ in range(3):
        check(ask_one(), size_bytes=70_000)
    with pytest.raises(NoFeasibleConfiguration, match="the last 3 trials"):
        ask_one()
    enqueue.enqueue(rooms, caller, "s", {"x": 0.5}, once())
    check(ask_one(), size_bytes=10)
    assert ask_one().number == 7 - 1
