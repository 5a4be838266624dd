"""What a transaction sees: marks of changes, on a database where several write at a time and where one does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from tests.builders import a_study, a_trial
from trimtab_service.domain.metric import Value
from trimtab_service.store.moment import Moment, moment
from trimtab_service.store.tables import trials

MOMENTS = st.builds(
    lambda low, more, open_: Moment(low, low + more, frozenset(low + one for one in open_ if one < more)),
    st.integers(0, 20),
    st.integers(0, 8),
    st.sets(st.integers(0, 7)),
)


def now(tx) -> Moment:
    return Moment.of(tx.connection.execute(select(moment())).scalar_one())


def mark_of(tx, study, number) -> int:
    return tx.connection.execute(select(trials.c.changed).where(tx.of_number(study, number))).scalar_one()


def test_a_moment_is_read_from_its_text():
    assert Moment.of("10:20:10,14,15") == Moment(10, 20, frozenset({10, 14, 15}))
    assert Moment.of("7:7:") == Moment(7, 7)
    assert [one for one in range(8, 22) if Moment.of("10:20:10,14,15").sees(one)] == [
        8,
        9,
        11,
        12,
        13,
        16,
        17,
        18,
        19,
    ]


@given(MOMENTS, MOMENTS)
def test_a_moment_sees_all_of_another_exactly_when_it_sees_each_of_its_marks(one, other):
    each = all(one.sees(mark) for mark in range(40) if other.sees(mark))
    assert one.sees_all_of(other) == each


def test_a_change_is_seen_from_the_next_moment_on(store):
    study = a_study(store)
    seen = []
    for place in range(3):
        with store.read() as tx:
            seen.append(now(tx))
        a_trial(store, study)
        with store.begin() as tx:
            tx.add_values(study, 0, {"macs": Value(float(place))})
        with store.read() as tx:
            mark = mark_of(tx, study, 0)
            assert now(tx).sees(mark)
        assert not any(before.sees(mark) for before in seen)
        assert all(one.sees_all_of(before) for place, one in enumerate(seen) for before in seen[:place])


def test_a_transaction_that_ends_late_is_new_to_whoever_looked_meanwhile(postgresql_store):
    study = a_study(postgresql_store)
    early, late = (a_trial(postgresql_store, study).number for _ in range(2))
    with postgresql_store.begin() as slow:
        slow.add_values(study, early, {"macs": Value(1.0)})  # the lower number, which is seen later
        with postgresql_store.begin() as tx:
            tx.add_values(study, late, {"macs": Value(2.0)})
        with postgresql_store.read() as tx:
            looked = now(tx)
            assert looked.sees(mark_of(tx, study, late))
        first = mark_of(slow, study, early)
    assert not looked.sees(first)
    with postgresql_store.read() as tx:
        assert mark_of(tx, study, late) > first >= looked.low
        assert now(tx).sees(first)
        assert now(tx).sees_all_of(looked)
        assert not looked.sees_all_of(now(tx))


@pytest.mark.parametrize("gone", [0, 1])
def test_marks_never_fall_when_a_study_is_deleted(sqlite_store, gone):
    studies = [a_study(sqlite_store), a_study(sqlite_store)]
    a_trial(sqlite_store, studies[1 - gone])
    a_trial(sqlite_store, studies[gone])
    with sqlite_store.read() as tx:
        before = now(tx)
    with sqlite_store.begin() as tx:
        tx.delete_study(studies[gone])
        tx.add_values(studies[1 - gone], 0, {"macs": Value(1.0)})
        assert not before.sees(mark_of(tx, studies[1 - gone], 0))
