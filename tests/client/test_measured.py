"""Costs in the loop: what a run measures of the models it is given, and what a trial measures by itself."""

from __future__ import annotations

import concurrent.futures
import math
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

import trimtab
from tests.client import objectives
from tests.client.fake_server import KEY, FakeServer
from trimtab import Client, Float, Invalid, InvalidValue, Study, Trial, UnknownMetric, measured
from trimtab.costs.cost import METRICS, UnknownCost, UnsupportedModel

X = np.arange(12.0).reshape(4, 3)
WEIGHTS = {"w": np.ones((2, 3), dtype=np.float32)}


FORKS = """
import os, signal
from trimtab import measured
measured._turn.lock.acquire()  # as another thread would hold it
child = os.fork()
if child == 0:
    signal.alarm(30)
    measured.measure({'w': __import__('numpy').ones(3)})
    os._exit(0)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


class Crowded(LinearRegression):
    """A model that knows when two of its kind predict at once."""

    inside = 0
    crowd = 0

    def predict(self, X: np.ndarray) -> np.ndarray:
        kind = type(self)
        kind.inside += 1
        kind.crowd = max(kind.crowd, kind.inside)
        time.sleep(0.001)
        kind.inside -= 1
        return super().predict(X)


def linear(kind: type[LinearRegression] = LinearRegression) -> LinearRegression:
    return kind().fit(X, X[:, 0])


def returning(*result: Any) -> Callable[[Trial], Any]:
    """An objective with this result."""
    return lambda _: result


@pytest.fixture
def sized(client: Client) -> Study:
    """A study of two objectives, one of them a cost."""
    return client.create_study(
        "sized",
        space={"lr": Float(0.0, 1.0)},
        objectives={"accuracy": "maximize", "size_bytes": "minimize"},
        max_trials=5,
    )


@pytest.fixture
def served(server: FakeServer) -> Iterator[Study]:
    """A study on a server that other processes can reach."""
    with server.listening() as url, Client(url, KEY) as client:
        yield client.create_study("digits", space={"lr": Float(0.0, 1.0)}, objectives={"accuracy": "maximize"})


def told(server: FakeServer) -> dict[str, Any]:
    return server.calls("/tell")[-1].body["values"]


def failures(server: FakeServer, name: str = "digits") -> list[str]:
    return [(trial["failure"] or {}).get("kind") for trial in server.trials[name]]


# --- What is told ---------------------------------------------------------------------------------------------------


def test_the_wanted_figures_are_told_with_the_score_and_their_contracts(server: FakeServer, study: Study) -> None:
    study.optimize(returning(0.9, WEIGHTS, None), 1, measure=["parameters", "size_bytes"])
    assert told(server).keys() == {"accuracy", "parameters", "size_bytes"}
    assert told(server)["accuracy"] == 0.9
    assert told(server)["size_bytes"]["value"] == 24
    assert told(server)["size_bytes"]["contract"] == trimtab.measure(WEIGHTS).contract["size_bytes"]


@pytest.mark.parametrize(
    ("score", "sent"),
    [
        (0.9, 0.9),
        ((0.9, 0.01), {"value": 0.9, "stderr": 0.01}),
        ({"accuracy": 0.9}, 0.9),
        ({"accuracy": (0.9, 0.01)}, {"value": 0.9, "stderr": 0.01}),
        (np.float32(0.5), 0.5),
    ],
)
def test_a_score_is_whatever_a_tell_takes(server: FakeServer, study: Study, score: Any, sent: Any) -> None:
    study.optimize(returning(score, WEIGHTS, None), 1, measure=["size_bytes"])
    assert told(server)["accuracy"] == sent


def test_a_mere_number_is_the_score_of_the_objective_that_is_not_measured(server: FakeServer, sized: Study) -> None:
    sized.optimize(returning(0.9, WEIGHTS, None), 1, measure=["size_bytes"])
    assert (told(server)["accuracy"], told(server)["size_bytes"]["value"]) == (0.9, 24)


def test_without_a_score_what_was_logged_is_told(server: FakeServer, study: Study) -> None:
    def objective(trial: Trial) -> Any:
        trial.log({"accuracy": 0.8})
        return None, WEIGHTS, None

    study.optimize(objective, 1, measure=["size_bytes"])
    assert (told(server)["accuracy"], told(server)["size_bytes"]["value"]) == (0.8, 24)


def test_a_latency_is_told_with_its_standard_error(server: FakeServer, study: Study) -> None:
    study.optimize(returning(0.9, linear(), X), 1, measure=["latency_ms", "macs"])
    latency = told(server)["latency_ms"]
    assert latency["value"] > 0
    assert latency["stderr"] >= 0
    assert latency["contract"]["repetitions"] >= 5
    assert told(server)["macs"]["value"] == 3


def test_the_stopwatch_runs_only_when_a_latency_is_wanted(server: FakeServer, study: Study) -> None:
    Crowded.crowd = 0
    study.optimize(returning(0.9, linear(Crowded), X), 1, measure=["size_bytes"])
    assert Crowded.crowd == 0
    study.optimize(returning(0.9, linear(Crowded), X), 1, measure=["latency_ms"])
    assert Crowded.crowd == 1


def test_threads_wait_for_the_stopwatch(server: FakeServer, study: Study) -> None:
    together = threading.Barrier(2)
    Crowded.crowd = 0

    def objective(_: Trial) -> Any:
        together.wait(timeout=20)
        return 0.9, linear(Crowded), X

    study.optimize(objective, 2, workers=2, measure=["latency_ms"])
    assert len(server.calls("/tell")) == 2
    assert Crowded.crowd == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_process_forked_while_the_stopwatch_runs_has_one_of_its_own() -> None:
    ended = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_models_are_measured_in_the_process_that_trained_them(server: FakeServer, served: Study) -> None:
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        served.optimize(objectives.four_weights, 2, executor=pool, measure=["size_bytes"])
        with pytest.raises(Invalid, match=r"processes can import, .* got .*<lambda>"):
            served.optimize(returning(0.9, WEIGHTS, None), 1, executor=pool, measure=["size_bytes"])
    assert [trial["values"]["size_bytes"] for trial in server.trials["digits"]] == [16, 16]
    assert served.client.worker not in {trial["worker"] for trial in server.trials["digits"]}


# --- What is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (["size_byte"], r"expected some of \['parameters'.*got 'size_byte': did you mean 'size_bytes'\?"),
        (["macs", 3], "got 3"),
        ([["macs"]], r"got \['macs'\]: did you mean"),
        (len, "as a list of figures.*got <built-in function len>"),
        (["accuracy"], "got 'accuracy'"),
        ([], "got none; leave it out"),
        ("macs", "as a list of figures.*got 'macs'"),
        (True, "as a list of figures.*got True"),
    ],
)
def test_figures_that_there_are_not_are_refused_before_the_first_ask(
    server: FakeServer, study: Study, wanted: Any, words: str
) -> None:
    with pytest.raises(Invalid, match=words):
        study.optimize(returning(0.9, WEIGHTS, None), 1, measure=wanted)
    assert server.calls("/ask") == []


def test_a_wrong_name_is_an_unknown_metric() -> None:
    with pytest.raises(UnknownMetric):
        measured.figures(["speed"])
    assert measured.figures([*METRICS, "macs"]) == METRICS


@pytest.mark.parametrize(
    ("result", "came"),
    [
        (0.9, "got float"),
        (None, "got NoneType"),
        ((0.9, WEIGHTS), r"got a tuple of 2: \(float, dict\)"),
        ((0.9, 0.1, WEIGHTS, X), "got a tuple of 4"),
        ([0.9, WEIGHTS, X], r"got a list of 3: \(float, dict, ndarray\)"),
        ({"accuracy": 0.9}, "got dict"),
    ],
)
def test_a_result_that_is_no_triple_is_refused_and_fails_the_trial(
    server: FakeServer, study: Study, result: Any, came: str
) -> None:
    with pytest.raises(Invalid, match=rf"returns \(score, model, example_input\), {came}"):
        study.optimize(lambda _: result, 1, measure=["macs"])
    assert failures(server) == ["error"]


def test_a_triple_without_measure_is_no_result(server: FakeServer, study: Study) -> None:
    with pytest.raises(InvalidValue, match="expected \\(value, stderr\\)"):
        study.optimize(returning(0.9, WEIGHTS, None), 1)
    assert failures(server) == ["error"]


def test_a_score_that_can_belong_to_several_objectives_or_to_none_is_refused(client: Client) -> None:
    goals = {"accuracy": "maximize", "f1": "maximize", "macs": "minimize"}
    several = client.create_study("several", space={"lr": Float(0.0, 1.0)}, objectives=goals)
    with pytest.raises(Invalid, match=r"for each of \['accuracy', 'f1'\], got 0.9"):
        several.optimize(returning(0.9, linear(), X), 1, measure=["macs"])
    none = client.create_study("none", space={"lr": Float(0.0, 1.0)}, objectives={"macs": "minimize"})
    with pytest.raises(Invalid, match=r"for each of \[\], got 0.9"):
        none.optimize(returning(0.9, linear(), X), 1, measure=["macs"])
    none.optimize(returning(None, linear(), X), 1, measure=["macs"])
    assert none.best_trial.values == {"macs": 3}


def test_a_figure_is_not_told_twice(server: FakeServer, study: Study) -> None:
    with pytest.raises(Invalid, match=r"each metric once, got \['size_bytes'\] in the score and in measure"):
        study.optimize(returning({"accuracy": 0.9, "size_bytes": 3}, WEIGHTS, None), 1, measure=["size_bytes"])
    assert failures(server) == ["error"]


def test_a_figure_that_is_not_known_is_named_with_the_reason_and_never_told_as_0(
    server: FakeServer, study: Study
) -> None:
    with pytest.raises(UnknownCost, match=r"'macs' is not known: .+"):
        study.optimize(returning(0.9, WEIGHTS, None), 1, measure=["size_bytes", "macs"])
    assert failures(server) == ["error"]
    assert "macs" in server.trials["digits"][0]["failure"]["message"]
    assert server.calls("/tell") == []
    study.optimize(returning(0.9, WEIGHTS, None), 2, measure=["macs"], catch=UnknownCost)
    assert failures(server) == ["error"] * 3


def test_a_model_of_no_known_kind_is_refused(server: FakeServer, study: Study) -> None:
    with pytest.raises(UnsupportedModel, match=r"got builtins\.object"):
        study.optimize(returning(0.9, object(), None), 1, measure=["macs"])
    assert failures(server) == ["error"]


def test_a_score_that_is_not_finite_fails_as_nan_and_nothing_is_measured(server: FakeServer, study: Study) -> None:
    study.optimize(returning(math.nan, object(), None), 1, measure=["macs"])
    assert failures(server) == ["nan"]


def test_an_objective_may_still_end_its_trial_by_itself(server: FakeServer, study: Study) -> None:
    study.optimize(lambda trial: trial.fail("oom"), 1, measure=["macs"])
    assert failures(server) == ["oom"]


# --- By hand --------------------------------------------------------------------------------------------------------


def test_a_trial_measures_a_model_and_keeps_its_costs_for_the_tell(server: FakeServer, study: Study) -> None:
    trial = study.ask()
    cost = trial.measure(linear(), X, seconds=0.01)
    trial.tell(0.9)
    assert isinstance(cost, trimtab.costs.Cost)
    assert told(server) == {"accuracy": 0.9} | {
        name: {key: one for key, one in figure.items() if one is not None}
        for name, figure in cost.as_metrics().items()
    }
    assert told(server)["latency_ms"]["value"] > 0


def test_a_trial_measures_without_the_stopwatch_when_told_so(study: Study) -> None:
    assert study.ask().measure(linear(), X, latency=False).latency_ms is None
