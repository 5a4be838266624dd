"""Questions to the surrogates: kept while nothing changes, for whom the study is, and refused in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.builders import a_project
from trimtab_service.compute import Closed, DeadlinePassed, WorkerDied
from trimtab_service.domain.errors import ComputeUnavailable, InvalidParams, InvalidQuery, StudyNotFound
from trimtab_service.usecases import ask, enqueue, insight, tell
from trimtab_service.usecases.rooms import Answers


@pytest.fixture
def told(study, rooms, caller, once):
    """A study of a surrogate with eight results of x²."""
    made = study(algorithm="gp")
    trials = [{"params": {"x": place / 4 - 1}, "values": {"loss": (place / 4 - 1) ** 2}} for place in range(8)]
    enqueue.add(rooms, caller, "s", trials, once())
    return made


def test_an_answer_is_computed_once_until_a_trial_is_asked_for_or_told(told, rooms, caller, once):
    first = insight.predict(rooms, caller, "s", [{"x": 0.1}])
    assert insight.predict(rooms, caller, "s", [{"x": 0.1}]) is first
    assert insight.predict(rooms, caller, told.public_id, [{"x": 0.1}]) is first
    assert rooms.compute.runs == 1
    insight.predict(rooms, caller, "s", [{"x": 0.2}])
    insight.calibration(rooms, caller, "s")
    assert rooms.compute.runs == 3

    (trial,) = ask.ask(rooms, caller, "s", 1, "w", once()).body["result"]
    runs = rooms.compute.runs
    pending = insight.predict(rooms, caller, "s", [{"x": 0.1}])
    assert rooms.compute.runs == runs + 1
    tell.tell(rooms, caller, "s", trial.number, trial.epoch, {"loss": 5.0}, once())
    after = insight.predict(rooms, caller, "s", [{"x": 0.1}])
    assert rooms.compute.runs == runs + 2
    assert (pending.trials, after.trials) == (8, 9)


def test_a_card_made_while_its_trial_is_told_is_not_kept(told, rooms, caller, once, monkeypatch):
    (trial,) = ask.ask(rooms, caller, "s", 1, "w", once()).body["result"]
    read, reads = rooms.store.read, []

    def telling_before_the_second(project_id):
        reads.append(project_id)
        if len(reads) == 2:
            tell.tell(rooms, caller, "s", trial.number, trial.epoch, {"loss": 5.0}, once())
        return read(project_id)

    monkeypatch.setattr(rooms.store, "read", telling_before_the_second)
    first = insight.suggestion_card(rooms, caller, "s", trial.number)
    second = insight.suggestion_card(rooms, caller, "s", trial.number)
    assert (first.expected["loss"].told, second.expected["loss"].told) == (None, 5.0)


def test_the_longest_unasked_answer_goes_first():
    answers = Answers(most=2)
    answers.keep("a", 1, "A")
    answers.keep("b", 1, "B")
    assert answers.get("a", 1) == "A"
    answers.keep("c", 1, "C")
    assert (answers.get("a", 1), answers.get("b", 1), answers.get("c", 1)) == ("A", None, "C")
    assert answers.get("a", 2) is None
    answers.keep("a", 2, "newer")
    assert answers.get("a", 2) == "newer"


def test_a_study_of_another_project_is_not_there(told, rooms, caller, store):
    stranger = replace(caller, project_id=a_project(store))
    insight.importances(rooms, caller, "s")
    for ask_it in (insight.importances, insight.calibration, insight.picture):
        with pytest.raises(StudyNotFound):
            ask_it(rooms, stranger, told.public_id)
    with pytest.raises(StudyNotFound):
        insight.suggestion_card(rooms, stranger, told.public_id, 0)
    with pytest.raises(StudyNotFound):
        insight.predict(rooms, stranger, told.public_id, [{"x": 0.0}])


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (DeadlinePassed("no result within 10 s"), "no result within 10 s"),
        (WorkerDied("the computing process ended with exit code -9"), "exit code -9"),
        (Closed(), "the server is ending"),
    ],
)
def test_what_could_not_be_computed_is_said_and_not_kept(told, rooms, caller, error, said):
    rooms.compute.failing = error
    with pytest.raises(ComputeUnavailable, match=said):
        insight.importances(rooms, caller, "s")
    rooms.compute.failing = None
    assert insight.importances(rooms, caller, "s").metrics["loss"]["x"].total == pytest.approx(1.0, abs=0.05)


def test_what_makes_no_sense_is_refused_before_anything_is_computed(told, rooms, caller):
    with pytest.raises(InvalidQuery, match="expected 1 to 100 params, got 0"):
        insight.predict(rooms, caller, "s", [])
    with pytest.raises(InvalidParams, match=r"params 1: x must be in \[-1.0, 1.0\], got 3"):
        insight.predict(rooms, caller, "s", [{"x": 0}, {"x": 3}])
    with pytest.raises(InvalidQuery, match="something to choose"):
        insight.picture(rooms, caller, "s", parameters=["y"])
    with pytest.raises(InvalidQuery, match=r"points must be in \[2, 401\] along one parameter, got"):
        insight.picture(rooms, caller, "s", parameters=["x"], points=402)
    assert rooms.compute.runs == 0
