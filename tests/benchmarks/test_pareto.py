"""Fronts are compared by the means of their hypervolumes, with what ran beside them and what was recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import nsga2, pareto, studies
from benchmarks.studies import Plan, run
from benchmarks.tasks import task


def _record(problem: str, algorithm: str, seed: int, values: tuple[float, float]) -> dict[str, Any]:
    curve = [values[0]] * 50 + [values[1]] * 50
    return {
        "set": "pareto",
        "problem": problem,
        "algorithm": algorithm,
        "workers": 1,
        "seed": seed,
        "n": 100,
        "best_so_far": curve,
        "ask_cpu_ms": [5.0] * 100,
    }


def _summary(folder: Path, records: list[dict[str, Any]]) -> dict[str, Any]:
    path = folder / "pareto.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in records))
    return pareto.summary(path)


def _runs(problem: str, ours: list[float], random: list[float]) -> list[dict[str, Any]]:
    return [
        _record(problem, name, seed, (value, value))
        for name, values in (("gp", ours), ("random", random))
        for seed, value in enumerate(values)
    ]


def test_shares_and_leads_are_of_means(tmp_path: Path) -> None:
    optimum = task("zdt1_6").optimum
    assert optimum
    found = _summary(tmp_path, _runs("zdt1_6", [6.2, 6.2, 5.6], [3.0, 3.6, 3.0]))
    (table,) = found["problems"]
    ours, random = table["rows"][:2]
    assert ours["at"][50]["share"] == pytest.approx(6.0 / optimum)
    assert random["at"][100]["lead"]["middle"] == pytest.approx((6.0 - 3.2) / optimum)
    assert {row["name"] for row in table["rows"] if row["recorded"]} >= {"ax", "optuna-gp", "optuna-nsga2"}
    assert all(100 not in row["at"] for row in table["rows"] if row["recorded"])


@pytest.mark.parametrize(("ours", "passed"), [(6.2, True), (5.0, False)])
def test_above_others_is_above_every_judged_one(tmp_path: Path, ours: float, passed: bool) -> None:
    found = _summary(tmp_path, _runs("zdt1_6", [ours] * 3, [3.0] * 3))
    after = {text.split(" after ")[1]: one for one in found["statements"] if (text := one["text"])}
    assert after["50 trials"]["passed"] is passed  # GPSampler's recorded mean is 6.17
    assert after["100 trials"]["passed"] is True
    assert passed or "optuna-gp" in after["50 trials"]["detail"]


@pytest.mark.parametrize(("share", "passed"), [(0.95, True), (0.93, False)])
def test_on_a_table_ours_must_be_above_the_recorded_medians_after_50_and_after_100(
    tmp_path: Path, share: float, passed: bool
) -> None:
    optimum = task("fcnet_protein_front").optimum
    assert optimum
    found = _summary(tmp_path, _runs("fcnet_protein_front", [share * optimum] * 3, [0.1] * 3))
    (one,) = (one for one in found["statements"] if "GPSampler's" in one["text"])
    assert one["passed"] is passed  # .90 after 50, .94 after 100


def test_two_seeds_are_not_judged(tmp_path: Path) -> None:
    found = _summary(tmp_path, _runs("zdt1_6", [6.2] * 2, [3.0] * 2))
    assert found["statements"] == []


@pytest.fixture
def asked_in_turn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, ...]]:
    """What a rival that proposes the centre is told."""
    told: list[tuple[float, ...]] = []

    class Centre:
        def __init__(self, space: Any, objectives: int, seed: int) -> None:
            self.params = dict.fromkeys(space, 0.5)

        def __enter__(self) -> Centre:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def ask(self) -> dict[str, float]:
            return self.params

        def tell(self, losses: tuple[float, ...]) -> None:
            told.append(losses)

    monkeypatch.setattr(studies, "Nsga2", Centre)
    return told


def test_a_rival_is_asked_and_told_every_loss(asked_in_turn: list[tuple[float, ...]]) -> None:
    record = run(Plan("pareto", "zdt1_6", "nsga2", 0, 3))
    assert asked_in_turn == [task("zdt1_6").losses(dict.fromkeys(task("zdt1_6").space, 0.5))] * 3
    assert record["repeated"] == 2


def test_without_its_environment_nsga2_says_what_makes_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(nsga2, "PYTHON", tmp_path / "python")
    with pytest.raises(FileNotFoundError, match="make bench-peers"):
        nsga2.Nsga2({}, 2, 0)


@pytest.mark.parametrize(
    ("parameter", "varied", "value"),
    [
        ({"type": "float", "low": 1e-4, "high": 1.0, "log": True}, float(np.log(1e-2)), pytest.approx(1e-2)),
        ({"type": "float", "low": 0.0, "high": 1.0, "log": False}, 1.0, 1.0),
        ({"type": "int", "low": 2, "high": 96, "log": True}, float(np.log(96.4)), 96),
        ({"type": "int", "low": 0, "high": 32, "log": False}, 7, 7),
        ({"type": "categorical", "choices": ["a", "b"], "ordered": False}, 1, "b"),
    ],
)
def test_what_nsga2_varies_becomes_a_value_of_the_space(parameter: Any, varied: float, value: Any) -> None:
    assert nsga2._value(parameter, varied) == value
