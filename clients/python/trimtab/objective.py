"""A metric that is optimised, as people write it, and its wire form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trimtab.errors import InvalidStudy

_OPTIONAL = ("reference", "threshold", "weight", "noise", "formula")
"""What is only sent, and only known, where it was given."""


@dataclass(frozen=True)
class Objective:
    """A direction ("minimize" or "maximize", also "min" or "max") and what else is known of the metric.

    log: compared, modelled and drawn on a log10 scale (bytes, seconds); the values must then be above 0.
    reference: the worst value worth having, in the metric's unit; hypervolume is measured from it.
    threshold: the worst value that is acceptable: what is worse is infeasible. weight: above 0, by default 1; counts
    where objectives are weighed against each other. noise: the standard deviation of one evaluation, in the metric's
    unit; 0 for what is exact. formula: an expression over metrics, of which the value is computed once they are told.
    """

    direction: str
    log: bool = field(default=False, kw_only=True)
    reference: float | None = field(default=None, kw_only=True)
    threshold: float | None = field(default=None, kw_only=True)
    weight: float | None = field(default=None, kw_only=True)
    noise: float | None = field(default=None, kw_only=True)
    formula: str | None = field(default=None, kw_only=True)

    @property
    def maximize(self) -> bool:
        """Whether more is better."""
        return self.direction in {"maximize", "max"}


def objectives_to_wire(objectives: Mapping[str, str | Objective | Mapping[str, Any]] | None) -> dict[str, Any]:
    """{metric: direction or {"direction", …}} in the same order. Raises InvalidStudy."""
    if not isinstance(objectives, Mapping):
        names = [objectives] if isinstance(objectives, str) else objectives
        hint = ""
        if isinstance(names, list | tuple | set) and names and all(isinstance(name, str) for name in names):
            hint = "; such as {" + ", ".join(f'"{name}": "maximize"' for name in names) + "}"
        raise InvalidStudy(f'objectives: expected {{metric: "minimize" or "maximize"}}, got {objectives!r}{hint}')
    return {metric: _to_wire(objective) for metric, objective in objectives.items()}


def objectives_from_wire(wire: Mapping[str, Any]) -> dict[str, Objective]:
    """The objectives of a study as the server states them."""
    return {
        metric: Objective(spec)
        if isinstance(spec, str)
        else Objective(spec["direction"], log=spec.get("log", False), **{name: spec.get(name) for name in _OPTIONAL})
        for metric, spec in wire.items()
    }


def _to_wire(objective: str | Objective | Mapping[str, Any]) -> Any:
    if not isinstance(objective, Objective):
        return objective
    spec = {"direction": objective.direction, "log": objective.log}
    for name in _OPTIONAL:
        if getattr(objective, name) is not None:
            spec[name] = getattr(objective, name)
    return spec
