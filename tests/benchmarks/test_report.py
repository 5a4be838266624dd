"""The page of benchmarks says what the runs say, and of what was not run how to run it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import markdown, parts, report, studies
from benchmarks.studies import Plan
from tests.house.repo import ROOT

MACHINE = {"cores": 2, "processor": "x86_64", "python": "3.11.7", "numpy": "2.4.6", "scipy": "1.17.1"}
RUN = {"at": "2026-11-24T10:00:00Z", "command": "python -m benchmarks.latency --quick", "quick": True, "limit": 45.0}


def _latency(name: str, n: int, ms: float, **other: Any) -> dict[str, Any]:
    seconds = [ms / 1e3] * 3
    found = {"optimizer": name, "version": "1", "d": 6, "n": n, "wall": seconds, "cpu": seconds, "peak_mb": 120.0}
    more = {"warm_up": {"wall": 1.0, "cpu": 1.0}, "stopped": "", "more_than": None}
    return {**RUN, "machine": MACHINE, **found, **more, **other}


LATENCY = [
    *(_latency("trimtab", n, ms) for n, ms in ((100, 12.5), (300, 40.0), (10_000, 80.0))),
    _latency("optuna-alone", 100, 150.0),
    _latency("optuna-alone", 300, 0.0, wall=[], cpu=[], stopped="time", more_than=9.0),
    _latency("scikit-learn", 300, 0.0, wall=[], cpu=[], stopped="memory"),
    {**RUN, "machine": MACHINE, "optimizer": "botorch", "missing": "botorch is not installed; make bench-peers"},
]


def _write(path: Path, records: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(one) + "\n" for one in records))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    made = [
        *(Plan("peers", "branin", one, seed, 8) for one in ("gp", "random") for seed in (0, 1, 2)),
        *(Plan("tables", "fcnet_protein", one, 0, 6) for one in ("gp", "random")),
        *(Plan("fronts", "fcnet_protein_front", one, 0, 6) for one in ("gp", "random")),
    ]
    _write(folder / "optimizer.jsonl", [{**studies.run(one), "at": "2026-11-23T10:00:00Z"} for one in made])
    _write(folder / "latency.jsonl", LATENCY)
    return folder


@pytest.fixture(scope="module")
def page(runs: Path) -> str:
    return report.page(parts.gather(runs), "")


def _cells(page: str, start: str) -> list[str]:
    (line,) = (line for line in page.splitlines() if line.startswith(start))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_latency_table_has_medians_ratios_and_who_was_stopped(page: str) -> None:
    assert _cells(page, "| d | n | Trimtab")[2:] == ["Trimtab", "Optuna GPSampler", "scikit-learn GP"]
    assert [_cells(page, f"| 6 | {n} | {ms}")[2:] for n, ms in (("100", "12.5 |"), ("300", "40 |"))] == [
        ["12.5", "150 (12.0)", ""],
        ["40", "more than 9,000 (225.0)", "stopped"],
    ]
    assert "- Optuna GPSampler at d = 6, n = 300: stopped: more than 9 s of CPU time" in page
    assert "- scikit-learn GP at d = 6, n = 300: stopped: more memory than allowed" in page
    assert "BoTorch is missing: botorch is not installed; make bench-peers." in page


def test_the_short_words_come_from_the_same_runs(page: str) -> None:
    short = page.split("## Aims")[0]
    assert (
        "takes 12.5 ms (mean 12.5) after 100, 40 ms (mean 40) after 300, 80 ms (mean 80) after 10,000 trials" in short
    )
    assert "GPSampler takes 12.0 times ours after 100." in short
    assert "held at most 120 MB" in short


def test_every_aim_is_listed_with_whether_it_is_reached(runs: Path, page: str) -> None:
    found = parts.gather(runs)
    said = [one for part in found.values() for one in part.summary.get("statements", ())]
    marks = [("reached" if one["passed"] else "**not reached**") for one in said]
    rows = [line.split("|")[1:3] for line in page.split("## Aims")[1].split("\n## ")[0].splitlines()[4:] if line]
    assert [(text.strip(), mark.strip()) for text, mark in rows] == [
        (one["text"], mark) for one, mark in zip(said, marks, strict=True)
    ]
    assert f"{sum(one['passed'] for one in said)} of {len(said)} [aims](#aims)" in page


def test_the_scores_on_the_page_are_those_of_the_summary(runs: Path, page: str) -> None:
    (problem,) = parts.gather(runs)["peers"].summary["problems"]
    scores = {line["name"]: line["score"] for line in problem["rows"] if line["recorded"] or line["name"] == "gp"}
    heads, row = _cells(page, "| score on"), _cells(page, "| branin")
    assert row[heads.index("Trimtab")] == f"{scores['gp']:.3f}"
    assert row[heads.index("Optuna GPSampler")] == f"{scores['optuna-gp']:.3f}"
    assert row[heads.index("Ax")] == f"{scores['ax']:.3f}"


def test_tables_and_fronts_show_ours_beside_what_was_recorded(page: str) -> None:
    assert _cells(page, "| fcnet_protein | Optuna GPSampler, recorded")[2:4] == ["10", "0.0012"]
    assert _cells(page, "| fcnet_protein | Trimtab")[2] == "1"
    assert _cells(page, "| fcnet_protein_front | Optuna GPSampler, recorded")[3].count(",") == 1


def test_each_part_says_by_what_when_and_on_what_it_was_made(page: str) -> None:
    assert (
        "Printed by `python -m benchmarks.latency --quick`, the short form, on 2026-11-24, on 2 cores (x86_64), "
        "Python 3.11.7, numpy 2.4.6, scipy 1.17.1. The long form is `python -m benchmarks.latency`." in page
    )
    assert "`python -m benchmarks.optimizer --set peers --quick`, the short form, on 2026-11-23" in page
    assert "on a machine that was not recorded" in page


def test_what_was_not_run_is_named_with_its_command(page: str, tmp_path: Path) -> None:
    assert "Not measured yet: `python -m benchmarks.batch` does it." in page
    nothing = report.page(parts.gather(tmp_path), "")
    assert all(f"Not measured yet: `{command}`" in nothing for command in parts.COMMANDS.values())
    assert "|" not in nothing
    assert f"Not measured yet: {', '.join(f'`{part}`' for part in parts.gather(tmp_path))}." in nothing


def test_a_batch_that_ended_before_any_parallel_run_is_not_judged(tmp_path: Path) -> None:
    alone = studies.run(Plan("batch", "branin", "random", 0, 5))
    _write(tmp_path / "batch.jsonl", [{**alone, "at": "2026-11-23T10:00:00Z"}])
    assert parts.gather(tmp_path)["batch"].summary == {}


def test_what_was_tried_is_a_table_of_its_file(tmp_path: Path) -> None:
    file = tmp_path / "tried.jsonl"
    kept = {"what": "a | b", "on": "tables", "figure": "+1.2\npoints", "kept": True, "command": "python -m x"}
    _write(file, [kept, {**kept, "what": "c", "kept": False}])
    section = report.tried(file, "## Tried\n\nby hand\n")
    assert "by hand" not in section
    assert section.splitlines()[-2:] == [
        "| a \\| b | tables | +1.2 points | kept | `python -m x` |",
        "| c | tables | +1.2 points | left | `python -m x` |",
    ]


def test_a_section_of_what_was_tried_that_is_written_by_hand_stays(tmp_path: Path) -> None:
    words = ["--runs", str(tmp_path), "--page", str(tmp_path / "page.md"), "--tried", str(tmp_path / "none.jsonl")]
    (tmp_path / "page.md").write_text("# Old\n\nOld figures.\n\n## Tried\n\nA warp, by hand.\n\n## After\n\nMore.\n")
    assert report.main(words) == 0
    once = (tmp_path / "page.md").read_text()
    assert once.endswith("## Tried\n\nA warp, by hand.\n")
    assert "Old figures" not in once
    assert report.main(words) == 0
    assert (tmp_path / "page.md").read_text() == once


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (0.0, "0"),
        (0.00123456, "0.00123"),
        (12.54, "12.5"),
        (999.6, "1,000"),
        (5066.04, "5,066"),
        (2e-6, "2.0e-06"),
    ],
)
def test_figures_have_three_digits_that_count(value: float | None, shown: str) -> None:
    assert markdown.figure(value) == shown


def test_every_peer_with_recorded_runs_has_a_name_for_the_page() -> None:
    recorded = {json.loads(line)["peer"] for line in (ROOT / "benchmarks/data/peers.jsonl").read_text().splitlines()}
    assert recorded <= set(markdown.NAMES)
