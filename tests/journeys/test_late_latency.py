"""Train here, measure at the board: latencies come 20 trials late from other processes, one of which is killed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

import trimtab
from tests.journeys.measuring_worker import LAG, latency
from tests.servers import Server

WORKER = Path(__file__).with_name("measuring_worker.py")
TRIALS = 36
KEY = 'latency_ms["pi-zero"]'
LEASE_SECONDS = 4
PROMPT = 10.0
"""Seconds in which a proposal must come on a busy machine; the latencies of this test are a minute away."""


def until(true, seconds=60.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


def numbers(lines: Path, what: str) -> set[int]:
    """The trials whose latencies a worker took to measure, or told."""
    said = [line.split() for line in lines.read_text().splitlines()]
    return {int(number) for verb, number in said if verb == what}


def known(study) -> set[int]:
    return {trial.number for trial in study.trials(state="complete") if KEY in trial.values}


@pytest.fixture
def server(tmp_path):
    settings = {"TRIMTAB_LEASE_SECONDS": str(LEASE_SECONDS)}
    with Server(f"sqlite:///{tmp_path / 'trimtab.db'}", tmp_path / "server.log", **settings) as server:
        yield server


@pytest.fixture
def worker():
    """Starts processes at the board; those that still run in the end are killed."""
    started: list[subprocess.Popen[bytes]] = []

    def start(arguments: list[str]) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([sys.executable, str(WORKER), *arguments]))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_no_proposal_waits_for_a_latency_and_no_job_is_lost_or_done_twice(server, worker, tmp_path):
    lines = tmp_path / "told.txt"
    lines.touch()

    with trimtab.Client(server.url, key=server.key) as client:
        study = client.create_study(
            "late",
            space={"lr": trimtab.Float(1e-3, 1.0, log=True), "width": trimtab.Int(4, 64)},
            objectives={"accuracy": "maximize", KEY: "minimize"},
            constraints=[f"{KEY} <= 25"],
            late_metrics=[KEY],
            max_trials=TRIALS,
            seed=1,
        )
        arguments = [server.url, server.key, "late", "pi-zero", str(lines), str(TRIALS)]
        doomed, steady = worker(arguments), None
        waits = []
        for number in range(TRIALS):
            started = time.monotonic()
            trial = study.ask()
            waits.append(time.monotonic() - started)
            trial.tell(1 - abs(trial["lr"] - 0.1) - 1 / trial["width"], artifact=f"file:///{trial.number}.onnx")
            assert trial.feasible is None
            if number == 5:
                until(lambda: numbers(lines, "took") >= set(range(5)))
                doomed.kill()
                doomed.wait()
                steady = worker(arguments)
            if number == LAG + 7:
                until(lambda: len(known(study)) >= 6)  # a training that takes its time
            if number < LAG:
                assert known(study) == set()
        assert max(waits) < PROMPT
        sources = [trial.source for trial in study.trials()]
        assert set(sources) == {"initial", "gp"}
        assert sources[-8:] == ["gp"] * 8, "with the first latencies the surrogates have begun"
        assert steady is not None
        assert steady.wait(timeout=90) == 0

        trials = list(study.trials())
        assert [trial.state for trial in trials] == ["complete"] * TRIALS
        for trial in trials:
            assert trial.values[KEY] == latency(trial.params)
            assert trial.stderrs[KEY] == 0.25
            assert trial.feasible is (latency(trial.params) <= 25)
        said = lines.read_text().split("\n")
        assert sorted(line for line in said if line.startswith("told")) == sorted(f"told {n}" for n in range(TRIALS))
        assert said.count("took 0") == 2, "what the killed worker held was handed out again"
        assert list(client.measure_jobs("latency_ms", "pi-zero")) == []
        assert study.best().values[KEY] <= 25
        front = study.pareto_front()
        assert len(front) >= 2
        assert all(trial.values[KEY] <= 25 for trial in front)
