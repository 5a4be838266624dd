"""Energy and CO2 of a training, or of one call: measured where a meter can be read, else time x stated power.

A figure that neither a meter nor a stated power gives is unknown, with the reason; nothing is guessed.
"""

from __future__ import annotations

import functools
import logging
import math
import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any

from trimtab.costs.cost import Contract
from trimtab.costs.footprint import JOULES_PER_KWH, InvalidSite, Site, co2_grams
from trimtab.costs.meters import Automatic, Counter, Counters, Meter, Reading, StatedPower, Stop, readable
from trimtab.errors import TrimtabError

__all__ = ["EnergyTracker", "PerCall", "Site", "TrackerInUse", "per_call"]

log = logging.getLogger("trimtab")

NO_INTENSITY = "no grid intensity: state Site(country=…) or Site(intensity=…) in g CO2 per kWh"
BLOCK_SECONDS = 0.1
"""The shortest stretch over which calls are metered: counters move in steps, on graphics cards of up to 0.1 s."""
MIN_BLOCKS, MAX_BLOCKS = 3, 20
_TRAINING = {"training_energy_j": 1.0, "training_co2_g": 1.0}
_PER_CALL = {"energy_mj": 1e3, "co2_g": 1.0}


class TrackerInUse(TrimtabError, RuntimeError):
    """The tracker is running already; every block that is tracked at the same time needs its own."""

    code = "tracker_in_use"


@dataclass(frozen=True, slots=True)
class Footprint:
    """Figures of energy and CO2 by metric. unknown: metric -> why it is not among the figures."""

    figures: Mapping[str, float] = field(default_factory=dict)
    stderr: Mapping[str, float] = field(default_factory=dict)
    contract: Mapping[str, Contract] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)


PerCall = Footprint
"""The footprint of one call: energy_mj and co2_g."""


class EnergyTracker:
    """Tracks the energy and CO2 of a `with` block; when an exception ends it, the figures are there all the same.

    site: where it runs, for the grid's intensity, the PUE, and the power that stands in for a meter. meter: of
    `trimtab.costs.meters`; by default every counter that can be read, else time x stated power.

    A meter sees the whole machine: blocks that are tracked at the same time count the same energy each. Where that
    happens within this process, the contract says with how many, in `overlapping`.

    seconds: how long the block took. how: "measured", "estimated" or "unknown". Entering raises TrackerInUse, and
    what the meter raises.

    >>> with EnergyTracker(Site(country="DEU", watts=15)) as tracker:
    ...     total = sum(range(1000))
    >>> tracker.how in ("measured", "estimated") and tracker.co2_g > 0
    True
    """

    _running: set[EnergyTracker] = set()  # noqa: RUF012  # all of this process, under _lock
    _lock = threading.Lock()

    def __init__(self, site: Site | None = None, meter: Meter | None = None) -> None:
        if not (site is None or isinstance(site, Site)):
            raise InvalidSite(f"expected Site(watts=…, country=…, intensity=…, pue=…), got {site!r}")
        self.site = Site() if site is None else site
        self._meter = Automatic() if meter is None else meter
        self._stop: Stop | None = None
        self._began = 0.0
        self._overlapping = 0
        self.seconds: float | None = None
        self._clear()

    def __enter__(self) -> EnergyTracker:
        with self._lock:
            if self in self._running:
                raise TrackerInUse
            self._overlapping = len(self._running)
            for other in self._running:
                other._overlapping += 1
            self._running.add(self)
        self._clear()
        try:
            self._stop = self._meter.start(self.site)
        except BaseException:
            self._leave()
            raise
        self._began = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.seconds = seconds = time.perf_counter() - self._began
        assert self._stop is not None
        reading = self._stop(seconds)
        self._leave()
        self.how = reading.how
        overlap = {"overlapping": self._overlapping} if self._overlapping else {}
        self._footprint = _footprint(reading, self.site, _TRAINING, **overlap)
        if reading.joules is None:
            _warn_once(reading.unknown)

    @property
    def energy_j(self) -> float | None:
        """Energy in J, PUE included; None while it runs and where it is unknown."""
        return self._footprint.figures.get("training_energy_j")

    @property
    def co2_g(self) -> float | None:
        """CO2 in g; None while it runs and where it is unknown."""
        return self._footprint.figures.get("training_co2_g")

    @property
    def contract(self) -> Mapping[str, Contract]:
        """Metric -> how it was come by: PUE with the energy, the grid's intensity besides with the CO2."""
        return self._footprint.contract

    @property
    def unknown(self) -> Mapping[str, str]:
        """Metric -> why it is not known."""
        return self._footprint.unknown

    def as_metrics(self) -> dict[str, dict[str, Any]]:
        """The known figures as `trial.log` and `trial.tell` take them: training_energy_j and training_co2_g."""
        return {
            metric: {"value": value, "stderr": None, "contract": dict(self.contract[metric])}
            for metric, value in self._footprint.figures.items()
        }

    def _clear(self) -> None:
        self.seconds = None
        self.how = "unknown"
        self._footprint = Footprint(unknown=dict.fromkeys(_TRAINING, "the block has not ended"))

    def _leave(self) -> None:
        with self._lock:
            self._running.discard(self)


def per_call(
    call: Callable[[], object],
    latency_ms: float,
    site: Site | None = None,
    seconds: float = 0.5,
    *,
    latency_stderr_ms: float | None = None,
    counters: Sequence[Counter] | None = None,
) -> PerCall:
    """Energy (energy_mj) and CO2 (co2_g) of one call, PUE included.

    Measured, where counters can be read, over repeated calls for about so many seconds, as the mean over blocks of
    BLOCK_SECONDS or more with its standard error; else latency x stated power. counters: those of the machine, when
    none are given.
    """
    site = Site() if site is None else site
    counters = readable() if counters is None else counters
    reading = StatedPower().start(site)(latency_ms / 1e3)
    if latency_stderr_ms is not None and site.watts is not None:
        reading = replace(reading, stderr=site.watts * latency_stderr_ms / 1e3)
    if counters:
        reading = _metered(call, latency_ms, counters, seconds).or_stated(reading)
    return _footprint(reading, site, _PER_CALL)


def _metered(call: Callable[[], object], latency_ms: float, counters: Sequence[Counter], seconds: float) -> Reading:
    """The mean energy of a call over blocks of calls, with its standard error."""
    blocks = min(max(int(seconds / BLOCK_SECONDS), MIN_BLOCKS), MAX_BLOCKS)
    block_seconds = max(seconds / blocks, BLOCK_SECONDS)
    at_once = max(1, int(1.0 / latency_ms)) if latency_ms > 0 else 1  # about 1 ms, so that the clock does not show
    meter, samples, calls = Counters(counters), [], 0
    for _ in range(blocks):
        stop, began, made = meter.start(Site()), time.perf_counter(), 0
        while (taken := time.perf_counter() - began) < block_seconds:
            for _ in range(at_once):
                call()
            made += at_once
        reading = stop(taken)
        if reading.joules is None:
            return reading
        samples.append(reading.joules / made)
        calls += made
    contract = {
        **reading.contract,
        "statistic": "mean over blocks of calls; standard error of the mean",
        "repetitions": blocks,
        "calls": calls,
    }
    stderr = statistics.stdev(samples) / math.sqrt(blocks)
    return replace(reading, joules=statistics.fmean(samples), stderr=stderr, contract=contract)


def _footprint(reading: Reading, site: Site, units: Mapping[str, float], **more: Any) -> Footprint:
    """What a reading comes to at a site. units: the metric of energy and that of CO2 -> units per J, per g."""
    (energy, per_joule), (co2, per_gram) = units.items()
    if reading.joules is None:
        return Footprint(unknown=dict.fromkeys(units, reading.unknown))
    contracts = {energy: {**reading.contract, "pue": site.pue, **more}}
    factors = {energy: site.pue * per_joule}
    unknown = {}
    if site.grams_per_kwh is None:
        unknown[co2] = NO_INTENSITY
    else:
        contracts[co2] = contracts[energy] | site.grid_contract()
        factors[co2] = co2_grams(site.pue / JOULES_PER_KWH, site.grams_per_kwh) * per_gram
    return Footprint(
        figures={metric: reading.joules * factor for metric, factor in factors.items()},
        stderr={} if reading.stderr is None else {metric: reading.stderr * one for metric, one in factors.items()},
        contract=contracts,
        unknown=unknown,
    )


@functools.cache
def _warn_once(reason: str) -> None:
    log.warning("energy is unknown: %s", reason)
