"""An ask hands out what waits, then what the optimizer proposes, within the budget, once per key."""

from __future__ import annotations

import threading
import time

import pytest

from trimtab_service.compute import Closed, DeadlinePassed
from trimtab_service.domain.errors import (
    BudgetReached,
    ComputeUnavailable,
    IdempotencyKeyReused,
    SpaceExhausted,
    StudyNotFound,
    StudyPaused,
)
from trimtab_service.domain.trial import FailureKind, Source, TrialState
from trimtab_service.usecases import ask, enqueue, history, studies, tell


@pytest.fixture
def ask_for(rooms, caller, once):
    def run(count=1, *, worker="w", key=None, fingerprint="f"):
        made = once(key, fingerprint, shape=lambda trials: {"numbers": [t.number for t in trials]})
        trials = []
        shape = made.shape

        def keep(result):
            trials.extend(result)
            return shape(result)

        answer = ask.ask(rooms, caller, "s", count, worker, once(key, fingerprint, shape=keep))
        return trials, answer

    return run


def test_trials_are_numbered_leased_and_within_the_space(study, ask_for):
    study()
    trials, answer = ask_for(3)
    assert answer.body == {"numbers": [0, 1, 2]}
    assert all(trial.state is TrialState.RUNNING and trial.epoch == 1 and trial.worker == "w" for trial in trials)
    assert all(trial.source is Source.RANDOM and -1 <= trial.params["x"] <= 1 for trial in trials)


def test_the_last_ask_gets_what_the_budget_still_holds_and_the_next_one_none(study, ask_for):
    study(max_trials=5)
    assert len(ask_for(3)[0]) == 3
    assert len(ask_for(3)[0]) == 2
    with pytest.raises(BudgetReached, match="has handed out 5 trials of max_trials=5"):
        ask_for(1)


def test_many_askers_never_pass_the_budget_and_never_get_the_same_point(study, ask_for, rooms, caller):
    study(max_trials=30)
    given: list = []
    errors: list = []

    def work():
        while True:
            try:
                given.extend(ask_for(2)[0])
            except BudgetReached:
                return
            except Exception as error:
                errors.append(error)
                return

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(trial.number for trial in given) == list(range(30))
    assert len({trial.params["x"] for trial in given}) == 30
    assert studies.get(rooms, caller, "s").study.charged == 30


def test_the_same_key_gives_the_same_answer_and_no_new_trial(study, ask_for, rooms, caller):
    study()
    first = ask_for(2, key="k")[1]
    second = ask_for(2, key="k")[1]
    assert (second.body, second.status, second.replayed) == (first.body, first.status, True)
    assert studies.get(rooms, caller, "s").study.next_number == 2
    with pytest.raises(IdempotencyKeyReused):
        ask_for(3, key="k", fingerprint="other")


def test_sixteen_copies_of_one_request_get_one_answer(study, ask_for, rooms, caller):
    study()
    bodies: list = []
    threads = [threading.Thread(target=lambda: bodies.append(ask_for(1, key="k")[1].body)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bodies == [{"numbers": [0]}] * 16
    assert studies.get(rooms, caller, "s").study.charged == 1


def test_an_enqueued_trial_comes_before_a_proposal(study, ask_for, rooms, caller, once):
    study()
    enqueue.enqueue(rooms, caller, "s", {"x": 0.5}, once())
    (trial,), _ = ask_for()
    assert (trial.params, trial.source) == ({"x": 0.5}, Source.USER)
    assert rooms.compute.runs == 0


def test_a_released_trial_comes_again_under_a_higher_epoch(study, ask_for, rooms, caller, once):
    study()
    (trial,), _ = ask_for()
    tell.release(rooms, caller, "s", trial.number, trial.epoch, once())
    (again,), _ = ask_for(worker="other")
    assert (again.number, again.epoch, again.worker, again.attempt) == (trial.number, 2, "other", 1)


def test_a_trial_whose_lease_ran_out_comes_again(study, ask_for, rooms, caller):
    study()
    object.__setattr__(rooms, "lease_seconds", 0.001)
    (trial,), _ = ask_for()
    again = []
    for _ in range(200):
        again = ask_for()[0]
        if again[0].number == trial.number:
            break
    assert again[0].number == trial.number
    assert again[0].epoch > trial.epoch


def test_a_failed_proposal_is_answered_with_a_marked_quasi_random_point(study, ask_for, rooms, caplog):
    study(algorithm="gp")
    rooms.compute.failing = DeadlinePassed("no result within 1 s")
    (trial,), _ = ask_for()
    assert trial.source is Source.FALLBACK
    assert trial.reason == "no result within 1 s"
    assert "quasi-random" in caplog.text
    rooms.compute.failing = RuntimeError("boom")
    assert ask_for()[0][0].reason == "RuntimeError: boom"


def test_an_exhausted_grid_says_so(study, ask_for):
    study(space={"a": {"type": "categorical", "choices": ["u", "v", "w"]}}, algorithm="grid")
    assert sorted(trial.params["a"] for trial in ask_for(9)[0]) == ["u", "v", "w"]
    with pytest.raises(SpaceExhausted, match="every configuration of study 's' has been handed out"):
        ask_for()


def test_a_paused_study_hands_out_nothing(study, ask_for, rooms, caller, once):
    study()
    studies.patch(rooms, caller, "s", {"state": "paused"}, once())
    with pytest.raises(StudyPaused, match="is paused"):
        ask_for()
    studies.patch(rooms, caller, "s", {"state": "active"}, once())
    assert len(ask_for()[0]) == 1


def test_an_unknown_study_is_named(ask_for):
    with pytest.raises(StudyNotFound, match="'s'"):
        ask_for()


def test_the_surrogate_is_stored_with_what_it_rests_on(study, ask_for, rooms, caller, once):
    made = study(algorithm="gp", options={"n_initial": 3})
    for _ in range(5):
        (trial,), _ = ask_for()
        tell.tell(rooms, caller, "s", trial.number, trial.epoch, {"loss": trial.params["x"] ** 2}, once())
    with rooms.store.read() as tx:
        state = tx.surrogates(made)["loss"]
    assert state["trials"] == [0, 1, 2, 3]
    assert set(state) >= {"theta", "warp", "trials", "diagnostics"}


def test_a_failed_trial_is_not_proposed_again(study, ask_for, rooms, caller, once):
    study(space={"a": {"type": "int", "low": 0, "high": 3}}, algorithm="gp")
    seen = []
    for _ in range(4):
        (trial,), _ = ask_for()
        seen.append(trial.params["a"])
        tell.fail(rooms, caller, "s", trial.number, trial.epoch, FailureKind.OOM, "", once())
    assert sorted(seen) == [0, 1, 2, 3]
    with pytest.raises(SpaceExhausted):
        ask_for()


def test_with_repeats_only_failures_use_a_small_space_up(study, ask_for, rooms, caller, once):
    study(
        space={"a": {"type": "int", "low": 0, "high": 2}}, algorithm="gp", options={"repeats": True, "n_initial": 2}
    )
    seen = []
    for _ in range(6):
        (trial,), _ = ask_for()
        seen.append(trial.params["a"])
        tell.tell(rooms, caller, "s", trial.number, trial.epoch, {"loss": float(trial.params["a"])}, once())
    assert len(set(seen[:2])) == 2
    for _ in range(3):
        (trial,), _ = ask_for()
        tell.fail(rooms, caller, "s", trial.number, trial.epoch, FailureKind.OOM, "", once())
    with pytest.raises(SpaceExhausted):
        ask_for()


def test_a_trial_lost_too_often_fails_although_the_ask_gets_nothing(study, ask_for, rooms, caller):
    study(max_trials=1)
    object.__setattr__(rooms, "lease_seconds", 0.001)
    for attempt in range(1, 4):
        (trial,) = ask_for()[0]
        assert (trial.number, trial.attempt) == (0, attempt)
        time.sleep(0.05)
    with pytest.raises(BudgetReached):
        ask_for()
    lost = history.trial(rooms, caller, "s", 0).trial
    assert lost.state is TrialState.FAILED
    assert lost.failure.kind is FailureKind.INFRASTRUCTURE


def test_an_ask_for_several_fills_up_what_waits_with_proposals(study, ask_for, rooms, caller, once):
    study(max_trials=5)
    enqueue.enqueue(rooms, caller, "s", {"x": 0.5}, once())
    trials, _ = ask_for(4)
    assert [trial.source for trial in trials] == [Source.USER, *[Source.RANDOM] * 3]
    assert sorted(trial.number for trial in trials) == [0, 1, 2, 3]
    assert studies.get(rooms, caller, "s").study.charged == 4


def while_proposing(rooms, happens):
    """Let something happen once, while the next proposal is being computed."""
    run = rooms.compute.run

    def slow(function, *arguments, deadline):
        rooms.compute.run = run
        happens()
        return run(function, *arguments, deadline=deadline)

    rooms.compute.run = slow


def test_a_retry_gets_the_last_trial_that_its_twin_got(study, ask_for, rooms):
    study(max_trials=1)
    twins = []
    real = rooms.compute.run
    both = threading.Barrier(2)

    def work():
        both.wait()
        twins.append(ask_for(key="k")[1].body)

    def slow(function, *arguments, deadline):
        time.sleep(0.2)
        return real(function, *arguments, deadline=deadline)

    rooms.compute.run = slow
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert twins == [{"numbers": [0]}] * 2


def test_a_trial_that_is_enqueued_while_a_proposal_is_computed_is_handed_out(study, ask_for, rooms, caller, once):
    study(max_trials=1)
    while_proposing(rooms, lambda: enqueue.enqueue(rooms, caller, "s", {"x": 0.25}, once()))
    (trial,), _ = ask_for()
    assert trial.params == {"x": 0.25}


def test_nothing_is_handed_out_after_a_pause_was_acknowledged(study, ask_for, rooms, caller, once):
    study()
    while_proposing(rooms, lambda: studies.patch(rooms, caller, "s", {"state": "paused"}, once()))
    with pytest.raises(StudyPaused):
        ask_for()
    assert studies.get(rooms, caller, "s").study.next_number == 0


def test_a_study_made_after_a_deleted_one_never_gets_its_trials(study, ask_for, rooms, caller, once):
    study()

    def replace():
        studies.delete(rooms, caller, "s", once())
        study(name="t", space={"k": {"type": "categorical", "choices": ["a", "b"]}})

    while_proposing(rooms, replace)
    with pytest.raises(StudyNotFound):
        ask_for()
    assert history.trials(rooms, caller, "t").items == ()


def test_a_server_that_is_ending_hands_out_nothing(study, ask_for, rooms, caller):
    study(algorithm="gp")
    rooms.compute.failing = Closed()
    with pytest.raises(ComputeUnavailable):
        ask_for()
    assert studies.get(rooms, caller, "s").study.charged == 0


def test_the_fallback_of_a_grid_stays_on_the_grid_and_repeats_nothing(study, ask_for, rooms):
    study(space={"a": {"type": "float", "low": 0, "high": 100}}, algorithm="grid", options={"points": {"a": 2}})
    rooms.compute.failing = DeadlinePassed("no result within 1 s")
    trials, _ = ask_for(5)
    assert sorted(trial.params["a"] for trial in trials) == [0.0, 100.0]
    with pytest.raises(SpaceExhausted):
        ask_for()
