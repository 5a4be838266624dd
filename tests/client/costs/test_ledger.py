"""A study's ledger, by hand count over simple trials, and through the client."""

import math
from dataclasses import dataclass, field

import pytest

from trimtab.costs.cost import Cost, UnknownCost
from trimtab.costs.ledger import Ledger, ledger
from trimtab.errors import InvalidValue


@dataclass
class SimpleTrial:
    """As much of a trial as a ledger looks at."""

    state: str = "complete"
    values: dict = field(default_factory=dict)
    record: dict = field(default_factory=dict)


def a_trial(energy_j=None, co2_g=None, state="complete", seconds=None, **values):
    told = {"training_energy_j": energy_j, "training_co2_g": co2_g, **values}
    end = None if seconds is None else f"2026-11-24T10:{seconds // 60:02}:{seconds % 60:02}Z"
    record = {"started_at": "2026-11-24T10:00:00Z", "finished_at": end}
    return SimpleTrial(state, {name: value for name, value in told.items() if value is not None}, record)


def test_the_ledger_adds_what_the_trials_told():
    found = ledger([a_trial(3e6, 300.0, seconds=60), a_trial(6e5, 60.0, seconds=90)])

    assert (found.energy_j, found.energy_kwh, found.co2_g) == (3.6e6, 1.0, 360.0)
    assert (found.trials, found.seconds) == (2, 150.0)
    assert found.without_energy == found.without_co2 == {}


def test_trials_without_a_figure_are_named_by_their_state_and_waiting_ones_are_none():
    found = ledger(
        [a_trial(10.0), a_trial(state="failed"), a_trial(state="failed"), a_trial(state="running"), a_trial()]
        + [a_trial(state="waiting")] * 9
    )

    assert found.trials == 5
    assert found.without_energy == {"failed": 2, "running": 1, "complete": 1}
    assert found.without_co2 == {"failed": 2, "running": 1, "complete": 2}
    assert (found.energy_j, found.co2_g) == (10.0, None)


@pytest.mark.parametrize("trials", [[], [a_trial()]])
def test_what_no_trial_told_is_unknown_and_not_0(trials):
    found = ledger(trials)

    assert (found.energy_j, found.energy_kwh, found.co2_g) == (None, None, None)
    assert "energy that no trial told" in str(found)
    with pytest.raises(UnknownCost, match="training_energy_j"):
        found.pays_back_after(1.0, 2.0)


@pytest.mark.parametrize(
    ("search_j", "small_mj", "baseline_mj", "expected"),
    [
        (1000.0, 1.0, 3.0, 500_000),
        (1000.0, 1.0, 4.0, 333_334),
        (0.0, 1.0, 3.0, 0),
        (1000.0, 3.0, 3.0, math.inf),
        (1000.0, 5.0, 3.0, math.inf),
        (1000.0, 0.0, 5e-324, math.inf),
    ],
)
def test_the_smaller_model_pays_back_what_the_search_used(search_j, small_mj, baseline_mj, expected):
    assert ledger([a_trial(search_j)]).pays_back_after(small_mj, baseline_mj) == expected


def test_models_are_given_as_trials_as_costs_or_as_numbers():
    found = ledger([a_trial(1000.0)])

    assert found.pays_back_after(a_trial(energy_mj=1.0), Cost(energy_mj=3.0)) == 500_000
    assert found.pays_back_after({"energy_mj": 1.0}, 3) == 500_000
    assert ledger([a_trial(1000.0)], baseline=3.0, small=a_trial(energy_mj=1.0)).pays_back_after() == 500_000


@pytest.mark.parametrize("model", [a_trial(), Cost(), {"accuracy": 0.9}, "small"])
def test_a_model_without_an_energy_is_refused_by_its_role(model):
    with pytest.raises(UnknownCost, match=r"baseline: expected .* energy_mj"):
        ledger([a_trial(1000.0)]).pays_back_after(1.0, model)


def test_both_models_are_wanted():
    with pytest.raises(UnknownCost, match="both models"):
        ledger([a_trial(1000.0)], small=1.0).pays_back_after()


@pytest.mark.parametrize("energy", [-1.0, math.nan, math.inf, True])
def test_an_energy_that_can_not_be_is_refused(energy):
    with pytest.raises(InvalidValue, match="small"):
        ledger([], small=energy)


def test_a_ledger_reads_as_a_sentence_with_kwh():
    found = ledger(
        [a_trial(3e6, 300.0, seconds=3000), a_trial(6e5, 60.0, seconds=3000), a_trial(state="failed", seconds=20)],
        baseline=3.4,
        small=1.4,
    )

    assert str(found) == (
        "The search used 1 kWh (3.6 MJ) and 360 g CO2 in 3 trials, 1 h 40 min in all. "
        "That is a lower bound: 1 failed told no energy. "
        "The smaller model pays it back after at least 1,800,000,000 inferences (1.4 mJ instead of 3.4 mJ)."
    )


def test_a_model_that_never_pays_back_is_said_so():
    assert "never pays it back (3 mJ instead of 2 mJ)" in str(ledger([a_trial(10.0)], baseline=2.0, small=3.0))


def test_a_ledger_shows_itself_in_a_notebook():
    page = ledger([a_trial(3.6e6, 360.0, seconds=41), a_trial(state="failed")], baseline=3.4, small=1.4)._repr_html_()

    for text in ("1 kWh (3.6 MJ)", "360 g", "at least; 1 failed told none", "41 s", "1,800,000,000 inferences"):
        assert text in page
    assert "smaller model" not in Ledger(0, None, None, 0.0)._repr_html_()


def test_a_study_keeps_a_ledger_over_all_its_pages(study, server):
    server.page_size = 2
    for energy_j in (100.0, 200.0, 300.0):
        study.ask().tell({"accuracy": 0.9, "training_energy_j": energy_j, "energy_mj": 1.0})
    study.ask().fail("oom")
    study.enqueue({"lr": 0.5})

    found = study.ledger(baseline=3.0, small=study.best_trial)

    assert (found.energy_j, found.trials, found.without_energy) == (600.0, 4, {"failed": 1})
    assert found.pays_back_after() == 300_000
