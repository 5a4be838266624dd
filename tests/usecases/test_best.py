"""The best, the front and a pick under limits are what a look at every trial says; where none fits, the nearest."""

from __future__ import annotations

import random
import statistics
import time

import pytest

from trimtab_service.domain.errors import InvalidQuery, NoCompleteTrial, NoFeasibleTrial
from trimtab_service.domain.metric import Value
from trimtab_service.domain.trial import TrialState
from trimtab_service.store import NewTrial
from trimtab_service.usecases import best, devices, enqueue, front, pick, rank

GOALS = {"accuracy": "maximize", "size_bytes": "minimize"}
ALL = ("accuracy", "size_bytes", "latency_ms", "energy_mj")


@pytest.fixture
def add(rooms, caller, once):
    def run(*values):
        for start in range(0, len(values), 100):
            trials = [{"params": {"x": 0.5}, "values": one} for one in values[start : start + 100]]
            enqueue.add(rooms, caller, "s", trials, once())

    return run


@pytest.fixture
def device(rooms, caller, once):
    def run(name, **limits):
        devices.save(rooms, caller, name, limits, once(), replace=True)
        return name

    return run


def some(count, seed):
    """Trials of coarse values, so that many are equal, and some without a latency or an energy."""
    chance = random.Random(seed)
    for _ in range(count):
        told = {
            "accuracy": chance.randrange(50, 60) / 100,
            "size_bytes": chance.randrange(1, 12) * 1_000,
            "latency_ms": chance.randrange(1, 12),
            "energy_mj": chance.random() * 10,
        }
        yield {key: one for key, one in told.items() if key in GOALS or chance.random() < 0.9}


def fits(values, limits):
    return all(key in values and values[key] <= limit for key, limit in limits.items())


def beats(one, other):
    first, second = ((-v["accuracy"], v["size_bytes"]) for v in (one, other))
    return first != second and first[0] <= second[0] and first[1] <= second[1]


def test_answers_for_50_random_devices_are_those_of_brute_force(study, add, device, rooms, caller):
    study(objectives=GOALS)
    told = list(some(300, 1))
    add(*told)
    chance, empty = random.Random(2), 0
    for place in range(50):
        limited = chance.sample(["size_bytes", "latency_ms", "energy_mj"], chance.randrange(1, 4))
        scale = {"size_bytes": 12_000, "latency_ms": 12, "energy_mj": 10}
        limits = {key: round(chance.random() ** 2 * scale[key], 1) for key in limited}
        name = device(f"d{place}", **limits)
        fitting = [number for number, values in enumerate(told) if fits(values, limits)]
        expected = {n for n in fitting if not any(beats(told[other], told[n]) for other in fitting)}
        assert {trial.number for trial in front.pareto(rooms, caller, "s", device=name).trials} == expected
        if not fitting:
            empty += 1
            with pytest.raises(NoFeasibleTrial) as caught:
                best.best(rooms, caller, "s", device=name)
            assert caught.value.extras["nearest"]["number"] == nearest(told, limits)
            continue
        top = max(told[number]["accuracy"] for number in fitting)
        first = min(number for number in fitting if told[number]["accuracy"] == top)
        assert best.best(rooms, caller, "s", device=name).trial.number == first
    assert 0 < empty < 40


def nearest(told, limits):
    """The least sum of relative excesses; the earlier of equals."""

    def miss(values):
        if not limits.keys() <= values.keys():
            return float("inf")
        return sum(max((values[key] - limit) / (limit or 1.0), 0.0) for key, limit in limits.items())

    return min(range(len(told)), key=lambda number: (miss(told[number]), number))


def test_conditions_of_any_form_choose_what_they_say(study, add, rooms, caller):
    study(objectives=GOALS)
    told = list(some(120, 3))
    add(*told)
    for text in (
        "size_kb < 6",
        "6 >= size_kb",
        "size_bytes * latency_ms <= 20_000 or accuracy > 0.58",
        "number >= 60",
    ):
        names = [{**one, "size_kb": one["size_bytes"] / 1_000, "number": place} for place, one in enumerate(told)]
        chosen = [
            place
            for place, one in enumerate(names)
            if ("latency_ms" in one or "latency_ms" not in text) and eval(text, {}, dict(one))  # the oracle
        ]
        expected = {n for n in chosen if not any(beats(told[other], told[n]) for other in chosen)}
        if " or " in text:
            continue_with = {place for place, one in enumerate(names) if one["accuracy"] > 0.58} | set(chosen)
            expected = {n for n in continue_with if not any(beats(told[other], told[n]) for other in continue_with)}
        assert {trial.number for trial in front.pareto(rooms, caller, "s", [text]).trials} == expected


def test_once_for_alls_list_answers_for_a_phone(study, add, device, rooms, caller):
    study(objectives={"accuracy": "maximize"})
    pairs = [(143, 80.1), (132, 79.8), (79, 78.7), (58, 76.9), (40, 74.9), (28, 73.3), (20, 71.4)]
    add(*({"accuracy": top, "latency_ms": ms} for ms, top in pairs))
    for limit, expected in ((80, 78.7), (60, 76.9)):
        found = best.best(rooms, caller, "s", device=device("pixel", latency_ms=limit))
        assert found.trial.values["accuracy"].value == expected
    with pytest.raises(NoFeasibleTrial, match="the nearest is trial 6") as caught:
        best.best(rooms, caller, "s", device=device("pixel", latency_ms=19))
    assert caught.value.extras["nearest"]["values"] == {"accuracy": 71.4, "latency_ms": 20.0}


def test_a_study_without_results_has_no_best(study, rooms, caller):
    study()
    with pytest.raises(NoCompleteTrial):
        best.best(rooms, caller, "s")
    with pytest.raises(InvalidQuery):
        best.best(rooms, caller, "s", objective="x")


def test_a_late_objective_keeps_a_trial_off_the_front_but_not_from_being_the_best_of_another(
    study, add, rooms, caller
):
    study(objectives={"accuracy": "maximize", "latency_ms": "minimize"}, late_metrics=["latency_ms"])
    add({"accuracy": 0.9}, {"accuracy": 0.8, "latency_ms": 3})
    assert best.best(rooms, caller, "s").trial.number == 0
    assert [trial.number for trial in front.pareto(rooms, caller, "s").trials] == [1]
    assert pick.pick(rooms, caller, "s").entry.trial.number == 1


def test_a_pick_of_one_objective_says_what_the_bounded_metric_would_buy(study, add, rooms, caller):
    study(objectives={"accuracy": "maximize"})
    add(*({"accuracy": a, "size_bytes": s} for a, s in ((0.9, 1_000), (0.95, 2_000), (0.97, 9_000))))
    found = pick.pick(rooms, caller, "s", where=["size_kb <= 5"])
    assert found.entry.trial.number == 1
    assert [one.sentence for one in found.neighbours] == [
        "another 7 kB would buy +2 points of accuracy (trial 2)",
        "5 points of accuracy less would save 50 % of size_bytes (trial 0)",
    ]
    assert found.neighbours[0].changes == pytest.approx({"accuracy": 0.02, "size_bytes": 7_000})


def test_mnasnets_reward_ranks_what_is_stored(study, add, rooms, caller):
    study(objectives={"accuracy": "maximize"})
    add(*({"accuracy": a, "latency_ms": ms} for a, ms in ((0.752, 80), (0.7894, 160), (0.79, 160), (0.7, 10))))
    soft = rank.rank(rooms, caller, "s", "mnas(accuracy, latency_ms, 80, -0.07, -0.07)")
    hard = rank.rank(rooms, caller, "s", "mnas(accuracy, latency_ms, 80, 0, -1)")
    rewards = {one.entry.trial.number: one.reward for one in soft.items}
    assert rewards[0] == pytest.approx(0.752)
    assert rewards[1] == pytest.approx(0.752, abs=5e-5)
    assert [one.entry.trial.number for one in hard.items] == [0, 3, 2, 1]
    assert (bool(soft.warning), hard.warning) == (True, "")
    with pytest.raises(InvalidQuery, match="expected a reward"):
        rank.rank(rooms, caller, "s", "accuracy > 1")


@pytest.mark.slow
def test_an_answer_at_100_000_trials_takes_a_small_multiple_of_one_at_1_000(study, device, rooms, caller):
    medians = {}
    for size in (1_000, 100_000):
        made = study(name=f"of-{size}", objectives=GOALS)
        told = list(some(size, 4))
        with rooms.store.begin(caller.project_id) as tx:
            tx.take_numbers(made, size, charged=False)
            new = [
                NewTrial(number, {"x": 0.5}, state=TrialState.COMPLETE, values={k: Value(v) for k, v in one.items()})
                for number, one in enumerate(told)
            ]
            for start in range(0, size, 1_000):
                tx.add_trials(made, new[start : start + 1_000])
        begun = time.perf_counter()
        front.pareto(rooms, caller, made.name, device=device("d", size_bytes=50_000, latency_ms=50))
        first, seconds = time.perf_counter() - begun, []
        for place in range(20):
            name = device("d", size_bytes=1_000 + 400 * place, latency_ms=2 + place / 3)
            begun = time.perf_counter()
            front.pareto(rooms, caller, made.name, device=name)
            best.best(rooms, caller, made.name, device=name)
            seconds.append(time.perf_counter() - begun)
        medians[size] = statistics.median(seconds)
        print(f"{size} trials: read in {first:.2f} s, then {medians[size] * 1e3:.1f} ms for a front and a best")
    assert medians[100_000] < 15 * medians[1_000]  # a scan takes a hundred times as long
