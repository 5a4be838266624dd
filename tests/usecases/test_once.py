"""One Idempotency-Key, one effect, one answer: also when copies of a request race, on both databases."""

from __future__ import annotations

import threading

import pytest

from tests.usecases.conftest import DEFINITION
from trimtab_service.domain.errors import IdempotencyKeyReused, MissingMetric
from trimtab_service.domain.trial import FailureKind
from trimtab_service.usecases import ask, enqueue, studies, tell

COPIES = 6


def race(send):
    """The answers of several copies of one request, sent at once."""
    answers, errors, together = [], [], threading.Barrier(COPIES)

    def copy():
        together.wait()
        try:
            answers.append(send())
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=copy) for _ in range(COPIES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    return answers


VERBS = {
    "tell": lambda rooms, caller, once: tell.tell(rooms, caller, "s", 0, 1, {"loss": 0.5}, once),
    "fail": lambda rooms, caller, once: tell.fail(rooms, caller, "s", 0, 1, FailureKind.INFRASTRUCTURE, "", once),
    "release": lambda rooms, caller, once: tell.release(rooms, caller, "s", 0, 1, once),
    "enqueue": lambda rooms, caller, once: enqueue.enqueue(rooms, caller, "s", {"x": 0.5}, once),
    "ask": lambda rooms, caller, once: ask.ask(rooms, caller, "s", 1, "w", once),
    "create": lambda rooms, caller, once: studies.create(rooms, caller, {**DEFINITION, "name": "other"}, once),
    "patch": lambda rooms, caller, once: studies.patch(rooms, caller, "s", {"state": "paused"}, once),
    "delete": lambda rooms, caller, once: studies.delete(rooms, caller, "s", once),
}


@pytest.mark.parametrize("verb", VERBS)
def test_copies_of_a_request_under_one_key_get_one_answer(study, rooms, caller, once, verb):
    study(max_trials=2)
    ask.ask(rooms, caller, "s", 1, "w", once())
    answers = race(
        lambda: VERBS[verb](rooms, caller, once("k", shape=lambda result: {"result": type(result).__name__}))
    )
    assert len({(answer.status, str(answer.body)) for answer in answers}) == 1
    assert sum(not answer.replayed for answer in answers) == 1


def test_get_or_create_from_many_places_makes_one_study(rooms, caller, once):
    answers = race(lambda: studies.create(rooms, caller, {**DEFINITION, "exist_ok": True}, once()))
    assert sorted(answer.status for answer in answers) == [200] * (COPIES - 1) + [201]
    assert len({answer.body["result"].study.public_id for answer in answers}) == 1


def test_a_refused_request_leaves_its_key_free(study, rooms, caller, once):
    study()
    ask.ask(rooms, caller, "s", 1, "w", once())
    with pytest.raises(MissingMetric):
        tell.tell(rooms, caller, "s", 0, 1, {}, once("k", fingerprint="wrong"))
    shape = once("k", fingerprint="right", shape=lambda trial: {"state": trial.state})
    assert tell.tell(rooms, caller, "s", 0, 1, {"loss": 1.0}, shape).body == {"state": "complete"}
    with pytest.raises(IdempotencyKeyReused):
        tell.tell(rooms, caller, "s", 0, 1, {"loss": 1.0}, once("k", fingerprint="wrong"))


def test_an_answer_outlives_its_study(study, rooms, caller, once):
    study()
    asked = ask.ask(rooms, caller, "s", 1, "w", once("k", shape=lambda trials: {"n": len(trials)}))
    studies.delete(rooms, caller, "s", once())
    again = ask.ask(rooms, caller, "s", 1, "w", once("k"))
    assert (again.body, again.replayed) == (asked.body, True)
