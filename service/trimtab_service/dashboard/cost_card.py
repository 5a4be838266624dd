"""The card of what a trial's model costs: figures by what they say of it, and with what none of them compares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from trimtab_service.dashboard.sentences import listed, whole
from trimtab_service.dashboard.told_value import ToldValue, told_value
from trimtab_service.domain.metric import COST_METRICS, Value
from trimtab_service.domain.study import Problem
from trimtab_service.usecases import numerals

_TITLES = {
    "weights": ("parameters", "trainable_parameters", "parameters_nonzero", "size_bytes", "serialized_bytes"),
    "work": ("macs", "macs_nonzero", "flops", "activation_peak_bytes"),
    "time and energy": ("latency_ms", "energy_mj", "co2_g"),
    "training": ("training_energy_j", "training_co2_g"),
}
"""Title -> the figures under it, COST_METRICS all together."""


@dataclass(frozen=True, slots=True)
class Line:
    """label: the figure for people. name: as it is typed, empty when the label says as much."""

    label: str
    name: str
    told: ToldValue


@dataclass(frozen=True, slots=True)
class Group:
    """Figures under a title."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class CostCard:
    """caveats: sentences on what can't be compared."""

    groups: tuple[Group, ...]
    caveats: tuple[str, ...]


def cost_card(problem: Problem, values: Mapping[str, Value]) -> CostCard:
    """The card of the costs among the values; without groups when it would say no more than the objectives do."""
    told = {name: told_value(problem, name, values[name]) for name in COST_METRICS if name in values}
    if not any(one.contract or one.metric not in problem.objective_names for one in told.values()):
        return CostCard((), ())
    groups = [Group(whole(title)[:-1], tuple(_lines(names, told))) for title, names in _TITLES.items()]
    return CostCard(tuple(group for group in groups if group.lines), tuple(_caveats(list(told.values()))))


def _lines(names: Sequence[str], told: Mapping[str, ToldValue]) -> Iterator[Line]:
    for name in names:
        if name in told:
            label = numerals.label(name)
            yield Line(whole(label)[:-1], "" if label.replace(" ", "_").lower() == name else name, told[name])


def _caveats(told: Sequence[ToldValue]) -> Iterator[str]:
    """A sentence for each way of coming by a figure that keeps it from being compared with any other."""
    for how, caveat in _CAVEATS.items():
        labels = [numerals.label(one.metric) for one in told if (one.how == how if how else not one.contract)]
        if labels:
            yield whole(f"{listed(labels)} {'is' if len(labels) == 1 else 'are'} {caveat}")


_CAVEATS = {
    "measured": "measured: comparable only where device, threads, input and the rest of the contract are the same",
    "estimated": "estimated, not measured: comparable only with estimates of the same contract",
    "looked up": "looked up in a table: comparable with nothing that was measured",
    "": "told without a contract: it is not known what else is comparable",
}
"""How a figure was come by -> what that means for comparing it; "" is without any contract."""
