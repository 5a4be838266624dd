"""Parallel workers: what they must reach, and how far apart their trials must be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import batch


def record(workers: int, seed: int, value: float, *, closest: float | None = None, algorithm: str = "gp") -> str:
    made: dict[str, Any] = {
        "set": "batch",
        "problem": "ackley5",
        "algorithm": algorithm,
        "seed": seed,
        "n": 60 if workers == 1 else batch.PARALLEL[workers],
        "workers": workers,
        "best_so_far": [value],
        "ask_cpu_ms": [2.0],
        "closest_open": closest,
    }
    return json.dumps(made) + "\n"


def statements(tmp_path: Path, parallel: list[float], closest: float) -> list[bool]:
    path = tmp_path / "runs.jsonl"
    lines = [record(1, seed, 20.0, algorithm="random") for seed in range(3)]
    lines += [record(1, seed, value) for seed, value in enumerate((3.0, 2.0, 4.0))]
    lines += [record(8, seed, value, closest=closest) for seed, value in enumerate(parallel)]
    path.write_text("".join(lines))
    return [one["passed"] for one in batch.summary(path)["statements"]]


@pytest.mark.parametrize(
    ("parallel", "closest", "expected"),
    [
        ([2.0, 3.0, 9.0], 0.01, [True, True, True, True]),
        ([3.09, 3.09, 3.09], 0.01, [True, True, True, True]),  # 0.45 points behind, a tie
        ([3.2, 3.2, 1.0], 0.01, [False, True, True, True]),  # 1 point behind, perhaps by luck
        ([5.0, 5.0, 5.0], 0.01, [False, False, True, True]),
        ([2.0, 2.0, 2.0], 0.0009, [True, True, True, False]),
        ([2.0, 2.0, 2.0], 0.0, [True, True, False, False]),
    ],
)
def test_parallel_workers_must_reach_no_less_and_keep_their_trials_apart(
    tmp_path: Path, parallel: list[float], closest: float, expected: list[bool]
) -> None:
    assert statements(tmp_path, parallel, closest) == expected


def test_each_kind_of_study_is_planned_for_each_problem_and_seed() -> None:
    made = batch.plans(["branin", "mixed6"], 2, [8, 32])
    assert len(made) == 2 * 2 * 4
    assert {(one.algorithm, one.workers, one.trials, one.shuffled) for one in made} == {
        ("random", 1, 60, False),
        ("gp", 1, 60, False),
        ("gp", 8, 80, True),
        ("gp", 32, 160, True),
    }
