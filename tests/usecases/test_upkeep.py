"""Trials of lost workers wait again, old answers go, young ones stay."""

from __future__ import annotations

import threading
import time

from trimtab_service.domain.trial import TrialState
from trimtab_service.usecases import ask, history, upkeep


def test_a_sweep_leaves_what_a_retry_may_still_ask_for(rooms, caller):
    with rooms.store.begin() as tx:
        tx.save_answer(caller.key_row_id, "k", "f", 200, {"a": 1})
    assert upkeep.sweep_answers(rooms) == 0
    with rooms.store.read() as tx:
        assert tx.find_answer(caller.key_row_id, "k") is not None
        assert tx.find_answer(caller.key_row_id, "other") is None


def test_a_trial_of_a_lost_worker_waits_again_and_one_with_a_lease_goes_on(study, rooms, caller, once):
    study()
    ask.ask(rooms, caller, "s", 1, "alive", once())
    object.__setattr__(rooms, "lease_seconds", 0.01)
    ask.ask(rooms, caller, "s", 1, "lost", once())
    time.sleep(0.1)
    assert upkeep.sweep_leases(rooms, grace=3600) == 0
    assert upkeep.sweep_leases(rooms, grace=0) == 1
    alive, lost = history.trials(rooms, caller, "s").items
    assert (alive.state, alive.worker) == (TrialState.RUNNING, "alive")
    assert (lost.state, lost.worker, lost.attempt) == (TrialState.WAITING, "", 1)


def test_a_trial_lost_for_the_last_time_fails_without_an_ask(study, rooms, caller, once):
    study(max_trials=1)
    object.__setattr__(rooms, "lease_seconds", 0.01)
    for _ in range(3):
        ask.ask(rooms, caller, "s", 1, "w", once())
        time.sleep(0.1)
        upkeep.sweep_leases(rooms, grace=0)
    assert history.trial(rooms, caller, "s", 0).trial.state is TrialState.FAILED


def test_upkeep_works_until_it_is_told_to_end(study, rooms, caller, once):
    study()
    object.__setattr__(rooms, "lease_seconds", 0.01)
    ask.ask(rooms, caller, "s", 1, "lost", once())
    before = threading.active_count()
    end = upkeep.keep_up(rooms, every=0.05)
    deadline = time.monotonic() + 60
    while history.trial(rooms, caller, "s", 0).trial.state is not TrialState.WAITING:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    end()
    assert threading.active_count() == before
