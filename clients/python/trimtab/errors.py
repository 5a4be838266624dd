"""Every error of the client. Each carries .code and .detail, and says what was expected and what came.

TrimtabError
├── NotFound            StudyNotFound, TrialNotFound, NoCompleteTrial, NoFeasibleTrial, NoSurrogate, DeviceNotFound,
│                       JobNotFound
├── Conflict            StudyConflict, StudyNameTaken, TrialAlreadyFinished, TrialNotRunning, LeaseLost, IllegalMove,
│                       WorkerPaused, DeviceConflict, ContractMismatch,
│                       StudyFinished (code: budget_reached, space_exhausted, study_paused, no_feasible_configuration)
├── Invalid             InvalidSpace, InvalidStudy, InvalidParams (UnknownParameter), InvalidValue, UnknownMetric,
│                       MissingMetric, InvalidQuery, NotSupported, IdempotencyKeyReused
├── Unauthorized, Forbidden
├── ServerError         the server failed; Unavailable: it can't answer just now
├── ServerUnreachable   nobody answered
├── Refused             a model is over a limit, and its trial is closed
└── InvalidCredentials, NotInstalled, ServerNotStarted

The docstring of a class is its default message. A code that this client does not know becomes the class of its
HTTP family, so an older client understands a newer server well enough.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any


class TrimtabError(Exception):
    """Something was refused.

    code: a word for programs. detail: a sentence for people. extras: whatever else the server said.
    status: the HTTP status, None when no answer was involved.
    """

    code: str = "error"

    def __init__(
        self,
        detail: str | None = None,
        *,
        code: str | None = None,
        extras: Mapping[str, Any] | None = None,
        status: int | None = None,
    ) -> None:
        self.detail = detail or inspect.cleandoc(type(self).__doc__ or "").splitlines()[0]
        if code is not None:
            self.code = code
        self.extras = dict(extras or {})
        self.status = status
        super().__init__(self.detail)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.detail, self.code, self.extras, self.status)


def _rebuild(
    cls: type[TrimtabError], detail: str, code: str, extras: dict[str, Any], status: int | None
) -> TrimtabError:
    """An error that came back from another process; a subclass may have another signature."""
    error = cls.__new__(cls)
    TrimtabError.__init__(error, detail, code=code, extras=extras, status=status)
    return error


class NotFound(TrimtabError):
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
    """No complete trial keeps the limits; extras["nearest"] is the one that misses them least."""

    code = "no_feasible_trial"


class DeviceNotFound(NotFound):
    """There is no such device."""

    code = "device_not_found"


class JobNotFound(NotFound):
    """There is no such measure job."""

    code = "job_not_found"


class NoSurrogate(NotFound):
    """The study has no surrogate yet, so nothing can be predicted."""

    code = "no_surrogate"


class Conflict(TrimtabError):
    """The request does not fit the present state."""

    code = "conflict"


class StudyConflict(Conflict):
    """A study of this name exists with another definition."""

    code = "study_conflict"

    @property
    def diff(self) -> dict[str, dict[str, Any]]:
        """Where the definitions differ: dotted path -> {"expected": what is stored, "got": what came}."""
        return dict(self.extras.get("diff") or {})

    def __str__(self) -> str:
        lines = [
            f"  {path}: expected {one.get('expected')!r}, got {one.get('got')!r}"
            for path, one in self.diff.items()
            if f"{path}: expected" not in self.detail
        ]
        return "\n".join([self.detail, *lines])


class StudyNameTaken(Conflict):
    """A study of this name exists already; exist_ok=True gives it back when its definition is the same."""

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
    """This worker failed several times in a row and gets no trials for a while; `Study.resume_worker` ends that."""

    code = "worker_paused"


class DeviceConflict(Conflict):
    """A device of this name has other limits; replace=True gives it the new ones."""

    code = "device_conflict"


class ContractMismatch(Conflict):
    """A value was come by in another way than the study's others of this metric, so they can't be compared."""

    code = "contract_mismatch"


class StudyFinished(Conflict):
    """The study hands out no more trials; the code says why."""

    code = "study_finished"


class Invalid(TrimtabError):
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


class UnknownParameter(InvalidParams, KeyError):
    """The trial's params hold no such parameter."""

    __str__ = Exception.__str__  # a KeyError would show it in quotes


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
    """An Idempotency-Key was used with another request."""

    code = "idempotency_key_reused"


class Unauthorized(TrimtabError):
    """The server wants a key that it knows."""

    code = "unauthorized"


class Forbidden(TrimtabError):
    """The key does not allow this."""

    code = "forbidden"


class ServerError(TrimtabError):
    """The server failed."""

    code = "server_error"


class Unavailable(ServerError):
    """The server can't answer just now; try again."""

    code = "unavailable"


class ServerUnreachable(TrimtabError):
    """The server did not answer."""

    code = "server_unreachable"


class Refused(TrimtabError):
    """A model is over a limit before it is trained: its trial is closed as infeasible and costs no budget."""

    code = "refused"


class InvalidCredentials(TrimtabError):
    """The credentials file can't be read."""

    code = "invalid_credentials"


class NotInstalled(TrimtabError):
    """A package that this needs is not installed."""

    code = "not_installed"


class ServerNotStarted(TrimtabError):
    """The local server did not start."""

    code = "server_not_started"


FINISHED_CODES = ("budget_reached", "space_exhausted", "study_paused", "no_feasible_configuration", "study_finished")
"""Why a study hands out no trials: all of these are StudyFinished."""

_BY_CODE: dict[str, type[TrimtabError]] = {
    cls.code: cls
    for cls in (
        *(StudyNotFound, TrialNotFound, NoCompleteTrial, NoFeasibleTrial, NoSurrogate, DeviceNotFound, JobNotFound),
        *(StudyConflict, StudyNameTaken, TrialAlreadyFinished, TrialNotRunning, LeaseLost, IllegalMove),
        *(WorkerPaused, DeviceConflict, ContractMismatch),
        *(InvalidSpace, InvalidStudy, InvalidParams, InvalidValue, UnknownMetric, MissingMetric),
        *(InvalidQuery, NotSupported, IdempotencyKeyReused, Unauthorized, Forbidden),
    )
} | dict.fromkeys(FINISHED_CODES, StudyFinished)


def _family(status: int) -> type[TrimtabError]:
    match status:
        case 401:
            return Unauthorized
        case 403:
            return Forbidden
        case 404 | 410:
            return NotFound
        case 409:
            return Conflict
        case 408 | 429 | 502 | 503 | 504 | 507:
            return Unavailable
        case _ if 400 <= status < 500:
            return Invalid
    return ServerError


def from_problem(status: int, problem: Mapping[str, Any]) -> TrimtabError:
    """The error that a problem+json body means: by its code, else by the family of its status."""
    code = problem.get("code")
    code = code if isinstance(code, str) and code else None
    cls = _BY_CODE.get(code or "", _family(status))
    extras = {
        key: value for key, value in problem.items() if key not in {"type", "title", "status", "code", "detail"}
    }
    detail = problem.get("detail") or problem.get("title")
    return cls(str(detail) if detail else None, code=code, extras=extras, status=status)
