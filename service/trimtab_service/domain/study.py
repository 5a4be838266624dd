"""A study: a problem that trials are made for, its state and its budget."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from trimtab_service.domain.errors import BudgetReached, IllegalMove, InvalidStudy, StudyPaused
from trimtab_service.domain.problem import Algorithm, Problem

__all__ = [
    "STUDY_NAME",
    "VARIANT_NAME",
    "Algorithm",
    "Problem",
    "Study",
    "StudyState",
    "check_budget",
    "check_name",
    "difference",
]

STUDY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
VARIANT_NAME = STUDY_NAME
"""Variants are named as studies are."""


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
class Study:
    """A study as it stands. charged: trials handed out against max_trials; next_number: the next trial's.

    refused_in_a_row: trials that preflight refused since it last let one pass.
    """

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
    refused_in_a_row: int = 0

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
