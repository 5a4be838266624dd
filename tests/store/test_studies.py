"""Studies in the store: made, found, paged, changed, deleted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from tests.builders import a_problem, a_study, a_trial, two_objectives
from tests.store.racing import race
from trimtab_service.domain.errors import InvalidQuery, StudyNameTaken, StudyNotFound
from trimtab_service.domain.study import StudyState
from trimtab_service.domain.trial import TrialState
from trimtab_service.store.tables import metadata


def test_a_study_comes_back_as_it_was_made(store):
    problem = a_problem(objectives=two_objectives(), metrics=("macs_seen",), seed=2**62, options={"n_initial": 5})
    made = a_study(store, name="mnist", problem=problem, max_trials=40, metadata={"team": "é", "z": 1, "a": [1.0]})
    with store.read() as tx:
        found = tx.study("mnist")
    assert found == made
    assert found.problem == problem
    assert list(found.metadata) == ["team", "z", "a"]
    assert (found.state, found.charged, found.next_number) == (StudyState.ACTIVE, 0, 0)


def test_the_time_of_making_is_an_aware_one_of_now(store):
    made = a_study(store).created_at
    assert made.tzinfo is UTC
    assert abs(datetime.now(UTC) - made) < timedelta(minutes=1)


def test_a_study_is_found_by_name_and_by_public_id(store):
    made = a_study(store, name="mnist", public_id="st_1")
    with store.read() as tx:
        assert tx.study("st_1") == tx.study("mnist") == tx.find_study("mnist") == made
        assert tx.find_study("st_1") is None


def test_a_public_id_goes_before_a_name_that_looks_like_it(store):
    made = a_study(store, name="first", public_id="st_1")
    a_study(store, name="st_1", public_id="st_2")
    with store.read() as tx:
        assert tx.study("st_1") == made


def test_a_study_that_is_not_there_is_not_found(store):
    with store.begin() as tx:
        assert tx.find_study("nothing") is None
        with pytest.raises(StudyNotFound, match="nothing"):
            tx.study("nothing")
        with pytest.raises(StudyNotFound, match="nothing"):
            tx.lock_study("nothing")


def test_a_name_is_given_once(store):
    a_study(store, name="mnist")
    with pytest.raises(StudyNameTaken, match="mnist"):
        a_study(store, name="mnist")


def test_of_many_who_want_a_name_one_gets_it(store):
    def make(place: int) -> bool:
        try:
            a_study(store, name="mnist")
        except StudyNameTaken:
            return False
        return True

    assert sum(race(8, make)) == 1


def test_a_study_can_be_saved_with_another_state_budget_and_metadata(store):
    study = a_study(store, max_trials=5)
    changed = study.move(StudyState.PAUSED).with_budget(7)
    with store.begin() as tx:
        tx.save_study(changed)
    with store.read() as tx:
        assert tx.study(study.name) == changed


def test_saving_a_study_keeps_the_numbers_that_others_took(store):
    study = a_study(store, max_trials=5)
    a_trial(store, study)
    with store.begin() as tx:
        tx.save_study(study.move(StudyState.PAUSED))
        assert tx.study(study.name).next_number == 1


def test_saving_a_study_that_was_deleted_says_so(store):
    study = a_study(store)
    with store.begin() as tx:
        tx.delete_study(study)
    with store.begin() as tx, pytest.raises(StudyNotFound):
        tx.save_study(study)


def test_a_locked_study_waits_for_the_one_who_locked_it(postgresql_store):
    study = a_study(postgresql_store, max_trials=100)

    def add_one(_: int) -> None:
        with postgresql_store.begin() as tx:
            locked = tx.lock_study(study.name)
            tx.save_study(locked.with_budget(locked.max_trials + 1))

    race(8, add_one)
    with postgresql_store.read() as tx:
        assert tx.study(study.name).max_trials == 108


def test_pages_of_studies_begin_with_the_newest_and_miss_none(store):
    made = [a_study(store).name for _ in range(7)]
    seen, cursor = [], None
    with store.read() as tx:
        for size in (3, 3, 1):
            page = tx.studies(cursor=cursor, limit=3)
            assert len(page.items) == size
            seen += [study.name for study in page.items]
            cursor = page.next_cursor
    assert cursor is None
    assert seen == made[::-1]


def test_a_page_of_studies_can_be_of_one_state(store):
    a_study(store)
    paused = a_study(store).move(StudyState.PAUSED)
    with store.begin() as tx:
        tx.save_study(paused)
        assert tx.studies(state=StudyState.PAUSED).items == (paused,)


@pytest.mark.parametrize("cursor", ["", "garbage", "é", "WyJudW1iZXIiLG51bGwsMV0", "bnVsbA", "[" * 100])
def test_a_cursor_that_is_none_is_refused(sqlite_store, cursor):
    with sqlite_store.read() as tx, pytest.raises(InvalidQuery):
        tx.studies(cursor=cursor)


def test_deleting_a_study_deletes_every_row_of_it_and_none_of_others(store):
    kept = a_study(store)
    a_trial(store, kept, state=TrialState.COMPLETE)
    before = _rows(store)
    study = a_study(store)
    for state in TrialState:
        a_trial(store, study, state=state)
    trial = a_trial(store, study, state=TrialState.COMPLETE, values={"accuracy": 0.5, "macs": 100.0})
    with store.begin() as tx:
        tx.add_report(study, trial.number, 1, 0, {"accuracy": 0.1})
        tx.save_surrogates(study, {"accuracy": {"theta": {}}})
    assert _rows(store) != before
    with store.begin() as tx:
        tx.delete_study(study)
    assert _rows(store) == before
    with store.read() as tx, pytest.raises(StudyNotFound):
        tx.study(study.name)


def _rows(store) -> dict[str, int]:
    with store.read() as tx:
        return {
            name: tx.connection.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in metadata.tables.items()
        }
