"""Trials tell the energy of their training, and the study's ledger adds it up: the client against the real app."""

from __future__ import annotations

import pytest

import trimtab
from trimtab.costs import EnergyTracker, Site
from trimtab.costs.meters import StatedPower

SITE = Site(country="DEU", watts=15, pue=1.2)


def test_the_energy_of_the_trials_comes_back_as_a_ledger(client):
    study = client.create_study(
        "frugal",
        space={"width": trimtab.Int(1, 8)},
        objectives={"accuracy": "maximize"},
        algorithm="random",
        max_trials=4,
        seed=0,
    )
    spent = []

    def objective(trial):
        with EnergyTracker(SITE, StatedPower()) as tracker:
            sum(range(10_000 * trial["width"]))
        spent.append(tracker)
        if trial.number == 2:
            raise MemoryError("out of memory")
        trial.log(tracker)
        trial.tell({"accuracy": 1 - 1 / trial["width"], "energy_mj": 0.5 * trial["width"]})

    study.optimize(objective, catch=MemoryError, progress=False)
    told = [tracker for number, tracker in enumerate(spent) if number != 2]
    ledger = study.ledger(baseline=100.0, small=study.best_trial)

    assert ledger.energy_j == pytest.approx(sum(tracker.energy_j for tracker in told))
    assert ledger.co2_g == pytest.approx(ledger.energy_kwh * 380.95)
    assert (ledger.trials, ledger.without_energy) == (4, {"failed": 1})
    assert ledger.seconds > 0
    saved_j = (100.0 - study.best_trial.values["energy_mj"]) / 1e3
    assert ledger.pays_back_after() - 1 <= ledger.energy_j / saved_j <= ledger.pays_back_after()

    contracts = study.trial(0).contracts
    assert contracts["training_energy_j"]["how"] == "estimated"
    assert contracts["training_energy_j"]["pue"] == 1.2
    assert contracts["training_co2_g"]["intensity_g_per_kwh"] == 380.95
