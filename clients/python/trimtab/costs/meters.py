"""Where energy is read: the counters of processors (RAPL) and graphics cards (NVML), a stated power, or codecarbon.

A meter is started and gives back how to stop it; stopped, it answers with a `Reading`. Stopping never raises: a
training that took days does not end with an error of its meter. Readings are before PUE.
"""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from trimtab.costs.cost import Contract, client_version
from trimtab.costs.footprint import JOULES_PER_KWH, InvalidSite, Site, energy_kwh
from trimtab.errors import NotInstalled

POWERCAP = Path("/sys/class/powercap")
"""Where Linux shows the counters of RAPL; since CVE-2020-8694 only root may read them unless that was changed."""
POLL_SECONDS = 30.0
"""How often counters that start again from 0 are read: the smallest, of 65 kJ, would take 2 kW to do so unseen."""
WHOLE_MACHINE = "whole machine, not this process alone"
NO_METER = "no energy counter can be read here; state the power with Site(watts=…) to have it estimated"
_CODECARBON_COUNTS = ("CPU(Intel Rapl", "CPU(Intel Power Gadget", "CPU(Windows Emi", "GPU", "AppleSiliconChip")
"""How codecarbon names hardware that it reads by counter; its memory, for one, is always a model."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a meter says of a stretch of time. joules: None is unknown. how: "measured", "estimated" or "unknown".

    unknown: why the energy is not known. contract: how it was come by. stderr: standard error of the joules.
    """

    joules: float | None = None
    how: str = "unknown"
    unknown: str = ""
    contract: Contract = field(default_factory=dict)
    stderr: float | None = None

    def or_stated(self, stated: Reading) -> Reading:
        """Itself when it has a figure; else what the stated power gives, with the reason in its contract."""
        if self.joules is not None:
            return self
        if stated.joules is None:
            return replace(self, unknown=f"{self.unknown}; Site(watts=…) would have it estimated")
        return replace(stated, contract={**stated.contract, "not_measured": self.unknown})


Stop = Callable[[float], Reading]
"""Ends a stretch of time that took so many seconds."""


class Meter(Protocol):
    """Reads the energy of stretches of time, several at once if need be."""

    def start(self, site: Site) -> Stop:
        """Begin one; the answer ends it."""


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter of energy that only rises. read: joules so far, raises OSError or ValueError when it can't.

    wraps_at: the joules at which it starts again from 0; None when it never does.
    """

    domain: str
    read: Callable[[], float]
    wraps_at: float | None = None


def rapl(root: Path = POWERCAP) -> list[Counter]:
    """Every processor package and, since packages don't hold it, their memory; nothing unless all can be read.

    The platform's zone (psys) and parts of a package (core, uncore) would be counted twice, and are left out.
    """
    found = []
    try:
        for zone in sorted(root.glob("intel-rapl:*")):
            name = (zone / "name").read_text().strip()
            if name.startswith("package"):
                found.append(_zone(zone, name))
            elif name == "dram":
                package = (root / zone.name.rpartition(":")[0] / "name").read_text().strip()
                found.append(_zone(zone, f"{package} {name}"))
        for counter in found:
            counter.read()
    except (OSError, ValueError):
        return []
    return found


def nvml(library: Any = None) -> list[Counter]:
    """Every NVIDIA card that counts its energy (from Volta on); nothing without a driver or nvidia-ml-py.

    library: the module `pynvml`, which is imported when it is not given.
    """
    try:
        library = library or importlib.import_module("pynvml")
        library.nvmlInit()
        count = library.nvmlDeviceGetCount()
    except ImportError:
        return []
    except library.NVMLError:
        return []
    found = []
    for index in range(count):
        try:
            handle = library.nvmlDeviceGetHandleByIndex(index)
            library.nvmlDeviceGetTotalEnergyConsumption(handle)
        except library.NVMLError:
            continue
        found.append(_card(library, handle, index))
    return found


def readable() -> list[Counter]:
    """Every counter of energy that can be read here."""
    return [*rapl(), *nvml()]


class Counters:
    """What these counters count meanwhile: of the whole machine, whoever else uses it. Raises nothing."""

    def __init__(self, counters: Sequence[Counter], *, poll_seconds: float = POLL_SECONDS) -> None:
        self._counters = tuple(counters)
        self._poll_seconds = poll_seconds

    def start(self, site: Site) -> Stop:
        """Begin to count; a thread looks after counters that start again from 0."""
        if not self._counters:
            return lambda seconds: Reading(unknown=NO_METER)
        return _Count(self._counters, self._poll_seconds).stop


class _Count:
    """One stretch of counting."""

    def __init__(self, counters: tuple[Counter, ...], poll_seconds: float) -> None:
        self._counters = counters
        self._joules = [0.0] * len(counters)
        self._failure = ""
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._last: list[float] | None = None
        self._advance()
        if any(counter.wraps_at is not None for counter in counters):
            threading.Thread(target=self._poll, args=(poll_seconds,), name="trimtab-energy", daemon=True).start()

    def stop(self, seconds: float) -> Reading:
        self._ended.set()
        self._advance()
        if not self._failure and not any(self._joules):
            self._failure = "the energy counters did not move meanwhile"
        if self._failure:
            return Reading(unknown=self._failure)
        contract = {
            "how": "measured",
            "convention": "energy that the counters counted, times PUE",
            "counter": "trimtab.costs.meters",
            "version": client_version(),
            "domains": [counter.domain for counter in self._counters],
            "attributed": WHOLE_MACHINE,
        }
        return Reading(sum(self._joules), "measured", contract=contract)

    def _poll(self, poll_seconds: float) -> None:
        while not self._ended.wait(poll_seconds):
            self._advance()

    def _advance(self) -> None:
        with self._lock:
            try:
                now = [counter.read() for counter in self._counters]
            except (OSError, ValueError) as error:
                self._failure = f"an energy counter could not be read: {error}"
                return
            for place, counter in enumerate(self._counters):
                moved = 0.0 if self._last is None else now[place] - self._last[place]
                if moved < 0 and counter.wraps_at is None:
                    self._failure = f"the energy counter of {counter.domain} was set back meanwhile"
                self._joules[place] += moved if moved >= 0 else moved + (counter.wraps_at or 0.0)
            self._last = now


class StatedPower:
    """Time x the power that the site states; unknown when it states none."""

    def start(self, site: Site) -> Stop:
        """Begin; nothing is read."""
        watts = site.watts
        if watts is None:
            return lambda seconds: Reading(unknown=NO_METER)
        contract = {
            "how": "estimated",
            "convention": "time x stated power x PUE",
            "counter": "trimtab.costs.meters",
            "version": client_version(),
            "watts": watts,
            "attributed": "the power that was stated for this work",
        }
        return lambda seconds: Reading(
            energy_kwh(seconds, cpu=watts) * JOULES_PER_KWH, "estimated", contract=contract
        )


class Automatic:
    """The counters that can be read here; where they say nothing, time x stated power, with the reason."""

    def __init__(self, find: Callable[[], Sequence[Counter]] = readable) -> None:
        self._find = find

    def start(self, site: Site) -> Stop:
        """Begin with what there is."""
        stated = StatedPower().start(site)
        counters = self._find()
        if not counters:
            return stated
        counted = Counters(counters).start(site)
        return lambda seconds: counted(seconds).or_stated(stated(seconds))


class Codecarbon:
    """codecarbon's reckoning of the whole machine, without its files, its server and the network.

    Most of it is a model (memory, and processors without a counter), so it mostly counts as estimated; the contract
    names the hardware that codecarbon looked at. It sets the level of the logger "codecarbon" to ERROR. The country
    must be known: it is codecarbon's way to do without the network.
    """

    def start(self, site: Site) -> Stop:
        """Begin, which takes seconds the first time. Raises NotInstalled, InvalidSite."""
        if site.country is None:
            raise InvalidSite("codecarbon is used without network, so it needs Site(country=…), got none")
        try:
            library = importlib.import_module("codecarbon")
        except ImportError as error:
            raise NotInstalled('this meter needs codecarbon: pip install "trimtab[codecarbon]"') from error
        logging.getLogger("codecarbon").setLevel(logging.ERROR)
        try:
            tracker = library.OfflineEmissionsTracker(
                country_iso_code=site.country,
                output_methods=[],
                output_handlers=[],
                emissions_endpoint=None,
                electricitymaps_api_token=None,
                force_carbon_intensity_g_co2e_kwh=site.grams_per_kwh,
                tracking_mode="machine",
                pue=1.0,
                allow_multiple_runs=True,
                log_level="error",
            )
            tracker.start()
        except Exception as error:  # whatever a foreign library raises, the training is not to blame
            failure = Reading(unknown=f"codecarbon did not start: {type(error).__name__}: {error}")
            return lambda seconds: failure
        return lambda seconds: _codecarbons_reading(tracker, library.__version__)


def _zone(zone: Path, domain: str) -> Counter:
    return Counter(
        domain,
        read=lambda: int((zone / "energy_uj").read_text()) / 1e6,
        wraps_at=int((zone / "max_energy_range_uj").read_text()) / 1e6,
    )


def _card(library: Any, handle: Any, index: int) -> Counter:
    def read() -> float:
        try:
            return float(library.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1e3
        except library.NVMLError as error:
            raise OSError(f"gpu {index}: {error}") from error

    return Counter(f"gpu {index}", read)


def _codecarbons_reading(tracker: Any, version: str) -> Reading:
    try:
        tracker.stop()
        joules = float(tracker.final_emissions_data.energy_consumed) * JOULES_PER_KWH
    except Exception as error:  # whatever a foreign library raises, the training is not to blame
        return Reading(unknown=f"codecarbon gave no figure: {type(error).__name__}: {error}")
    hardware = [str(one) for one in getattr(tracker, "_conf", {}).get("hardware", [])]
    how = "measured" if hardware and all(one.startswith(_CODECARBON_COUNTS) for one in hardware) else "estimated"
    contract = {
        "how": how,
        "convention": "energy as codecarbon reckons it, times PUE",
        "counter": "codecarbon",
        "version": version,
        "hardware": hardware,
        "attributed": WHOLE_MACHINE,
    }
    return Reading(joules, how, contract=contract)
