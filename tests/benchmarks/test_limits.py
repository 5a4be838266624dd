"""Tasks with limits, and how searches under them are judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import constrained, preflight
from benchmarks.hypervolume import hypervolume
from benchmarks.studies import Plan, run
from benchmarks.tasks import LIMITED, task
from benchmarks.tasks.functions import c2_dtlz2, dtlz2
from trimtab_service.domain.study import Problem
from trimtab_service.optimizer.suggest import suggest


def drawn(name: str, count: int) -> list[dict[str, Any]]:
    spec = {"space": task(name).space, "objectives": {"loss": "minimize"}, "algorithm": "random", "seed": 1}
    found = suggest(Problem.from_spec(spec), (), {}, range(count)).items
    return [dict(one.params) for one in found]


@pytest.mark.parametrize(
    ("name", "share"),
    [("c2_dtlz2_6", 0.021), ("fcnet_protein_limited", 0.36), ("fcnet_protein_small", 0.4), ("stages12", 0.4)],
)
def test_a_limit_allows_the_share_of_the_space_that_it_says(name: str, share: float) -> None:
    assert name in LIMITED
    within = np.mean([task(name).within(params) for params in drawn(name, 1_500)])
    assert within == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 1_500))


def test_c2_dtlz2_allows_both_ends_and_the_middle_of_the_front_and_nothing_between() -> None:
    on_front = [
        {"x0": x0, "x1": 0.64, "x2": 0.28, "x3": 0.81, "x4": 0.42, "x5": 0.23} for x0 in np.linspace(0, 1, 20_001)
    ]
    allowed = np.array([c2_dtlz2(params)["outside"] <= 0 for params in on_front])
    assert np.count_nonzero(np.diff(allowed.astype(int))) == 4
    assert allowed[[0, 10_000, 20_000]].all()
    assert not allowed[[5_000, 15_000]].any()
    losses = np.array([dtlz2(params) for params, well in zip(on_front, allowed, strict=True) if well])
    assert hypervolume(losses, (1.5, 1.5)) == pytest.approx(task("c2_dtlz2_6").optimum, abs=1e-3)


def test_no_net_of_the_stages_is_better_than_the_optimum_within_the_limit() -> None:
    about = task("stages12")
    found = [about.losses(params) for params in drawn("stages12", 1_000) if about.within(params)]
    assert about.optimum
    assert min(losses[0] for losses in found if losses) >= about.optimum
    smallest = {name: one.get("low", 3) for name, one in about.space.items()}
    assert about.measures(smallest)["macs_m"] == pytest.approx(
        sum(side**2 * width * (2 * width + 9) for width, side in ((24, 32), (40, 16), (80, 8), (160, 4))) / 1e6
    )


def test_a_run_reaches_only_what_is_within_the_limit() -> None:
    record = run(Plan("constrained", "fcnet_protein_limited", "random", 0, 12))
    about = task("fcnet_protein_limited")
    allowed = [place not in record["broken_at"] for place in range(12)]
    assert 0 < sum(allowed) < 12
    assert record["best_so_far"][: allowed.index(True)] == [about.worst] * allowed.index(True)
    assert record["best_so_far"][-1] < about.worst


# --- Limits ---------------------------------------------------------------------------------------------------------


def _run(algorithm: str, seed: int, trials: int, value: float) -> dict[str, Any]:
    same = {"set": "constrained", "problem": "fcnet_protein_limited", "workers": 1}
    curve = [1.0 if algorithm == "random" else value] * 100 + [value] * (trials - 100)
    return {**same, "algorithm": algorithm, "seed": seed, "n": trials, "best_so_far": curve, "broken_at": [3, 60]}


def _asks(**ms: float) -> list[dict[str, Any]]:
    same = {"set": "asks", "algorithm": "gp", "workers": 1, "seed": 0}
    return [{**same, "problem": case.replace("_", " "), "ask_cpu_ms": [one]} for case, one in ms.items()]


@pytest.mark.parametrize(
    ("ours", "twice", "expected"), [(0.27, 40.0, [True, True, True]), (0.3, 70.0, [False, False, False])]
)
def test_limits_are_judged_by_random_search_with_four_times_the_trials_and_by_the_cost_of_an_ask(
    tmp_path: Path, ours: float, twice: float, expected: list[bool]
) -> None:
    path = tmp_path / "constrained.jsonl"
    runs = [_run("gp", seed, 100, ours) for seed in range(3)] + [_run("random", seed, 400, 0.28) for seed in range(3)]
    asks = _asks(no_limit=20.0, two_limits_on_metrics=twice)
    path.write_text("".join(json.dumps(one) + "\n" for one in runs + asks))
    found = constrained.summary(path)
    assert [one["passed"] for one in found["statements"]] == expected
    assert [row["broken"] for row in found["problems"][0]["rows"]] == [1 / 50, 2 / 100]


def test_every_case_of_an_ask_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constrained, "TOLD", 12)
    monkeypatch.setattr(constrained, "ASKS", 1)
    found = constrained.costs()
    assert [one["problem"] for one in found] == list(constrained.CASES)
    assert all(len(one["ask_cpu_ms"]) == 1 and one["ask_cpu_ms"][0] > 0 for one in found)


# --- Preflight ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", preflight.MODES)
def test_only_where_the_size_is_told_with_the_result_is_anything_over_the_limit_trained(
    monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setattr(preflight, "TRAININGS", 8)
    monkeypatch.setattr(preflight, "PROBES", 20)
    record = preflight.run(preflight.Plan("fcnet_protein_small", mode, 0))
    assert len(record["best_so_far"]) == 8
    assert (record["over"] > 0) == (mode == "told")
    assert mode == "probes" or (record["refused"] > 0) == (mode == "preflight")  # probes may spare every refusal


def test_half_of_the_trainings_are_compared_with_all_of_those_without_preflight(tmp_path: Path) -> None:
    problem = "stages12"
    optimum = task(problem).optimum
    assert optimum
    half = preflight.TRAININGS // 2
    same = {"set": "preflight", "problem": problem, "workers": 1, "n": 2 * half, "over": 0, "refused": 9}
    reached = {"told": (0.4, 0.3), "preflight": (0.29, 0.28), "probes": (0.31, 0.28)}
    runs = [
        {**same, "algorithm": mode, "seed": seed, "best_so_far": [first] * half + [then] * half}
        for mode, (first, then) in reached.items()
        for seed in range(3)
    ]
    path = tmp_path / "preflight.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in runs))
    found = preflight.summary(path)
    assert [one["passed"] for one in found["statements"]] == [True, True, True, False]
    assert found["problems"][0]["rows"][1]["lead"]["middle"] == pytest.approx(0.01 / (0.4 - optimum))
