"""Preflight in the store: costs kept before training, a refusal that gives its charge back once, refusals counted."""

from __future__ import annotations

import pytest

from tests.builders import a_study, a_trial, some_params
from tests.store.racing import race
from trimtab_service.domain.errors import TrialNotFound
from trimtab_service.domain.metric import Value
from trimtab_service.domain.trial import Failure, FailureKind, TrialState
from trimtab_service.store import NewTrial
from trimtab_service.store.tables import EventKind

OVER = {"macs": Value(9e6, None, {"counter": "own"})}


def charged(store, study, count=1):
    """Running trials that were charged."""
    with store.begin() as tx:
        first = tx.take_numbers(study, count, charged=True)
        return tx.add_trials(
            study,
            [
                NewTrial(number, some_params(number), state=TrialState.RUNNING, worker="w", lease_seconds=60.0)
                for number in range(first, first + count)
            ],
        )


def refuse(store, study, trial):
    with store.begin() as tx:
        return tx.refuse_trial(study, trial, trial.refuse(trial.epoch, OVER))


def budget(store, study):
    with store.read() as tx:
        found = tx.study(study.name)
        return found.charged, found.refused_in_a_row, found.next_number


def test_a_refused_trial_is_infeasible_keeps_its_costs_and_gives_its_charge_back(store):
    study = a_study(store, max_trials=2)
    _, trial = charged(store, study, 2)
    assert refuse(store, study, trial)
    assert budget(store, study) == (1, 1, 2)
    with store.begin() as tx:
        after = tx.trial(study, 1)
        assert (after.state, after.values, after.failure) == (TrialState.INFEASIBLE, OVER, None)
        assert after.finished_at is not None
        assert tx.events(study, 1) == [(EventKind.HANDED_OUT, 1), (EventKind.INFEASIBLE, 1)]
        assert tx.take_numbers(study, 1, charged=True) == 2  # the budget of 2 has room again, and numbers run on
        assert tx.take_numbers(study, 1, charged=True) is None


def test_a_refusal_repeated_by_many_gives_the_charge_back_once(store):
    study = a_study(store)
    trial, _ = charged(store, study, 2)
    assert sum(race(8, lambda _: refuse(store, study, trial))) == 1
    assert not refuse(store, study, trial)
    assert budget(store, study) == (1, 1, 2)


def test_of_a_result_and_a_refusal_at_once_one_is_taken(store):
    study = a_study(store)
    for trial in charged(store, study, 6):

        def act(place: int, trial=trial) -> bool:
            if place % 2:
                return refuse(store, study, trial)
            with store.begin() as tx:
                return tx.close_trial(study, trial, trial.complete({"accuracy": Value(0.5)}))

        assert sum(race(4, act)) == 1
    with store.read() as tx:
        counts = tx.counts([study.id])[study.id]
    assert budget(store, study)[0] == counts.get(TrialState.COMPLETE, 0)


def test_many_refusals_at_once_are_all_given_back(store):
    study = a_study(store)
    running = charged(store, study, 12)
    assert all(race(12, lambda place: refuse(store, study, running[place])))
    assert budget(store, study) == (0, 12, 12)


def test_only_the_present_holder_is_refused(store):
    study = a_study(store)
    (late,) = charged(store, study)
    with store.begin() as tx:
        tx.give_back(study, late, late.release(late.epoch))
    assert not refuse(store, study, late)  # it waits
    with store.begin() as tx:
        (held,) = tx.claim(study, "other", 1, 60.0)
    assert not refuse(store, study, late)  # another has it
    assert budget(store, study) == (1, 0, 1)
    with store.read() as tx:
        assert tx.trial(study, 0).values == {}
    assert refuse(store, study, held)
    assert budget(store, study) == (0, 1, 1)


def test_an_accepted_preflight_ends_the_row_of_refusals(store):
    study, other = a_study(store), a_study(store)
    for of in (study, other):
        for trial in charged(store, of, 3):
            refuse(store, of, trial)
    with store.begin() as tx:
        tx.accept(study)
        tx.accept(study)
    assert (budget(store, study), budget(store, other)) == ((0, 0, 3), (0, 3, 3))
    refuse(store, study, charged(store, study)[0])
    assert budget(store, study) == (0, 1, 4)


def test_costs_told_before_training_are_the_running_trials_and_the_result_goes_over_them(store):
    study = a_study(store, metrics=("recall",))
    trial = a_trial(store, study)
    with store.begin() as tx:
        tx.add_values(study, trial.number, {"macs": Value(5.0), "size_bytes": Value(10.0, 1.0, {"dtype": "float32"})})
        tx.add_values(study, trial.number, {"macs": Value(6.0)})
        running = tx.trial(study, trial.number)
        assert running.state is TrialState.RUNNING
        assert running.values == {"macs": Value(6.0), "size_bytes": Value(10.0, 1.0, {"dtype": "float32"})}
        assert tx.events(study, trial.number)[1:] == [(EventKind.MEASURED, 1), (EventKind.MEASURED, 1)]
    result = {"accuracy": Value(0.9), "recall": Value(0.8), "size_bytes": Value(12.0)}
    with store.begin() as tx:
        assert tx.close_trial(study, running, running.complete({**running.values, **result}))
    with store.read() as tx:
        assert tx.trial(study, trial.number).values == {**result, "macs": Value(6.0)}


def test_costs_stay_with_a_trial_that_is_handed_on_or_fails(store):
    study = a_study(store)
    trial = a_trial(store, study)
    with store.begin() as tx:
        tx.add_values(study, trial.number, OVER)
        tx.give_back(study, trial, trial.release(trial.epoch))
        (again,) = tx.claim(study, "other", 1, 60.0)
        assert again.values == OVER
        assert tx.close_trial(study, again, again.fail(again.epoch, Failure(FailureKind.OOM)))
    with store.read() as tx:
        assert tx.trial(study, trial.number).values == OVER


def test_values_of_a_trial_that_is_not_there_are_refused(store):
    study = a_study(store)
    with store.begin() as tx:
        with pytest.raises(TrialNotFound, match="no trial 3"):
            tx.add_values(study, 3, OVER)
