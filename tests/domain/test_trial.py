"""A trial's moves: which are allowed, and what the others say."""

import pytest

from trimtab_service.domain.errors import LeaseLost, TrialAlreadyFinished, TrialNotRunning
from trimtab_service.domain.metric import Value
from trimtab_service.domain.trial import MAX_ATTEMPTS, Failure, FailureKind, Trial, TrialState

RUNNING = Trial(number=3, params={"x": 1}, state=TrialState.RUNNING, epoch=2, attempt=2, worker="w")
VALUES = {"accuracy": Value(0.9)}


def test_a_tell_completes_a_running_trial_and_the_same_tell_changes_nothing():
    told = RUNNING.complete(VALUES)
    assert told.state is TrialState.COMPLETE
    assert told.complete(VALUES) is told


def test_a_second_different_tell_says_both_results():
    with pytest.raises(TrialAlreadyFinished, match=r"trial 3 is complete with .*0.9.* can't be told .*0.8"):
        RUNNING.complete(VALUES).complete({"accuracy": Value(0.8)})


def test_a_late_result_is_taken_while_the_trial_waits_for_its_next_worker():
    waiting = RUNNING.release(epoch=2)
    assert waiting.state is TrialState.WAITING
    assert waiting.complete(VALUES).state is TrialState.COMPLETE


def test_a_trial_that_was_never_handed_out_can_not_be_told():
    with pytest.raises(TrialNotRunning, match="never handed out"):
        Trial(number=0, params={}).complete(VALUES)


def test_a_failure_closes_the_trial_and_the_same_failure_changes_nothing():
    failure = Failure(FailureKind.OOM, "14 GB")
    failed = RUNNING.fail(2, failure)
    assert (failed.state, failed.failure) == (TrialState.FAILED, failure)
    assert failed.fail(2, failure) is failed
    with pytest.raises(TrialAlreadyFinished):
        failed.fail(2, Failure(FailureKind.NAN))


def test_an_infrastructure_failure_is_handed_out_again_while_attempts_are_left():
    failure = Failure(FailureKind.INFRASTRUCTURE, "preempted")
    assert RUNNING.fail(2, failure).state is TrialState.WAITING
    last = Trial(number=3, params={}, state=TrialState.RUNNING, epoch=9, attempt=MAX_ATTEMPTS)
    assert last.fail(9, failure).state is TrialState.FAILED


@pytest.mark.parametrize("move", [lambda t: t.fail(1, Failure(FailureKind.OOM)), lambda t: t.release(1)])
def test_a_worker_whose_lease_is_lost_can_not_close_the_trial(move):
    with pytest.raises(LeaseLost, match="running under lease epoch 2, got epoch 1"):
        move(RUNNING)


def test_a_release_does_not_count_as_an_attempt():
    assert RUNNING.release(2).attempt == RUNNING.attempt - 1


def test_a_finished_trial_can_not_be_released():
    with pytest.raises(TrialAlreadyFinished):
        RUNNING.complete(VALUES).release(2)
