"""How far from the best result a long study looks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.optimizer.spaces import SQUARE, a_problem, told
from trimtab_service.domain.trial import Observation
from trimtab_service.optimizer import algorithms, promising
from trimtab_service.optimizer.available import Available
from trimtab_service.optimizer.encoding import Encoding
from trimtab_service.optimizer.maximize import maximize

LONG = 1_501
TWO = {"objectives": {"one": "minimize", "two": "minimize"}}
DEPENDENT = {
    "kind": {"type": "categorical", "choices": ["plain", "deep"]},
    "width": {"type": "float", "low": 0.0, "high": 1.0},
    "depth": {"type": "float", "low": 0.0, "high": 1.0, "when": {"kind": ["deep"]}},
}


def reach(history: list[Observation], monkeypatch: pytest.MonkeyPatch, **changes: Any) -> float:
    """What the search for the next trial was told."""
    found: list[float] = []

    def search(*arguments: Any, reach: float, **others: Any) -> Any:
        found.append(reach)
        return maximize(*arguments, reach=reach, **others)

    monkeypatch.setattr(promising, "maximize", search)
    algorithms.suggest(a_problem(SQUARE, **changes), tuple(history), {}, [len(history)])
    return found[0]


def at(number: int) -> dict[str, float]:
    return {"x": number / LONG, "y": number * 7 % LONG / LONG}


def test_it_counts_from_the_latest_trial_whether_it_is_modelled_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    history = [told(i, at(i), float(i)) for i in range(LONG)]  # the later the worse and the farther away
    assert reach(history, monkeypatch) == 0.8 * 0.5 ** ((LONG - 1) // 4 % 8)


def test_with_several_objectives_it_counts_from_the_latest_trial_that_joined_the_front(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    history = [told(i, at(i), 0.0 if i == 0 else 1.0 + i / LONG, 9.0) for i in range(LONG)]
    history[-6] = told(LONG - 6, at(LONG - 6), 5.0, 0.0)
    assert reach(history, monkeypatch, **TWO) == 0.8 * 0.5


def test_a_result_like_the_best_improves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    history = [told(i, at(i), 0.0) for i in range(LONG)]
    assert reach(history, monkeypatch) == 0.8 * 0.5 ** ((LONG - 1) // 4 % 8)


def test_only_what_keeps_the_limits_improves(monkeypatch: pytest.MonkeyPatch) -> None:
    history = [replace(told(i, at(i), -float(i)), margins=(float(i != 9) - 0.5,)) for i in range(LONG)]
    limited = {"metrics": ["heat"], "constraints": ["heat <= 1"]}
    assert reach(history, monkeypatch, **limited) == 0.8 * 0.5 ** ((LONG - 10) // 4 % 8)
    history[9] = replace(history[9], margins=(0.5,))
    assert reach(history, monkeypatch, **limited) == 1.0


def candidates(space: dict[str, Any], best: dict[str, Any]) -> np.ndarray:
    """The levels that are looked at first: Sobol points, half of them near the best result. -> (256, p)"""
    encoding = Encoding.of(a_problem(space).space)
    seen: list[np.ndarray] = []

    class Watching:
        """Scores nothing, and notes what was asked."""

        def __call__(self, points: np.ndarray) -> np.ndarray:
            seen.append(encoding.levels_of_points(points))
            return np.zeros(len(points))

        def with_gradient(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return np.zeros(len(points)), np.zeros_like(points)

    maximize(
        Available(encoding),
        Watching(),
        incumbents=encoding.levels([best]),
        scales=np.ones(encoding.width),
        rng=np.random.default_rng(0),
        reach=0.1,
    )
    return seen[0][:256]


def test_half_of_the_candidates_fill_the_region_and_half_the_space() -> None:
    six = {name: {"type": "float", "low": 0.0, "high": 1.0} for name in "abcdef"}
    found = candidates(six, dict.fromkeys(six, 0.5))
    inside = np.all(np.abs(found - 0.5) <= 0.05, axis=1)
    assert np.count_nonzero(inside) == 128
    for column in range(6):
        assert np.histogram(found[inside, column], bins=4, range=(0.45, 0.55))[0].tolist() == [32] * 4
        assert np.histogram(found[~inside, column], bins=4, range=(0.0, 1.0))[0].tolist() == [32] * 4


def test_what_the_best_result_does_not_have_is_searched_everywhere() -> None:
    near = candidates(DEPENDENT, {"kind": "plain", "width": 0.5})[:128]
    deep = near[near[:, 0] == 1.0]
    assert np.all(np.abs(near[:, 1] - 0.5) < 0.06)
    assert deep[:, 2].max() > 0.9
