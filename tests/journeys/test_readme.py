"""The README's examples run as they stand."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import trimtab
from tests.servers import Server

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def block(language: str, containing: str) -> str:
    """The README's one block of this language that contains the text."""
    blocks = re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (found,) = [text for text in blocks if containing in text]
    return found


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **more}


def test_the_python_example_prints_a_front(tmp_path):
    code = block("python", "create_study")
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=240
    )
    assert run.returncode == 0, run.stderr
    rows = [line.split(maxsplit=3) for line in run.stdout.splitlines()]
    assert rows
    sizes = [float(row[2]) for row in rows]
    assert max(sizes) <= 64_000
    accuracies = [float(row[1]) for row in rows]
    assert all(0 < accuracy <= 1 for accuracy in accuracies)
    by_size = [accuracy for _, accuracy in sorted(zip(sizes, accuracies, strict=True))]
    assert by_size == sorted(by_size), "a larger model on the front is less accurate than a smaller one"
    assert (tmp_path / "trimtab.db").exists()


def test_the_example_of_trade_offs_picks_a_model_under_its_limits(tmp_path):
    code = block("python", "trimtab.study(")
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=240
    )
    assert run.returncode == 0, run.stderr
    address, *_ = [line for line in run.stderr.splitlines() if line.startswith("trimtab: http://127.0.0.1:")]
    assert "/s/tiny, log in with the key of [sqlite:///" in address
    assert "<Trial " in run.stdout
    assert "The best accuracy under a budget of size_kb, from " in run.stdout
    with trimtab.Client.local(tmp_path / ".trimtab" / "trimtab.db") as client:
        study = client.study("tiny")
        assert study.counts["complete"] == 12
        assert all(trial.values["size_kb"] <= 64 for trial in study.trials(state="complete"))
        assert study.best(device="pi-zero").values["size_kb"] <= 16


def test_the_curl_example_asks_and_tells(tmp_path):
    if shutil.which("curl") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("curl is missing: apt-get install curl")
        pytest.skip("curl is missing: apt-get install curl")
    with Server(f"sqlite:///{tmp_path / 'trimtab.db'}", tmp_path / "server.log") as server:
        run = subprocess.run(
            ["sh", "-eu", "-c", block("sh", "curl")],
            cwd=tmp_path,
            env=environment(TRIMTAB_URL=server.url, TRIMTAB_DATABASE=server.database),
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert run.returncode == 0, run.stdout + run.stderr
    study, asked, told, best = (json.loads(line) for line in run.stdout.splitlines() if line)
    assert study["name"] == "by-hand"
    assert -1 <= asked["trials"][0]["params"]["x"] <= 1
    assert told["state"] == "complete"
    assert best["number"] == 0
    assert best["values"] == {"loss": 0.25}
