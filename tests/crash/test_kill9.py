"""kill -9 of the server while workers ask and tell: the study goes on, and nothing that was acknowledged is lost."""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
from dataclasses import dataclass, field

import pytest

import trimtab
from tests.servers import Server

SOAK = os.environ.get("TRIMTAB_SOAK") == "1"


@dataclass
class Acknowledged:
    """What the server said yes to, as the workers saw it."""

    told: dict[int, float] = field(default_factory=dict)
    handed_out: list[int] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def work(url: str, key: str, name: str, acknowledged: Acknowledged) -> None:
    """Ask and tell until the study is finished; the client's retries carry it over each outage."""
    with trimtab.Client(url, key=key, deadline=120) as client:
        study = client.study(name)
        while True:
            try:
                trial = study.ask()
            except trimtab.StudyFinished:
                return
            with acknowledged.lock:
                acknowledged.handed_out.append(trial.number)
            value = trial["x"] ** 2
            trial.tell(value)
            with acknowledged.lock:
                acknowledged.told[trial.number] = value


def run(database_url: str, tmp_path, *, algorithm: str, kills: int, budget: int, workers: int) -> None:
    acknowledged = Acknowledged()
    pause = random.Random(5)
    with Server(database_url, tmp_path / "server.log") as server:
        with trimtab.Client(server.url, key=server.key) as client:
            study = client.create_study(
                "crash",
                space={"x": trimtab.Float(-1.0, 1.0)},
                objectives={"loss": "minimize"},
                algorithm=algorithm,
                max_trials=budget,
            )
            threads = [
                threading.Thread(target=work, args=(server.url, server.key, "crash", acknowledged), daemon=True)
                for _ in range(workers)
            ]
            for thread in threads:
                thread.start()
            for kill in range(kills):
                seen = len(acknowledged.told)
                give_up = time.monotonic() + 120
                while len(acknowledged.told) < seen + 2 and any(thread.is_alive() for thread in threads):
                    assert time.monotonic() < give_up, "the workers made no progress after a restart"
                    time.sleep(0.02)
                assert any(thread.is_alive() for thread in threads), f"the study ended before kill {kill}"
                time.sleep(pause.uniform(0.05, 0.5))
                server.kill()
                server.start()
            for thread in threads:
                thread.join(300)
                assert not thread.is_alive()
            trials = {trial.number: trial for trial in study.trials()}

    complete = {number: trial.values["loss"] for number, trial in trials.items() if trial.state == "complete"}
    lost = {number: value for number, value in acknowledged.told.items() if complete.get(number) != value}
    assert not lost, f"acknowledged but lost: {lost}"
    assert set(acknowledged.handed_out) <= set(trials)
    assert len(set(acknowledged.handed_out)) == len(acknowledged.handed_out), "a trial was handed out twice"
    assert len(trials) == budget
    assert len({trial.params["x"] for trial in trials.values()}) == budget
    if database_url.startswith("sqlite"):
        with sqlite3.connect(database_url.removeprefix("sqlite:///")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()


def test_nothing_acknowledged_is_lost_over_a_few_kills(database_url, tmp_path):
    run(database_url, tmp_path, algorithm="random", kills=2, budget=150, workers=3)


@pytest.mark.slow
@pytest.mark.timeout(3600 if SOAK else 900)
def test_nothing_acknowledged_is_lost_over_many_kills_while_surrogates_are_fitted(database_url, tmp_path):
    kills = 200 if SOAK else 10
    run(database_url, tmp_path, algorithm="gp", kills=kills, budget=kills * 40, workers=3)
