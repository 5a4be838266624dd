"""Reports: any order and any repetition give the same curve."""

from __future__ import annotations

import itertools

import pytest

from tests.builders import a_study, a_trial
from tests.store.racing import race

SENT = [
    (1, 0, {"accuracy": 0.1}),
    (1, 1, {"accuracy": 0.2, "loss": 3.0}),
    (2, 1, {"accuracy": 0.25}),
    (2, 2, {"loss": 1.0}),
]
"""(epoch, step, values) of two hand-outs."""
CURVE = [(0, {"accuracy": 0.1}), (1, {"accuracy": 0.25, "loss": 3.0}), (2, {"loss": 1.0})]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=lambda order: "".join(map(str, order)))
def test_any_order_gives_the_same_curve(sqlite_store, order):
    check(sqlite_store, [SENT[place] for place in order])


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_any_order_and_repetition_gives_the_same_curve_on_each_database(store, order):
    check(store, [SENT[place] for place in (*order, *order[::-1])])


def check(store, sent):
    study = a_study(store)
    trial = a_trial(store, study)
    other = a_trial(store, study)
    for epoch, step, values in sent:
        with store.begin() as tx:
            tx.add_report(study, trial.number, epoch, step, values)
    with store.read() as tx:
        assert tx.reports(study, trial.number) == CURVE
        assert tx.reports(study, other.number) == []


def test_the_first_value_of_a_step_stays_within_a_hand_out(store):
    study = a_study(store)
    trial = a_trial(store, study)
    with store.begin() as tx:
        tx.add_report(study, trial.number, 1, 0, {"accuracy": 0.1})
        tx.add_report(study, trial.number, 1, 0, {"accuracy": 0.9})
        assert tx.reports(study, trial.number) == [(0, {"accuracy": 0.1})]


def test_steps_go_up_to_the_largest_whole_number_of_a_float(store):
    study = a_study(store)
    trial = a_trial(store, study)
    with store.begin() as tx:
        tx.add_report(study, trial.number, 1, 2**53 - 1, {"accuracy": 0.1})
        assert tx.reports(study, trial.number) == [(2**53 - 1, {"accuracy": 0.1})]


def test_reports_that_come_at_once_do_not_hinder_each_other(store):
    study = a_study(store)
    trial = a_trial(store, study)

    def send(place: int) -> None:
        names = ["a", "b", "c", "d"] if place % 2 else ["d", "c", "b", "a"]
        for step in range(5):
            with store.begin() as tx:
                tx.add_report(study, trial.number, 1, step, dict.fromkeys(names, float(step)))

    race(8, send)
    with store.read() as tx:
        assert tx.reports(study, trial.number) == [(step, dict.fromkeys("abcd", float(step))) for step in range(5)]
