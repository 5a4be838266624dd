"""Values of devices and of variants: split where they are kept, joined where they are read."""

from __future__ import annotations

from sqlalchemy import select

from tests.builders import a_problem, a_study, a_trial, some_params
from tests.store.racing import race
from trimtab_service.domain.metric import Direction, Objective, Value
from trimtab_service.domain.trial import TrialState
from trimtab_service.store import NewTrial
from trimtab_service.store.tables import trial_values

PI, PHONE = 'latency_ms["pi-zero"]', 'latency_ms["phone_2.1"]'
VALUES = {
    "accuracy": Value(0.9, 0.01),
    "latency_ms": Value(3.0, None, {"device": "laptop"}),
    PHONE: Value(1.5),
    PI: Value(20.0, None, {"device": "pi-zero", "threads": 1}),
}
VARIANTS = {"int8": {"accuracy": Value(0.88), PI: Value(9.0)}, "pruned 50 %": {"size_bytes": Value(500.0)}}


def test_a_told_key_is_split_into_metric_and_device_and_joined_again(store):
    study = a_study(store)
    trial = a_trial(store, study, state=TrialState.COMPLETE, values=VALUES)
    assert trial.values == VALUES
    with store.read() as tx:
        kept = tx.connection.execute(
            select(trial_values.c.metric, trial_values.c.device, trial_values.c.variant, trial_values.c.value)
        ).all()
    assert sorted(kept) == [
        ("accuracy", "", "", 0.9),
        ("latency_ms", "", "", 3.0),
        ("latency_ms", "phone_2.1", "", 1.5),
        ("latency_ms", "pi-zero", "", 20.0),
    ]


def test_variants_and_the_artifact_are_told_with_the_result_and_read_back(store):
    study = a_study(store)
    before = a_trial(store, study)
    with store.begin() as tx:
        assert tx.close_trial(study, before, before.complete(VALUES, VARIANTS, "s3://models/7"))
        after = tx.trial(study, before.number)
    assert (after.values, after.variants, after.artifact) == (VALUES, VARIANTS, "s3://models/7")
    with store.read() as tx:
        (page,) = tx.trials(study).items
        (found,) = tx.trials_of(study, [before.number, 99])
    assert page == found
    assert {key: value.value for key, value in found.variants["int8"].items()} == {"accuracy": 0.88, PI: 9.0}
    assert (found.artifact, found.values[PI]) == ("s3://models/7", Value(20.0))  # a list has no contracts


def test_a_result_takes_the_place_of_what_preflight_said_in_another_unit(store):
    study = a_study(store)
    before = a_trial(store, study)
    with store.begin() as tx:
        tx.add_values(study, before.number, {"size_bytes": Value(64_000.0), "macs": Value(5.0)})
        result = {"size_kb": Value(10.0), "macs": Value(5.0)}
        assert tx.close_trial(study, before, before.complete(result, VARIANTS))
        after = tx.trial(study, before.number)
    assert (after.values, after.variants) == (result, VARIANTS)


def test_trials_are_added_with_variants_and_artifacts(store):
    study = a_study(store)
    new = [
        NewTrial(0, some_params(0), state=TrialState.COMPLETE, values=VALUES, variants=VARIANTS, artifact="file:a"),
        NewTrial(1, some_params(1), state=TrialState.COMPLETE, values={"accuracy": Value(0.1)}),
    ]
    with store.begin() as tx:
        added = tx.add_trials(study, new)
        assert [tx.trial(study, number) for number in range(2)] == list(added)
    assert (added[0].variants, added[0].artifact) == (VARIANTS, "file:a")
    assert (added[1].variants, added[1].artifact) == ({}, "")


def test_a_variant_may_come_late_and_takes_nothing_from_the_trial(store):
    study = a_study(store)
    trial = a_trial(store, study, state=TrialState.COMPLETE, values={"accuracy": 0.9})
    with store.begin() as tx:
        tx.add_values(study, trial.number, {"accuracy": Value(0.7)}, variant="int8")
        tx.add_values(study, trial.number, {"accuracy": Value(0.8), PI: Value(1.0)}, variant="int8")
        after = tx.trial(study, trial.number)
    assert (after.values, after.state) == ({"accuracy": Value(0.9)}, TrialState.COMPLETE)
    assert after.variants == {"int8": {"accuracy": Value(0.8), PI: Value(1.0)}}


def test_values_told_at_once_by_many_workers_are_all_kept(store):
    study = a_study(store)
    trial = a_trial(store, study, state=TrialState.COMPLETE)

    def tell(place: int) -> None:
        with store.begin() as tx:
            tx.add_values(study, trial.number, {f'latency_ms["board-{place}"]': Value(float(place))})

    race(8, tell)
    with store.read() as tx:
        told = tx.trial(study, trial.number).values
    assert {f'latency_ms["board-{place}"]': Value(float(place)) for place in range(8)}.items() <= told.items()


def test_an_objective_of_a_device_orders_pages_and_makes_losses(store):
    problem = a_problem(objectives=(Objective(PI, Direction.MINIMIZE),))
    study = a_study(store, problem=problem)
    for place in (2.0, 0.5, 1.0):
        a_trial(store, study, state=TrialState.COMPLETE, values={PI: place, "latency_ms": 10 - place})
    with store.read() as tx:
        first = tx.trials(study, order=PI, limit=2)
        assert [trial.number for trial in first.items] == [1, 2]
        rest = tx.trials(study, order=PI, cursor=first.next_cursor)
        assert [trial.number for trial in rest.items] == [0]
        assert [trial.number for trial in tx.trials(study, order="-latency_ms").items] == [1, 2, 0]
        assert [one.losses for one in tx.history(study)] == [(2.0,), (0.5,), (1.0,)]


def test_a_history_may_be_asked_for_under_other_limits(store):
    study = a_study(store)
    for latency in (10.0, 30.0):
        a_trial(store, study, state=TrialState.COMPLETE, values={"accuracy": 0.5, PI: latency})
    other = a_problem(constraints=(f"{PI} <= 20",))
    with store.read() as tx:
        assert [one.margins for one in tx.history(study)] == [(), ()]
        fits = [one.margins[0] <= 0 for one in tx.history(study, other)]
        assert fits == [True, False]
        assert [one.margins for one in tx.history(study)] == [(), ()]


def test_more_trials_than_a_statement_names_are_found_by_number(store):
    study = a_study(store)
    with store.begin() as tx:
        tx.take_numbers(study, 1_500, charged=False)
        tx.add_trials(study, [NewTrial(number, some_params(number)) for number in range(1_500)])
        assert [trial.number for trial in tx.trials_of(study, range(1_499, -1, -1))] == list(range(1_500))
        assert tx.trials_of(study, []) == ()
