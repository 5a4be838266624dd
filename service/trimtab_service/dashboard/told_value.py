"""A told value as a page shows it: its amount, every digit of it, how it was come by, and its contract in lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from trimtab_service.dashboard.table import ARROWS
from trimtab_service.domain.metric import Value
from trimtab_service.domain.study import Problem
from trimtab_service.usecases import numerals

_DEEPEST = 4
"""Levels of a contract that are told apart; what lies deeper is written as JSON."""
_LONGEST_HOW = 24
"""Characters of a badge; a longer "how" is only among the lines of its contract."""


@dataclass(frozen=True, slots=True)
class ToldValue:
    """A told value. text: with its unit and standard error. exact: every digit. contract: (name, text), flattened.

    how: counted, measured, estimated, looked up …, as the contract says; empty when it does not.
    """

    metric: str
    arrow: str
    text: str
    exact: str
    how: str
    contract: tuple[tuple[str, str], ...]


def told_value(problem: Problem, metric: str, value: Value) -> ToldValue:
    """What a page shows of a value."""
    objective = next((one for one in problem.objectives if one.metric == metric), None)
    text, exact = numerals.amount(metric, value.value), numerals.exact(metric, value.value)
    if value.stderr is not None:
        text = numerals.with_error(text, numerals.amount(metric, value.stderr))
        exact = numerals.with_error(exact, numerals.exact(metric, value.stderr))
    how = value.contract.get("how")
    return ToldValue(
        metric,
        "" if objective is None else ARROWS[objective.direction],
        text,
        exact,
        how.replace("_", " ") if isinstance(how, str) and len(how) <= _LONGEST_HOW else "",
        tuple(_flat(value.contract)),
    )


def _flat(contract: Mapping[str, object], before: str = "", depth: int = 1) -> Iterator[tuple[str, str]]:
    """A contract's entries as (name, text); those of an inner object are named after both: "device.name"."""
    for key, value in contract.items():
        if isinstance(value, Mapping) and value and depth < _DEEPEST:
            yield from _flat(value, f"{before}{key}.", depth + 1)
        elif isinstance(value, list) and not any(isinstance(one, Mapping | list) for one in value):
            yield before + key, ", ".join(map(_spell, value)) or "none"
        else:
            yield before + key, _spell(value)


def _spell(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
