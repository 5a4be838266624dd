"""Pages of trials in every order: each trial once, ties by number, trials without the value last."""

from __future__ import annotations

import base64
import json

import pytest

from tests.builders import a_study, a_trial, two_objectives
from trimtab_service.domain.errors import InvalidQuery
from trimtab_service.domain.metric import Value
from trimtab_service.domain.trial import TrialState

ACCURACIES = [0.5, 0.9, None, 0.5, 0.1, None, 0.9, -1.0, 0.5, None]
"""By number; None is a trial that still runs."""


@pytest.fixture
def study(store):
    study = a_study(store)
    with store.begin() as tx:
        for accuracy in ACCURACIES:
            if accuracy is None:
                a_trial(tx, study)
            else:
                a_trial(tx, study, state=TrialState.COMPLETE, values={"accuracy": Value(accuracy)})
    return study


def walk(store, study, order, limit, **more):
    """All numbers, page by page."""
    numbers, cursor = [], None
    with store.read() as tx:
        while True:
            page = tx.trials(study, order=order, cursor=cursor, limit=limit, **more)
            assert len(page.items) <= limit
            numbers += [trial.number for trial in page.items]
            cursor = page.next_cursor
            if cursor is None:
                return numbers
            assert len(page.items) == limit


ORDERS = {
    "number": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    "-number": [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
    "accuracy": [7, 4, 0, 3, 8, 1, 6, 2, 5, 9],
    "-accuracy": [1, 6, 0, 3, 8, 4, 7, 2, 5, 9],
    "size_bytes": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
}


def test_every_order_gives_each_trial_once_whatever_the_size_of_a_page(store, study):
    for order, expected in ORDERS.items():
        for limit in (1, 3, 5, 10, 100):
            assert walk(store, study, order, limit) == expected, (order, limit)


def test_trials_in_the_order_of_their_end(store, study):
    with store.read() as tx:
        trials = tx.trials(study).items
    finished = sorted((t for t in trials if t.finished_at), key=lambda t: (t.finished_at, t.number))
    newest = sorted(finished, key=lambda t: t.finished_at, reverse=True)
    unfinished = [t.number for t in trials if not t.finished_at]
    for limit in (1, 4, 100):
        assert walk(store, study, "finished_at", limit) == [t.number for t in finished] + unfinished
        assert walk(store, study, "-finished_at", limit) == [t.number for t in newest] + unfinished


def test_a_page_can_be_of_some_states(store, study):
    complete = [number for number, accuracy in enumerate(ACCURACIES) if accuracy is not None]
    assert walk(store, study, "number", 2, states=(TrialState.COMPLETE,)) == complete
    assert walk(store, study, "number", 3, states=(TrialState.COMPLETE, TrialState.RUNNING)) == list(range(10))
    assert walk(store, study, "-accuracy", 2, states=(TrialState.FAILED,)) == []


def test_a_page_has_values_but_no_contracts(store):
    study = a_study(store, objectives=two_objectives())
    told = {"accuracy": Value(0.5, 0.1, {"runs": 3}), "size_bytes": Value(1000.0)}
    trial = a_trial(store, study, state=TrialState.COMPLETE, values=told)
    with store.read() as tx:
        (found,) = tx.trials(study).items
        assert tx.trial(study, trial.number).values == told
    assert dict(found.values) == {"accuracy": Value(0.5, 0.1), "size_bytes": Value(1000.0)}
    assert list(found.values) == ["accuracy", "size_bytes"]


def test_a_cursor_after_any_trial_begins_with_the_next(store, study):
    with store.read() as tx:
        for order in ("number", "-number", "accuracy", "-accuracy", "finished_at", "-finished_at"):
            everything = tx.trials(study, order=order).items
            for place, trial in enumerate(everything):
                rest = tx.trials(study, order=order, cursor=tx.cursor_after(study, trial, order)).items
                assert rest == everything[place + 1 :]


def test_trials_added_behind_the_cursor_do_not_shift_later_pages(store, study):
    with store.read() as tx:
        page = tx.trials(study, order="-number", limit=4)
    a_trial(store, study)
    with store.read() as tx:
        rest = tx.trials(study, order="-number", cursor=page.next_cursor).items
    assert [trial.number for trial in (*page.items, *rest)] == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]


def cursor_of(*parts):
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("order", "cursor"),
    [
        ("number", "no cursor"),
        ("number", cursor_of("accuracy", 0.5, 1)),
        ("number", cursor_of("number", None, -1)),
        ("number", cursor_of("number", None, 2**63)),
        ("number", cursor_of("number", None)),
        ("accuracy", cursor_of("accuracy", "0.5", 1)),
        ("accuracy", cursor_of("accuracy", float("nan"), 1)),
        ("accuracy", cursor_of("accuracy", True, 1)),
        ("accuracy", cursor_of("accuracy", 10**400, 1)),
        ("accuracy", cursor_of("accuracy", [], 1)),
        ("finished_at", cursor_of("finished_at", "yesterday", 1)),
        ("finished_at", cursor_of("finished_at", "2026-11-24T00:00:00", 1)),
        ("finished_at", cursor_of("finished_at", 5, 1)),
    ],
)
def test_a_cursor_that_is_none_of_this_order_is_refused(sqlite_store, order, cursor):
    study = a_study(sqlite_store)
    with sqlite_store.read() as tx, pytest.raises(InvalidQuery):
        tx.trials(study, order=order, cursor=cursor)
