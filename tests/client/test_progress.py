"""The line of a run."""

from __future__ import annotations

import logging

import pytest

from tests.client.fake_server import FakeServer
from trimtab import Client, Float, Objective, Study
from trimtab.optimizing import Outcome
from trimtab.progress import Front, Progress


def outcome(number: int, state: str = "complete", **values: float) -> Outcome:
    return Outcome(number, state, values)


def test_the_line_shows_what_was_done_what_runs_what_failed_and_the_best(study: Study) -> None:
    with Progress(study, 5, wanted=False) as line:
        line.add(outcome(0, accuracy=0.5), running=1)
        line.add(outcome(1, accuracy=0.75), running=1)
        line.add(outcome(2, "failed"), running=1)
        assert line.text(running=1) == "3 trials · 1 running · 1 failed · best accuracy 0.75 (#1)"


def test_log_lines_come_one_per_trial_with_the_total(
    study: Study, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIMTAB_PROGRESS", "plain")
    with caplog.at_level(logging.INFO, logger="trimtab"):
        study.optimize(lambda trial: trial["lr"], n_trials=2)
    assert [record.getMessage() for record in caplog.records] == [
        "digits: trial 0 complete: accuracy 0.5 | 1/2 · best accuracy 0.5 (#0)",
        "digits: trial 1 complete: accuracy 0.25 | 2/2 · best accuracy 0.5 (#0)",
    ]


def test_a_study_that_goes_on_remembers_its_best(study: Study, caplog: pytest.LogCaptureFixture) -> None:
    study.ask().tell(0.9)
    with caplog.at_level(logging.INFO, logger="trimtab"):
        study.optimize(lambda trial: trial["lr"])
    assert caplog.records[0].getMessage().endswith("| 1/4 · best accuracy 0.9 (#0)")


def test_nobody_listening_means_no_extra_requests(server: FakeServer, study: Study) -> None:
    study.optimize(lambda trial: trial["lr"], n_trials=1)
    assert [seen.path.rpartition("/")[2] for seen in server.seen] == ["studies", "ask", "tell"]


@pytest.mark.parametrize("wanted", [None, False])
def test_the_line_can_be_switched_off(
    study: Study, wanted: bool | None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIMTAB_PROGRESS", "0")
    with caplog.at_level(logging.INFO, logger="trimtab"):
        study.optimize(lambda trial: trial["lr"], n_trials=1, progress=wanted)
    assert caplog.records == []


def test_a_bar_is_drawn_on_stderr_when_it_is_asked_for(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    study.optimize(lambda trial: trial["lr"], n_trials=3, progress=True)
    drawn = capsys.readouterr()
    assert drawn.out == ""
    assert "trimtab digits" in drawn.err
    assert "3/3" in drawn.err
    assert "best accuracy 0.5" in drawn.err


def test_with_several_objectives_the_line_shows_the_size_of_the_front(client: Client) -> None:
    objectives = {"accuracy": "maximize", "size_bytes": "minimize"}
    study = client.create_study("two", space={"lr": Float(0, 1)}, objectives=objectives)
    with Progress(study, None, wanted=False) as line:
        line.add(outcome(0, accuracy=0.5, size_bytes=10), running=0)
        line.add(outcome(1, accuracy=0.6, size_bytes=20), running=0)
        line.add(outcome(2, accuracy=0.5, size_bytes=30), running=0)
        assert line.text(running=0) == "3 trials · front 2"


def test_a_front_keeps_what_no_other_beats_whatever_the_order() -> None:
    points = [(0.5, 10.0), (0.6, 20.0), (0.5, 30.0), (0.7, 20.0), (0.7, 20.0), (0.1, 5.0)]
    for order in (points, points[::-1]):
        front = Front({"accuracy": Objective("maximize"), "size_bytes": Objective("minimize")})
        for number, (accuracy, size) in enumerate(order):
            front.add(number, {"accuracy": accuracy, "size_bytes": size})
        front.add(99, {"accuracy": 1.0})  # lacks an objective
        assert len(front) == 4  # (0.5, 10), (0.7, 20) twice, (0.1, 5)


def test_the_best_of_a_metric_to_be_minimised_is_the_lowest() -> None:
    front = Front({"loss": Objective("min")})
    assert str(front) == ""
    front.add(0, {"loss": 0.25})
    front.add(1, {"loss": 0.5})
    assert str(front) == "best loss 0.25 (#0)"
