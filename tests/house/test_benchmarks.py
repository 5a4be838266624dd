"""The benchmarks run from their commands, and what they print and keep agrees."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import batch, compress, optimizer
from tests.house.repo import ROOT

# --- The optimizer against its peers --------------------------------------------------------------------------------

FEW = ["--problems", "branin", "--seeds", "3", "--jobs", "1", "--budget", "8"]


def test_the_comparison_keeps_every_run_and_prints_a_verdict_for_each_statement(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "optimizer.jsonl"
    assert optimizer.main([*FEW, "--out", str(out)]) == 0
    runs = [json.loads(line) for line in out.read_text().splitlines()]
    assert {(one["algorithm"], one["seed"]) for one in runs} == {
        (algorithm, seed) for algorithm in optimizer.ALGORITHMS for seed in range(3)
    }
    assert all(len(one["best_so_far"]) == len(one["ask_cpu_ms"]) == 8 for one in runs)
    printed = capsys.readouterr().out
    assert "branin: 8 trials, random" in printed
    assert printed.count("\npass  ") + printed.count("\nFAIL  ") == len(optimizer.summary(out)["statements"]) == 2
    assert (tmp_path / "peers-branin.svg").read_text().startswith("<svg ")


def test_check_ends_with_1_when_a_statement_is_false(tmp_path: Path) -> None:
    words = ["--set", "failing", "--problems", "mlp_vehicle_failing", "--algorithms", "gp", "--seeds", "1"]
    words += ["--jobs", "1", "--budget", "4", "--out", str(tmp_path / "runs.jsonl")]
    assert optimizer.main(words) == 0
    assert optimizer.main([*words, "--check"]) == 1  # random search, which it must beat, was not run


def test_a_problem_of_another_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected problems of peers, got graph_cora"):
        optimizer.main(["--problems", "graph_cora", "--out", str(tmp_path / "runs.jsonl")])


def test_parallel_workers_are_compared_with_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(batch, "SEQUENTIAL", 6)
    monkeypatch.setitem(batch.PARALLEL, 8, 12)
    words = ["--problems", "branin", "--seeds", "1", "--workers", "8", "--jobs", "1", "--out", str(tmp_path / "runs")]
    assert batch.main(words) == 0
    (table,) = batch.summary(tmp_path / "runs")["problems"]
    assert [(row["workers"], row["trials"], row["seeds"]) for row in table["rows"]] == [(1, 6, 1), (8, 12, 1)]
    assert "8 workers score no less in 12 trials than 1 in 6" in capsys.readouterr().out


def test_every_table_comes_with_its_licence() -> None:
    data = ROOT / "benchmarks" / "data"
    for described in (json.loads(path.read_text()) for path in data.glob("*.json")):
        if "licence" in described:
            assert (data / "licences" / f"{described['licence']}.txt").is_file()
            assert f"`{described['name']}.npz`" in (data / "README.md").read_text()


# --- The coding of indices ------------------------------------------------------------------------------------------


def test_the_comparison_of_coders_counts_bytes_against_the_entropy() -> None:
    row = compress.Row("coins", np.random.default_rng(0).permutation([0, 1] * 4_000).astype(np.uint16), 2)
    records = {one["coder"]: one for one in compress.compare(row, repeats=1)}
    assert row.bound == 1_000
    assert records["zlib 6"]["write_ratio"] == records["zlib 6"]["read_ratio"] == 1
    assert records["trimtab"]["bytes"] == pytest.approx(1_000, abs=40)
    assert records["zlib 6"]["bytes"] > 1_000
    records["lzma"]["bytes"] = 10
    assert any(sentence.startswith("coins: lzma is as small") for sentence in compress.missed([*records.values()]))


def test_the_reference_rows_are_smaller_than_each_rival_and_near_the_bound() -> None:
    for row in compress.rows(quick=True)[:3]:
        records = compress.compare(row, repeats=1)
        (ours,) = (one for one in records if one["coder"] == "trimtab")
        assert all(ours["bytes"] < one["bytes"] for one in records if one is not ours)
        assert 1 <= ours["over_bound"] <= compress.BOUND
