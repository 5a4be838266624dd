"""Meters on fake counters: what is read, what is left out, and what is said when there is nothing to read."""

import sys
import threading

import pytest

from tests.client.costs.fake_meters import FakeCodecarbon, FakeNvml, Hand, Zone
from trimtab.costs.footprint import InvalidSite, Site
from trimtab.costs.meters import Automatic, Codecarbon, Counters, StatedPower, nvml, rapl
from trimtab.errors import NotInstalled

ANYWHERE = Site()


def test_packages_and_their_memory_are_read_and_what_they_hold_is_not_read_twice(tmp_path):
    Zone(tmp_path, "intel-rapl:0", "package-0", energy_uj=5_000_000)
    Zone(tmp_path, "intel-rapl:0:0", "core", energy_uj=3_000_000)
    Zone(tmp_path, "intel-rapl:0:1", "dram", energy_uj=700_000)
    Zone(tmp_path, "intel-rapl:1", "package-1", energy_uj=6_000_000)
    Zone(tmp_path, "intel-rapl:2", "psys", energy_uj=90_000_000)
    Zone(tmp_path, "intel-rapl-mmio:0", "package-0", energy_uj=5_000_000)

    assert {counter.domain: counter.read() for counter in rapl(tmp_path)} == {
        "package-0": 5.0,
        "package-0 dram": 0.7,
        "package-1": 6.0,
    }


def test_the_range_of_a_zone_is_where_its_counter_starts_again(tmp_path):
    Zone(tmp_path, "intel-rapl:0", "package-0", range_uj=65_532_610_987)

    assert rapl(tmp_path)[0].wraps_at == pytest.approx(65_532.610987)


@pytest.mark.parametrize("broken", ["energy_uj", "max_energy_range_uj", "name"])
def test_a_package_with_something_missing_makes_rapl_unavailable(tmp_path, broken):
    Zone(tmp_path, "intel-rapl:0", "package-0")
    zone = Zone(tmp_path, "intel-rapl:1", "package-1")
    (zone.folder / broken).unlink()

    assert rapl(tmp_path) == []


@pytest.mark.parametrize("text", ["", "not a number\n"])
def test_a_counter_that_says_nothing_makes_rapl_unavailable(tmp_path, text):
    zone = Zone(tmp_path, "intel-rapl:0", "package-0")
    (zone.folder / "energy_uj").write_text(text)

    assert rapl(tmp_path) == []


def test_a_counter_that_can_not_be_opened_makes_rapl_unavailable(tmp_path):
    zone = Zone(tmp_path, "intel-rapl:0", "package-0")
    (zone.folder / "energy_uj").unlink()
    (zone.folder / "energy_uj").mkdir()  # refused to everybody; a file's mode would not stop root

    assert rapl(tmp_path) == []


def test_a_machine_without_powercap_has_no_rapl(tmp_path):
    assert rapl(tmp_path / "nothing") == []


def test_cards_are_read_in_joules_and_those_without_a_counter_left_out():
    counters = nvml(FakeNvml([1_500, None, 2_000]))

    assert {counter.domain: counter.read() for counter in counters} == {"gpu 0": 1.5, "gpu 2": 2.0}


def test_a_machine_without_a_driver_has_no_cards():
    assert nvml(FakeNvml([1_500], driver=False)) == []


def test_a_machine_without_the_library_has_no_cards(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)  # as if it were not installed

    assert nvml() == []


def test_a_card_that_falls_off_the_bus_leaves_the_energy_unknown():
    library = FakeNvml([1_500])
    stop = Counters(nvml(library)).start(ANYWHERE)
    library.cards[0] = None
    reading = stop(1.0)

    assert reading.joules is None
    assert reading.unknown == "an energy counter could not be read: gpu 0: Not Supported"


def test_counters_give_what_they_moved_of_the_whole_machine(tmp_path):
    zone, library = Zone(tmp_path, "intel-rapl:0", "package-0", energy_uj=7_000_000), FakeNvml([1_000])
    stop = Counters([*rapl(tmp_path), *nvml(library)]).start(ANYWHERE)
    zone.counts(9_500_000)
    library.cards[0] = 4_000
    reading = stop(1.0)

    assert (reading.joules, reading.how) == (5.5, "measured")
    assert reading.contract["domains"] == ["package-0", "gpu 0"]
    assert reading.contract["attributed"] == "whole machine, not this process alone"


def test_a_counter_that_starts_again_from_0_is_followed(tmp_path):
    zone = Zone(tmp_path, "intel-rapl:0", "package-0", energy_uj=99_000_000, range_uj=100_000_000)
    stop = Counters(rapl(tmp_path)).start(ANYWHERE)
    zone.counts(4_000_000)

    assert stop(1.0).joules == pytest.approx(5.0)


def test_a_counter_that_starts_again_more_than_once_is_followed_by_reading_it_meanwhile():
    hand = Hand(step=60.0)
    wrapping = Hand()
    seen = threading.Event()

    def read() -> float:
        total = hand.read()
        if total >= 600:
            seen.set()
        wrapping.joules = total
        return total % 100

    counter = hand.counter(wraps_at=100.0)
    stop = Counters([type(counter)("package-0", read, 100.0)], poll_seconds=0.001).start(ANYWHERE)
    assert seen.wait(timeout=20)
    joules = stop(1.0).joules

    assert joules == pytest.approx(wrapping.joules - 60.0)  # all but where it stood at first
    assert joules > 500


def test_a_counter_that_is_set_back_leaves_the_energy_unknown():
    hand = Hand(50.0)
    stop = Counters([hand.counter("gpu 0")]).start(ANYWHERE)
    hand.joules = 3.0

    assert stop(1.0).unknown == "the energy counter of gpu 0 was set back meanwhile"


def test_a_counter_that_stands_still_is_no_energy_of_0():
    reading = Counters([Hand(50.0).counter()]).start(ANYWHERE)(1.0)

    assert (reading.joules, reading.how) == (None, "unknown")
    assert reading.unknown == "the energy counters did not move meanwhile"


def test_the_thread_that_follows_a_counter_ends_with_the_stretch():
    before = set(threading.enumerate())
    stop = Counters([Hand(step=1.0).counter(wraps_at=100.0)], poll_seconds=3600).start(ANYWHERE)
    (follower,) = [one for one in threading.enumerate() if one not in before]
    assert follower.daemon
    stop(1.0)

    follower.join(timeout=20)
    assert not follower.is_alive()


def test_no_counters_at_all_is_said_so():
    assert "Site(watts=…)" in Counters([]).start(Site(watts=15))(1.0).unknown


def test_a_stated_power_is_an_estimate():
    reading = StatedPower().start(Site(watts=15))(20.0)

    assert reading.joules == pytest.approx(300.0)
    assert reading.how == reading.contract["how"] == "estimated"
    assert reading.contract["watts"] == 15


def test_without_meter_and_without_power_nothing_is_guessed():
    reading = Automatic(list).start(ANYWHERE)(20.0)

    assert (reading.joules, reading.how) == (None, "unknown")
    assert "Site(watts=…)" in reading.unknown


def test_a_counter_goes_before_the_stated_power():
    hand = Hand()
    stop = Automatic(lambda: [hand.counter()]).start(Site(watts=15))
    hand.joules = 2.0

    reading = stop(20.0)

    assert (reading.joules, reading.how) == (2.0, "measured")


def test_the_stated_power_stands_in_for_a_dead_counter_and_says_why():
    reading = Automatic(lambda: [Hand().counter()]).start(Site(watts=15))(20.0)

    assert (reading.joules, reading.how) == (pytest.approx(300.0), "estimated")
    assert reading.contract["not_measured"] == "the energy counters did not move meanwhile"


def test_a_dead_counter_without_a_stated_power_names_the_way_out():
    reading = Automatic(lambda: [Hand(OSError("gone")).counter()]).start(ANYWHERE)(20.0)

    assert reading.unknown == "an energy counter could not be read: gone; Site(watts=…) would have it estimated"


def test_codecarbon_wants_a_country():
    with pytest.raises(InvalidSite, match="country"):
        Codecarbon().start(Site(watts=15))


def test_codecarbon_that_is_not_installed_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "codecarbon", None)  # as if it were not installed

    with pytest.raises(NotInstalled, match=r'pip install "trimtab\[codecarbon\]"'):
        Codecarbon().start(Site(country="DEU"))


@pytest.mark.parametrize(
    ("hardware", "how"),
    [
        (("CPU(Intel Rapl)", "GPU() (NVIDIA A100)"), "measured"),
        (("RAM()", "CPU(Intel Rapl)"), "estimated"),
        (("CPU(Cpu Load)",), "estimated"),
        ((), "estimated"),
    ],
)
def test_codecarbon_measures_only_where_all_its_hardware_has_counters(monkeypatch, hardware, how):
    monkeypatch.setitem(sys.modules, "codecarbon", FakeCodecarbon(0.001, hardware))
    reading = Codecarbon().start(Site(country="DEU"))(1.0)

    assert (reading.joules, reading.how) == (pytest.approx(3600.0), how)
    assert reading.contract["hardware"] == list(hardware)


def test_codecarbon_is_given_no_pue_no_output_and_no_network(monkeypatch):
    library = FakeCodecarbon()
    monkeypatch.setitem(sys.modules, "codecarbon", library)
    Codecarbon().start(Site(country="FRA", pue=1.5))

    assert library.options["pue"] == 1.0  # it is put on once, by the tracker
    assert library.options["output_methods"] == library.options["output_handlers"] == []
    assert library.options["emissions_endpoint"] is library.options["electricitymaps_api_token"] is None
    assert library.options["country_iso_code"] == "FRA"


@pytest.mark.parametrize("fails", ["start", "stop"])
def test_a_codecarbon_that_breaks_down_leaves_the_energy_unknown(monkeypatch, fails):
    monkeypatch.setitem(sys.modules, "codecarbon", FakeCodecarbon(fails=fails))
    reading = Codecarbon().start(Site(country="DEU"))(1.0)

    assert (reading.joules, reading.how) == (None, "unknown")
    assert f"RuntimeError: can't {fails}" in reading.unknown
