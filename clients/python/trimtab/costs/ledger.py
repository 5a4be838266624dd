"""What a search has used, by what its trials told, and after how many inferences a smaller model has paid it back."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from numbers import Real
from typing import TYPE_CHECKING, Any

from trimtab import wire
from trimtab.costs import card
from trimtab.costs.cost import UnknownCost
from trimtab.costs.footprint import JOULES_PER_KWH
from trimtab.errors import InvalidValue

if TYPE_CHECKING:
    from trimtab.trial import Trial


@dataclass(frozen=True, slots=True)
class Ledger:
    """The energy and CO2 of a study's trials. A sum is None when no trial told its part.

    trials: those that have been begun. energy_j, co2_g: sums of training_energy_j and training_co2_g.
    without_energy, without_co2: state -> begun trials that told none, as failed ones can't; then the sum is only a
    lower bound. seconds: from the start to the end of each finished trial, summed.
    small_mj, baseline_mj: energy of one inference of the smaller model and of the one that it takes the place of.

    Trials that ran side by side on one machine, metered as a whole, each hold the energy of both.
    """

    trials: int
    energy_j: float | None
    co2_g: float | None
    seconds: float
    without_energy: Mapping[str, int] = field(default_factory=dict)
    without_co2: Mapping[str, int] = field(default_factory=dict)
    small_mj: float | None = None
    baseline_mj: float | None = None

    @property
    def energy_kwh(self) -> float | None:
        """The same energy in kWh."""
        return None if self.energy_j is None else self.energy_j / JOULES_PER_KWH

    def pays_back_after(self, small: Any = None, baseline: Any = None) -> int | float:
        """After how many inferences the smaller model has saved what the search used; math.inf when it never does.

        ceil(search energy / (baseline's energy per inference - small's)). small, baseline: a trial or a cost with an
        energy_mj, or a number of mJ; by default those that the ledger was made with.

        Raises UnknownCost when one of the three energies is not known, InvalidValue when one makes no sense.
        """
        less = inference_mj(small, "small") if small is not None else self.small_mj
        more = inference_mj(baseline, "baseline") if baseline is not None else self.baseline_mj
        if less is None or more is None:
            raise UnknownCost("expected the energy of an inference of both models: pays_back_after(small, baseline)")
        if self.energy_j is None:
            raise UnknownCost("no trial told training_energy_j: log an EnergyTracker in the objective")
        if less >= more:
            return math.inf
        inferences = self.energy_j * 1e3 / (more - less)
        return math.ceil(inferences) if math.isfinite(inferences) else math.inf

    def __str__(self) -> str:
        energy, grams = self._energy(), self._co2()
        used = f"{energy} and {grams} CO2" if energy and grams else energy or "energy that no trial told"
        lines = [f"The search used {used} in {self.trials:,} trials, {_duration(self.seconds)} in all."]
        if energy and self.without_energy:
            lines.append(f"That is a lower bound: {_states(self.without_energy)} told no energy.")
        if payback := self._payback():
            lines.append(f"The smaller model {payback}.")
        return " ".join(lines)

    def _repr_html_(self) -> str:
        rows = [
            ("energy", self._energy() or "unknown", _told_none(self.without_energy)),
            ("CO2", self._co2() or "unknown", _told_none(self.without_co2)),
            ("trials", f"{self.trials:,}", _duration(self.seconds)),
            ("smaller model", self._payback(), ""),
        ]
        table = card.table(row for row in rows if row[1])
        return f"<div><strong>What the search used</strong>{table}</div>"

    def _energy(self) -> str:
        if self.energy_j is None:
            return ""
        return f"{self.energy_j / JOULES_PER_KWH:.3g} kWh ({card.amount('training_energy_j', self.energy_j)})"

    def _co2(self) -> str:
        return "" if self.co2_g is None else card.amount("training_co2_g", self.co2_g)

    def _payback(self) -> str:
        if self.energy_j is None or self.small_mj is None or self.baseline_mj is None:
            return ""
        inferences = self.pays_back_after()
        less, more = (card.amount("energy_mj", one) for one in (self.small_mj, self.baseline_mj))
        at_least = "at least " if self.without_energy else ""
        after = (
            "never pays it back"
            if inferences == math.inf
            else f"pays it back after {at_least}{inferences:,} inferences"
        )
        return f"{after} ({less} instead of {more})"


def ledger(trials: Iterable[Trial], baseline: Any = None, small: Any = None) -> Ledger:
    """The ledger of these trials, gone over once. small, baseline: as of `Ledger.pays_back_after`.

    Raises UnknownCost, InvalidValue.
    """
    begun, seconds = 0, 0.0
    told: dict[str, list[float]] = {"training_energy_j": [], "training_co2_g": []}
    without: dict[str, Counter[str]] = {metric: Counter() for metric in told}
    for trial in trials:
        if trial.state == "waiting":
            continue
        begun += 1
        seconds += _seconds(trial.record)
        for metric in told:
            if metric in trial.values:
                told[metric].append(trial.values[metric])
            else:
                without[metric][trial.state] += 1
    energy, co2 = (math.fsum(values) if values else None for values in told.values())
    return Ledger(
        trials=begun,
        energy_j=energy,
        co2_g=co2,
        seconds=seconds,
        without_energy=dict(without["training_energy_j"]),
        without_co2=dict(without["training_co2_g"]),
        small_mj=None if small is None else inference_mj(small, "small"),
        baseline_mj=None if baseline is None else inference_mj(baseline, "baseline"),
    )


def inference_mj(of: Any, role: str) -> float:
    """The energy of one inference in mJ, of a trial, of a cost, of {metric: value}, or the number itself.

    Raises UnknownCost without one, InvalidValue for what is no energy.
    """
    if not isinstance(of, Real):
        told = of if isinstance(of, Mapping) else getattr(of, "values", None)
        found = told.get("energy_mj") if isinstance(told, Mapping) else getattr(of, "energy_mj", None)
        if found is None:
            raise UnknownCost(f"{role}: expected a trial or a cost with an energy_mj, or a number of mJ, got {of!r}")
        of = found
    mj = wire.number(f"energy_mj of {role}", of)
    if not (math.isfinite(mj) and mj >= 0):
        raise InvalidValue(f"{role}: expected an energy in mJ, 0 or more, got {of!r}")
    return mj


def _seconds(record: Mapping[str, Any]) -> float:
    start, end = record.get("started_at"), record.get("finished_at")
    if not (start and end):
        return 0.0
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def _told_none(without: Mapping[str, int]) -> str:
    return f"at least; {_states(without)} told none" if without else ""


def _states(without: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {state}" for state, count in sorted(without.items()))


def _duration(seconds: float) -> str:
    """Such a time as people write it: "41.5 s", "12 min", "3 h 20 min"."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours:,} h {minutes} min" if hours else f"{minutes} min"
