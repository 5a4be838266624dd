"""Idempotency-Keys: one answer for each, the first; and none after two days."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from tests.builders import a_study
from tests.store.racing import race
from trimtab_service.store import Raced, SavedAnswer
from trimtab_service.store.answers import SWEEP
from trimtab_service.store.clock import after
from trimtab_service.store.tables import idempotency


def test_an_answer_comes_back_as_it_was_sent(store):
    body = {"z": 1, "a": [1.0, None, "é"], "m": {"y": True, "b": 0.1 + 0.2}}
    with store.begin() as tx:
        assert tx.find_answer(7, "k") is None
        tx.save_answer(7, "k", "print", 201, body)
        tx.save_answer(7, "empty", "print", 204, None)
    with store.read() as tx:
        found = tx.find_answer(7, "k")
        assert found == SavedAnswer("print", 201, body)
        assert list(found.body) == ["z", "a", "m"]
        assert tx.find_answer(7, "empty") == SavedAnswer("print", 204, None)
        assert tx.find_answer(8, "k") is None


def test_the_same_key_of_another_caller_is_another_key(store):
    with store.begin() as tx:
        tx.save_answer(1, "k", "one", 200, {})
        tx.save_answer(2, "k", "two", 200, {})
        assert tx.find_answer(1, "k").fingerprint == "one"
        assert tx.find_answer(2, "k").fingerprint == "two"


def test_a_second_answer_under_a_key_is_raced_and_undoes_its_transaction(store):
    with store.begin() as tx:
        tx.save_answer(1, "k", "f", 200, {"first": True})

    def again() -> None:
        with store.begin() as tx:
            a_study(tx, name="never")
            tx.save_answer(1, "k", "f", 200, {"first": False})

    with pytest.raises(Raced):
        again()
    with store.read() as tx:
        assert tx.find_study("never") is None
        assert tx.find_answer(1, "k").body == {"first": True}


def test_of_sixteen_twins_one_does_the_work(store):
    study = a_study(store)

    def ask(place: int) -> int | None:
        try:
            with store.begin() as tx:
                if tx.find_answer(1, "k") is not None:
                    return None
                number = tx.take_numbers(study, 1, charged=True)
                tx.save_answer(1, "k", "f", 201, {"number": number, "by": place})
        except Raced:
            return None
        return place

    winners = [place for place in race(16, ask) if place is not None]
    assert len(winners) == 1
    with store.read() as tx:
        assert tx.find_answer(1, "k").body == {"number": 0, "by": winners[0]}
        assert tx.study(study.name).next_number == 1


def test_a_sweep_deletes_what_is_old_and_keeps_the_rest(store):
    with store.begin() as tx:
        for name in ("old", "older", "young"):
            tx.save_answer(1, name, "f", 200, {})
        old = update(idempotency).where(idempotency.c.key.in_(["old", "older"]))
        tx.connection.execute(old.values(created_at=after(-49 * 3600.0)))
    with store.begin() as tx:
        assert tx.sweep_answers(hours=50) == 0
        assert tx.sweep_answers() == 2
        assert tx.sweep_answers() == 0
        assert tx.find_answer(1, "old") is None
        assert tx.find_answer(1, "young") is not None


def test_a_sweep_deletes_only_so_many_at_a_time(sqlite_store):
    with sqlite_store.begin() as tx:
        for number in range(SWEEP + 5):
            tx.save_answer(1, str(number), "f", 200, {})
        tx.connection.execute(update(idempotency).values(created_at=after(-49 * 3600.0)))
        assert [tx.sweep_answers() for _ in range(3)] == [SWEEP, 5, 0]
