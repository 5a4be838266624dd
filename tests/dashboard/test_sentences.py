"""Each page opens with a sentence that says what was found."""

from __future__ import annotations

import pytest

from tests.builders import a_problem
from tests.dashboard.builders import landscape, one_goal, studied, two_goals
from trimtab_service.dashboard import sentences
from trimtab_service.domain.metric import Direction, Objective
from trimtab_service.domain.study import StudyState
from trimtab_service.domain.trial import TrialState


def found(study, *values, **counts):
    return sentences.found(
        study, {TrialState(state): count for state, count in counts.items()}, landscape(study, *values)
    )


def test_one_objective_names_the_best_trial_and_the_standstill():
    study = one_goal("accuracy", Direction.MAXIMIZE)
    values = [{"accuracy": one} for one in (0.5, 0.978, *[0.9] * 10)]
    assert found(study, *values) == "Best so far: trial 1, accuracy 0.978. No better in the last 10 trials."
    assert found(study, *values[:-1]) == "Best so far: trial 1, accuracy 0.978."


def test_a_finished_study_has_a_best_trial_for_good():
    study = one_goal("loss", Direction.MINIMIZE, state=StudyState.FINISHED)
    assert found(study, {"loss": 0.25}) == "Best: trial 0, loss 0.25."


def test_two_objectives_name_both_ends_of_the_front():
    said = found(
        two_goals(),
        {"accuracy": 0.941, "size_bytes": 9_300},
        {"accuracy": 0.978, "size_bytes": 61_200},
        *[{"accuracy": 0.5, "size_bytes": 1e6}] * 12,
    )
    assert said == (
        "2 models on the front: the most accurate is trial 1 (accuracy 0.978, size 61.2 kB), "
        "the smallest is trial 0 (accuracy 0.941, size 9.3 kB). No growth in the last 12 trials."
    )


def test_a_front_of_one_beats_every_other():
    said = found(two_goals(), {"accuracy": 0.9, "size_bytes": 1e3}, {"accuracy": 0.8, "size_bytes": 1e4})
    assert said == "Trial 0 beats every other (accuracy 0.9, size 1 kB)."


def test_a_metric_of_the_users_own_is_the_highest_or_lowest():
    study = studied(
        a_problem(objectives=(Objective("f1", Direction.MAXIMIZE), Objective("regret", Direction.MINIMIZE)))
    )
    said = found(study, {"f1": 0.9, "regret": 3.0}, {"f1": 0.5, "regret": 1.0})
    assert "the one with the highest f1 is trial 0" in said
    assert "the one with the lowest regret is trial 1" in said


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({}, "No trial yet: this study waits for the first ask."),
        ({"running": 1}, "No trial is complete yet; 1 trial is running."),
        ({"running": 2}, "No trial is complete yet; 2 trials are running."),
        ({"waiting": 1}, "No trial is complete yet; 1 trial is waiting for a worker to ask."),
        ({"failed": 1}, "The only trial so far has failed: the table below says why."),
        (
            {"failed": 3, "running": 1},
            "All 3 trials so far have failed: the table below says why. 1 trial is running.",
        ),
        ({"stopped": 2, "failed": 1}, "No trial is complete yet."),
    ],
)
def test_without_a_result_it_says_what_is_going_on(counts, said):
    assert found(two_goals(), **counts) == said


def test_a_paused_study_without_trials_says_so():
    assert found(two_goals(state=StudyState.PAUSED)) == "No trial yet, and the study is paused."


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "active"),
        ({"max_trials": 5, "charged": 4}, "active"),
        ({"max_trials": 5, "charged": 5}, "budget used up"),
        ({"state": StudyState.PAUSED}, "paused"),
        ({"state": StudyState.FINISHED, "max_trials": 5, "charged": 5}, "finished, budget used up"),
    ],
)
def test_a_studys_standing_is_its_state_or_that_nothing_is_left_of_the_budget(changes, said):
    assert sentences.standing(two_goals(**changes)) == said


def test_a_list_says_it_in_brief():
    single, double = one_goal("accuracy", Direction.MAXIMIZE), two_goals()
    assert sentences.in_brief(single.problem, landscape(single, {"accuracy": 0.5})) == "accuracy 0.5"
    many = landscape(double, {"accuracy": 0.5, "size_bytes": 1e3}, {"accuracy": 0.6, "size_bytes": 1e4})
    assert sentences.in_brief(double.problem, many) == "2 models on the front"
    assert sentences.in_brief(double.problem, landscape(double)) == ""


def test_a_message_becomes_a_sentence():
    assert sentences.whole("there is no study 'x'") == "There is no study 'x'."
    assert sentences.whole("Why? ") == "Why?"
