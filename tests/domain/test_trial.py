"""A trial's moves: which are allowed, and what the others say."""

import math

import pytest

from tests.builders import a_problem, two_objectives
from trimtab_service.domain.errors import LeaseLost, TrialAlreadyFinished, TrialNotRunning
from trimtab_service.domain.metric import Direction, Objective, Value
from trimtab_service.domain.trial import MAX_ATTEMPTS, Failure, FailureKind, Observation, Trial, TrialState

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


def test_variants_and_a_link_to_the_model_are_part_of_the_result():
    told = RUNNING.complete(VALUES, {"int8": {"accuracy": Value(0.8)}}, "s3://models/3")
    assert (told.variants, told.artifact) == ({"int8": {"accuracy": Value(0.8)}}, "s3://models/3")
    assert told.complete(VALUES, {"int8": {"accuracy": Value(0.8)}}) is told
    for variants in ({}, {"int8": {"accuracy": Value(0.7)}}, {"int8": {"accuracy": Value(0.8)}, "fp16": {}}):
        with pytest.raises(TrialAlreadyFinished):
            told.complete(VALUES, variants)


def test_the_same_tell_changes_nothing_although_a_late_value_came_between():
    told = RUNNING.complete({**VALUES, "latency_ms": Value(3.0)})
    assert told.complete(VALUES) is told
    with pytest.raises(TrialAlreadyFinished):
        told.complete({**VALUES, "latency_ms": Value(4.0)})


def test_the_same_tell_changes_nothing_although_a_variant_has_a_later_value():
    told = RUNNING.complete(VALUES, {"int8": {"accuracy": Value(0.8), "reward": Value(3.0)}})
    assert told.complete(VALUES, {"int8": {"accuracy": Value(0.8)}}) is told


def test_a_refused_trial_keeps_its_costs_and_the_same_refusal_changes_nothing():
    costs = {"macs": Value(1e9)}
    refused = RUNNING.refuse(2, costs)
    assert (refused.state, refused.values) == (TrialState.INFEASIBLE, costs)
    assert refused.refuse(2, costs) is refused
    with pytest.raises(TrialAlreadyFinished):
        refused.refuse(2, {"macs": Value(2e9)})
    with pytest.raises(TrialAlreadyFinished):
        refused.complete(VALUES)
    with pytest.raises(LeaseLost, match="got epoch 1"):
        RUNNING.refuse(1, costs)


# --- Observations --------------------------------------------------------------------------------------------------


LIMITED = a_problem(
    objectives=two_objectives(), constraints=["latency_ms <= 20", "size_kb <= 1"], known_metrics=("size_bytes",)
)


def test_an_observation_has_losses_variances_and_margins():
    values = {"accuracy": Value(0.9, 0.1), "size_bytes": Value(100.0), "latency_ms": Value(40.0)}
    seen = Observation.of(LIMITED, 3, TrialState.COMPLETE, {"x": 1}, values)
    assert seen.losses == (-0.9, pytest.approx(2.0))
    assert seen.variances == (pytest.approx(0.01), 0.0)
    assert seen.margins == (pytest.approx(math.log(2)), pytest.approx(math.log(0.1)))
    assert seen.failure is None


def test_what_is_late_is_nan_until_it_comes():
    seen = Observation.of(LIMITED, 3, TrialState.COMPLETE, {}, {"accuracy": Value(0.9)})
    assert seen.losses[0] == -0.9
    assert math.isnan(seen.losses[1])
    assert seen.margins == ()


@pytest.mark.parametrize("state", [TrialState.WAITING, TrialState.RUNNING, TrialState.STOPPED, TrialState.FAILED])
def test_of_a_trial_that_is_not_complete_only_known_metrics_count(state):
    values = {"accuracy": Value(0.9), "size_bytes": Value(100.0), "latency_ms": Value(40.0)}
    seen = Observation.of(LIMITED, 3, state, {}, values)
    assert math.isnan(seen.losses[0])
    assert seen.losses[1] == pytest.approx(2.0)
    assert math.isnan(seen.margins[0])
    assert seen.margins[1] == pytest.approx(math.log(0.1))
    assert Observation.of(LIMITED, 3, state, {"x": 1}, {}) == Observation(3, state, {"x": 1})


def test_the_margins_of_a_refused_trial_are_of_all_that_was_told():
    values = {"accuracy": Value(0.9), "size_bytes": Value(100.0), "latency_ms": Value(40.0)}
    seen = Observation.of(LIMITED, 3, TrialState.INFEASIBLE, {}, values)
    assert math.isnan(seen.losses[0])
    assert seen.margins == (pytest.approx(math.log(2)), pytest.approx(math.log(0.1)))


def test_a_probe_tells_all_that_it_measured():
    probe = Observation.of(LIMITED, -1, TrialState.INFEASIBLE, {}, {"latency_ms": Value(40.0)})
    assert probe.losses == ()
    assert probe.margins[0] == pytest.approx(math.log(2))


def test_a_failed_trial_says_why_and_an_open_one_does_not():
    kind = FailureKind.OOM
    assert Observation.of(LIMITED, 1, TrialState.FAILED, {}, {}, kind).failure is kind
    assert Observation.of(LIMITED, 1, TrialState.WAITING, {}, {}, kind).failure is None


def test_the_noise_of_an_objective_stands_in_for_a_standard_error():
    noisy = (
        Objective("accuracy", Direction.MAXIMIZE, noise=0.2),
        Objective("latency_ms", Direction.MINIMIZE, log=True, noise=1.0),
    )
    values = {"accuracy": Value(0.9, 0.1), "latency_ms": Value(10.0)}
    seen = Observation.of(a_problem(objectives=noisy), 1, TrialState.COMPLETE, {}, values)
    assert seen.variances == (pytest.approx(0.01), pytest.approx((0.1 / math.log(10)) ** 2))


def test_an_objective_in_another_unit_and_a_limit_relative_to_the_baseline_are_seen():
    problem = a_problem(
        objectives=(Objective("size_kb", Direction.MINIMIZE),), constraints=["size_bytes <= 0.5 * baseline"]
    )
    values = {"size_bytes": Value(2_000.0)}
    seen = Observation.of(problem, 0, TrialState.COMPLETE, {}, values, baseline={"size_bytes": 4_000.0})
    assert (seen.losses, seen.margins) == ((2.0,), (0.0,))
    assert Observation.of(problem, 0, TrialState.COMPLETE, {}, values).margins == ()
