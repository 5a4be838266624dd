"""Every error that the rules can raise. Each carries a code; only the api turns codes into HTTP statuses.

DomainError
├── NotFound      StudyNotFound, TrialNotFound, NoCompleteTrial, NoFeasibleTrial, NoSurrogate, DeviceNotFound,
│                 JobNotFound
├── Conflict      StudyConflict, StudyNameTaken, TrialAlreadyFinished, TrialNotRunning, LeaseLost, IllegalMove,
│   │             WorkerPaused, DeviceConflict, ContractMismatch
│   └── StudyFinished   BudgetReached, SpaceExhausted, StudyPaused, NoFeasibleConfiguration
├── Invalid       InvalidSpace, InvalidStudy, InvalidParams, InvalidValue, UnknownMetric, MissingMetric,
│                 InvalidQuery, NotSupported, IdempotencyKeyReused
└── Unavailable   Overloaded, ComputeUnavailable, DatabaseUnavailable

The docstring of a class is its default message.
"""

from __future__ import annotations

import inspect
from typing import Any, ClassVar


class DomainError(Exception):
    """Something was refused."""

    code: ClassVar[str] = "error"

    def __init__(self, detail: str | None = None, **extras: Any) -> None:
        self.detail = detail or inspect.cleandoc(type(self).__doc__ or "")
        self.extras = extras
        super().__init__(self.detail)


class NotFound(DomainError):
    """There is no such thing."""

    code = "not_found"


class StudyNotFound(NotFound):
    """There is no such study."""

    code = "study_not_found"


class TrialNotFound(NotFound):
    """There is no such trial in this study."""

    code = "trial_not_found"


class NoCompleteTrial(NotFound):
    """No trial of this study is complete yet, so there is no best one."""

    code = "no_complete_trial"


class NoFeasibleTrial(NotFound):
    """No finished trial keeps every limit."""

    code = "no_feasible_trial"


class NoSurrogate(NotFound):
    """This study has no surrogate yet, so nothing can be predicted."""

    code = "no_surrogate"


class DeviceNotFound(NotFound):
    """There is no such device."""

    code = "device_not_found"


class JobNotFound(NotFound):
    """There is no such measure job."""

    code = "job_not_found"


class Conflict(DomainError):
    """The request does not fit the present state."""

    code = "conflict"


class StudyConflict(Conflict):
    """A study of this name exists with another definition."""

    code = "study_conflict"


class StudyNameTaken(Conflict):
    """A study of this name exists already."""

    code = "study_name_taken"


class TrialAlreadyFinished(Conflict):
    """The trial has finished; a finished trial can't be changed."""

    code = "trial_already_finished"


class TrialNotRunning(Conflict):
    """The trial is not running."""

    code = "trial_not_running"


class LeaseLost(Conflict):
    """The trial's lease ran out or was given to another worker."""

    code = "lease_lost"


class IllegalMove(Conflict):
    """The study can't go from its present state to that one."""

    code = "illegal_move"


class WorkerPaused(Conflict):
    """The worker failed several times in a row, so it gets no trials for now."""

    code = "worker_paused"


class DeviceConflict(Conflict):
    """A device of this name exists with other limits."""

    code = "device_conflict"


class ContractMismatch(Conflict):
    """The value was measured in another way than the study's other values of this metric."""

    code = "contract_mismatch"


class StudyFinished(Conflict):
    """The study hands out no more trials."""

    code = "study_finished"


class BudgetReached(StudyFinished):
    """The study has handed out as many trials as max_trials allows."""

    code = "budget_reached"


class SpaceExhausted(StudyFinished):
    """Every configuration of the search space has been handed out."""

    code = "space_exhausted"


class StudyPaused(StudyFinished):
    """The study is not active, so it hands out no trials."""

    code = "study_paused"


class NoFeasibleConfiguration(StudyFinished):
    """So many trials in a row were refused for their cost that none seems to fit."""

    code = "no_feasible_configuration"


class Invalid(DomainError):
    """The request makes no sense."""

    code = "invalid"


class InvalidSpace(Invalid):
    """The search space is not valid."""

    code = "invalid_space"


class InvalidStudy(Invalid):
    """The definition of the study is not valid."""

    code = "invalid_study"


class InvalidParams(Invalid):
    """The params do not lie in the study's search space."""

    code = "invalid_params"


class InvalidValue(Invalid):
    """A metric's value must be a finite number."""

    code = "invalid_value"


class UnknownMetric(Invalid):
    """The study has no such metric."""

    code = "unknown_metric"


class MissingMetric(Invalid):
    """Every objective needs a value."""

    code = "missing_metric"


class InvalidQuery(Invalid):
    """The query can't be understood."""

    code = "invalid_query"


class NotSupported(Invalid):
    """This part of the interface is not built yet."""

    code = "not_supported"


class IdempotencyKeyReused(Invalid):
    """This Idempotency-Key was used with another request; use a new key for a new request."""

    code = "idempotency_key_reused"


class Unavailable(DomainError):
    """The server can't answer just now; try again."""

    code = "unavailable"


class Overloaded(Unavailable):
    """Too many asks are waiting; try again."""

    code = "overloaded"


class ComputeUnavailable(Unavailable):
    """No proposal could be computed; try again."""

    code = "compute_unavailable"


class DatabaseUnavailable(Unavailable):
    """The database can't be reached; try again."""

    code = "database_unavailable"


def all_errors() -> list[type[DomainError]]:
    """Every error class with a code of its own, for the table of statuses and the docs."""
    found: list[type[DomainError]] = []
    todo: list[type[DomainError]] = [DomainError]
    while todo:
        for cls in todo.pop().__subclasses__():
            found.append(cls)
            todo.append(cls)
    return sorted(found, key=lambda cls: cls.code)
