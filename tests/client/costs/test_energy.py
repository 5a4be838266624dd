"""The tracker of energy and CO2 and the footprint of one call, on counters and powers that are known."""

import logging
import subprocess
import sys
import threading
import time

import pytest

from tests.client.costs.fake_meters import Hand
from trimtab.costs import energy
from trimtab.costs.energy import EnergyTracker, TrackerInUse, per_call
from trimtab.costs.footprint import InvalidSite, Site, recompute_co2
from trimtab.costs.meters import Automatic, Counters, StatedPower
from trimtab.errors import TrimtabError

GERMANY = Site(country="DEU", watts=15, pue=1.2)


@pytest.fixture(autouse=True)
def nothing_warned_yet():
    energy._warn_once.cache_clear()


def metered(hand, site=GERMANY):
    return EnergyTracker(site, Counters([hand.counter()]))


def test_a_stated_power_gives_energy_and_co2_by_the_formulas():
    with EnergyTracker(GERMANY, StatedPower()) as tracker:
        time.sleep(0.01)

    assert tracker.seconds >= 0.01
    assert tracker.energy_j == pytest.approx(1.2 * 15 * tracker.seconds)
    assert tracker.co2_g == pytest.approx(tracker.energy_j / 3.6e6 * 380.95)
    assert tracker.how == "estimated"


def test_a_metered_block_has_pue_and_intensity_in_its_contracts():
    hand = Hand()
    with metered(hand) as tracker:
        hand.joules = 1000.0

    assert (tracker.how, tracker.energy_j) == ("measured", pytest.approx(1200.0))
    energy_contract, co2_contract = (tracker.contract[name] for name in ("training_energy_j", "training_co2_g"))
    assert energy_contract["pue"] == 1.2
    assert energy_contract["attributed"] == "whole machine, not this process alone"
    assert "intensity_g_per_kwh" not in energy_contract
    assert (co2_contract["intensity_g_per_kwh"], co2_contract["country"], co2_contract["year"]) == (
        380.95,
        "DEU",
        2023,
    )


def test_co2_is_recomputed_from_the_energy_and_its_contract():
    hand = Hand()
    with metered(hand) as tracker:
        hand.joules = 1000.0
    contract = tracker.contract["training_energy_j"]

    assert recompute_co2(tracker.energy_j, contract, 380.95) == pytest.approx(tracker.co2_g)
    assert recompute_co2(tracker.energy_j, contract, 56.039, pue=1.0) == pytest.approx(1000 / 3.6e6 * 56.039)


def test_the_figures_go_into_a_trial_as_they_are(study):
    with study.ask() as trial:
        with EnergyTracker(GERMANY, StatedPower()) as tracker:
            pass
        trial.log(tracker)
        trial.tell(0.9)

    told = study.trial(0)
    assert told.values == {
        "accuracy": 0.9,
        "training_energy_j": tracker.energy_j,
        "training_co2_g": tracker.co2_g,
    }


def test_a_site_without_a_grid_has_energy_and_no_co2():
    with EnergyTracker(Site(watts=15), StatedPower()) as tracker:
        pass

    assert set(tracker.as_metrics()) == {"training_energy_j"}
    assert tracker.co2_g is None
    assert "Site(country=…)" in tracker.unknown["training_co2_g"]


def test_a_grid_without_emissions_is_0_g_and_not_unknown():
    with EnergyTracker(Site(watts=15, intensity=0), StatedPower()) as tracker:
        pass

    assert tracker.co2_g == 0.0


def test_an_exception_passes_and_the_figures_are_kept():
    hand = Hand()
    tracker = metered(hand)

    def train():
        hand.joules = 10.0
        raise FloatingPointError

    with pytest.raises(FloatingPointError), tracker:
        train()

    assert tracker.energy_j == pytest.approx(12.0)


def test_unknown_energy_is_none_and_warned_of_once(caplog):
    trackers = [EnergyTracker(Site(country="DEU"), Automatic(list)) for _ in range(3)]
    with caplog.at_level(logging.WARNING, "trimtab"):
        for tracker in trackers:
            with tracker:
                pass

    assert [record.name for record in caplog.records] == ["trimtab"]
    assert "Site(watts=…)" in caplog.text
    assert all(
        (one.energy_j, one.co2_g, one.how, one.as_metrics()) == (None, None, "unknown", {}) for one in trackers
    )
    assert all("Site(watts=…)" in reason for reason in trackers[0].unknown.values())


def test_a_meter_that_breaks_down_ends_no_training(caplog):
    hand = Hand()
    with metered(hand) as tracker:
        hand.joules = OSError("gone")

    assert tracker.energy_j is None
    assert tracker.unknown["training_energy_j"] == "an energy counter could not be read: gone"
    assert "gone" in caplog.text


def test_nothing_is_known_before_the_block_ends():
    with EnergyTracker(GERMANY, StatedPower()) as tracker:
        assert (tracker.energy_j, tracker.seconds, tracker.as_metrics()) == (None, None, {})
        assert tracker.unknown["training_energy_j"] == "the block has not ended"


def test_a_tracker_can_be_used_again_but_not_twice_at_once():
    hand = Hand()
    tracker = metered(hand)
    with tracker:
        hand.joules = 10.0
        with pytest.raises(TrackerInUse, match="needs its own") as caught, tracker:
            pass
    with tracker:
        hand.joules = 15.0

    assert tracker.energy_j == pytest.approx(6.0)
    assert isinstance(caught.value, TrimtabError)
    assert isinstance(caught.value, RuntimeError)
    assert caught.value.code == "tracker_in_use"


def test_a_tracker_within_another_counts_its_part_and_both_say_so():
    hand = Hand()
    with metered(hand) as outer:
        hand.joules = 10.0
        with metered(hand) as inner:
            hand.joules = 15.0
        hand.joules = 20.0
    with metered(hand) as alone:
        hand.joules = 25.0

    assert (outer.energy_j, inner.energy_j) == (pytest.approx(24.0), pytest.approx(6.0))
    assert outer.contract["training_energy_j"]["overlapping"] == 1
    assert inner.contract["training_energy_j"]["overlapping"] == 1
    assert "overlapping" not in alone.contract["training_energy_j"]


def test_trackers_in_threads_do_not_disturb_each_other():
    hand = Hand()
    begun, moved = threading.Barrier(5), threading.Event()
    trackers = [metered(hand) for _ in range(4)]

    def track(tracker):
        with tracker:
            begun.wait(timeout=20)
            moved.wait(timeout=20)

    threads = [threading.Thread(target=track, args=(one,)) for one in trackers]
    for thread in threads:
        thread.start()
    begun.wait(timeout=20)
    hand.joules = 10.0
    moved.set()
    for thread in threads:
        thread.join(timeout=20)

    assert [one.energy_j for one in trackers] == [pytest.approx(12.0)] * 4
    assert {one.contract["training_energy_j"]["overlapping"] for one in trackers} == {3}


def test_a_meter_that_can_not_start_leaves_the_tracker_free():
    class Refusing:
        def start(self, site):
            raise InvalidSite("no")

    tracker = EnergyTracker(GERMANY, Refusing())
    for _ in range(2):
        with pytest.raises(InvalidSite, match="no"), tracker:
            pass


@pytest.mark.parametrize("site", ["DEU", 15, {"watts": 15}])
def test_a_tracker_wants_a_site(site):
    with pytest.raises(InvalidSite, match=r"expected Site\(watts=…"):
        EnergyTracker(site)


def test_a_call_is_metered_over_many_calls():
    hand = Hand()

    def call():
        time.sleep(0.001)
        hand.joules += 0.002

    found = per_call(call, latency_ms=1.0, site=GERMANY, seconds=0.3, counters=[hand.counter()])

    assert found.figures["energy_mj"] == pytest.approx(1.2 * 2.0)
    assert found.figures["co2_g"] == pytest.approx(1.2 * 0.002 / 3.6e6 * 380.95)
    assert found.stderr["energy_mj"] == pytest.approx(0.0, abs=1e-9)
    contract = found.contract["energy_mj"]
    assert (contract["how"], contract["repetitions"]) == ("measured", 3)
    assert 3 <= contract["calls"] <= 300
    assert found.unknown == {}


def test_the_spread_between_blocks_of_calls_is_the_standard_error():
    hand = Hand()
    bursts = iter([0.001, 0.002, 0.003])

    def call():
        time.sleep(0.11)  # longer than a block, so that each holds one call
        hand.joules += next(bursts)

    found = per_call(call, latency_ms=110.0, site=Site(), seconds=0.3, counters=[hand.counter()])

    assert found.figures == {"energy_mj": pytest.approx(2.0)}
    assert found.stderr == {"energy_mj": pytest.approx(1.0 / 3**0.5)}
    assert "Site(country=…)" in found.unknown["co2_g"]


def test_a_call_without_a_meter_costs_latency_times_power():
    found = per_call(pytest.fail, latency_ms=4.0, site=GERMANY, latency_stderr_ms=0.1, counters=[])

    assert found.figures["energy_mj"] == pytest.approx(1.2 * 15 * 4.0)
    assert found.stderr["energy_mj"] == pytest.approx(1.2 * 15 * 0.1)
    assert found.stderr["co2_g"] == pytest.approx(found.figures["co2_g"] * 0.1 / 4.0)
    assert (found.contract["energy_mj"]["how"], found.contract["energy_mj"]["pue"]) == ("estimated", 1.2)


def test_a_call_without_meter_and_without_power_is_unknown():
    found = per_call(pytest.fail, latency_ms=4.0, counters=[])

    assert (found.figures, found.contract) == ({}, {})
    assert set(found.unknown) == {"energy_mj", "co2_g"}
    assert "Site(watts=…)" in found.unknown["energy_mj"]


def test_a_call_on_a_counter_that_stands_still_is_estimated_and_says_why():
    found = per_call(lambda: None, latency_ms=0.001, site=GERMANY, seconds=0.1, counters=[Hand(7.0).counter()])

    assert found.figures["energy_mj"] == pytest.approx(1.2 * 15 * 0.001)
    assert found.contract["energy_mj"]["not_measured"] == "the energy counters did not move meanwhile"


def test_tracking_loads_nothing_but_the_standard_library():
    program = (
        "import sys; before = set(sys.modules); from trimtab.costs.energy import EnergyTracker, Site\n"
        "with EnergyTracker(Site(country='DEU', watts=15)) as tracker: sum(range(10**6))\n"
        "assert tracker.co2_g > 0\n"
        "loaded = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(loaded - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert set(done.stdout.strip()[1:-1].replace("'", "").split(", ")) <= {"trimtab", "pynvml"}
