"""Turns rows into the domain's values and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from trimtab_service.domain.metric import COST_METRICS, Value
from trimtab_service.domain.study import Problem, Study, StudyState
from trimtab_service.domain.trial import Failure, FailureKind, Source, Trial, TrialState

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SavedAnswer:
    """The answer that was sent under an Idempotency-Key, and the fingerprint of the request it answers."""

    fingerprint: str
    status: int
    body: JsonObject | None


@dataclass(frozen=True, slots=True)
class KeyRow:
    """An API key as it is kept. id: its row; key_id: the part of the key that names it; key_hash: of its secret."""

    id: int
    key_id: str
    key_hash: bytes
    role: str
    project_id: int
    revoked: bool
    note: str
    created_at: datetime


def to_study(row: Row[Any]) -> Study:
    """A row of studies."""
    names = row._mapping
    return Study(
        id=names["id"],
        public_id=names["public_id"],
        name=names["name"],
        problem=Problem.from_spec(names["spec"]),
        state=StudyState(names["state"]),
        max_trials=names["max_trials"],
        charged=names["charged"],
        next_number=names["next_number"],
        metadata=names["metadata"],
        created_at=names["created_at"],
        refused_in_a_row=names["refused_in_a_row"],
    )


def to_trial(problem: Problem, row: Row[Any], told: Mapping[str, Mapping[str, Value]]) -> Trial:
    """A row of trials with what was told of it: variant -> key -> value, "" its own."""
    return Trial(
        number=row.number,
        params=row.params,
        state=TrialState(row.state),
        source=Source(row.source),
        values=in_order(problem, told.get("", {})),
        variants={name: in_order(problem, told[name]) for name in sorted(told) if name},
        artifact=row.artifact,
        failure=to_failure(row),
        epoch=row.lease_epoch,
        attempt=row.attempt,
        worker=row.worker,
        reason=row.reason,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


def to_key(row: Row[Any]) -> KeyRow:
    """A row of api_keys."""
    return KeyRow(
        id=row.id,
        key_id=row.key_id,
        key_hash=row.key_hash,
        role=row.role,
        project_id=row.project_id,
        revoked=row.revoked_at is not None,
        note=row.note,
        created_at=row.created_at,
    )


def from_failure(failure: Failure | None) -> dict[str, str | None]:
    """The two columns of a failure."""
    if failure is None:
        return {"failure_kind": None, "failure_message": None}
    return {"failure_kind": failure.kind.value, "failure_message": failure.message}


def to_failure(row: Row[Any]) -> Failure | None:
    """The failure in the two columns of a row."""
    if row.failure_kind is None:
        return None
    return Failure(FailureKind(row.failure_kind), row.failure_message or "")


def in_order(problem: Problem, values: Mapping[str, Value]) -> dict[str, Value]:
    """The values with the objectives first, then the declared metrics, then the costs, then others by name."""
    order = (*problem.objective_names, *problem.metrics, *COST_METRICS, *sorted(values))
    return {name: values[name] for name in dict.fromkeys(order) if name in values}
