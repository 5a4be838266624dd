"""What the comparison of latencies measures, and what it says of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import latencies, latency, peers

HERE = [name for name in peers.OPTIMIZERS if name in latency.HERE]


# --- What is measured -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [5, 6, 20])
def test_the_loss_is_lowest_at_its_minimizer_which_is_off_the_centre(d: int) -> None:
    best = peers.minimizer(d)
    assert peers.loss(best) == pytest.approx(0.0, abs=1e-12)
    assert np.all((best > 0.2) & (best < 0.8))
    assert np.linalg.norm(best - 0.5) > 0.1
    X, _ = peers.past(d, 500, 0)
    assert min(peers.loss(x) for x in X) > 0.0


def test_every_optimizer_gets_the_same_past() -> None:
    X, y = peers.past(6, 200, 3)
    again, _ = peers.past(6, 200, 3)
    assert X.shape == (200, 6)
    assert y.shape == (200,)
    assert np.array_equal(X, again)
    assert np.all((X >= 0) & (X <= 1))
    near = np.sum(np.max(np.abs(X - peers.minimizer(6)), axis=1) < 0.4)
    assert 80 < near < 160


@pytest.mark.parametrize("name", HERE)
def test_an_optimizer_proposes_other_points_of_the_cube_as_it_learns(name: str) -> None:
    optimizer = peers.OPTIMIZERS[name](*peers.past(3, 30, 0), 0)
    proposed = []
    for _ in range(3):
        x = optimizer.ask()
        optimizer.tell(x, peers.loss(x))
        proposed.append(x)
    assert all(x.shape == (3,) and np.all((x >= 0) & (x <= 1)) for x in proposed)
    assert len({tuple(x) for x in proposed}) == 3


def test_scikit_learn_finds_the_bottom_of_a_bowl() -> None:
    bottom = np.array([0.3, 0.7])
    X = np.random.default_rng(0).random((20, 2))
    optimizer = peers.Sklearn(X, np.sum((X - bottom) ** 2, axis=1), 0)
    for _ in range(3):
        x = optimizer.ask()
        optimizer.tell(x, float(np.sum((x - bottom) ** 2)))
    assert np.linalg.norm(x - bottom) < 0.05 < np.min(np.linalg.norm(X - bottom, axis=1))


def test_optimizers_take_turns_and_ours_is_asked_as_often_as_its_refits_need() -> None:
    records = latency.measure(HERE, 2, 12, asks=2, limit=60.0, memory=8.0)
    assert [one["optimizer"] for one in records] == HERE
    for one in records:
        assert (one["d"], one["n"], one["stopped"]) == (2, 12, "")
        assert len(one["wall"]) == len(one["cpu"]) == 2
        assert one["warm_up"]["wall"] > 0
        assert one["peak_mb"] > 20
        assert one["version"]
    (ours,) = latency.measure([latency.OURS], 2, 75, asks=2, limit=60.0, memory=8.0)
    assert len(ours["wall"]) == 3


def test_an_optimizer_past_its_limit_is_stopped_and_says_what_its_ask_had_taken() -> None:
    (one,) = latency.measure(["scikit-learn"], 5, 400, asks=50, limit=2.0, memory=8.0)
    assert one["stopped"] == "time"
    assert len(one["wall"]) < 50
    assert 0 <= one["more_than"] <= 2.0


def test_an_optimizer_that_wants_too_much_memory_is_stopped() -> None:
    (one,) = latency.measure(["scikit-learn"], 20, 2_000, asks=1, limit=60.0, memory=0.6)
    assert one["stopped"] == "memory"
    assert latency.gave_up([one], "scikit-learn", 20)
    assert not latency.gave_up([one], "scikit-learn", 6)


def test_an_optimizer_that_fails_says_why() -> None:
    one = latency.Running("trimtab", d=0, n=5, limit=10.0, memory=8.0)
    one.ask()
    assert "Error" in one.close()["stopped"]


def test_a_peer_that_is_not_installed_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "PEERS_PYTHON", Path("/nowhere/python"))
    assert latency.missing("optuna-alone") == "optuna is not installed; make bench-peers installs it"
    monkeypatch.setattr(latency, "PEERS_PYTHON", Path(sys.executable))
    assert "make bench-peers" in latency.missing("botorch")
    assert latency.missing("scikit-learn") == ""


def test_the_quick_form_measures_all_that_is_judged() -> None:
    given = latency.parser().parse_args(["--quick"])
    measured = {(name, d, n) for d, n, names in latency.points(given, list(peers.OPTIMIZERS)) for name in names}
    judged = {(name, latencies.JUDGED_D, n) for name in ("trimtab", "optuna") for n in latencies.JUDGED_N}
    assert judged | {("trimtab", 6, 300), ("trimtab", 6, 10_000)} <= measured


# --- What is said of it ---------------------------------------------------------------------------------------------


def _record(name: str, n: int, ms: float, **other: Any) -> dict[str, Any]:
    seconds = [ms / 1e3] * 3
    found = {"optimizer": name, "version": "1", "d": 6, "n": n, "wall": seconds, "cpu": seconds, "peak_mb": 200.0}
    return {**found, "warm_up": {"wall": 1.0, "cpu": 1.0}, "stopped": "", "more_than": None, **other}


def _said(records: list[dict[str, Any]]) -> list[tuple[bool, str]]:
    return [(one["passed"], one["detail"]) for one in latencies.statements(latencies.rows(records))]


OURS = [_record("trimtab", n, ms) for n, ms in ((100, 10.0), (300, 50.0), (1_000, 60.0), (10_000, 100.0))]


def test_what_is_reached_passes_with_its_figure() -> None:
    rivals = [
        _record("optuna-alone", 100, 120.0),
        _record("optuna-alone", 1_000, 600.0),
        _record("optuna", 100, 200.0),
    ]
    assert _said([*OURS, *rivals]) == [
        (True, "it takes 12.0 times ours (12.0 in CPU time); with greenlet 20.0 times ours (20.0 in CPU time)"),
        (True, "it takes 10.0 times ours (10.0 in CPU time); with greenlet not measured"),
        (True, "2.0 times (2.0 in CPU time) for d = 6"),
        (True, "200 MB up to n = 10,000"),
    ]


def test_what_is_not_reached_by_either_clock_fails() -> None:
    slow = _record("trimtab", 10_000, 100.0, cpu=[0.2] * 3, peak_mb=1_000.0)
    records = [
        *OURS[:3],
        slow,
        _record("optuna-alone", 100, 120.0, cpu=[0.09] * 3),
        _record("optuna-alone", 1_000, 599.0),
    ]
    assert [passed for passed, _ in _said(records)] == [False, False, False, False]


def test_what_was_not_measured_does_not_pass() -> None:
    assert _said(OURS[:2]) == [
        (False, "it takes not measured; with greenlet not measured"),
        (False, "it takes not measured; with greenlet not measured"),
        (False, "not measured"),
        (False, "200 MB up to n = 300"),
    ]


def test_an_ask_that_was_stopped_is_a_lower_bound_unless_it_was_the_warm_up() -> None:
    stopped = {"wall": [], "cpu": [], "stopped": "time", "more_than": 6.0}
    passed, detail = _said([*OURS, _record("optuna-alone", 1_000, 0.0, **stopped)])[1]
    assert passed
    assert detail.startswith("it takes more than 100.0 times ours in CPU time")
    passed, detail = _said([*OURS, _record("optuna-alone", 1_000, 0.0, **stopped, warm_up=None)])[1]
    assert not passed
    assert detail.startswith("it takes not measured")


@pytest.mark.parametrize(
    ("other", "end"),
    [
        ({}, "1000      200"),
        ({"stopped": "time", "more_than": 3.0}, "stopped after 3 asks"),
        ({"stopped": "time", "more_than": 3.0, "wall": [], "cpu": []}, "stopped: more than 3 s of CPU time"),
        (
            {"stopped": "time", "more_than": 3.0, "wall": [], "cpu": [], "warm_up": None},
            "stopped: the warm-up alone more than 3 s of CPU time",
        ),
        ({"stopped": "memory", "wall": [], "cpu": []}, "stopped: more memory than allowed"),
        ({"stopped": "ValueError: no", "wall": [], "cpu": [], "warm_up": None}, "failed: ValueError: no"),
    ],
)
def test_a_printed_line_says_why_an_optimizer_was_stopped(other: dict[str, Any], end: str) -> None:
    (row,) = latencies.rows([_record("optuna-alone", 100, 5.0, **other)])
    assert latencies.line(row).endswith(end)


def test_the_summary_is_of_the_newest_run_and_names_who_was_missing(tmp_path: Path) -> None:
    file = tmp_path / "latency.jsonl"
    assert latency.summary(file) == {}
    run = {"command": "c", "quick": True, "limit": 1.0, "machine": {"cores": 2}}
    old = [{**run, "at": "2026-01-01T00:00:00Z", **one} for one in OURS]
    new = [
        {**run, "at": "2026-01-02T00:00:00Z", "optimizer": "optuna", "missing": "why"},
        {**run, "at": "2026-01-02T00:00:00Z", **OURS[0]},
    ]
    file.write_text("".join(json.dumps(one) + "\n" for one in [*new, *old]))
    found = latency.summary(file)
    assert found["at"] == "2026-01-02T00:00:00Z"
    assert found["missing"] == {"optuna": "why"}
    assert [(one["optimizer"], one["n"], one["p50"]) for one in found["rows"]] == [("trimtab", 100, 10.0)]
