"""Costs that are known before the training: nothing over the limit is trained, and refusals cost no budget."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import trimtab

SPACE = {"lr": trimtab.Float(1e-3, 1.0, log=True), "width": trimtab.Int(8, 512, log=True), "depth": trimtab.Int(1, 4)}
LIMIT = 20_000
TRAININGS = 12


def build(width: int, depth: int, lr: float) -> dict[str, np.ndarray]:
    """A net as its arrays: 64 inputs, so many layers of so many units, 10 outputs."""
    sizes = [64, *[width] * depth, 10]
    return {f"w{place}": np.zeros(pair, np.float32) for place, pair in enumerate(itertools.pairwise(sizes))}


def size(params) -> int:
    return sum(array.nbytes for array in build(**params).values())


def accuracy(params) -> float:
    return 0.99 - 0.05 * math.log10(params["lr"] / 0.05) ** 2 - 1 / params["width"] - 0.01 * abs(params["depth"] - 2)


def a_study(client, **definition):
    return client.create_study(
        "sized",
        space=SPACE,
        objectives={"accuracy": "maximize"},
        constraints=[f"size_bytes <= {LIMIT}"],
        known_metrics=["size_bytes"],
        max_trials=TRAININGS,
        seed=2,
        **definition,
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_nothing_over_the_limit_is_trained_and_the_budget_is_spent_on_trainings_only(client, workers):
    study = a_study(client, algorithm="sobol")
    trained = []

    def objective(trial):
        trial.measure(build(**trial.params), before=True)
        trained.append(trial.params)
        return accuracy(trial.params)

    study.optimize(objective, workers=workers, progress=False)

    assert len(trained) == TRAININGS
    assert max(map(size, trained)) <= LIMIT
    states = study.counts
    assert states["complete"] == TRAININGS
    assert states["infeasible"] > TRAININGS / 2, "most of the space is over the limit, and sobol does not learn"
    assert study.record["charged"] == TRAININGS
    refused = list(study.trials(state="infeasible"))
    assert all(trial.feasible is False and trial.broken == (f"size_bytes <= {LIMIT}",) for trial in refused)
    assert all(trial.values["size_bytes"] == size(trial.params) > LIMIT for trial in refused)
    assert all(trial.feasible for trial in study.trials(state="complete"))
    best = study.best()
    assert best.values["size_bytes"] == size(best.params)
    with pytest.raises(trimtab.StudyFinished) as end:
        study.ask()
    assert end.value.code == "budget_reached"


def test_probes_teach_what_fits_so_that_next_to_nothing_is_refused(client):
    study = a_study(client)
    assert study.probe(lambda params: {"size_bytes": size(params)}, n=150, progress=False) == 150
    trained = []
    for trial in study.work():
        with trial:
            trial.measure(build(**trial.params), before=True)
            trained.append(trial.params)
            trial.tell(accuracy(trial.params))
    assert len(trained) == TRAININGS
    assert max(map(size, trained)) <= LIMIT
    modelled = [trial for trial in study.trials() if trial.source == "gp"]
    refused = [trial for trial in modelled if trial.state == "infeasible"]
    print(f"{len(modelled)} proposals of the surrogate, {len(refused)} refused")
    assert len(modelled) >= 2
    assert len(refused) <= len(modelled) / 3


def test_a_preflight_may_be_repeated_and_judges_what_it_knows(client):
    study = client.create_study(
        "several",
        space=SPACE,
        objectives={"accuracy": "maximize"},
        constraints=[f"size_bytes <= {LIMIT}", "macs <= 5_000", 'latency_ms["pi-zero"] <= 20'],
        known_metrics=["size_bytes", "macs"],
        max_trials=2,
        algorithm="random",
    )
    trial = study.ask()
    assert trial.preflight(size_bytes=100)
    assert trial.preflight(size_bytes=100)
    verdict = trial.preflight(macs=5_001)
    assert not verdict
    assert verdict.broken == ("macs <= 5_000",)
    assert study.trial(trial.number).values == {"size_bytes": 100, "macs": 5_001}

    with study.ask() as trial:
        trial.measure(build(**trial.params) | {"huge": np.zeros(LIMIT)}, before=True)
        pytest.fail("a refusal ends the block")
    trial = study.ask()
    trial.preflight({"size_bytes": 100, "macs": 10})
    trial.tell(0.5, devices={"pi-zero": {"latency_ms": 21.0}})
    assert (trial.feasible, trial.broken) == (False, ('latency_ms["pi-zero"] <= 20',))
    with pytest.raises(trimtab.NoFeasibleTrial, match=rf"trial {trial.number}"):
        study.best()
    study.ask().tell({"accuracy": 0.4, "size_bytes": 100, "macs": 10, 'latency_ms["pi-zero"]': 19.0})
    assert study.best().values["accuracy"] == 0.4
    assert study.best().feasible
