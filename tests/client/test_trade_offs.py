"""What came of a study under limits: what is asked, and how the answers look."""

from __future__ import annotations

from typing import Any

import pytest

import trimtab
from tests.client.fake_server import FakeServer
from trimtab import Client, Float, Invalid, InvalidQuery, InvalidValue, NoFeasibleTrial, Study, Trial, WorkerPaused
from trimtab.fronts import PredictedBest


@pytest.fixture
def study(client: Client) -> Study:
    return client.create_study(
        "sized",
        space={"lr": Float(0.0, 1.0)},
        objectives={"accuracy": "maximize", "size_bytes": "minimize"},
    )


def a_trial(number: int, accuracy: float, size: float, variant: str = "", **more: Any) -> dict[str, Any]:
    return {
        "study": "sized",
        "number": number,
        "state": "complete",
        "params": {"lr": number / 8},
        "values": {"accuracy": accuracy, "size_bytes": size},
        "variant": variant,
        "feasible": True,
        "broken": [],
        **more,
    }


def query(server: FakeServer, end: str) -> dict[str, list[str]]:
    return server.calls(end)[-1].query


def test_a_front_holds_variants_its_knee_and_its_hypervolume(server: FakeServer, study: Study) -> None:
    items = [a_trial(3, 0.95, 100), a_trial(3, 0.9, 30, "int8"), a_trial(1, 0.5, 10)]
    server.say(
        200,
        at="/pareto",
        items=items,
        hypervolume=0.75,
        reference={"accuracy": 0.0, "size_bytes": 1000.0},
        reference_inferred=True,
        knee={"number": 3, "variant": "int8"},
    )
    front = study.pareto_front(device="pi-zero", where="accuracy > 0.1")
    assert query(server, "/pareto") == {"device": ["pi-zero"], "where": ["accuracy > 0.1"]}
    assert [(trial.number, trial.variant, trial.feasible) for trial in front] == [
        (3, "", True),
        (3, "int8", True),
        (1, "", True),
    ]
    assert front.knee is front[1]
    assert (front.hypervolume, front.inferred) == (0.75, True)
    assert isinstance(front[0], Trial)
    reference = "accuracy=0  size_bytes=1000"
    assert repr(front).splitlines() == [
        f"Pareto front of accuracy, size_bytes: 3 of them, hypervolume 0.75 from {reference} (inferred)",
        "  trial  accuracy  size_bytes     lr  knee  variant",
        "      3      0.95         100  0.375",
        "      3       0.9          30  0.375  here  int8",
        "      1       0.5          10  0.125",
    ]
    assert ">int8</td>" in front._repr_html_()


def test_a_study_has_a_knee_or_none(server: FakeServer, study: Study) -> None:
    server.say(200, at="/knee", knee=a_trial(1, 0.95, 100, "int8"))
    knee = study.knee(device="pi-zero")
    assert knee is not None
    assert (knee.number, knee.variant) == (1, "int8")
    assert query(server, "/knee") == {"device": ["pi-zero"]}
    server.say(200, at="/knee", knee=None)
    assert study.knee() is None


def test_the_best_is_of_the_objective_under_the_limits_that_are_asked_for(server: FakeServer, study: Study) -> None:
    server.say(200, at="/best", **a_trial(4, 0.9, 10))
    best = study.best(device="pi-zero", where=["lr < 1", "size_kb <= 64"], objective="accuracy")
    assert query(server, "/best") == {
        "device": ["pi-zero"],
        "where": ["lr < 1", "size_kb <= 64"],
        "objective": ["accuracy"],
    }
    assert (best.number, best.feasible) == (4, True)


def test_where_none_fits_the_error_names_the_nearest(server: FakeServer, study: Study) -> None:
    nearest = {"number": 4, "params": {"lr": 0.5}, "values": {}, "misses": {"size_kb <= 1": 0.2}}
    server.say(404, at="/best", code="no_feasible_trial", detail="the nearest is trial 4", nearest=nearest)
    with pytest.raises(NoFeasibleTrial, match="the nearest is trial 4") as none:
        study.best(where="size_kb <= 1")
    assert none.value.extras["nearest"] == nearest


def test_a_predicted_best_is_labelled_and_carries_intervals(server: FakeServer, study: Study) -> None:
    server.say(
        200,
        at="/best",
        predicted=True,
        objective="accuracy",
        params={"lr": 0.25},
        metrics={"accuracy": {"median": 0.95, "lower": 0.93, "upper": 0.96}},
        probability_feasible=0.875,
        nearest={"number": 4, "distance": 0.1},
        trials=30,
    )
    best = study.best(predicted=True)
    assert query(server, "/best") == {"predicted": ["true"]}
    assert isinstance(best, PredictedBest)
    assert best.metrics["accuracy"].upper == 0.96
    rests_on = "from 30 trials, within the limits with probability 88%"
    assert repr(best).splitlines() == [
        f"Predicted best accuracy, not measured: {rests_on}; the nearest told is trial 4",
        "lr=0.25",
        "  metric    expected  at least  at most",
        "  accuracy      0.95      0.93     0.96",
    ]


def test_the_one_best_trial_is_of_studies_with_one_objective_only(server: FakeServer, study: Study) -> None:
    with pytest.raises(InvalidQuery, match="objectives accuracy, size_bytes, so no single best trial"):
        _ = study.best_trial


def test_a_hypervolume_grows_and_is_a_number_in_the_end(server: FakeServer, study: Study) -> None:
    reference = {"accuracy": 0.0, "size_bytes": 1000.0}
    server.say(
        200,
        at="/hypervolume",
        numbers=[0, 2, 3],
        values=[0.5, 0.5, 0.75],
        reference=reference,
        reference_inferred=False,
    )
    grown = study.hypervolume(where="lr < 1")
    assert query(server, "/hypervolume") == {"where": ["lr < 1"]}
    assert float(grown) == 0.75
    assert repr(grown).splitlines() == [
        "Hypervolume 0.75 after 3 trials, from accuracy=0  size_bytes=1000",
        "  trial  hypervolume  grew by",
        "      0          0.5      0.5",
        "      3         0.75     0.25",
    ]
    server.say(200, at="/hypervolume", numbers=[], values=[], reference=None, reference_inferred=False)
    assert float(study.hypervolume()) == 0.0


def test_a_pick_takes_limits_by_keyword_and_says_what_its_neighbours_would_buy(
    server: FakeServer, study: Study
) -> None:
    server.say(
        200,
        at="/pick",
        trial=a_trial(4, 0.9, 60_000),
        by="accuracy",
        sentence="trial 4 is the most accurate of at most 64 kB",
        neighbours=[
            {
                "trial": a_trial(5, 0.95, 90_000),
                "changes": {"accuracy": 0.05, "size_bytes": 30_000.0},
                "sentence": "30 kB more buy 5 points",
            }
        ],
    )
    pick = study.pick("lr < 1", size_kb=64, accuracy=0.8)
    assert query(server, "/pick") == {"where": ["lr < 1", "size_kb <= 64", "accuracy >= 0.8"]}
    assert (pick.trial.number, pick.neighbours[0].trial.number) == (4, 5)
    assert repr(pick).splitlines() == [
        "trial 4 is the most accurate of at most 64 kB",
        "30 kB more buy 5 points",
        "  trial  accuracy  size_bytes     lr",
        "      4       0.9       60000    0.5",
        "      5      0.95       90000  0.625",
    ]


def test_a_limit_that_is_no_number_is_refused(server: FakeServer, study: Study) -> None:
    with pytest.raises(InvalidValue, match="metric 'size_kb': expected a number, got 'small'"):
        study.pick(size_kb="small")  # type: ignore[arg-type]
    assert server.calls("/pick") == []


def test_a_trade_off_is_a_row_per_budget(server: FakeServer, study: Study) -> None:
    server.say(
        200,
        at="/trade-off",
        of="accuracy",
        against="size_bytes",
        budgets=[10.0, 20.0],
        measured=[None, 0.9],
        numbers=[None, 4],
        median=[None, 0.91],
        lower=[None, 0.9],
        upper=[None, 0.93],
        shadow_price=[None, 0.001],
        trials=12,
    )
    found = study.trade_off("accuracy", "size_bytes", points=2)
    assert query(server, "/trade-off") == {"of": ["accuracy"], "against": ["size_bytes"], "points": ["2"]}
    assert found.median == (None, 0.91)
    assert repr(found).splitlines() == [
        "The best accuracy under a budget of size_bytes, from 12 trials",
        "  size_bytes  measured  trial  attainable  at least  at most  price of a unit",
        "          10",
        "          20       0.9      4        0.91       0.9     0.93            0.001",
    ]


def test_a_ranking_carries_rewards_and_its_warning(server: FakeServer, study: Study) -> None:
    items = [{"trial": a_trial(4, 0.9, 60_000), "reward": 0.5}]
    server.say(200, at="/rank", items=items, unranked=2, warning="a soft reward may leave the budget")
    reward = trimtab.mnas("accuracy", 'latency_ms["pi-zero"]', 80)
    ranked = study.rank(reward, where="lr < 1", limit=5)
    assert query(server, "/rank") == {"reward": [reward], "where": ["lr < 1"], "limit": ["5"]}
    assert [(one.trial.number, one.reward) for one in ranked] == [(4, 0.5)]
    assert repr(ranked).splitlines() == [
        "Ranking of 1, 2 lack a value",
        "a soft reward may leave the budget",
        "  trial  reward  accuracy  size_bytes   lr",
        "      4     0.5       0.9       60000  0.5",
    ]


@pytest.mark.parametrize(
    ("exponents", "spelled"),
    [
        ({}, "-0.07, -0.07"),
        ({"w": -0.05}, "-0.05, -0.05"),
        ({"alpha": 0, "beta": -1}, "0, -1"),
    ],
)
def test_the_reward_of_mnasnet_is_spelled_out(exponents: dict[str, float], spelled: str) -> None:
    assert trimtab.mnas("accuracy", "latency_ms", 80, **exponents) == f"mnas(accuracy, latency_ms, 80, {spelled})"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"target": 80, "w": -0.07, "alpha": 0}, "expected w, or alpha and beta"),
        ({"target": 80, "alpha": 0}, "expected both alpha and beta"),
        ({"target": 0}, "target must be above 0, got 0"),
        ({"target": "fast"}, "expected a number, got 'fast'"),
    ],
)
def test_a_reward_that_makes_no_sense_is_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        trimtab.mnas("accuracy", "latency_ms", **arguments)


def test_paused_workers_are_shown_and_resumed(server: FakeServer, study: Study) -> None:
    failure = {"kind": "error", "message": "no board"}
    paused = {"name": "pi-1", "straight_failures": 3, "last_failures": [failure] * 3}
    until = "2026-11-24T12:00:00Z"
    server.say(200, at="/workers", items=[{**paused, "paused_until": until}])
    workers = study.workers()
    assert (workers[0].name, workers[0].paused, workers[0].paused_until) == ("pi-1", True, until)
    assert repr(workers).splitlines() == [
        "Workers that have failed: 1, paused: 1",
        "  worker  straight failures  kinds                paused until",
        "  pi-1                    3  error, error, error  2026-11-24T12:00:00Z",
    ]
    study.resume_worker("pi-1")
    assert server.calls("/workers/resume")[0].body == {"worker": "pi-1"}
    server.say(200, at="/workers", items=[])
    assert repr(study.workers()) == "Workers that have failed: 0, paused: 0"


def test_a_paused_worker_is_told_so(server: FakeServer, study: Study) -> None:
    server.say(409, at="/ask", code="worker_paused", detail="paused", failures=[], until="2026-11-24T12:00:00Z")
    with pytest.raises(WorkerPaused) as paused:
        study.optimize(lambda _: 0.5, n_trials=1)
    assert paused.value.extras["until"] == "2026-11-24T12:00:00Z"


def test_a_param_of_a_metrics_name_does_not_hide_it(server: FakeServer, study: Study) -> None:
    trial = a_trial(4, 0.9, 10) | {"params": {"accuracy": 0.1, "lr": 0.5}}
    server.say(200, at="/pareto", items=[trial], knee=None)
    assert repr(study.pareto_front()).splitlines()[1:] == [
        "  accuracy   lr  trial  size_bytes",
        "       0.9  0.5      4          10",
    ]
