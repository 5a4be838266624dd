"""One study answers for every device: Once-for-all's published list, with devices made after the study's end."""

from __future__ import annotations

import pytest

import trimtab

PUBLISHED = [(143, 80.1), (132, 79.8), (79, 78.7), (58, 76.9), (40, 74.9), (28, 73.3), (20, 71.4)]
"""(ms on a Pixel 1, top-1 %) of Cai et al. 2019 (1908.09791), one trained network each."""
LATENCY = 'latency_ms["pixel-1"]'


@pytest.fixture
def study(client):
    study = client.create_study(
        "once-for-all",
        space={"subnet": trimtab.Int(0, len(PUBLISHED) - 1)},
        objectives={"accuracy": "maximize", LATENCY: "minimize"},
    )
    for subnet, (latency, accuracy) in enumerate(PUBLISHED):
        study.add_trial({"subnet": subnet}, {"accuracy": accuracy, LATENCY: latency})
    study.finish()
    return study


@pytest.mark.parametrize(("limit", "accuracy"), [(80, 78.7), (60, 76.9), (20, 71.4), (1_000, 80.1)])
def test_the_best_for_a_device_that_was_made_after_the_end_keeps_its_limit(client, study, limit, accuracy):
    client.add_device("pixel-1", {"latency_ms": limit})
    best = study.best(device="pixel-1")
    assert best.values["accuracy"] == accuracy
    assert best.values[LATENCY] <= limit
    front = study.pareto_front(device="pixel-1")
    assert {trial.values["accuracy"] for trial in front} == {top for ms, top in PUBLISHED if ms <= limit}
    assert study.pick(device="pixel-1").trial.number == best.number
    assert study.best(where=f"{LATENCY} <= {limit}").number == best.number


def test_where_none_fits_the_nearest_is_named_and_a_predicted_best_is_offered(client, study):
    client.add_device("pixel-1", {"latency_ms": 19})
    for ask in (study.best, study.pick):
        with pytest.raises(trimtab.NoFeasibleTrial, match="nearest is trial 6") as none:
            ask(device="pixel-1")
        nearest = none.value.extras["nearest"]
        assert nearest["values"] == {"accuracy": 71.4, LATENCY: 20}
        assert nearest["params"] == {"subnet": 6}
    assert list(study.pareto_front(device="pixel-1")) == []

    client.add_device("pixel-1", {"latency_ms": 60}, replace=True)
    predicted = study.best(device="pixel-1", predicted=True)
    assert "not measured" in repr(predicted)
    assert predicted.metrics["accuracy"].lower < predicted.metrics["accuracy"].median
    assert 0 <= predicted.probability_feasible <= 1
    assert abs(predicted.params["subnet"] - 3) <= 1


def test_devices_are_named_listed_replaced_and_forgotten(client, study):
    client.add_device("pixel-1", {"latency_ms": 80})
    client.add_device("pixel-1", {"latency_ms": 80})
    with pytest.raises(trimtab.DeviceConflict, match="pixel-1"):
        client.add_device("pixel-1", {"latency_ms": 60})
    client.add_device("board", {"size_kb": 64, "limits": ["accuracy >= 75"]})
    assert [device.name for device in client.devices()] == ["board", "pixel-1"]
    assert client.device("board").limits == {"size_kb": 64, "limits": ["accuracy >= 75"]}
    with pytest.raises(trimtab.NoFeasibleTrial):
        study.best(device="board")  # no size was told, and what is unknown does not fit
    client.delete_device("board")
    with pytest.raises(trimtab.DeviceNotFound, match="board"):
        study.best(device="board")
    with pytest.raises(trimtab.Invalid):
        client.add_device("no name", {"latency_ms": 80})
    with pytest.raises(trimtab.Invalid):
        client.add_device("board", {"latency_ms": "fast"})


def test_stored_trials_are_ranked_by_the_reward_of_mnasnet_for_any_target(study):
    for target, exponents in ((80, {}), (30, {}), (60, {"alpha": 0, "beta": -1}), (25, {"w": -0.2})):
        alpha, beta = (
            exponents.get("alpha", exponents.get("w", -0.07)),
            exponents.get("beta", exponents.get("w", -0.07)),
        )
        by_hand = [
            accuracy * (latency / target) ** (alpha if latency <= target else beta) for latency, accuracy in PUBLISHED
        ]
        ranked = study.rank(trimtab.mnas("accuracy", LATENCY, target, **exponents), limit=7)
        assert [one.reward for one in ranked] == pytest.approx(sorted(by_hand, reverse=True))
        assert by_hand[ranked[0].trial["subnet"]] == pytest.approx(max(by_hand))
        assert bool(ranked.warning) == (alpha != 0)


def test_a_looser_budget_never_buys_less_and_the_front_says_what_the_neighbours_cost(study):
    found = study.trade_off("accuracy", LATENCY, points=8)
    assert len(found.budgets) == 8
    for measured, budget, number in zip(found.measured, found.budgets, found.numbers, strict=True):
        fitting = [(top, -ms, place) for place, (ms, top) in enumerate(PUBLISHED) if ms <= budget]
        assert (measured, number) == ((max(fitting)[0], max(fitting)[2]) if fitting else (None, None))
    medians = [one for one in found.median if one is not None]
    assert len(medians) >= 4
    assert medians == sorted(medians)
    assert all(price >= 0 for price in found.shadow_price if price is not None)
    assert LATENCY in repr(found)

    pick = study.pick(where=f"{LATENCY} <= 60")
    assert pick.trial.values["accuracy"] == 76.9
    assert {one.trial.values["accuracy"] for one in pick.neighbours} == {78.7, 74.9}
    (better,) = [one for one in pick.neighbours if one.changes["accuracy"] > 0]
    assert better.changes == pytest.approx({"accuracy": 1.8, LATENCY: 21})

    grown = study.hypervolume()
    assert grown.numbers == tuple(range(len(PUBLISHED)))
    assert list(grown.values) == sorted(grown.values)
    assert float(grown) == pytest.approx(study.pareto_front().hypervolume)
    knee = study.knee()
    front = study.pareto_front()
    assert (knee and knee.number) == (front.knee and front.knee.number)
