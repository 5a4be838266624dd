"""Trimtab's client: asks a server for hyperparameters, tells it what they were worth and what the model costs.

    client = trimtab.Client()
    study = client.create_study(
        "digits", space={"lr": Float(1e-4, 1e-1, log=True)}, objectives={"accuracy": "maximize"}
    )
    study.optimize(train, n_trials=50)

Importing it loads the standard library only; the HTTP library comes with the first request, numpy with `measure`
and `compress`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from trimtab.client import Client
from trimtab.embedded import study
from trimtab.errors import (
    Conflict,
    ContractMismatch,
    DeviceConflict,
    DeviceNotFound,
    Forbidden,
    IdempotencyKeyReused,
    IllegalMove,
    Invalid,
    InvalidCredentials,
    InvalidParams,
    InvalidQuery,
    InvalidSpace,
    InvalidStudy,
    InvalidValue,
    JobNotFound,
    LeaseLost,
    MissingMetric,
    NoCompleteTrial,
    NoFeasibleTrial,
    NoSurrogate,
    NotFound,
    NotInstalled,
    NotSupported,
    Refused,
    ServerError,
    ServerNotStarted,
    ServerUnreachable,
    StudyConflict,
    StudyFinished,
    StudyNameTaken,
    StudyNotFound,
    TrialAlreadyFinished,
    TrialNotFound,
    TrialNotRunning,
    TrimtabError,
    Unauthorized,
    Unavailable,
    UnknownMetric,
    UnknownParameter,
    WorkerPaused,
)
from trimtab.objective import Objective
from trimtab.rewards import mnas
from trimtab.space import Categorical, Constant, Float, Int
from trimtab.study import Study
from trimtab.trial import Trial

if TYPE_CHECKING:
    from trimtab import coding, compression, costs
    from trimtab.compression import compress
    from trimtab.costs import measure

__version__ = "0.1.0"

__all__ = [
    "Categorical",
    "Client",
    "Conflict",
    "Constant",
    "ContractMismatch",
    "DeviceConflict",
    "DeviceNotFound",
    "Float",
    "Forbidden",
    "IdempotencyKeyReused",
    "IllegalMove",
    "Int",
    "Invalid",
    "InvalidCredentials",
    "InvalidParams",
    "InvalidQuery",
    "InvalidSpace",
    "InvalidStudy",
    "InvalidValue",
    "JobNotFound",
    "LeaseLost",
    "MissingMetric",
    "NoCompleteTrial",
    "NoFeasibleTrial",
    "NoSurrogate",
    "NotFound",
    "NotInstalled",
    "NotSupported",
    "Objective",
    "Refused",
    "ServerError",
    "ServerNotStarted",
    "ServerUnreachable",
    "Study",
    "StudyConflict",
    "StudyFinished",
    "StudyNameTaken",
    "StudyNotFound",
    "Trial",
    "TrialAlreadyFinished",
    "TrialNotFound",
    "TrialNotRunning",
    "TrimtabError",
    "Unauthorized",
    "Unavailable",
    "UnknownMetric",
    "UnknownParameter",
    "WorkerPaused",
    "__version__",
    "coding",
    "compress",
    "compression",
    "costs",
    "measure",
    "mnas",
    "study",
]

_LATER = {"compress": "trimtab.compression", "measure": "trimtab.costs"}
"""Functions that are fetched from their package on first use."""
_PACKAGES = ("coding", "compression", "costs")


def __getattr__(name: str) -> Any:
    """What measures and compresses, on first use: what it needs is not needed to ask and tell."""
    if name in _PACKAGES:
        return importlib.import_module(f"trimtab.{name}")
    if name in _LATER:
        return getattr(importlib.import_module(_LATER[name]), name)
    raise AttributeError(f"module 'trimtab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
