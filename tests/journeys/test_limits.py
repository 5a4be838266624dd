"""Limits, variants, contracts and workers, from the published client through the app to the database and back."""

from __future__ import annotations

import math

import pytest

import trimtab

SPACE = {"width": trimtab.Int(1, 64), "depth": trimtab.Int(1, 8), "lr": trimtab.Float(1e-3, 1.0, log=True)}


def counted(study) -> dict[str, int]:
    """Trial state -> how many, of those that there are."""
    return {state: count for state, count in study.counts.items() if count}


@pytest.mark.parametrize("algorithm", ["gp", "grid", "random", "sobol"])
def test_every_algorithm_keeps_to_the_space_constraints(client, algorithm):
    options = {"points": {"lr": 2}} if algorithm == "grid" else {}
    study = client.create_study(
        "limited",
        space=SPACE,
        objectives={"loss": "minimize"},
        space_constraints=["width * depth <= 64", "width % 2 == 0 or depth == 1"],
        algorithm=algorithm,
        options=options,
    )
    for trial in study.work(n=15):
        assert trial["width"] * trial["depth"] <= 64
        assert trial["width"] % 2 == 0 or trial["depth"] == 1
        trial.tell(abs(trial["width"] - 16) / 16 + math.log10(trial["lr"] / 0.1) ** 2)


def test_a_space_that_nothing_fulfils_is_refused_with_the_reason(client):
    with pytest.raises(trimtab.InvalidSpace, match=r"width \* depth > 512"):
        client.create_study(
            "impossible",
            space=SPACE,
            objectives={"loss": "minimize"},
            space_constraints=["width >= 2", "width * depth > 512"],
        )


def test_a_limit_may_refer_to_a_baseline(client):
    baseline = {"width": 8, "depth": 2, "lr": 0.1}
    study = client.create_study(
        "relative",
        space=SPACE,
        objectives={"size_kb": "minimize"},
        constraints=["accuracy >= 0.98 * baseline"],
        baseline=baseline,
        max_trials=4,
        algorithm="random",
    )
    first = study.ask()
    assert (first.number, first.params) == (0, baseline)
    first.tell(accuracy=0.9, size_bytes=64_000)
    assert first.feasible
    assert first.values["size_kb"] == 64
    for accuracy, size, fits in ((0.89, 32_000, True), (0.88, 16_000, False), (0.95, 48_000, True)):
        trial = study.ask()
        trial.tell(accuracy=accuracy, size_bytes=size)
        assert trial.feasible is fits
        assert bool(trial.broken) is not fits
    assert study.best().values["size_bytes"] == 32_000
    with pytest.raises(trimtab.StudyFinished):
        study.ask()


def test_an_objective_may_be_computed_from_told_metrics(client):
    study = client.create_study(
        "rewarded",
        space=SPACE,
        objectives={"reward": trimtab.Objective("maximize", formula=trimtab.mnas("accuracy", "latency_ms", 80))},
        algorithm="random",
    )
    trial = study.ask()
    with pytest.raises(trimtab.MissingMetric, match="latency_ms"):
        trial.tell(accuracy=0.752)
    trial.tell(accuracy=0.752, latency_ms=80)
    assert trial.values["reward"] == pytest.approx(0.752)
    study.ask().tell(accuracy=0.789, latency_ms=160)
    assert study.best_trial.number == 0
    assert study.trial(1).values["reward"] == pytest.approx(0.789 * 2**-0.07)


def test_the_front_runs_over_variants_which_take_no_budget(client):
    study = client.create_study(
        "variants",
        space=SPACE,
        objectives={"accuracy": "maximize", "size_bytes": "minimize"},
        algorithm="random",
        max_trials=2,
    )
    first = study.ask()
    first.tell(
        {"accuracy": 0.95, "size_bytes": 100_000, "latency_ms": 9.0},
        variants={
            "int8": {"accuracy": 0.94, "size_bytes": 25_000},
            "pruned-50": {"accuracy": 0.90, "size_bytes": 50_000},
        },
        artifact="s3://models/0.onnx",
    )
    study.ask().tell({"accuracy": 0.80, "size_bytes": 10_000, "latency_ms": 5.0})
    found = study.trial(0)
    assert found.variants == {
        "int8": {"accuracy": 0.94, "size_bytes": 25_000},
        "pruned-50": {"accuracy": 0.90, "size_bytes": 50_000},
    }
    assert (found.artifact, found.variant) == ("s3://models/0.onnx", "")
    front = {(trial.number, trial.variant) for trial in study.pareto_front()}
    assert front == {(0, ""), (0, "int8"), (1, "")}
    assert "int8" in repr(study.pareto_front())

    pick = study.pick(size_kb=64)
    assert (pick.trial.number, pick.trial.variant) == (0, "int8")
    assert pick.trial.values == {"accuracy": 0.94, "size_bytes": 25_000, "latency_ms": 9.0}
    client.add_device("tiny", {"size_kb": 12})
    assert study.best(device="tiny").number == 1
    with pytest.raises(trimtab.StudyFinished) as end:
        study.ask()
    assert end.value.code == "budget_reached"
    assert counted(study) == {"complete": 2}


def test_figures_of_two_devices_are_never_compared_in_silence(client):
    study = client.create_study("fenced", space=SPACE, objectives={"loss": "minimize"}, algorithm="random")
    here = {"device": "pixel-1", "threads": 1}
    study.ask().tell(loss=0.5, latency_ms={"value": 3.0, "contract": here})
    trial = study.ask()
    with pytest.raises(trimtab.ContractMismatch, match="latency_ms") as mismatch:
        trial.tell(loss=0.4, latency_ms={"value": 9.0, "contract": {"device": "pi-zero", "threads": 1}})
    assert "pi-zero" in str(mismatch.value)
    assert trial.is_open
    trial.tell(loss=0.4, devices={"pi-zero": {"latency_ms": 9.0}})
    assert study.trial(trial.number).values == {"loss": 0.4, 'latency_ms["pi-zero"]': 9.0}


def test_a_worker_that_fails_again_and_again_is_paused_and_nobody_elses_trials_suffer(http, key):
    with (
        trimtab.Client(key=key, http=http, worker="broken") as broken,
        trimtab.Client(key=key, http=http, worker="sound") as sound,
    ):
        study = sound.create_study("workers", space=SPACE, objectives={"loss": "minimize"}, algorithm="random")

        def crash(_):
            raise RuntimeError("no GPU")

        with pytest.raises(trimtab.WorkerPaused, match="broken") as paused:
            broken.study("workers").optimize(crash, catch=RuntimeError, progress=False)
        assert [failure["kind"] for failure in paused.value.extras["failures"]] == ["error"] * 3
        assert counted(study) == {"failed": 3}
        study.optimize(lambda trial: trial["lr"], n_trials=2, progress=False)
        (worker,) = study.workers()
        assert (worker.name, worker.straight_failures, worker.paused) == ("broken", 3, True)
        assert "RuntimeError: no GPU" in worker.last_failures[0]["message"]

        study.resume_worker("broken")
        broken.study("workers").ask().tell(0.5)
        assert not any(one.paused for one in study.workers())


def test_a_named_worker_goes_on_with_what_a_crash_left_open(http, key):
    with trimtab.Client(key=key, http=http, worker="gpu-0") as before:
        study = before.create_study(
            "crash", space=SPACE, objectives={"loss": "minimize"}, algorithm="random", max_trials=2
        )
        lost = study.ask()
    with trimtab.Client(key=key, http=http, worker="gpu-0") as after:
        done = []
        for trial in after.study("crash").work():
            done.append(trial.number)
            trial.tell(0.5)
    assert done == [lost.number, 1]
    assert counted(after.study("crash")) == {"complete": 2}


def test_a_mere_number_is_the_objective_that_does_not_follow_from_what_was_measured(client):
    study = client.create_study(
        "kilobytes",
        space={"width": trimtab.Int(1, 8)},
        objectives={"accuracy": "maximize", "size_kb": "minimize"},
        options={"acquisition": "log_ei"},
    )

    def objective(trial):
        trial.log({"size_bytes": 100 * trial["width"]})
        return 0.1 * trial["width"]

    study.optimize(objective, n_trials=3, progress=False)
    for trial in study.trials(state="complete"):
        assert trial.values["size_kb"] == pytest.approx(0.1 * trial["width"])
    assert study.counts["complete"] == 3
