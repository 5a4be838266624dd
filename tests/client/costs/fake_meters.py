"""Stand-ins for meters: a tree of RAPL as Linux shows it, a card's library, and a counter that is moved by hand."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from trimtab.costs.meters import Counter


class Zone:
    """A zone of RAPL: a folder with its name, its counter and the counter's range, in µJ."""

    def __init__(self, root: Path, place: str, name: str, *, energy_uj: int = 0, range_uj: int = 262_143_328_850):
        self.folder = root / place
        self.folder.mkdir(parents=True)
        (self.folder / "name").write_text(f"{name}\n")
        (self.folder / "max_energy_range_uj").write_text(f"{range_uj}\n")
        self.counts(energy_uj)

    def counts(self, energy_uj: int) -> None:
        """Let the counter stand there."""
        (self.folder / "energy_uj").write_text(f"{energy_uj}\n")


class Hand:
    """A counter that stands where it is put; put to an exception, it raises it. step: what each read adds."""

    def __init__(self, joules: float | Exception = 0.0, step: float = 0.0) -> None:
        self.joules = joules
        self.step = step

    def read(self) -> float:
        if isinstance(self.joules, Exception):
            raise self.joules
        self.joules += self.step
        return self.joules

    def counter(self, domain: str = "package-0", wraps_at: float | None = None) -> Counter:
        return Counter(domain, self.read, wraps_at)


class FakeNvml:
    """As much of `pynvml` as is used. cards: the counter of each in mJ, or None for one that has none."""

    class NVMLError(Exception):
        """What the real library raises."""

    def __init__(self, cards: list[int | None], *, driver: bool = True) -> None:
        self.cards = cards
        self.driver = driver

    def nvmlInit(self) -> None:  # noqa: N802
        if not self.driver:
            raise self.NVMLError("Driver Not Loaded")

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return index

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: int) -> int:  # noqa: N802
        energy = self.cards[handle]
        if energy is None:
            raise self.NVMLError("Not Supported")
        return energy


class FakeCodecarbon:
    """As much of `codecarbon` as is used. energy_kwh: what its tracker reckons; hardware: what it looked at.

    fails: the name of the method that raises.
    """

    __version__ = "3.3.2"

    def __init__(self, energy_kwh: float = 0.0, hardware: tuple[str, ...] = (), fails: str = "") -> None:
        self.energy_kwh = energy_kwh
        self.hardware = hardware
        self.fails = fails
        self.options: dict[str, object] = {}

    def OfflineEmissionsTracker(self, **options: object) -> SimpleNamespace:  # noqa: N802
        self.options = options
        return SimpleNamespace(
            start=lambda: self._do("start"),
            stop=lambda: self._do("stop"),
            final_emissions_data=SimpleNamespace(energy_consumed=self.energy_kwh),
            _conf={"hardware": list(self.hardware)},
        )

    def _do(self, what: str) -> None:
        if what == self.fails:
            raise RuntimeError(f"can't {what}")
