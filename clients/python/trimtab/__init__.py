"""Trimtab's client: asks a server for hyperparameters, tells it what they were worth and what the model costs.

    client = trimtab.Client()
    study = client.create_study(
        "digits", space={"lr": Float(1e-4, 1e-1, log=True)}, objectives={"accuracy": "maximize"}
    )
    study.optimize(train, n_trials=50)

Importing it loads the standard library only; the HTTP library comes with the first request, numpy with `measure`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from trimtab.client import Client
from trimtab.errors import (
    Conflict,
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
    LeaseLost,
    MissingMetric,
    NoCompleteTrial,
    NotFound,
    NotInstalled,
    NotSupported,
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
)
from trimtab.objective import Objective
from trimtab.space import Categorical, Constant, Float, Int
from trimtab.study import Study
from trimtab.trial import Trial

if TYPE_CHECKING:
    from trimtab import costs
    from trimtab.costs import measure

__version__ = "0.1.0"

__all__ = [
    "Categorical",
    "Client",
    "Conflict",
    "Constant",
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
    "LeaseLost",
    "MissingMetric",
    "NoCompleteTrial",
    "NotFound",
    "NotInstalled",
    "NotSupported",
    "Objective",
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
    "__version__",
    "costs",
    "measure",
]


def __getattr__(name: str) -> Any:
    """`costs` and `measure` on first use: what they need is not needed to ask and tell."""
    if name == "costs":
        return importlib.import_module("trimtab.costs")
    if name == "measure":
        return importlib.import_module("trimtab.costs").measure
    raise AttributeError(f"module 'trimtab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
