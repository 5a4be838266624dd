"""Workers that fail again and again: counted exactly, paused by the database's clock, forgiven by a success."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from tests.builders import a_project, a_study
from tests.store.racing import race
from trimtab_service.domain.trial import Failure, FailureKind
from trimtab_service.store.workers import REMEMBERED

BROKEN = Failure(FailureKind.ERROR, "no GPU")


def fail(store, study, name="host-1", times=1, failure=BROKEN, pause_seconds=600.0):
    for _ in range(times):
        with store.begin() as tx:
            tx.count_failure(study, name, failure, pause_from=3, pause_seconds=pause_seconds)


def worker(store, study, name="host-1"):
    with store.read() as tx:
        return tx.worker(study, name)


def test_the_third_failure_in_a_row_pauses_a_worker(store):
    study = a_study(store)
    assert worker(store, study) is None
    fail(store, study, times=2)
    assert (worker(store, study).straight_failures, worker(store, study).paused) == (2, False)
    assert worker(store, study).paused_until is None
    fail(store, study, failure=Failure(FailureKind.INFRASTRUCTURE, "lost"))
    paused = worker(store, study)
    assert (paused.straight_failures, paused.paused) == (3, True)
    assert abs(paused.paused_until - datetime.now(UTC) - timedelta(seconds=600)) < timedelta(minutes=1)
    assert paused.last_failures == (
        {"kind": "error", "message": "no GPU"},
        {"kind": "error", "message": "no GPU"},
        {"kind": "infrastructure", "message": "lost"},
    )


def test_other_workers_studies_and_projects_do_not_suffer(store):
    study, other = a_study(store), a_study(store)
    fail(store, study, times=3)
    fail(store, study, "host-2")
    assert worker(store, other) is None
    assert not worker(store, study, "host-2").paused
    with store.read(a_project(store)) as tx:
        assert tx.workers(study) == ()
    with store.read() as tx:
        assert [one.name for one in tx.workers(study)] == ["host-1", "host-2"]
        assert tx.workers(other) == ()


def test_a_success_sets_the_count_back(store):
    study = a_study(store)
    fail(store, study, times=2)
    with store.begin() as tx:
        tx.count_success(study, "host-1")
        tx.count_success(study, "somebody")
    fail(store, study, times=2)
    assert (worker(store, study).straight_failures, worker(store, study).paused) == (2, False)
    assert worker(store, study, "somebody") is None


def test_a_paused_worker_is_resumed_by_hand_or_by_a_result(store):
    study = a_study(store)
    for way in ("resume_worker", "count_success"):
        fail(store, study, times=3)
        assert worker(store, study).paused
        with store.begin() as tx:
            getattr(tx, way)(study, "host-1")
        after = worker(store, study)
        assert (after.straight_failures, after.last_failures, after.paused, after.paused_until) == (
            0,
            (),
            False,
            None,
        )


def test_a_pause_ends_by_the_databases_clock_and_the_next_failure_begins_another(store):
    study = a_study(store)
    fail(store, study, times=3, pause_seconds=0.2)
    time.sleep(0.3)
    assert not worker(store, study).paused
    fail(store, study)
    assert (worker(store, study).straight_failures, worker(store, study).paused) == (4, True)
    assert len(worker(store, study).last_failures) == REMEMBERED


def test_failures_at_the_same_time_are_all_counted(store):
    study = a_study(store)
    race(8, lambda _: fail(store, study))
    assert (worker(store, study).straight_failures, worker(store, study).paused) == (8, True)
    assert len(worker(store, study).last_failures) == REMEMBERED
