"""Cost probes are numbered without gaps, and the optimizer sees each as what will never be trained."""

from __future__ import annotations

import math

from tests.builders import a_problem, a_study, a_trial, some_params, two_objectives
from tests.store.racing import race
from trimtab_service.domain.metric import Value
from trimtab_service.domain.trial import TrialState


def some_probes(count, first=0):
    return [(some_params(place), {"size_bytes": Value(1000.0 + place)}) for place in range(first, first + count)]


def test_probes_come_back_in_the_order_in_which_they_came(store):
    study, other = a_study(store), a_study(store)
    with store.begin() as tx:
        assert (tx.probe_count(study), tx.probes(study)) == (0, [])
        assert tx.add_probes(study, some_probes(3)) == 3
        assert tx.add_probes(other, some_probes(1)) == 1
        assert tx.add_probes(study, some_probes(2, first=3)) == 5
        assert tx.add_probes(study, []) == 5
    with store.read() as tx:
        assert tx.probes(study) == [(some_params(place), {"size_bytes": 1000.0 + place}) for place in range(5)]
        assert tx.probes(study, after=4) == [(some_params(4), {"size_bytes": 1004.0})]
        assert (tx.probe_count(study), tx.probe_count(other)) == (5, 1)


def test_probes_of_many_at_once_are_numbered_without_gaps(store):
    study = a_study(store)

    def add(place: int) -> int:
        with store.begin() as tx:
            return tx.add_probes(study, some_probes(2, first=2 * place))

    assert sorted(race(8, add)) == [2 * place for place in range(1, 9)]
    with store.read() as tx:
        found = [params for params, _ in tx.probes(study)]
    assert sorted(map(str, found)) == sorted(str(some_params(place)) for place in range(16))


def test_a_probe_is_an_observation_below_zero_that_was_never_a_trial(store):
    problem = a_problem(objectives=two_objectives(), known_metrics=("size_bytes",))
    study = a_study(store, problem=problem)
    a_trial(store, study)
    with store.begin() as tx:
        tx.add_probes(study, some_probes(2))
    with store.read() as tx:
        seen = list(tx.history(study))
        assert [(one.number, one.state) for one in seen] == [
            (-2, TrialState.INFEASIBLE),
            (-1, TrialState.INFEASIBLE),
            (0, TrialState.RUNNING),
        ]
        assert seen[1].params == some_params(0)
        accuracy, size = seen[1].losses
        assert math.isnan(accuracy)
        assert size == math.log10(1000.0)
        assert tx.columns(study).values == {}
        assert [trial.number for trial in tx.trials(study).items] == [0]


def test_a_kept_history_takes_the_new_probes_only(store):
    study = a_study(store, problem=a_problem(objectives=two_objectives(), known_metrics=("size_bytes",)))
    for count in (3, 300, 1):
        with store.begin() as tx:
            tx.add_probes(study, some_probes(count))
            whole = repr(list(tx.history(study)))
        with store.read() as tx:
            assert repr(list(tx.history(study))) == whole
        with store.read() as tx:
            assert tx.history(study).blocks is not None
            assert len(tx.history(study)) == tx.probe_count(study)


def test_a_probe_is_another_change_of_its_study(store):
    study = a_study(store)
    with store.begin() as tx:
        before = tx.last_change(study)
        tx.add_probes(study, some_probes(1))
        assert tx.last_change(study) != before
