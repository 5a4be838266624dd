"""A run over trials: in turn, in threads, in other processes, and how it ends."""

from __future__ import annotations

import concurrent.futures
import logging
import math
import multiprocessing
import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.client import objectives
from tests.client.fake_server import KEY, FakeServer
from trimtab import Client, Float, Invalid, MissingMetric, NotSupported, Study, StudyFinished, Trial
from trimtab.optimizing import Held


class Job:
    """A future of another making: knows `done` and `result` only, like submitit's."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call
        self._asked = 0

    def done(self) -> bool:
        self._asked += 1
        return self._asked > 2

    def result(self) -> Any:
        assert self._asked > 2, "asked for a result before it was done"
        return self._call()


class Cluster:
    """An executor of another making. What it is given must survive a journey."""

    def __init__(self) -> None:
        self.travelled: list[tuple[Any, ...]] = []

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Job:
        copy, given = pickle.loads(pickle.dumps((function, arguments)))
        self.travelled.append(given)
        return Job(lambda: copy(*given))


@pytest.fixture
def address(server: FakeServer) -> Iterator[str]:
    with server.listening() as url:
        yield url


@pytest.fixture
def served(address: str) -> Iterator[Study]:
    """A study of five trials on a server that other processes can reach."""
    with Client(address, KEY) as client:
        yield client.create_study(
            "digits", space={"lr": Float(0.0, 1.0)}, objectives={"accuracy": "maximize"}, max_trials=5
        )


def states(server: FakeServer) -> list[str]:
    return [trial["state"] for trial in server.trials["digits"]]


# --- One by one -----------------------------------------------------------------------------------------------------


def test_a_run_evaluates_as_many_trials_as_it_is_told(server: FakeServer, study: Study) -> None:
    study.optimize(lambda trial: trial["lr"], n_trials=3)
    assert states(server) == ["complete"] * 3
    assert [trial["values"] for trial in server.trials["digits"]] == [
        {"accuracy": trial["params"]["lr"]} for trial in server.trials["digits"]
    ]


def test_no_trials_are_no_run(server: FakeServer, study: Study) -> None:
    study.optimize(lambda trial: trial["lr"], n_trials=0)
    assert states(server) == []


@pytest.mark.parametrize("code", ["budget_reached", "space_exhausted"])
@pytest.mark.parametrize("workers", [1, 3])
def test_a_run_ends_quietly_when_the_study_has_come_to_its_end(
    server: FakeServer, study: Study, code: str, workers: int
) -> None:
    server.studies["digits"]["max_trials"] = None if code == "space_exhausted" else 5
    if code == "space_exhausted":
        for _ in range(5):
            study.ask().tell(0.5)
        for _ in range(workers):
            server.say(409, at="/ask", code=code, detail="every configuration was handed out")
    study.optimize(lambda trial: trial["lr"], workers=workers)
    assert states(server) == ["complete"] * 5


@pytest.mark.parametrize("workers", [1, 3])
def test_a_run_on_a_used_up_study_warns_once_that_nothing_was_run(
    study: Study, caplog: pytest.LogCaptureFixture, workers: int
) -> None:
    for _ in range(5):
        study.ask().tell(0.5)
    study.optimize(lambda trial: trial["lr"], n_trials=10, workers=workers)
    assert [(one.levelname, one.getMessage()) for one in caplog.records] == [
        (
            "WARNING",
            "study digits: budget reached, nothing was run: study 'digits' has handed out 5 trials",
        )
    ]


def test_a_run_that_uses_the_budget_up_does_not_warn(study: Study, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="trimtab"):
        study.optimize(lambda trial: trial["lr"])
    assert caplog.records[-1].getMessage().startswith("study digits: budget reached: ")
    assert {one.levelname for one in caplog.records} == {"INFO"}


def test_the_end_of_a_used_up_study_travels_back_from_an_executor(
    served: Study, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        served.ask().tell(0.5)
    served.optimize(objectives.learning_rate, executor=Cluster(), workers=2)
    assert "nothing was run" in caplog.text


@pytest.mark.parametrize("code", ["study_paused", "no_feasible_configuration"])
def test_another_end_is_raised(server: FakeServer, study: Study, code: str) -> None:
    server.say(409, at="/ask", code=code, detail="no more")
    with pytest.raises(StudyFinished) as caught:
        study.optimize(lambda trial: trial["lr"])
    assert caught.value.code == code


def test_an_exception_fails_its_trial_and_ends_the_run(server: FakeServer, study: Study) -> None:
    with pytest.raises(ValueError, match="trial 0 has a bad shape"):
        study.optimize(objectives.always_fails, n_trials=3)
    assert states(server) == ["failed"]
    assert server.trials["digits"][0]["failure"]["kind"] == "error"


@pytest.mark.parametrize("catch", [ValueError, (KeyError, ValueError)])
def test_an_exception_that_is_to_be_caught_fails_its_trial_only(server: FakeServer, study: Study, catch: Any) -> None:
    study.optimize(objectives.always_fails, n_trials=3, catch=catch)
    assert states(server) == ["failed"] * 3


def test_nan_fails_its_trial_and_the_run_goes_on(server: FakeServer, study: Study) -> None:
    study.optimize(lambda trial: float("nan") if trial.number == 0 else 0.5, n_trials=2)
    assert states(server) == ["failed", "complete"]
    assert server.trials["digits"][0]["failure"]["kind"] == "nan"


def test_an_objective_may_tell_fail_or_release_by_itself(server: FakeServer, study: Study) -> None:
    def objective(trial: Trial) -> None:
        match trial.number:
            case 0:
                trial.tell(accuracy=0.9)
            case 1:
                trial.fail("oom")

    study.optimize(objective, n_trials=2)
    assert states(server) == ["complete", "failed"]


def test_logged_metrics_are_a_result(server: FakeServer, study: Study) -> None:
    study.optimize(lambda trial: trial.log({"accuracy": 0.7, "macs": 7_500}), n_trials=1)
    assert server.trials["digits"][0]["values"] == {"accuracy": 0.7, "macs": 7_500}


def test_an_objective_that_returns_nothing_is_told_so(server: FakeServer, study: Study) -> None:
    with pytest.raises(MissingMetric, match="got none"):
        study.optimize(lambda trial: None, n_trials=1)
    assert states(server) == ["failed"]


def test_a_result_that_comes_second_does_not_end_the_run(
    server: FakeServer, study: Study, caplog: pytest.LogCaptureFixture
) -> None:
    server.say(409, at="/trials/0/tell", code="trial_already_finished", detail="trial 0 is complete")
    study.optimize(lambda trial: trial["lr"], n_trials=2)
    assert states(server) == ["running", "complete"]
    assert "another worker was first" in caplog.text
    assert server.calls("/release") == []


def test_ctrl_c_gives_the_running_trial_back(server: FakeServer, study: Study) -> None:
    with pytest.raises(KeyboardInterrupt):
        study.optimize(objectives.hangs_until_interrupted, n_trials=3)
    assert states(server) == ["waiting"]


def test_a_result_that_is_not_finite_after_a_lost_lease_does_not_end_the_run(
    server: FakeServer, study: Study, caplog: pytest.LogCaptureFixture
) -> None:
    server.say(409, at="/trials/0/fail", code="lease_lost", detail="trial 0 runs under epoch 2, got epoch 1")
    study.optimize(lambda trial: math.nan if trial.number == 0 else 0.5, n_trials=2)
    assert states(server) == ["running", "complete"]
    assert server.calls("/release") == []
    assert "trial 0: the failure is not counted" in caplog.text


def test_a_report_on_a_trial_that_another_worker_finished_does_not_end_the_run(
    server: FakeServer, study: Study
) -> None:
    def objective(trial: Trial) -> float:
        server.trials["digits"][trial.number]["state"] = "complete"
        server.say(409, at="/report", code="trial_already_finished", detail="it is complete")
        trial.report(accuracy=0.4)
        return 0.5

    study.optimize(objective, n_trials=2)
    assert len(server.calls("/tell")) == 2


@pytest.mark.parametrize("odd", [{"workers": "2"}, {"n_trials": "2"}, {"n_trials": 2.5}])
def test_numbers_that_are_none_are_refused_before_anything_is_asked(
    server: FakeServer, study: Study, odd: dict[str, Any]
) -> None:
    with pytest.raises(Invalid, match=r"workers must be|n_trials must be"):
        study.optimize(lambda _: 0.5, **odd)
    assert server.calls("/ask") == []


# --- In threads -----------------------------------------------------------------------------------------------------


def test_threads_evaluate_at_once_and_no_more_than_they_are_told(server: FakeServer, study: Study) -> None:
    together = threading.Barrier(3)
    server.studies["digits"]["max_trials"] = 6

    def objective(trial: Trial) -> float:
        together.wait(timeout=20)
        return float(trial["lr"])

    study.optimize(objective, n_trials=6, workers=3)
    assert states(server) == ["complete"] * 6


def test_an_exception_in_a_thread_is_raised_once_the_others_have_ended(server: FakeServer, study: Study) -> None:
    failed = threading.Event()
    server.studies["digits"]["max_trials"] = 100

    def objective(trial: Trial) -> float:
        if trial.number == 0:
            failed.set()
            raise ValueError("bad shape")
        failed.wait(timeout=20)
        time.sleep(0.05)
        return 0.5

    with pytest.raises(ValueError, match="bad shape"):
        study.optimize(objective, n_trials=100, workers=2)
    assert states(server)[0] == "failed"
    assert set(states(server)[1:]) == {"complete"}
    assert len(states(server)) < 20


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt, also in a run that a shell started in the background with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_gives_the_trials_of_all_threads_back_without_waiting_for_them(
    server: FakeServer, study: Study, ctrl_c: None
) -> None:
    running, end = threading.Barrier(3), threading.Event()

    def objective(trial: Trial) -> float:
        running.wait(timeout=20)
        assert end.wait(timeout=20)
        return 0.5

    def press() -> None:
        running.wait(timeout=20)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    threading.Thread(target=press, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        study.optimize(objective, workers=2)
    assert states(server) == ["waiting", "waiting"]
    end.set()


def test_a_thread_pool_shares_the_client(server: FakeServer, study: Study) -> None:
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        study.optimize(lambda trial: trial["lr"], n_trials=4, executor=pool)
    assert states(server) == ["complete"] * 4
    assert {call.headers["host"] for call in server.seen} == {"fake"}


def test_no_workers_are_refused(study: Study) -> None:
    with pytest.raises(Invalid, match="workers must be at least 1, got 0"):
        study.optimize(lambda trial: trial["lr"], workers=0)


# --- Elsewhere ------------------------------------------------------------------------------------------------------


def test_only_an_address_a_key_a_name_and_the_objective_travel(
    server: FakeServer, served: Study, address: str
) -> None:
    cluster = Cluster()
    served.optimize(objectives.learning_rate, n_trials=3, executor=cluster, catch=(KeyError,))
    assert states(server) == ["complete"] * 3
    assert cluster.travelled == [(address, KEY, "digits", objectives.learning_rate, (KeyError,))] * 3


def test_jobs_that_can_only_be_asked_are_asked_until_the_study_ends(server: FakeServer, served: Study) -> None:
    served.optimize(objectives.learning_rate, executor=Cluster(), workers=4)
    assert states(server) == ["complete"] * 5


def test_an_exception_elsewhere_is_raised_here(server: FakeServer, served: Study) -> None:
    with pytest.raises(ValueError, match="bad shape"):
        served.optimize(objectives.always_fails, executor=Cluster(), workers=1)
    assert set(states(server)) == {"failed"}


def test_other_processes_evaluate(server: FakeServer, served: Study) -> None:
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        served.optimize(objectives.learning_rate, n_trials=2, executor=pool)
    assert states(server) == ["complete"] * 2
    assert len({trial["worker"] for trial in server.trials["digits"]} - {served.client.worker}) == 1


def test_a_lambda_is_refused_where_processes_evaluate(server: FakeServer, served: Study) -> None:
    words = "expected an objective that the executor's processes can import, .* got .*<lambda>"
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        with pytest.raises(Invalid, match=words):
            served.optimize(lambda trial: trial["lr"], n_trials=2, executor=pool)
    with pytest.raises(Invalid, match=words) as caught:
        served.optimize(lambda trial: trial["lr"], n_trials=2, executor=Cluster())
    assert caught.value.__suppress_context__
    assert states(server) == []


def test_an_error_of_the_objective_about_pickles_is_its_own(served: Study) -> None:
    with pytest.raises(TypeError, match="no pickle"):
        served.optimize(objectives.has_no_pickle, n_trials=1, executor=Cluster())


def test_a_client_without_an_address_of_its_own_can_not_send_others(study: Study) -> None:
    with pytest.raises(NotSupported, match="expected a client with an address"):
        study.optimize(objectives.learning_rate, executor=Cluster())


def test_a_caught_error_of_another_process_stays_there(server: FakeServer, served: Study) -> None:
    served.optimize(objectives.always_fails, n_trials=2, executor=Cluster(), catch=ValueError)
    assert states(server) == ["failed"] * 2


def test_a_trial_that_is_still_being_asked_for_when_the_work_is_called_off_is_given_back_too(served: Study) -> None:
    held, asking, go_on = Held(), threading.Event(), threading.Event()
    taken: list[Trial | None] = []

    def slow_ask() -> Trial:
        asking.set()
        assert go_on.wait(30)
        return served.ask()

    worker = threading.Thread(target=lambda: taken.append(held.take(slow_ask)))
    worker.start()
    assert asking.wait(30)
    ending = threading.Thread(target=held.call_off)
    ending.start()
    go_on.set()
    ending.join(30)
    assert not ending.is_alive()
    assert [trial.state for trial in served.trials()] == ["waiting"]
    worker.join(30)
    assert taken[0] is None or not taken[0].is_open
    assert held.take(served.ask) is None
