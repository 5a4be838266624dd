"""A server that remembers histories and columns answers what a full read answers, whatever happened meanwhile."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, event

from tests.builders import a_problem, a_study, a_trial, some_params
from trimtab_service.domain.history import SIZE, PackedHistory
from trimtab_service.domain.metric import Direction, Objective, Value
from trimtab_service.domain.trial import Failure, FailureKind, Observation, TrialState
from trimtab_service.store import NewTrial, Store
from trimtab_service.store.kept import Kept, Known
from trimtab_service.store.moment import Moment
from trimtab_service.store.tables import trials


@pytest.fixture
def replica(store, database_url):
    """Another server on the same database."""
    opened = Store(database_url)
    yield opened
    opened.close()


def read(store, study):
    with store.read() as tx:
        return tuple(tx.history(study))


def full_read(store, study):
    with store.begin() as tx:
        return tuple(tx.history(study))


def shown(tx, study):
    """The history and the columns as text, in which nan equals nan."""
    columns = tx.columns(study)
    values = {key: list(columns.values[key]) for key in sorted(columns.values)}
    rows = [list(columns.numbers), list(columns.variants), list(columns.params)]
    return repr(list(tx.history(study))) + repr(rows) + repr(values)


def looked_at(store, study):
    with store.read() as tx:
        return shown(tx, study)


def looked_at_whole(store, study):
    with store.begin() as tx:
        return shown(tx, study)


def a_study_with_limits(store):
    """Its history depends on late values, on a device's, and on the baseline trial's."""
    return a_study(
        store,
        problem=a_problem(
            objectives=(Objective("accuracy", Direction.MAXIMIZE), Objective("macs", Direction.MINIMIZE)),
            constraints=('latency_ms["pi"] <= 20', "accuracy >= 0.9 * baseline"),
            known_metrics=("macs",),
            late_metrics=("accuracy",),
            baseline=some_params(0),
        ),
    )


def add(store, study, count, state=TrialState.WAITING):
    with store.begin() as tx:
        first = tx.take_numbers(study, count, charged=False)
        lease = 60.0 if state is TrialState.RUNNING else None
        values = {"accuracy": Value(0.5)} if state is TrialState.COMPLETE else {}
        return tx.add_trials(
            study,
            [
                NewTrial(
                    number=first + n, params=some_params(first + n), state=state, values=values, lease_seconds=lease
                )
                for n in range(count)
            ],
        )


def finish(store, study, number, state):
    with store.begin() as tx:
        before = tx.trial(study, number)
        if before.state is not TrialState.RUNNING:
            return
        if state is TrialState.WAITING:
            tx.give_back(study, before, before.release(before.epoch))
        elif state is TrialState.FAILED:
            tx.close_trial(study, before, before.fail(before.epoch, Failure(FailureKind.OOM)))
        else:
            tx.close_trial(study, before, before.complete({"accuracy": Value(0.1 * number, 0.01)}))


def measure(store, study, number, key):
    with store.begin() as tx:
        tx.add_values(study, number, {key: Value(number / 7)}, variant="int8" if key == "size_bytes" else "")


def refuse(store, study, number):
    with store.begin() as tx:
        before = tx.trial(study, number)
        if before.state is TrialState.RUNNING:
            tx.take_numbers(study, 1, charged=True)
            tx.refuse_trial(study, before, before.refuse(before.epoch, {"macs": Value(9.0)}))


MEASURED = ("accuracy", "macs", 'latency_ms["pi"]', "size_bytes")
OPERATIONS = st.one_of(
    st.tuples(st.just("add"), st.integers(1, 4), st.sampled_from(TrialState)),
    st.tuples(st.just("claim"), st.integers(1, 3), st.sampled_from([0.001, 60.0])),
    st.tuples(
        st.just("finish"),
        st.integers(0, 12),
        st.sampled_from([TrialState.COMPLETE, TrialState.FAILED, TrialState.WAITING]),
    ),
    st.tuples(
        st.just("measure"),
        st.integers(0, 12),
        st.sampled_from(MEASURED),
    ),
    st.tuples(st.just("refuse"), st.integers(0, 12), st.none()),
    st.tuples(st.just("probe"), st.integers(1, 3), st.none()),
    st.tuples(st.just("sweep"), st.just(0), st.none()),
    st.tuples(st.just("look"), st.just(0), st.none()),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(steps=st.lists(st.tuples(OPERATIONS, st.booleans()), min_size=1, max_size=18))
def test_what_is_remembered_is_what_a_full_read_gives(store, replica, steps):
    study = a_study_with_limits(store)
    for (what, how_many, how), elsewhere in steps:
        acting, watching = (replica, store) if elsewhere else (store, replica)
        with store.read() as tx:
            is_there = sum(tx.counts([study.id])[study.id].values()) > how_many
        match what:
            case "add" if how is TrialState.FAILED or how in (TrialState.STOPPED, TrialState.INFEASIBLE):
                with acting.begin() as tx:
                    a_trial(tx, study, state=how)
            case "add":
                add(acting, study, how_many, how)
            case "claim":
                with acting.begin() as tx:
                    tx.claim(study, "w", how_many, how)
            case "finish" if is_there:
                finish(acting, study, how_many, how)
            case "measure" if is_there:
                measure(acting, study, how_many, how)
            case "refuse" if is_there:
                refuse(acting, study, how_many)
            case "probe":
                with acting.begin() as tx:
                    tx.add_probes(study, [(some_params(place), {"macs": Value(5.0)}) for place in range(how_many)])
            case "sweep":
                with acting.begin() as tx:
                    tx.sweep_lost(0.0)
            case "look":
                assert looked_at(watching, study) == looked_at_whole(store, study)
    assert looked_at(store, study) == looked_at(replica, study) == looked_at_whole(store, study)


def test_a_value_that_comes_late_is_noticed_in_the_history_and_in_the_columns(store, replica):
    study = a_study_with_limits(store)
    with store.begin() as tx:
        for _ in range(2):
            a_trial(tx, study, state=TrialState.COMPLETE, values={"accuracy": 0.5, "macs": 3.0})
    with store.read() as tx:
        assert [round(one.margins[1], 3) for one in tx.history(study)] == [-0.05, -0.05]
        assert all(math.isnan(one.margins[0]) for one in tx.history(study))
        assert 'latency_ms["pi"]' not in tx.columns(study).values
    measure(replica, study, 1, 'latency_ms["pi"]')
    with store.read() as tx:
        assert [math.isnan(one.margins[0]) for one in tx.history(study)] == [True, False]
        assert tx.columns(study).values['latency_ms["pi"]'][1] == 1 / 7
    with replica.begin() as tx:
        tx.add_values(study, 0, {"accuracy": Value(1.0)})  # of the baseline trial: every margin is another now
    with store.read() as tx:
        assert [round(one.margins[1], 3) for one in tx.history(study)] == [-0.1, 0.4]


def test_only_what_is_new_is_taken_from_the_database(store):
    study = a_study(store)
    add(store, study, 2 * SIZE, TrialState.COMPLETE)
    running = add(store, study, 3, TrialState.RUNNING)
    read(store, study)
    rows = []

    @event.listens_for(store._engines.read, "after_cursor_execute")
    def count(_connection, cursor, statement, *_):
        if statement.startswith("SELECT") and "trials.params" in statement.split("FROM")[0]:
            rows.append(statement)

    read(store, study)
    assert rows == []  # nobody's params are read when nothing has changed
    with store.read() as tx:
        before = tx.history(study)
    finish(store, study, running[1].number, TrialState.COMPLETE)
    with store.read() as tx:
        after = tx.history(study)
    assert len(rows) == 1
    assert [after.blocks[place] is before.blocks[place] for place in range(3)] == [True, True, False]
    assert [one.state for one in after][-3:] == [TrialState.RUNNING, TrialState.COMPLETE, TrialState.RUNNING]


def test_a_transaction_that_began_earlier_sees_its_own_moment(store, replica):
    study = a_study(store)
    add(store, study, 3, TrialState.RUNNING)
    with store.read() as tx:
        tx.counts([study.id])  # the moment is that of the first statement
        finish(replica, study, 1, TrialState.COMPLETE)
        add(replica, study, 2)
        later = read(store, study)
        assert [one.state for one in later] == ["running", "complete", "running", "waiting", "waiting"]
        assert [one.state for one in tx.history(study)] == ["running", "running", "running"]
    assert read(store, study) == later


@pytest.mark.parametrize("lost", [1, 2])
def test_a_database_that_lost_its_latest_trials_is_read_anew(store, replica, lost):
    study = a_study(store)
    added = add(store, study, 4, TrialState.COMPLETE)
    assert len(read(store, study)) == 4
    gone = [one.number for one in added[-lost:]]
    with replica.begin() as tx:
        tx.connection.execute(delete(trials).where(trials.c.study_id == study.id, trials.c.number.in_(gone)))
        tx.add_trials(study, [NewTrial(number=number, params=some_params(99)) for number in gone])
    assert read(store, study) == full_read(store, study)
    assert read(store, study)[-1] == Observation(3, TrialState.WAITING, some_params(99))


def test_more_trials_than_a_statement_names_may_be_open(store):
    study = a_study(store)
    add(store, study, 1_200)
    read(store, study)
    with store.begin() as tx:
        tx.claim(study, "w", 1_100, 60.0)
    finish(store, study, 7, TrialState.COMPLETE)
    assert read(store, study) == full_read(store, study)


def test_the_histories_remembered_are_bounded_and_the_latest_asked_for_stay():
    kept = Kept(most_bytes=1_000)
    of = {
        n: Known(PackedHistory.of([Observation(0, TrialState.WAITING, {"x": "y" * 300})]), Moment(n, n))
        for n in range(4)
    }
    for n, known in of.items():
        kept.put(n, known)
        assert kept.get(0) is of[0]
    assert kept.get(3) is of[3]
    assert kept.get(1) is None


@pytest.mark.slow
def test_a_read_of_ten_thousand_trials_takes_as_long_as_one_of_three_hundred(store):
    seconds = {}
    for size in (300, 10_000):
        study = a_study(store)
        add(store, study, size - 8, TrialState.COMPLETE)
        running = add(store, study, 8, TrialState.RUNNING)
        begun = time.perf_counter()
        read_first = read(store, study)
        first, rounds = time.perf_counter() - begun, []
        for trial in running:
            finish(store, study, trial.number, TrialState.COMPLETE)
            begun = time.perf_counter()
            with store.read() as tx:
                tx.history(study)
            rounds.append(time.perf_counter() - begun)
        seconds[size] = sorted(rounds)[len(rounds) // 2]
        print(f"{size} trials: first read {first * 1e3:.1f} ms, then {seconds[size] * 1e3:.2f} ms")
        assert len(read_first) == size
    assert seconds[10_000] < 3 * seconds[300] + 0.005
