"""A worker that fails three times in a row is paused; nobody else's trials suffer."""

from __future__ import annotations

import pytest

from trimtab_service.domain.errors import WorkerPaused
from trimtab_service.domain.trial import FailureKind
from trimtab_service.usecases import ask, tell, workers


@pytest.fixture
def ask_as(study, rooms, caller, once):
    study()

    def run(worker):
        return ask.ask(rooms, caller, "s", 1, worker, once()).body["result"][0]

    return run


@pytest.fixture
def fail(ask_as, rooms, caller, once):
    def run(worker, *kinds):
        for kind in kinds:
            trial = ask_as(worker)
            tell.fail(rooms, caller, "s", trial.number, trial.epoch, FailureKind(kind), "broke", once())

    return run


def test_three_straight_failures_pause_the_worker_and_no_other(fail, ask_as, rooms, caller):
    fail("bad", "error", "infrastructure", "error")
    with pytest.raises(WorkerPaused, match="'bad' failed 3 times in a row") as caught:
        ask_as("bad")
    assert [one["kind"] for one in caught.value.extras["failures"]] == ["error", "infrastructure", "error"]
    assert caught.value.extras["until"].startswith("20")
    assert ask_as("good").worker == "good"
    assert ask_as("").worker == ""
    (row,) = workers.every(rooms, caller, "s")
    assert (row.name, row.straight_failures, row.paused) == ("bad", 3, True)


def test_a_success_between_failures_begins_the_count_anew(fail, ask_as, rooms, caller, once):
    fail("w", "error", "error")
    trial = ask_as("w")
    tell.tell(rooms, caller, "s", trial.number, trial.epoch, {"loss": 0.5}, once())
    fail("w", "error", "error")
    ask_as("w")


def test_failures_of_the_params_and_of_workers_without_a_name_count_for_nobody(fail, ask_as, rooms, caller):
    fail("w", "oom", "nan", "timeout", "oom")
    fail("", "error", "error", "error", "error")
    ask_as("w")
    ask_as("")
    assert workers.every(rooms, caller, "s") == ()


def test_a_repeated_report_of_one_failure_counts_once(ask_as, rooms, caller, once):
    trial = ask_as("w")
    for _ in range(4):
        tell.fail(rooms, caller, "s", trial.number, trial.epoch, FailureKind.ERROR, "broke", once())
    assert workers.every(rooms, caller, "s")[0].straight_failures == 1


def test_a_resumed_worker_asks_again(fail, ask_as, rooms, caller, once):
    fail("w", "error", "error", "error")
    row = workers.resume(rooms, caller, "s", "w", once()).body["result"]
    assert (row.straight_failures, row.paused) == (0, False)
    fail("w", "error", "error")
    ask_as("w")
    assert workers.resume(rooms, caller, "s", "unheard-of", once()).body["result"].straight_failures == 0


def test_a_paused_worker_may_still_tell_what_it_holds(ask_as, fail, rooms, caller, once):
    held = ask_as("w")
    fail("w", "error", "error", "error")
    told = tell.tell(rooms, caller, "s", held.number, held.epoch, {"loss": 0.5}, once()).body["result"]
    assert told.state == "complete"
