"""A study: a problem (search space and objectives), the algorithm that works on it, and its budget."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from trimtab_service.domain.errors import (
    BudgetReached,
    IllegalMove,
    InvalidStudy,
    InvalidValue,
    MissingMetric,
    NotSupported,
    StudyPaused,
    UnknownMetric,
)
from trimtab_service.domain.metric import COST_METRICS, Direction, Objective, Value, check_metric_name
from trimtab_service.domain.options import check_options
from trimtab_service.domain.space import Params, Space

STUDY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
MAX_OBJECTIVES = 4


class Algorithm(StrEnum):
    """What proposes the next params."""

    GP = "gp"
    GRID = "grid"
    RANDOM = "random"
    SOBOL = "sobol"


class StudyState(StrEnum):
    """Where a study stands. Only an active one hands out trials."""

    ACTIVE = "active"
    PAUSED = "paused"
    FINISHED = "finished"
    ARCHIVED = "archived"


_MOVES = {
    StudyState.ACTIVE: {StudyState.PAUSED, StudyState.FINISHED, StudyState.ARCHIVED},
    StudyState.PAUSED: {StudyState.ACTIVE, StudyState.FINISHED, StudyState.ARCHIVED},
    StudyState.FINISHED: {StudyState.ACTIVE, StudyState.ARCHIVED},
    StudyState.ARCHIVED: {StudyState.ACTIVE},
}


@dataclass(frozen=True, slots=True)
class Problem:
    """All that the optimizer needs to know of a study.

    metrics: further metrics that trials may tell, beside the objectives and COST_METRICS.
    allows: whether params of the space may be proposed; None allows all. A function that can be pickled; it has no
    JSON form.
    """

    space: Space
    objectives: tuple[Objective, ...]
    metrics: tuple[str, ...] = ()
    algorithm: Algorithm = Algorithm.GP
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    allows: Callable[[Params], bool] | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.objectives) <= MAX_OBJECTIVES:
            raise InvalidStudy(f"a study has 1 to {MAX_OBJECTIVES} objectives, got {len(self.objectives)}")
        names = [objective.metric for objective in self.objectives] + [check_metric_name(n) for n in self.metrics]
        if len(set(names)) != len(names):
            raise InvalidStudy(f"each metric is named once, got {names!r}")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**63:
            raise InvalidStudy(f"seed must be a whole number in [0, 2^63), got {self.seed!r}")
        check_options(self.options, algorithm=self.algorithm, objectives=len(self.objectives), space=self.space)

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Problem:
        """A problem from its JSON form (see `to_spec`). Raises Invalid."""
        objectives, metrics, options = spec.get("objectives"), spec.get("metrics"), spec.get("options")
        if not isinstance(objectives, Mapping):
            raise InvalidStudy(f"objectives must be {{metric: direction}}, got {objectives!r}")
        if not isinstance(metrics, list | tuple | None):
            raise InvalidStudy(f"metrics must be a list of names, got {metrics!r}")
        if not isinstance(options, Mapping | None):
            raise InvalidStudy(f"options must be {{option: value}}, got {options!r}")
        try:
            algorithm = Algorithm(spec.get("algorithm", "gp"))
        except ValueError as error:
            raise InvalidStudy(
                f"algorithm must be one of {[a.value for a in Algorithm]!r}, got {spec.get('algorithm')!r}"
            ) from error
        return cls(
            space=Space.from_spec(spec.get("space", {})),
            objectives=tuple(_objective(name, one) for name, one in objectives.items()),
            metrics=tuple(metrics or ()),
            algorithm=algorithm,
            options=dict(options or {}),
            seed=spec.get("seed", 0),
        )

    def to_spec(self) -> dict[str, Any]:
        """The JSON form, with every default written out."""
        return {
            "space": self.space.to_spec(),
            "objectives": {objective.metric: objective.to_spec() for objective in self.objectives},
            "metrics": list(self.metrics),
            "algorithm": self.algorithm.value,
            "options": dict(self.options),
            "seed": self.seed,
        }

    @property
    def objective_names(self) -> tuple[str, ...]:
        """The metrics that are optimised, in order."""
        return tuple(objective.metric for objective in self.objectives)

    def values(self, given: Mapping[str, object], *, complete: bool) -> dict[str, Value]:
        """The told values, checked. complete: every objective must be there.

        Raises UnknownMetric, InvalidValue, and MissingMetric.
        """
        known = (*self.objective_names, *self.metrics, *COST_METRICS)
        unknown = [name for name in given if name not in known]
        if unknown:
            raise UnknownMetric(
                f"expected objectives {list(self.objective_names)!r}, declared metrics {list(self.metrics)!r} or "
                f"costs {list(COST_METRICS)!r}, got {unknown!r}; declare others as metrics=[…] of the study"
            )
        values = {name: Value.of(name, one) for name, one in given.items()}
        for objective in self.objectives:
            told = values.get(objective.metric)
            if told is None and complete:
                raise MissingMetric(
                    f"expected a value for each of {list(self.objective_names)!r}, "
                    f"got {list(given)!r}: {objective.metric!r} is missing"
                )
            if told is not None and objective.log and told.value <= 0:
                raise InvalidValue(
                    f"metric {objective.metric!r} is on a log scale, so it must be above 0, got {told.value}"
                )
        return values


@dataclass(frozen=True, slots=True)
class Study:
    """A study as it stands. charged: trials handed out against max_trials; next_number: the next trial's."""

    id: int
    public_id: str
    name: str
    problem: Problem
    state: StudyState
    max_trials: int | None
    charged: int
    next_number: int
    metadata: Mapping[str, Any]
    created_at: datetime

    def check_open(self) -> None:
        """Raises StudyPaused unless the study is active."""
        if self.state is not StudyState.ACTIVE:
            raise StudyPaused(f"study {self.name!r} is {self.state.value}; an active one hands out trials")

    def room(self) -> int | None:
        """How many more trials the budget allows; None without a limit. Raises BudgetReached at 0."""
        if self.max_trials is None:
            return None
        if self.charged >= self.max_trials:
            raise BudgetReached(
                f"study {self.name!r} has handed out {self.charged} trials of max_trials={self.max_trials}"
            )
        return self.max_trials - self.charged

    def move(self, state: StudyState) -> Study:
        """The study in another state; the same state is fine. Raises IllegalMove."""
        if state is not self.state and state not in _MOVES[self.state]:
            raise IllegalMove(
                f"study {self.name!r} is {self.state.value}: from there it can go to "
                f"{sorted(s.value for s in _MOVES[self.state])!r}, got {state.value!r}"
            )
        return replace(self, state=state)

    def with_budget(self, max_trials: int | None) -> Study:
        """The study with another budget. Raises InvalidStudy."""
        return replace(self, max_trials=check_budget(max_trials))

    def with_metadata(self, metadata: Mapping[str, Any] | None) -> Study:
        """The study with other metadata."""
        return replace(self, metadata=dict(metadata or {}))


def check_name(name: object) -> str:
    """The study's name. Raises InvalidStudy."""
    if not isinstance(name, str) or not STUDY_NAME.fullmatch(name):
        raise InvalidStudy(
            f"a study's name is a letter or digit and then up to 99 letters, digits, '.', '_' or '-', got {name!r}"
        )
    return name


def check_budget(max_trials: object) -> int | None:
    """The budget. Raises InvalidStudy."""
    if max_trials is None:
        return None
    if isinstance(max_trials, bool) or not isinstance(max_trials, int) or not 1 <= max_trials <= 1_000_000:
        raise InvalidStudy(f"max_trials must be in [1, 1000000], got {max_trials!r}")
    return max_trials


def difference(old: Mapping[str, Any], new: Mapping[str, Any], path: str = "") -> dict[str, dict[str, Any]]:
    """Where two JSON forms differ: dotted path -> {"expected": what is stored, "got": what came}."""
    found: dict[str, dict[str, Any]] = {}
    for key in [*old, *(key for key in new if key not in old)]:
        here = f"{path}.{key}" if path else key
        left, right = old.get(key), new.get(key)
        if isinstance(left, Mapping) and isinstance(right, Mapping):
            found |= difference(left, right, here)
            if list(left) != list(right) and set(left) == set(right) and here == "space":
                found[f"{here} (order)"] = {"expected": list(left), "got": list(right)}
        elif not _same(left, right):
            found[here] = {"expected": left, "got": right}
    return found


def _same(left: Any, right: Any) -> bool:
    """Whether two JSON values are equal; true is not 1, but 1 is 1.0."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(_same(one, other) for one, other in zip(left, right, strict=True))
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _objective(name: str, spec: object) -> Objective:
    if not isinstance(spec, Mapping):
        return Objective(name, Direction.of(spec))
    later = [key for key in ("threshold", "noise", "weight") if spec.get(key) is not None]
    if later:
        raise NotSupported(f"objective {name!r}: {later!r} is not built yet")
    unknown = set(spec) - {"direction", "log", "reference", "threshold", "noise", "weight"}
    if unknown or "direction" not in spec:
        raise InvalidStudy(
            f"objective {name!r}: expected a direction or {{direction, log, reference}}, got {sorted(spec)!r}"
        )
    log = spec.get("log", False)
    if not isinstance(log, bool):
        raise InvalidStudy(f"objective {name!r}: log must be true or false, got {log!r}")
    return Objective(name, Direction.of(spec["direction"]), log, spec.get("reference"))
