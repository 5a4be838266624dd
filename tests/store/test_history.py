"""What the optimizer is given, counts, and the surrogates' states."""

from __future__ import annotations

import math

import pytest

from tests.builders import a_study, a_trial, some_params, two_objectives
from trimtab_service.domain.metric import Value
from trimtab_service.domain.trial import FailureKind, Observation, TrialState


def test_the_history_has_every_trial_by_number_with_losses_to_be_minimised(store):
    study = a_study(store)
    a_trial(store, study, state=TrialState.COMPLETE, values={"accuracy": Value(0.9, 0.02), "macs": 7.0})
    a_trial(store, study, state=TrialState.FAILED)
    a_trial(store, study)
    a_trial(store, study, state=TrialState.WAITING)
    a_trial(store, study, state=TrialState.STOPPED, values={"accuracy": 0.3})
    with store.read() as tx:
        history = tuple(tx.history(study))
    assert history == (
        Observation(0, TrialState.COMPLETE, some_params(0), (-0.9,), (pytest.approx(0.0004),)),
        Observation(1, TrialState.FAILED, some_params(1), failure=FailureKind.ERROR),
        Observation(2, TrialState.RUNNING, some_params(2)),
        Observation(3, TrialState.WAITING, some_params(3)),
        Observation(4, TrialState.STOPPED, some_params(4)),
    )


def test_losses_are_in_the_objectives_order_and_on_their_scale(store):
    study = a_study(store, objectives=two_objectives())
    a_trial(store, study, state=TrialState.COMPLETE, values={"size_bytes": Value(1000.0, 46.0), "accuracy": 0.75})
    with store.read() as tx:
        (seen,) = tx.history(study)
    assert seen.losses == pytest.approx((-0.75, 3.0))
    # log10 of 1000 +- 46 spreads by 46 / (1000 ln 10), about 0.01998
    assert seen.variances == pytest.approx((0.0, (0.046 / math.log(10)) ** 2))
    assert math.sqrt(seen.variances[1]) == pytest.approx((math.log10(1046) - math.log10(954)) / 2, rel=1e-3)


def test_the_history_of_one_study_has_no_trials_of_another(store):
    a_trial(store, a_study(store), state=TrialState.COMPLETE)
    with store.begin() as tx:
        assert len(tx.history(a_study(tx))) == 0


def test_counts_are_by_study_and_state(store):
    busy, idle, other = a_study(store), a_study(store), a_study(store)
    a_trial(store, other)
    for state in (TrialState.COMPLETE, TrialState.COMPLETE, TrialState.RUNNING):
        a_trial(store, busy, state=state)
    with store.read() as tx:
        assert tx.counts([busy.id, idle.id]) == {
            busy.id: {TrialState.COMPLETE: 2, TrialState.RUNNING: 1},
            idle.id: {},
        }
        assert tx.counts([]) == {}


def test_surrogates_are_replaced_metric_by_metric(store):
    study = a_study(store)
    first = {"theta": {"noise": 1e-6, "lengthscales": [0.1 + 0.2, 2.0]}, "trials": [3, 1, 2]}
    with store.begin() as tx:
        assert tx.surrogates(study) == {}
        tx.save_surrogates(study, {"accuracy": first, "size_bytes": {"theta": {}}})
        tx.save_surrogates(study, {"size_bytes": {"theta": {"noise": 0.5}}})
        tx.save_surrogates(study, {})
    with store.read() as tx:
        assert tx.surrogates(study) == {"accuracy": first, "size_bytes": {"theta": {"noise": 0.5}}}
