"""From power and time to energy and CO2: the two formulas, and the site that brings what they need.

E[kWh] = PUE · (P_gpu + P_cpu + P_ram)[W] · t[s] / 3.6e6 and CO2[g] = E[kWh] · intensity[g/kWh], as Strubell, Ganesh
and McCallum 2019 (arXiv 1906.02243, section 2) and codecarbon count. Energy drives a search, CO2 is told beside it:
of one net trained three times the energy varied by 1.6 % and the CO2 by 17.6 %, since the grid had changed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

from trimtab.costs import grid
from trimtab.costs.cost import Contract
from trimtab.errors import TrimtabError

JOULES_PER_KWH = 3.6e6


class InvalidSite(TrimtabError, ValueError):
    """The site is not described by numbers that can be."""

    code = "invalid_site"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where the work runs, as far as its energy and CO2 go.

    watts: average power drawn for this work while it runs, all told (processor, graphics, memory), before PUE; it
    stands in where no meter can be read. country: ISO 3166 code, "DEU" or "DE", whose grid intensity is looked up.
    intensity: g CO2 per kWh; when given it goes before the country's. pue: power usage effectiveness, what the
    building draws per what the machines draw: 1 on a desk.

    Raises InvalidSite, UnknownCountry.
    """

    watts: float | None = None
    country: str | None = None
    intensity: float | None = None
    pue: float = 1.0

    def __post_init__(self) -> None:
        if self.watts is not None and not (_finite(self.watts) and self.watts > 0):
            raise InvalidSite(f"watts: expected a power above 0 W, got {self.watts!r}")
        if self.intensity is not None and not (_finite(self.intensity) and self.intensity >= 0):
            raise InvalidSite(f"intensity: expected g CO2 per kWh, 0 or more, got {self.intensity!r}")
        if not (_finite(self.pue) and self.pue >= 1):
            raise InvalidSite(f"pue: expected 1 or more, got {self.pue!r}")
        if self.country is not None:
            object.__setattr__(self, "country", grid.grid(self.country).country)

    @property
    def grams_per_kwh(self) -> float | None:
        """The grid's intensity: as given, else the country's; None without either."""
        if self.intensity is not None or self.country is None:
            return self.intensity
        return grid.grid(self.country).intensity

    def grid_contract(self) -> Contract:
        """What CO2 depends on beside the energy: intensity and source; country and year where it was looked up."""
        if self.intensity is not None or self.country is None:
            return {"intensity_g_per_kwh": self.intensity, "intensity_source": "stated"}
        found = grid.grid(self.country)
        return {
            "intensity_g_per_kwh": found.intensity,
            "intensity_source": grid.SOURCE,
            "country": found.country,
            "year": found.year,
        }


def energy_kwh(seconds: float, *, gpu: float = 0.0, cpu: float = 0.0, ram: float = 0.0, pue: float = 1.0) -> float:
    """Energy in kWh of powers in W that are drawn for so many seconds.

    >>> energy_kwh(3600, gpu=250, cpu=100, ram=20, pue=1.5)
    0.555
    """
    return pue * (gpu + cpu + ram) * seconds / JOULES_PER_KWH


def co2_grams(kwh: float, intensity: float) -> float:
    """CO2 in g of an energy in kWh on a grid of that intensity in g CO2 per kWh.

    >>> co2_grams(2.0, 380.95)
    761.9
    """
    return kwh * intensity


def recompute_co2(
    energy_j: float, contract: Mapping[str, Any], intensity: float, *, pue: float | None = None
) -> float:
    """CO2 in g of an energy that was told, on another grid, and with pue in another building.

    contract: the energy's, whose PUE is taken out when another one is given. Raises InvalidSite.
    """
    site = Site(intensity=intensity, pue=1.0 if pue is None else pue)
    if pue is not None:
        told: Any = contract.get("pue")
        if not (_finite(told) and told >= 1):
            raise InvalidSite(f"expected the contract of an energy, with its pue, got {dict(contract)!r}")
        energy_j = energy_j / told * site.pue
    return co2_grams(energy_j / JOULES_PER_KWH, intensity)


def _finite(number: object) -> bool:
    return isinstance(number, Real) and not isinstance(number, bool) and math.isfinite(number)
