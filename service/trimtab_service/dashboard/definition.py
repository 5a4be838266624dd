"""What a study is about, in words: its objectives, its algorithm and budget, and its search space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trimtab_service.dashboard.table import ARROWS, plain
from trimtab_service.domain.parameter import Categorical, Constant, Float, Int, Parameter
from trimtab_service.domain.study import Study
from trimtab_service.usecases import numerals

_ALGORITHMS = {"gp": "Gaussian process", "grid": "grid", "random": "random search", "sobol": "Sobol sequence"}
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Goal:
    """An objective: its metric, its arrow, the direction in full, and what else is known of it."""

    metric: str
    arrow: str
    direction: str
    also: str


@dataclass(frozen=True, slots=True)
class Definition:
    """facts: (name, text). space: (parameter, its kind, its range, when it is present). metadata: (key, text)."""

    goals: tuple[Goal, ...]
    facts: tuple[tuple[str, str], ...]
    space: tuple[tuple[str, str, str, str], ...]
    metadata: tuple[tuple[str, str], ...]


def define(study: Study) -> Definition:
    """The study's definition in words."""
    problem = study.problem
    goals = tuple(
        Goal(one.metric, ARROWS[one.direction], one.direction.value, _also(one.log, one.metric, one.reference))
        for one in problem.objectives
    )
    budget = (
        "no limit" if study.max_trials is None else f"{study.charged:,} of {study.max_trials:,} trials handed out"
    )
    facts = [
        ("Algorithm", _ALGORITHMS[problem.algorithm.value]),
        ("Budget", budget),
        ("Seed", str(problem.seed)),
        ("Id", study.public_id),
    ]
    if problem.options:
        facts.insert(1, ("Options", _pairs(problem.options)))
    if problem.limits:
        facts.append(("Limits", _cut("; ".join(limit.text for limit in problem.limits))))
    if problem.space_constraints:
        facts.append(("Space constraints", _cut("; ".join(one.text for one in problem.space_constraints))))
    return Definition(
        goals,
        tuple(facts),
        tuple((one.name, *_range(one), _condition(one)) for one in problem.space.parameters),
        tuple((key, _cut(value)) for key, value in study.metadata.items() if not key.startswith("_")),
    )


def _also(log: bool, metric: str, reference: float | None) -> str:
    told = ["on a log scale"] if log else []
    if reference is not None:
        told.append(f"from {numerals.amount(metric, reference)}")
    return ", ".join(told)


def _range(parameter: Parameter) -> tuple[str, str]:
    match parameter:
        case Float() | Int():
            kind = "float" if isinstance(parameter, Float) else "int"
            text = f"{_plain_number(parameter.low)} to {_plain_number(parameter.high)}"
            if parameter.log:
                text += ", log"
            if parameter.step is not None and parameter.step != 1:
                text += f", in steps of {_plain_number(parameter.step)}"
            return kind, text
        case Categorical():
            kind = "ordered choice" if parameter.ordered else "choice"
            return kind, _cut(", ".join(plain(choice) for choice in parameter.choices))
        case Constant():
            return "constant", _cut(plain(parameter.value))


def _condition(parameter: Parameter) -> str:
    return " and ".join(
        f"{parent} is {' or '.join(plain(value) for value in values)}" for parent, values in parameter.when.items()
    )


def _plain_number(number: float) -> str:
    return f"{number:g}" if isinstance(number, float) else f"{number:,}"


def _pairs(given: Mapping[str, object]) -> str:
    return _cut(", ".join(f"{name} = {value}" for name, value in given.items()))


def _cut(value: object) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
