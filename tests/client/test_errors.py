"""What a problem of the server becomes in Python."""

from __future__ import annotations

import pickle

import pytest

from trimtab import errors
from trimtab.errors import FINISHED_CODES, StudyConflict, StudyFinished, TrimtabError, from_problem


@pytest.mark.parametrize(
    ("code", "status", "cls"),
    [
        ("study_not_found", 404, errors.StudyNotFound),
        ("trial_not_found", 404, errors.TrialNotFound),
        ("no_complete_trial", 404, errors.NoCompleteTrial),
        ("study_conflict", 409, errors.StudyConflict),
        ("study_name_taken", 409, errors.StudyNameTaken),
        ("trial_already_finished", 409, errors.TrialAlreadyFinished),
        ("trial_not_running", 409, errors.TrialNotRunning),
        ("lease_lost", 409, errors.LeaseLost),
        ("illegal_move", 409, errors.IllegalMove),
        ("invalid_space", 422, errors.InvalidSpace),
        ("invalid_study", 422, errors.InvalidStudy),
        ("invalid_params", 422, errors.InvalidParams),
        ("invalid_value", 422, errors.InvalidValue),
        ("unknown_metric", 422, errors.UnknownMetric),
        ("missing_metric", 422, errors.MissingMetric),
        ("invalid_query", 422, errors.InvalidQuery),
        ("not_supported", 422, errors.NotSupported),
        ("idempotency_key_reused", 422, errors.IdempotencyKeyReused),
        ("unauthorized", 401, errors.Unauthorized),
        ("forbidden", 403, errors.Forbidden),
        ("no_feasible_trial", 404, errors.NoFeasibleTrial),
        ("device_not_found", 404, errors.DeviceNotFound),
        ("job_not_found", 404, errors.JobNotFound),
        ("worker_paused", 409, errors.WorkerPaused),
        ("device_conflict", 409, errors.DeviceConflict),
        ("contract_mismatch", 409, errors.ContractMismatch),
    ],
)
def test_a_code_has_its_class(code: str, status: int, cls: type[TrimtabError]) -> None:
    error = from_problem(status, {"code": code, "detail": "expected a, got b", "status": status, "where": "here"})
    assert type(error) is cls
    assert (error.code, error.detail, error.status, error.extras) == (
        code,
        "expected a, got b",
        status,
        {"where": "here"},
    )
    assert str(error) == "expected a, got b"


@pytest.mark.parametrize("code", FINISHED_CODES)
def test_every_end_of_a_study_is_one_class_with_its_code(code: str) -> None:
    error = from_problem(409, {"code": code, "detail": "over"})
    assert type(error) is StudyFinished
    assert error.code == code


@pytest.mark.parametrize(
    ("status", "family"),
    [
        (400, errors.Invalid),
        (401, errors.Unauthorized),
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (413, errors.Invalid),
        (422, errors.Invalid),
        (429, errors.Unavailable),
        (500, errors.ServerError),
        (503, errors.Unavailable),
        (507, errors.Unavailable),
        (599, errors.ServerError),
    ],
)
def test_a_code_of_a_newer_server_becomes_its_family(status: int, family: type[TrimtabError]) -> None:
    error = from_problem(status, {"code": "quota_of_the_moon", "detail": "no"})
    assert type(error) is family
    assert error.code == "quota_of_the_moon"


def test_a_problem_that_says_nothing_has_the_default_words_of_its_class() -> None:
    error = from_problem(409, {"code": "lease_lost"})
    assert str(error) == "The trial's lease ran out or was given to another worker."


def test_a_study_conflict_shows_the_difference() -> None:
    diff = {"space.lr.high": {"expected": 0.1, "got": 1.0}, "seed": {"expected": 0, "got": 7}}
    error = from_problem(409, {"code": "study_conflict", "detail": "study 'a' exists", "diff": diff})
    assert isinstance(error, StudyConflict)
    assert error.diff == diff
    assert str(error).splitlines() == [
        "study 'a' exists",
        "  space.lr.high: expected 0.1, got 1.0",
        "  seed: expected 0, got 7",
    ]


def test_a_difference_that_the_server_spelled_out_is_not_repeated() -> None:
    detail = "study 'a' exists with another definition: seed: expected 0, got 7"
    error = from_problem(
        409, {"code": "study_conflict", "detail": detail, "diff": {"seed": {"expected": 0, "got": 7}}}
    )
    assert str(error) == detail


def test_errors_survive_the_way_back_from_another_process() -> None:
    error = from_problem(409, {"code": "budget_reached", "detail": "over", "charged": 5})
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is StudyFinished
    assert (copy.code, copy.detail, copy.status, copy.extras) == ("budget_reached", "over", 409, {"charged": 5})


def test_an_unknown_parameter_survives_the_way_back_as_a_key_error() -> None:
    copy = pickle.loads(pickle.dumps(errors.UnknownParameter("params are ['lr'], got 'x'")))
    assert isinstance(copy, KeyError)
    assert (type(copy), str(copy)) == (errors.UnknownParameter, "params are ['lr'], got 'x'")


def test_every_error_is_a_trimtab_error_with_a_code_and_words_of_its_own() -> None:
    classes = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, Exception)]
    assert all(issubclass(cls, TrimtabError) for cls in classes)
    shared = {errors.UnknownParameter: errors.InvalidParams}
    assert all(cls.code == other.code for cls, other in shared.items())
    assert len({cls.code for cls in classes}) == len(classes) - len(shared)
    assert len({str(cls()) for cls in classes}) == len(classes)
