"""The benchmark measures regret from the true optimum, and every algorithm runs on every one of its functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from benchmarks import compress, optimizer

BEST: dict[str, dict[str, Any]] = {
    "branin, moved": {"x": math.pi - 0.7, "y": 2.275 + 0.4},
    "hartmann6": dict(
        zip(
            [f"x{place}" for place in range(6)],
            [0.20168952, 0.15001069, 0.47687398, 0.27533243, 0.31165162, 0.65730054],
            strict=True,
        )
    ),
    "training, mixed": {"activation": "relu", "depth": 3, "lr": 10**-2.7, "width_1": 64, "width_2": 32, "bits": 4},
}
"""Minimisers as the literature gives them (Surjanovic and Bingham), and by construction."""


@pytest.mark.parametrize("name", optimizer.FUNCTIONS)
def test_the_lowest_value_is_taken_at_the_known_minimiser(name: str) -> None:
    function = optimizer.FUNCTIONS[name]
    assert function.value(BEST[name]) == pytest.approx(function.lowest, abs=1e-6)


@pytest.mark.parametrize("name", optimizer.FUNCTIONS)
@pytest.mark.parametrize("algorithm", optimizer.ALGORITHMS)
def test_each_algorithm_runs_on_each_function_and_beats_no_optimum(name: str, algorithm: str) -> None:
    row = optimizer.run(name, algorithm, seed=0, trials=6)
    assert row["trials"] == len(row["ask_ms"]) == 6
    assert row["regret"] > 0


def test_the_table_gives_the_median_and_the_range_over_seeds() -> None:
    rows = [
        {"function": "f", "algorithm": "gp", "regret": regret, "ask_ms": [1.0, 3.0]} for regret in (0.25, 0.5, 4.0)
    ]
    (line,) = optimizer.table(rows).splitlines()[1:]
    assert line.split() == ["f", "gp", "0.5", "0.25", "4", "2.0", "3.0"]


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
