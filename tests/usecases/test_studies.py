"""Studies are made once, found again, changed within their rules, and deleted with all that is theirs."""

from __future__ import annotations

import pytest

from tests.usecases.conftest import DEFINITION
from trimtab_service.domain.errors import (
    BudgetReached,
    IllegalMove,
    InvalidStudy,
    StudyConflict,
    StudyNameTaken,
    StudyNotFound,
)
from trimtab_service.domain.trial import TrialState
from trimtab_service.usecases import ask, enqueue, studies


def test_a_study_is_found_by_name_and_by_public_id(study, rooms, caller):
    made = study(metadata={"dataset": "digits"})
    assert studies.get(rooms, caller, "s").study == made
    assert studies.get(rooms, caller, made.public_id).study == made
    assert made.public_id.startswith("st_")


def test_get_or_create_gives_the_same_study_or_says_what_differs(study, rooms, caller, once):
    made = study()
    again = studies.create(rooms, caller, {**DEFINITION, "exist_ok": True}, once())
    assert (again.status, again.body["result"].study) == (200, made)
    with pytest.raises(StudyNameTaken, match="exist_ok=True"):
        studies.create(rooms, caller, DEFINITION, once())
    other = {
        **DEFINITION,
        "space": {"x": {"type": "float", "low": -1.0, "high": 2.0}},
        "exist_ok": True,
        "max_trials": 9,
    }
    with pytest.raises(StudyConflict, match=r"space.x.high: expected 1.0, got 2.0") as caught:
        studies.create(rooms, caller, other, once())
    assert caught.value.extras["diff"] == {
        "space.x.high": {"expected": 1.0, "got": 2.0},
        "max_trials": {"expected": None, "got": 9},
    }


@pytest.mark.parametrize("name", ["", "-x", "a b", "é", "x" * 101, "a/b"])
def test_a_name_that_does_not_fit_an_address_is_refused(rooms, caller, once, name):
    with pytest.raises(InvalidStudy, match="a study's name"):
        studies.create(rooms, caller, {**DEFINITION, "name": name}, once())


def test_states_move_by_their_table(study, rooms, caller, once):
    study()
    studies.patch(rooms, caller, "s", {"state": "archived"}, once())
    with pytest.raises(IllegalMove, match="is archived"):
        studies.patch(rooms, caller, "s", {"state": "paused"}, once())
    with pytest.raises(InvalidStudy, match="state must be one of"):
        studies.patch(rooms, caller, "s", {"state": "gone"}, once())


def test_a_larger_budget_opens_the_study_again(study, rooms, caller, once):
    study(max_trials=1)
    ask.ask(rooms, caller, "s", 1, "w", once())
    with pytest.raises(BudgetReached):
        enqueue.enqueue(rooms, caller, "s", {"x": 0.0}, once())
    studies.patch(rooms, caller, "s", {"max_trials": 2}, once())
    assert len(ask.ask(rooms, caller, "s", 1, "w", once()).body["result"]) == 1


def test_studies_are_listed_by_pages_the_newest_first_with_counts(study, rooms, caller, once):
    for number in range(5):
        study(name=f"s{number}")
    ask.ask(rooms, caller, "s4", 2, "w", once())
    first = studies.page(rooms, caller, limit=2)
    assert [view.study.name for view in first.items] == ["s4", "s3"]
    assert first.items[0].counts == {TrialState.RUNNING: 2}
    rest = studies.page(rooms, caller, cursor=first.next_cursor, limit=10)
    assert [view.study.name for view in rest.items] == ["s2", "s1", "s0"]
    assert rest.next_cursor is None


def test_a_deleted_study_is_gone_and_its_name_is_free(study, rooms, caller, once):
    study()
    ask.ask(rooms, caller, "s", 2, "w", once())
    studies.delete(rooms, caller, "s", once())
    with pytest.raises(StudyNotFound):
        studies.get(rooms, caller, "s")
    assert study().next_number == 0
