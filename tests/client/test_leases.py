"""The heartbeat: one thread, as long as a trial is open."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import trimtab
from tests.client.fake_server import FakeServer
from trimtab import Float, Study


def until(true: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait for something that happens in another thread."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


def heartbeats() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "trimtab-heartbeat"]


@pytest.fixture
def server() -> FakeServer:
    return FakeServer(lease_seconds=0.06)


@pytest.fixture
def client(server: FakeServer) -> Iterator[trimtab.Client]:
    until(lambda: not heartbeats())
    with server.client(deadline=0.0) as client:
        yield client


@pytest.fixture
def study(client: trimtab.Client) -> Study:
    return client.create_study("digits", space={"lr": Float(0.0, 1.0)}, objectives={"accuracy": "maximize"})


def test_no_thread_runs_before_the_first_ask(study: Study) -> None:
    assert heartbeats() == []


def test_open_trials_are_renewed_by_one_daemon_thread(server: FakeServer, study: Study) -> None:
    first, second = study.ask(count=2)
    until(lambda: len(server.calls("/trials/0/heartbeat")) >= 3 and len(server.calls("/trials/1/heartbeat")) >= 3)
    assert [thread.daemon for thread in heartbeats()] == [True]
    assert {call.body["epoch"] for call in server.calls("/heartbeat")} == {1}
    first.tell(0.5)
    second.tell(0.5)


def test_a_lease_is_renewed_at_a_third_of_its_length(server: FakeServer, study: Study) -> None:
    server.lease_seconds = 3.0
    asked = time.monotonic()
    trial = study.ask()
    until(lambda: server.calls("/heartbeat"))
    assert 1.0 <= time.monotonic() - asked < 3.0
    trial.tell(0.5)


@pytest.mark.parametrize("close", ["tell", "fail", "release"])
def test_the_thread_ends_with_the_last_open_trial_and_comes_back_with_the_next(
    server: FakeServer, study: Study, close: str
) -> None:
    trial = study.ask()
    until(heartbeats)
    if close == "tell":
        trial.tell(0.5)
    else:
        getattr(trial, close)()
    until(lambda: not heartbeats())
    again = study.ask()
    until(lambda: server.calls(f"/trials/{again.number}/heartbeat"))
    again.tell(0.5)


def test_closing_the_client_ends_the_thread(client: trimtab.Client, server: FakeServer, study: Study) -> None:
    trial = study.ask()
    until(lambda: server.calls("/heartbeat"))
    client.close()
    assert heartbeats() == []
    assert trial.is_open


def test_a_trial_that_nobody_holds_is_not_renewed_any_more(server: FakeServer, study: Study) -> None:
    trial = study.ask()
    until(lambda: server.calls("/heartbeat"))
    del trial
    gc.collect()
    until(lambda: not heartbeats())


def test_a_lost_lease_is_remembered_and_the_result_is_sent_all_the_same(
    server: FakeServer, study: Study, caplog: pytest.LogCaptureFixture
) -> None:
    trial = study.ask()
    server.say(409, at="/heartbeat", code="lease_lost", detail="trial 0 is running under lease epoch 2, got epoch 1")
    until(lambda: trial.lease_lost)
    until(lambda: not heartbeats())
    assert len(server.calls("/heartbeat")) == 1
    assert "trial 0: the lease is lost" in caplog.text
    trial.tell(0.9)
    assert trial.state == "complete"


def test_a_heartbeat_that_comes_too_late_says_nothing_of_a_trial_that_was_told(
    study: Study, caplog: pytest.LogCaptureFixture
) -> None:
    trial = study.ask()
    trial.tell(0.9)
    trial.lose_lease(trimtab.TrialAlreadyFinished())
    assert not trial.lease_lost
    assert caplog.messages == []


def test_a_heartbeat_that_does_not_get_through_is_followed_by_the_next(
    server: FakeServer, study: Study, caplog: pytest.LogCaptureFixture
) -> None:
    server.say(503, at="/heartbeat", headers={"Retry-After": "60"}, code="overloaded")
    server.break_off(ZeroDivisionError("a transport with a bug"), at="/heartbeat")
    trial = study.ask()
    until(lambda: len(server.calls("/heartbeat")) >= 4)
    assert caplog.text.count("could not be renewed, trying again") == 2
    assert not trial.lease_lost
    trial.tell(0.9)


def test_every_open_trial_has_one_short_try_before_the_first_has_another(
    server: FakeServer, client: trimtab.Client
) -> None:
    server.lease_seconds = 3.0
    study = client.create_study("a", space={"lr": Float(0.0, 1.0)}, objectives={"accuracy": "maximize"})
    for number in range(4):
        for _ in range(2):
            server.say(503, at=f"/trials/{number}/heartbeat", code="overloaded")
    asked = time.monotonic()
    trials = study.ask(count=4)
    until(lambda: len(server.calls("/heartbeat")) >= 12)
    order = [int(call.path.split("/")[-2]) for call in server.calls("/heartbeat")[:12]]
    assert order == [0, 1, 2, 3] * 3
    assert time.monotonic() - asked < server.lease_seconds
    for trial in trials:
        trial.tell(0.5)


def test_a_heartbeat_that_hangs_holds_the_others_up_for_a_part_of_their_lease_only(server: FakeServer) -> None:
    server.lease_seconds, go_on = 9.0, threading.Event()
    for number in range(3):
        server.stall(go_on, at=f"/trials/{number}/heartbeat")
    with server.listening() as url, trimtab.Client(url) as client:
        study = client.create_study("a", space={"lr": Float(0.0, 1.0)}, objectives={"accuracy": "maximize"})
        asked = time.monotonic()
        trials = study.ask(count=6)
        until(lambda: len({call.path for call in server.calls("/heartbeat")}) == 6, seconds=20)
        assert time.monotonic() - asked < server.lease_seconds
        go_on.set()
        for trial in trials:
            trial.tell(0.5)


def test_a_forked_process_keeps_the_leases_of_the_trials_that_it_asks_for(server: FakeServer) -> None:
    with server.listening() as url:
        script = Path(__file__).with_name("forking_worker.py")
        done = subprocess.run([sys.executable, str(script), url], timeout=60, check=False)
    assert done.returncode == 0
    renewed = {int(call.path.split("/")[-2]): call for call in server.calls("/heartbeat")}
    assert set(renewed) == {0, 1}
    assert [trial["state"] for trial in server.trials["forked"]] == ["complete", "complete"]
