"""The columns of a study's values: a row per complete trial and variant, and no more work than there are changes."""

from __future__ import annotations

import math
import time

import pytest
from sqlalchemy import event

from tests.builders import a_study, a_trial, some_params
from trimtab_service.domain.metric import Value
from trimtab_service.domain.trial import TrialState
from trimtab_service.store import NewTrial
from trimtab_service.store.columns import Columns, Completed

PI = 'latency_ms["pi-zero"]'


def columns_of(store, study) -> Columns:
    with store.read() as tx:
        return tx.columns(study)


def rows(columns):
    """(number, variant) -> the values of the row, without those that are not there."""
    return {
        (number, variant): {
            key: column[place] for key, column in columns.values.items() if not math.isnan(column[place])
        }
        for place, (number, variant) in enumerate(zip(columns.numbers, columns.variants, strict=True))
    }


def complete(store, study, count, first=0, values=None):
    with store.begin() as tx:
        tx.take_numbers(study, count, charged=False)
        tx.add_trials(
            study,
            [
                NewTrial(
                    number=number,
                    params=some_params(number),
                    state=TrialState.COMPLETE,
                    values=values or {"accuracy": Value(number / 10)},
                )
                for number in range(first, first + count)
            ],
        )


def test_each_complete_trial_is_a_row_with_its_params_and_values(store):
    study = a_study(store)
    complete(store, study, 2)
    for state in (TrialState.RUNNING, TrialState.WAITING, TrialState.FAILED, TrialState.INFEASIBLE):
        a_trial(store, study, state=state)
    with store.begin() as tx:
        tx.add_values(study, 1, {PI: Value(3.5)})
        tx.add_values(study, 2, {"macs": Value(7.0)})  # of a trial that still runs
    found = columns_of(store, study)
    assert rows(found) == {(0, ""): {"accuracy": 0.0}, (1, ""): {"accuracy": 0.1, PI: 3.5}}
    assert list(found.params) == [some_params(0), some_params(1)]
    assert list(found.params[0]) == list(some_params(0))
    assert len(found) == 2
    with store.read() as tx:
        assert tx.told_keys(study) == {"accuracy", PI}
        assert len(tx.columns(a_study(store))) == 0


def test_a_trial_without_any_value_is_a_row_too(store):
    study = a_study(store)
    with store.begin() as tx:
        tx.take_numbers(study, 1, charged=False)
        tx.add_trials(study, [NewTrial(0, some_params(), state=TrialState.COMPLETE)])
    assert rows(columns_of(store, study)) == {(0, ""): {}}


def test_a_variant_is_a_row_after_its_trial_with_its_values_over_the_trials_own(store):
    study = a_study(store)
    complete(store, study, 3, values={"accuracy": Value(0.9), "size_bytes": Value(4000.0), "lr": Value(1.0)})
    with store.begin() as tx:
        tx.add_values(study, 1, {"size_bytes": Value(1000.0)}, variant="pruned-80")
        tx.add_values(study, 1, {"size_bytes": Value(500.0), "accuracy": Value(0.8)}, variant="int8")
    assert rows(columns_of(store, study)) == {
        (0, ""): {"accuracy": 0.9, "size_bytes": 4000.0, "lr": 1.0},
        (1, ""): {"accuracy": 0.9, "size_bytes": 4000.0, "lr": 1.0},
        (1, "int8"): {"accuracy": 0.8, "size_bytes": 500.0, "lr": 1.0},
        (1, "pruned-80"): {"accuracy": 0.9, "size_bytes": 1000.0, "lr": 1.0},
        (2, ""): {"accuracy": 0.9, "size_bytes": 4000.0, "lr": 1.0},
    }


def test_rows_are_by_number_in_whatever_order_trials_end(store):
    study = a_study(store)
    running = [a_trial(store, study) for _ in range(6)]
    for place in (3, 5, 0, 4, 1):
        with store.begin() as tx:
            tx.close_trial(study, running[place], running[place].complete({"accuracy": Value(place / 10)}))
        columns_of(store, study)
    found = columns_of(store, study)
    assert list(found.numbers) == [0, 1, 3, 4, 5]
    assert list(found.values["accuracy"]) == [0.0, 0.1, 0.3, 0.4, 0.5]


def test_the_columns_are_the_same_object_until_a_row_changes(store):
    study, other = a_study(store), a_study(store)
    complete(store, study, 3)
    first = columns_of(store, study)
    a_trial(store, study)  # which has no row as long as it runs
    complete(store, other, 1)
    assert columns_of(store, study) is first
    assert columns_of(store, other).version != first.version
    with store.begin() as tx:
        tx.add_values(study, 0, {"accuracy": Value(0.7)})
    after = columns_of(store, study)
    assert after.version != first.version
    assert (list(first.values["accuracy"]), list(after.values["accuracy"])) == ([0.0, 0.1, 0.2], [0.7, 0.1, 0.2])


def test_only_what_changed_is_taken_from_the_database(store):
    study = a_study(store)
    complete(store, study, 40)
    columns_of(store, study)
    fetched = []

    @event.listens_for(store._engines.read, "after_cursor_execute")
    def count(_connection, _cursor, statement, parameters, *_):
        if statement.startswith("SELECT") and "trial_values" in statement:
            fetched.append(len(parameters))

    columns_of(store, study)
    assert fetched == []
    with store.begin() as tx:
        tx.add_values(study, 17, {PI: Value(1.0)})
    assert columns_of(store, study).values[PI][17] == 1.0
    assert len(fetched) == 1
    assert fetched[0] == 2  # the project, and the one trial


def test_more_trials_than_a_statement_names_are_read(store):
    study = a_study(store)
    complete(store, study, 2_300)
    found = columns_of(store, study)
    assert list(found.numbers) == list(range(2_300))
    assert list(found.values["accuracy"]) == [number / 10 for number in range(2_300)]


def test_changes_make_other_columns_and_leave_the_former_as_they_were():
    first = Columns().changed([Completed(4, "{}", {"": {"a": 1.0}}), Completed(9, "{}", {"": {"a": 2.0}})])
    second = first.changed([Completed(7, "{}", {"": {"b": 3.0}, "int8": {}}), Completed(9, "{}", {"": {"a": 5.0}})])
    assert rows(first) == {(4, ""): {"a": 1.0}, (9, ""): {"a": 2.0}}
    assert rows(second) == {(4, ""): {"a": 1.0}, (7, ""): {"b": 3.0}, (7, "int8"): {"b": 3.0}, (9, ""): {"a": 5.0}}
    assert rows(second.changed([Completed(7, "{}", None)])) == {(4, ""): {"a": 1.0}, (9, ""): {"a": 5.0}}
    assert second.changed([Completed(8, "{}", None)]) is second
    assert second.size > first.size > Columns().size == 0


def test_a_variant_has_no_figure_of_its_trial_in_another_unit_and_no_formulas_value_of_it():
    told = {"": {"size_bytes": 1e5, "acc": 0.9, "gain": 2.0}, "int8": {"size_kb": 25.0}}
    found = Columns(computed=frozenset({"gain"})).changed([Completed(0, "{}", told)])
    found = found.changed([Completed(1, "{}", told)])
    for number in (0, 1):
        assert rows(found)[number, ""] == told[""]
        assert rows(found)[number, "int8"] == {"acc": 0.9, "size_kb": 25.0}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_change_among_a_hundred_thousand_trials_is_read_as_fast_as_among_a_thousand(store):
    seconds = {}
    told = {name: Value(1.0) for name in ("accuracy", "size_bytes", "macs", "parameters", PI)}
    for size in (1_000, 100_000):
        study = a_study(store)
        for first in range(0, size, 1_000):
            complete(store, study, 1_000, first, told)
        begun = time.process_time()
        assert len(columns_of(store, study)) == size
        whole, rounds = time.process_time() - begun, []
        for place in range(9):
            with store.begin() as tx:
                tx.add_values(study, place * size // 9, {PI: Value(2.0 + place)})
            begun = time.process_time()
            found = columns_of(store, study)
            rounds.append(time.process_time() - begun)
            assert found.values[PI][place * size // 9] == 2.0 + place
        seconds[size] = min(rounds)
        begun = time.process_time()
        columns_of(store, study)
        same = time.process_time() - begun
        print(
            f"{size} trials, {found.size / 1e6:.1f} MB: first read {whole * 1e3:.0f} ms, a change "
            f"{seconds[size] * 1e3:.2f} ms, none {same * 1e3:.2f} ms"
        )
    assert seconds[100_000] < 3 * seconds[1_000] + 0.01
