"""Trial numbers and the budget: each number once, and never a trial too many."""

from __future__ import annotations

import pytest

from tests.builders import a_study
from tests.store.racing import race
from trimtab_service.domain.errors import DatabaseUnavailable


def test_numbers_run_from_zero_without_gaps(store):
    study = a_study(store)
    with store.begin() as tx:
        assert [tx.take_numbers(study, count, charged=True) for count in (1, 3, 2)] == [0, 1, 4]
        after = tx.study(study.name)
    assert (after.next_number, after.charged) == (6, 6)


def test_numbers_that_cost_no_budget_are_not_charged(store):
    study = a_study(store, max_trials=1)
    with store.begin() as tx:
        assert tx.take_numbers(study, 5, charged=False) == 0
        assert tx.take_numbers(study, 1, charged=True) == 5
        after = tx.study(study.name)
    assert (after.next_number, after.charged) == (6, 1)


def test_a_budget_that_holds_too_few_gives_none(store):
    study = a_study(store, max_trials=3)
    with store.begin() as tx:
        assert tx.take_numbers(study, 2, charged=True) == 0
        assert tx.take_numbers(study, 2, charged=True) is None
        assert tx.take_numbers(study, 1, charged=True) == 2
        assert tx.take_numbers(study, 1, charged=True) is None


def test_numbers_that_somebody_else_took_meanwhile_are_not_given(store):
    study = a_study(store)
    with store.begin() as tx:
        assert tx.take_numbers(study, 1, charged=True, seen=0) == 0
        assert tx.take_numbers(study, 1, charged=True, seen=0) is None
        assert tx.take_numbers(study, 1, charged=True, seen=1) == 1


def test_a_transaction_that_fails_gives_its_numbers_back(store):
    study = a_study(store, max_trials=1)

    def take_and_fail() -> None:
        with store.begin() as tx:
            assert tx.take_numbers(study, 1, charged=True) == 0
            raise RuntimeError("not after all")

    with pytest.raises(RuntimeError, match="after all"):
        take_and_fail()
    with store.begin() as tx:
        assert tx.take_numbers(study, 1, charged=True) == 0


def test_a_budget_is_exact_under_32_takers(store):
    study = a_study(store, max_trials=100)

    def take(_: int) -> list[int]:
        taken = []
        while True:
            try:
                with store.begin() as tx:
                    number = tx.take_numbers(study, 1, charged=True)
            except DatabaseUnavailable:  # every connection was busy for too long: a worker tries again
                continue
            if number is None:
                return taken
            taken.append(number)

    taken = race(32, take)
    assert sorted(number for some in taken for number in some) == list(range(100))
    with store.read() as tx:
        assert tx.study(study.name).charged == 100
