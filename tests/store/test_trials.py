"""One trial's life in the store: each move is made once, and only from the state and under the epoch it needs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.builders import a_problem, a_study, a_trial, some_params, two_objectives
from tests.store.racing import race
from trimtab_service.domain.errors import TrialNotFound
from trimtab_service.domain.metric import Value
from trimtab_service.domain.parameter import Float
from trimtab_service.domain.space import Space
from trimtab_service.domain.trial import FINISHED, Failure, FailureKind, Source, TrialState
from trimtab_service.store import NewTrial
from trimtab_service.store.tables import EventKind


def test_a_waiting_trial_comes_back_as_it_was_added(store):
    study = a_study(store)
    with store.begin() as tx:
        (added,) = tx.add_trials(study, [NewTrial(0, some_params(), source=Source.GRID, reason="why")])
        assert tx.trial(study, 0) == added
        assert tx.events(study, 0) == [(EventKind.ADDED, 0)]
    assert (added.state, added.source, added.reason) == (TrialState.WAITING, Source.GRID, "why")
    assert (added.epoch, added.attempt, added.worker) == (0, 0, "")
    assert added.started_at is None is added.finished_at
    assert abs(datetime.now(UTC) - added.created_at) < timedelta(minutes=1)


def test_a_trial_added_running_is_in_its_first_lease(store):
    study = a_study(store)
    trial = a_trial(store, study, worker="host-1")
    assert (trial.state, trial.epoch, trial.attempt, trial.worker) == (TrialState.RUNNING, 1, 1, "host-1")
    assert trial.started_at is not None
    with store.read() as tx:
        assert tx.trial(study, trial.number) == trial
        assert tx.events(study, trial.number) == [(EventKind.HANDED_OUT, 1)]


def test_finished_trials_are_added_with_their_results_in_the_order_given(store):
    study = a_study(store)
    failure = Failure(FailureKind.OOM, "too wide")
    new = [
        NewTrial(0, some_params(0), state=TrialState.COMPLETE, values={"accuracy": Value(0.9, 0.01, {"runs": 3})}),
        NewTrial(1, some_params(1), state=TrialState.FAILED, failure=failure),
        NewTrial(2, some_params(2), state=TrialState.COMPLETE, values={"accuracy": Value(0.7)}),
    ]
    with store.begin() as tx:
        added = tx.add_trials(study, new)
        assert [tx.trial(study, number) for number in range(3)] == list(added)
        assert tx.events(study, 1) == [(EventKind.FAILED, 0)]
    assert added[0].values == {"accuracy": Value(0.9, 0.01, {"runs": 3})}
    assert added[1].failure == failure
    assert all(trial.finished_at is not None for trial in added)


def test_adding_no_trials_adds_none(store):
    study = a_study(store)
    with store.begin() as tx:
        assert tx.add_trials(study, []) == ()
        assert tx.trials(study).items == ()


def test_a_hundred_trials_are_added_in_order(store):
    study = a_study(store)
    with store.begin() as tx:
        added = tx.add_trials(study, [NewTrial(number, some_params(number)) for number in range(100)])
    assert [(trial.number, trial.params) for trial in added] == [
        (number, some_params(number)) for number in range(100)
    ]


def test_the_order_of_params_survives(store):
    names = ["zeta", "alpha", "mid", "a_second_alpha", "b"]
    study = a_study(store, problem=a_problem(space=Space(tuple(Float(name, 0.0, 1.0) for name in names))))
    params = {name: place / 7 for place, name in enumerate(names)}
    trial = a_trial(store, study, params=params)
    with store.read() as tx:
        assert list(tx.trial(study, trial.number).params.items()) == list(params.items())
        assert tx.study(study.name).problem.space.names == tuple(names)


def test_params_keep_their_exact_value_and_kind(store):
    study = a_study(store)
    with store.begin() as tx:
        for value in (0.1 + 0.2, 1.0, 1, 2**53, True, "ü", 5e-324):
            given = a_trial(tx, study, params={"x": value})
            found = tx.trial(study, given.number).params["x"]
            assert (found, type(found)) == (value, type(value))


def test_values_keep_every_bit(store):
    study = a_study(store)
    with store.begin() as tx:
        for number in (0.1 + 0.2, 5e-324, 1.7976931348623157e308, -1e-300, 2.0**60 + 256):
            trial = a_trial(tx, study, state=TrialState.COMPLETE, values={"accuracy": Value(number, 0.0)})
            assert trial.values["accuracy"].value.hex() == number.hex()
            assert trial.values["accuracy"].stderr == 0.0


def test_values_come_back_objectives_first_then_metrics_then_costs(store):
    study = a_study(store, objectives=two_objectives(), metrics=("zz", "aa"))
    told = {"macs": 5.0, "aa": 1.0, "size_bytes": 2.0, "zz": 3.0, "accuracy": 4.0}
    trial = a_trial(store, study, state=TrialState.COMPLETE, values=told)
    assert list(trial.values) == ["accuracy", "size_bytes", "zz", "aa", "macs"]


def test_a_trial_that_is_not_there_is_not_found(store):
    study = a_study(store)
    with store.begin() as tx:
        with pytest.raises(TrialNotFound, match="no trial 5"):
            tx.trial(study, 5)
        with pytest.raises(TrialNotFound, match="no trial 5"):
            tx.add_report(study, 5, 1, 0, {"accuracy": 1.0})
        assert not tx.renew(study, 5, 1, 60)
        assert tx.reports(study, 5) == []


def test_a_completed_trial_has_its_values_their_contracts_and_an_end(store):
    study = a_study(store)
    before = a_trial(store, study)
    values = {"accuracy": Value(0.9, 0.01), "latency_ms": Value(1.5, None, {"device": "laptop", "batch": 1})}
    with store.begin() as tx:
        assert tx.close_trial(study, before, before.complete(values))
        after = tx.trial(study, before.number)
        assert tx.events(study, before.number)[-1] == (EventKind.COMPLETE, 1)
    assert (after.state, after.values, after.worker) == (TrialState.COMPLETE, values, before.worker)
    assert after.finished_at >= after.started_at


def test_a_finished_trial_can_not_be_closed_again(store):
    study = a_study(store)
    for state in FINISHED:
        finished = a_trial(store, study, state=state)
        for other in FINISHED:
            after = replace(
                finished,
                state=other,
                values={"accuracy": Value(0.1)} if other is TrialState.COMPLETE else {},
                failure=Failure(FailureKind.ERROR, "late") if other is TrialState.FAILED else None,
            )
            check_refused(store, study, finished, after)


def check_refused(store, study, finished, after):
    with store.begin() as tx:
        assert not tx.close_trial(study, finished, after)
        assert not tx.give_back(study, finished, replace(finished, state=TrialState.WAITING))
        assert not tx.renew(study, finished.number, finished.epoch, 60)
        assert tx.trial(study, finished.number) == finished


def test_of_many_results_told_at_once_one_is_taken(store):
    study = a_study(store)
    before = a_trial(store, study)

    def tell(place: int) -> bool:
        with store.begin() as tx:
            return tx.close_trial(study, before, before.complete({"accuracy": Value(place / 10)}))

    taken = race(8, tell)
    assert sum(taken) == 1
    with store.read() as tx:
        assert tx.trial(study, 0).values == {"accuracy": Value(taken.index(True) / 10)}
        assert tx.events(study, 0) == [(EventKind.HANDED_OUT, 1), (EventKind.COMPLETE, 1)]


def test_a_late_result_is_taken_while_the_trial_is_open_whoever_holds_it(store):
    study = a_study(store)
    late = a_trial(store, study, lease_seconds=-1)
    with store.begin() as tx:
        (now_held,) = tx.claim(study, "worker-2", 1, 60)
        assert now_held.epoch == 2
        assert tx.close_trial(study, late, late.complete({"accuracy": Value(0.5)}))


def test_a_late_result_is_taken_while_the_trial_waits(store):
    study = a_study(store)
    late = a_trial(store, study)
    with store.begin() as tx:
        assert tx.give_back(study, late, late.release(1))
        assert tx.close_trial(study, late, late.complete({"accuracy": Value(0.5)}))
        assert tx.claim(study, "worker-2", 5, 60) == ()


def test_a_late_failure_is_refused(store):
    study = a_study(store)
    late = a_trial(store, study, lease_seconds=-1)
    failed = late.fail(1, Failure(FailureKind.ERROR))
    with store.begin() as tx:
        tx.claim(study, "worker-2", 1, 60)
        assert not tx.close_trial(study, late, failed)
        assert tx.trial(study, late.number).state is TrialState.RUNNING


def test_a_trial_given_back_waits_and_its_attempt_does_not_count(store):
    study = a_study(store)
    before = a_trial(store, study)
    with store.begin() as tx:
        assert tx.give_back(study, before, before.release(1))
        after = tx.trial(study, before.number)
        assert tx.events(study, before.number)[-1] == (EventKind.GIVEN_BACK, 1)
    assert (after.state, after.worker, after.attempt, after.epoch) == (TrialState.WAITING, "", 0, 1)


def test_a_trial_is_given_back_once_and_only_under_its_epoch(store):
    study = a_study(store)
    before = a_trial(store, study)
    with store.begin() as tx:
        assert tx.give_back(study, before, before.release(1))
        assert not tx.give_back(study, before, before.release(1))
        (again,) = tx.claim(study, "worker-2", 1, 60)
        assert again.epoch == 2
        assert not tx.give_back(study, before, before.release(1))
        assert tx.trial(study, before.number) == again


def test_an_infrastructure_failure_is_told_while_it_waits_and_gone_when_it_runs_and_completes(store):
    study = a_study(store)
    before = a_trial(store, study)
    failure = Failure(FailureKind.INFRASTRUCTURE, "preempted")
    with store.begin() as tx:
        assert tx.give_back(study, before, before.fail(1, failure))
        waiting = tx.trial(study, before.number)
        assert (waiting.failure, waiting.attempt) == (failure, 1)
        assert tx.close_trial(study, waiting, waiting.complete({"accuracy": Value(0.5)}))
        assert tx.trial(study, before.number).failure is None
    other = a_trial(store, study)
    with store.begin() as tx:
        assert tx.give_back(study, other, other.fail(1, failure))
        assert [trial.failure for trial in tx.claim(study, "worker-2", 1, 60)] == [None]
        assert tx.trial(study, other.number).failure is None


def test_a_heartbeat_keeps_the_lease_under_its_epoch_only(store):
    study = a_study(store)
    trial = a_trial(store, study, lease_seconds=-1)
    with store.begin() as tx:
        assert not tx.renew(study, trial.number, 2, 60)
        assert tx.renew(study, trial.number, 1, 60)
        assert tx.claim(study, "worker-2", 1, 60) == ()
