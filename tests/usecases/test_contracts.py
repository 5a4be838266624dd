"""Figures that can't be compared never share a metric."""

from __future__ import annotations

import threading

import pytest

from trimtab_service.domain.errors import ContractMismatch
from trimtab_service.domain.trial import TrialState
from trimtab_service.usecases import ask, enqueue, history, tell

ONE = {"value": 5.0, "contract": {"how": "measured", "device": "i7", "threads": 1}}
TWO = {"value": 3.0, "contract": {"how": "measured", "device": "i7", "threads": 2}}


@pytest.fixture
def told(study, rooms, caller, once):
    study()

    def run(values, **more):
        trial = ask.ask(rooms, caller, "s", 1, "w", once()).body["result"][0]
        tell.tell(rooms, caller, "s", trial.number, trial.epoch, {"loss": 0.5, **values}, once(), **more)

    return run


def test_a_value_that_was_measured_otherwise_is_refused_with_what_differs(told, rooms, caller):
    told({"latency_ms": ONE})
    with pytest.raises(ContractMismatch, match=r'threads: expected 1, got 2; .* latency_ms\["its name"\]') as caught:
        told({"latency_ms": TWO})
    assert caught.value.extras == {"metric": "latency_ms", "differences": {"threads": {"expected": 1, "got": 2}}}
    assert history.trial(rooms, caller, "s", 1).trial.state is TrialState.RUNNING
    told({"latency_ms": 3.0})
    told({'latency_ms["nano"]': TWO})


def test_trials_from_elsewhere_are_fenced_among_themselves(study, rooms, caller, once):
    study()
    trials = [{"params": {"x": 0.1}, "values": {"loss": 1, "latency_ms": one}} for one in (ONE, TWO)]
    with pytest.raises(ContractMismatch):
        enqueue.add(rooms, caller, "s", trials, once())
    assert history.trials(rooms, caller, "s").items == ()
    enqueue.add(rooms, caller, "s", trials[1:], once())
    with pytest.raises(ContractMismatch):
        enqueue.add(rooms, caller, "s", trials[:1], once())


def test_variants_may_have_another_number_type_and_nothing_else(told):
    size = {"value": 4_000, "contract": {"how": "counted", "dtype": "float32"}}
    told({"size_bytes": size}, variants={"int8": {"size_bytes": {**size, "contract": {"dtype": "int8"}}}})
    with pytest.raises(ContractMismatch, match="how"):
        told({}, variants={"int8": {"size_bytes": {"value": 1, "contract": {"how": "estimated"}}}})


def test_of_two_first_contracts_at_once_one_wins(study, rooms, caller, once):
    study()
    asked = ask.ask(rooms, caller, "s", 2, "w", once()).body["result"]
    results = []

    def work(trial, value):
        try:
            tell.tell(rooms, caller, "s", trial.number, trial.epoch, {"loss": 1, "latency_ms": value}, once())
            results.append("told")
        except ContractMismatch:
            results.append("refused")

    threads = [threading.Thread(target=work, args=pair) for pair in zip(asked, (ONE, TWO), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["refused", "told"]
