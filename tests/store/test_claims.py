"""Handing out trials: each to one worker at a time, however many ask; a lost one again, thrice in all."""

from __future__ import annotations

import time

from tests.builders import a_study, a_trial, some_params
from tests.store.racing import race
from trimtab_service.domain.trial import MAX_ATTEMPTS, Failure, FailureKind, TrialState
from trimtab_service.store import NewTrial
from trimtab_service.store.tables import EventKind


def waiting(store, count):
    """A study with so many waiting trials."""
    study = a_study(store)
    with store.begin() as tx:
        tx.take_numbers(study, count, charged=False)
        tx.add_trials(study, [NewTrial(number, some_params(number)) for number in range(count)])
    return study


def test_waiting_trials_are_handed_out_by_number(store):
    study = waiting(store, 5)
    with store.begin() as tx:
        assert [trial.number for trial in tx.claim(study, "a", 2, 60)] == [0, 1]
        assert [trial.number for trial in tx.claim(study, "b", 5, 60)] == [2, 3, 4]
        assert tx.claim(study, "c", 5, 60) == ()


def test_a_claimed_trial_runs_for_its_worker(store):
    study = waiting(store, 1)
    with store.begin() as tx:
        (claimed,) = tx.claim(study, "host-1", 1, 60)
        assert tx.trial(study, 0) == claimed
        assert tx.events(study, 0) == [(EventKind.ADDED, 0), (EventKind.HANDED_OUT, 1)]
    assert (claimed.state, claimed.worker, claimed.epoch, claimed.attempt) == (TrialState.RUNNING, "host-1", 1, 1)
    assert claimed.params == some_params(0)
    assert claimed.started_at is not None


def test_only_the_studys_own_trials_are_handed_out(store):
    other = waiting(store, 3)
    study = a_study(store)
    a_trial(store, other, lease_seconds=-1)
    with store.begin() as tx:
        assert tx.claim(study, "a", 10, 60) == ()


def test_sixteen_claimers_of_fifty_trials_get_each_once(store):
    study = waiting(store, 50)

    def claim(place: int) -> list[tuple[int, int]]:
        mine = []
        for _ in range(60):
            with store.begin() as tx:
                got = tx.claim(study, f"worker-{place}", 1 + place % 3, 60)
            mine += [(trial.number, trial.epoch) for trial in got]
            if not got:
                break
        return mine

    handed_out = [one for mine in race(16, claim) for one in mine]
    with store.begin() as tx:  # a row that another claim held was passed over, so some may be left
        handed_out += [(trial.number, trial.epoch) for trial in tx.claim(study, "last", 50, 60)]
    assert sorted(handed_out) == [(number, 1) for number in range(50)]


def test_a_lease_that_has_not_run_out_is_not_handed_out(store):
    study = a_study(store)
    a_trial(store, study, lease_seconds=30)
    with store.begin() as tx:
        assert tx.claim(study, "b", 1, 60) == ()


def test_a_lease_runs_out_by_the_databases_clock(store):
    study = a_study(store)
    a_trial(store, study, lease_seconds=0.3)
    with store.begin() as tx:
        assert tx.claim(study, "b", 1, 60) == ()
    time.sleep(0.4)
    with store.begin() as tx:
        (again,) = tx.claim(study, "b", 1, 60)
    assert (again.epoch, again.attempt, again.worker) == (2, 2, "b")


def test_lost_leases_go_before_waiting_trials(store):
    study = waiting(store, 2)
    lost = [a_trial(store, study, lease_seconds=-1).number for _ in range(2)]
    with store.begin() as tx:
        assert [trial.number for trial in tx.claim(study, "b", 3, 60)] == [*lost, 0]
        assert tx.events(study, lost[0]) == [
            (EventKind.HANDED_OUT, 1),
            (EventKind.LEASE_LOST, 1),
            (EventKind.HANDED_OUT, 2),
        ]


def test_a_lost_lease_that_nobody_takes_over_stays_with_its_worker(store):
    study = a_study(store)
    first, second = (a_trial(store, study, lease_seconds=-1) for _ in range(2))
    with store.begin() as tx:
        assert [trial.number for trial in tx.claim(study, "b", 1, 60)] == [first.number]
        assert tx.renew(study, second.number, 1, 60)


def test_epochs_rise_with_each_hand_out(store):
    study = waiting(store, 1)
    epochs = []
    for _ in range(5):
        with store.begin() as tx:
            (trial,) = tx.claim(study, "a", 1, 60)
            epochs.append(trial.epoch)
            assert tx.give_back(study, trial, trial.release(trial.epoch))
    assert epochs == [1, 2, 3, 4, 5]


def test_a_trial_whose_lease_is_lost_each_time_fails_after_the_last_attempt(store):
    study = waiting(store, 1)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        with store.begin() as tx:
            assert [trial.attempt for trial in tx.claim(study, "a", 1, -1)] == [attempt]
    with store.begin() as tx:
        assert tx.claim(study, "a", 1, -1) == ()
        failed = tx.trial(study, 0)
        assert [kind for kind, _ in tx.events(study, 0)][-2:] == [EventKind.LEASE_LOST, EventKind.FAILED]
    assert failed.state is TrialState.FAILED
    assert failed.failure == Failure(FailureKind.INFRASTRUCTURE, "lease lost 3 times")
    assert failed.finished_at is not None


def test_a_lost_lease_taken_by_many_at_once_goes_to_one(store):
    study = a_study(store)
    a_trial(store, study, lease_seconds=-1)

    def claim(place: int) -> int:
        with store.begin() as tx:
            return len(tx.claim(study, f"worker-{place}", 1, 60))

    assert sum(race(8, claim)) == 1
    with store.read() as tx:
        assert tx.trial(study, 0).epoch == 2


def test_a_result_told_while_others_claim_ends_the_trial_for_good(store):
    study = a_study(store)
    trial = a_trial(store, study, lease_seconds=-1, values=None)
    complete = a_trial(store, study, state=TrialState.COMPLETE).values

    def act(place: int) -> bool:
        with store.begin() as tx:
            if place == 0:
                return tx.close_trial(study, trial, trial.complete(complete))
            return bool(tx.claim(study, f"worker-{place}", 1, 60))

    told, *claimed = race(8, act)
    assert told
    assert sum(claimed) <= 1
    with store.read() as tx:
        after = tx.trial(study, trial.number)
    assert (after.state, after.values) == (TrialState.COMPLETE, complete)
    with store.begin() as tx:
        assert tx.claim(study, "late", 1, 60) == ()
