"""A project's rows are there for that project only: for others they are not found, and never changed."""

from __future__ import annotations

import pytest

from tests.builders import a_project, a_study, a_trial
from trimtab_service.domain.errors import StudyNotFound, TrialNotFound
from trimtab_service.domain.metric import Value
from trimtab_service.domain.study import StudyState
from trimtab_service.domain.trial import TrialState


@pytest.fixture
def foreign(store):
    """A transaction of another project, while the study belongs to the default one."""
    project = a_project(store)
    return lambda: store.begin(project)


def test_a_foreign_study_is_not_found(store, foreign):
    study = a_study(store, name="mnist", public_id="st_1")
    with foreign() as tx:
        for ref in ("mnist", "st_1"):
            with pytest.raises(StudyNotFound):
                tx.study(ref)
            with pytest.raises(StudyNotFound):
                tx.lock_study(ref)
        assert tx.find_study("mnist") is None
        assert tx.studies().items == ()
        with pytest.raises(StudyNotFound):
            tx.save_study(study.move(StudyState.PAUSED))
        tx.delete_study(study)
        assert tx.take_numbers(study, 1, charged=True) is None
    with store.read() as tx:
        assert tx.study("mnist") == study


def test_two_projects_may_have_a_study_of_one_name(store, foreign):
    ours = a_study(store, name="mnist")
    with foreign() as tx:
        theirs = a_study(tx, name="mnist")
        assert tx.study("mnist") == theirs != ours


def test_a_foreign_trial_is_not_found_and_not_changed(store, foreign):
    study = a_study(store)
    running = a_trial(store, study, lease_seconds=-1)
    waiting = a_trial(store, study, state=TrialState.WAITING)
    complete = a_trial(store, study, state=TrialState.COMPLETE)
    with store.begin() as tx:
        tx.add_report(study, running.number, 1, 0, {"accuracy": 0.1})
        tx.save_surrogates(study, {"accuracy": {"theta": {}}})
    with foreign() as tx:
        with pytest.raises(TrialNotFound):
            tx.trial(study, complete.number)
        with pytest.raises(TrialNotFound):
            tx.add_report(study, running.number, 2, 0, {"accuracy": 0.9})
        assert tx.claim(study, "thief", 10, 60) == ()
        assert not tx.renew(study, running.number, 1, 60)
        assert not tx.close_trial(study, running, running.complete({"accuracy": Value(1.0)}))
        assert not tx.give_back(study, running, running.release(1))
        assert tx.trials(study).items == ()
        assert len(tx.history(study)) == 0
        assert tx.counts([study.id]) == {study.id: {}}
        assert tx.reports(study, running.number) == []
        assert tx.events(study, running.number) == []
        assert tx.surrogates(study) == {}
    with store.read() as tx:
        assert tx.trials(study).items == (running, waiting, complete)
        assert tx.reports(study, running.number) == [(0, {"accuracy": 0.1})]


def test_a_foreign_answer_is_not_found(store, foreign):
    with store.begin() as tx:
        tx.save_answer(1, "k", "f", 200, {"secret": True})
    with foreign() as tx:
        assert tx.find_answer(1, "k") is None
        assert tx.sweep_answers(hours=-1) == 0
        tx.save_answer(1, "k", "g", 200, {})
    with store.read() as tx:
        assert tx.find_answer(1, "k").body == {"secret": True}
