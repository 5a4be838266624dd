"""The tables. Every row carries its project, every constraint its name; migrations/ must lead to exactly these.

Only studies and keys point at their project by a foreign key: the check would make every other row's transaction lock
the one row of the project.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from trimtab_service.domain.study import StudyState
from trimtab_service.domain.trial import FailureKind, Source, TrialState
from trimtab_service.store.clock import Instant

metadata = MetaData()

DEFAULT_PROJECT = 1
"""The project that the first migration makes."""


class EventKind(StrEnum):
    """What happened to a trial."""

    ADDED = "added"
    """It entered the study and waits. One that enters running or finished begins with that event."""
    HANDED_OUT = "handed_out"
    """A worker got it, under the event's epoch."""
    LEASE_LOST = "lease_lost"
    """The lease of the event's epoch ran out, and the trial was taken from its worker."""
    GIVEN_BACK = "given_back"
    """Its worker released it, or failed through no fault of the params."""
    COMPLETE = "complete"
    STOPPED = "stopped"
    INFEASIBLE = "infeasible"
    FAILED = "failed"
    MEASURED = "measured"
    """Values came without a move: before training, or after its end from another worker."""


class JobState(StrEnum):
    """Where a measure job stands."""

    WAITING = "waiting"
    """The next ask of a worker that measures its metric on its device hands it out."""
    RUNNING = "running"
    """Leased to a worker."""
    DONE = "done"
    """Its value is there."""
    FAILED = "failed"
    """It could not be measured."""


class Role(StrEnum):
    """What a key may do; each may do all that those before it may."""

    VIEWER = "viewer"
    WORKER = "worker"
    EDITOR = "editor"
    ADMIN = "admin"


class SessionKind(StrEnum):
    """What a session's secret is good for."""

    LOGIN = "login"
    """A one-time address that opens a session."""
    SESSION = "session"
    """A browser's cookie."""


ROW_ID = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers the rows of an INTEGER primary key by itself, and of no other type."""


def _one_of(column: str, words: Iterable[str], name: str) -> CheckConstraint:
    spelled = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({spelled})", name=name)


def _finite(column: str, name: str) -> CheckConstraint:
    """Infinity - infinity is not a number, which is NULL on SQLite and unequal to 0 on PostgreSQL."""
    return CheckConstraint(f"{column} IS NULL OR coalesce({column} - {column}, 1) = 0", name=name)


projects = Table(
    "projects",
    metadata,
    Column("id", ROW_ID, Identity(), nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    PrimaryKeyConstraint("id", name="projects_pkey"),
    UniqueConstraint("name", name="projects_name_key"),
    sqlite_autoincrement=True,
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", ROW_ID, Identity(), nullable=False),
    Column("project_id", BigInteger, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("key_hash", LargeBinary, nullable=False),
    Column("role", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    PrimaryKeyConstraint("id", name="api_keys_pkey"),
    UniqueConstraint("key_id", name="api_keys_key_id_key"),
    ForeignKeyConstraint(["project_id"], ["projects.id"], name="api_keys_project_id_fkey"),
    _one_of("role", Role, "api_keys_role_check"),
    sqlite_autoincrement=True,
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", LargeBinary, nullable=False),
    Column("project_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("key_row_id", BigInteger, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    PrimaryKeyConstraint("token_hash", name="sessions_pkey"),
    ForeignKeyConstraint(["key_row_id"], ["api_keys.id"], name="sessions_key_row_id_fkey", ondelete="CASCADE"),
    _one_of("kind", SessionKind, "sessions_kind_check"),
    Index("sessions_expires_at_idx", "expires_at"),
    Index("sessions_key_row_id_idx", "key_row_id"),
)

studies = Table(
    "studies",
    metadata,
    Column("id", ROW_ID, Identity(), nullable=False),
    Column("project_id", BigInteger, nullable=False),
    Column("public_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("spec", JSON, nullable=False),
    Column("max_trials", Integer),
    Column("charged", Integer, nullable=False),
    Column("next_number", Integer, nullable=False),
    Column("metadata", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("refused_in_a_row", Integer, nullable=False, server_default="0"),
    PrimaryKeyConstraint("id", name="studies_pkey"),
    UniqueConstraint("public_id", name="studies_public_id_key"),
    UniqueConstraint("project_id", "name", name="studies_project_id_name_key"),
    ForeignKeyConstraint(["project_id"], ["projects.id"], name="studies_project_id_fkey"),
    _one_of("state", StudyState, "studies_state_check"),
    CheckConstraint("charged >= 0", name="studies_charged_check"),
    CheckConstraint("next_number >= 0", name="studies_next_number_check"),
    sqlite_autoincrement=True,
)

trials = Table(
    "trials",
    metadata,
    Column("id", ROW_ID, Identity(), nullable=False),
    Column("project_id", BigInteger, nullable=False),
    Column("study_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("params", JSON, nullable=False),  # json, not jsonb: the order of the keys survives
    Column("failure_kind", Text),
    Column("failure_message", Text),
    Column("reason", Text, nullable=False),
    Column("worker", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("lease_epoch", Integer, nullable=False),
    Column("lease_until", Instant),
    Column("created_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("finished_at", Instant),
    Column("artifact", Text, nullable=False, server_default=""),
    Column("changed", BigInteger, nullable=False, server_default="0"),  # a mark of moment.py
    PrimaryKeyConstraint("id", name="trials_pkey"),
    UniqueConstraint("study_id", "number", name="trials_study_id_number_key"),
    ForeignKeyConstraint(["study_id"], ["studies.id"], name="trials_study_id_fkey", ondelete="CASCADE"),
    _one_of("state", TrialState, "trials_state_check"),
    _one_of("source", Source, "trials_source_check"),
    _one_of("failure_kind", FailureKind, "trials_failure_kind_check"),
    CheckConstraint("(state = 'running') = (lease_until IS NOT NULL)", name="trials_lease_until_check"),
    CheckConstraint("state <> 'failed' OR failure_kind IS NOT NULL", name="trials_failed_check"),
    CheckConstraint("number >= 0 AND attempt >= 0 AND lease_epoch >= 0", name="trials_counters_check"),
    Index(
        "trials_waiting_idx",
        "study_id",
        "number",
        postgresql_where=text("state = 'waiting'"),
        sqlite_where=text("state = 'waiting'"),
    ),
    Index(
        "trials_lease_idx",
        "study_id",
        "lease_until",
        postgresql_where=text("state = 'running'"),
        sqlite_where=text("state = 'running'"),
    ),
    Index("trials_changed_idx", "study_id", "changed"),
    sqlite_autoincrement=True,
)

trial_values = Table(
    "trial_values",
    metadata,
    Column("project_id", BigInteger, nullable=False),
    Column("trial_id", BigInteger, nullable=False),
    Column("variant", Text, nullable=False),
    Column("metric", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("value", Double, nullable=False),
    Column("stderr", Double),
    Column("contract", JSON, nullable=False),
    PrimaryKeyConstraint("trial_id", "variant", "metric", "device", name="trial_values_pkey"),
    ForeignKeyConstraint(["trial_id"], ["trials.id"], name="trial_values_trial_id_fkey", ondelete="CASCADE"),
    _finite("value", "trial_values_value_check"),
    _finite("stderr", "trial_values_stderr_check"),
)

reports = Table(
    "reports",
    metadata,
    Column("project_id", BigInteger, nullable=False),
    Column("trial_id", BigInteger, nullable=False),
    Column("step", BigInteger, nullable=False),
    Column("metric", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("value", Double, nullable=False),
    Column("at", Instant, nullable=False),
    PrimaryKeyConstraint("trial_id", "step", "metric", name="reports_pkey"),
    ForeignKeyConstraint(["trial_id"], ["trials.id"], name="reports_trial_id_fkey", ondelete="CASCADE"),
    _finite("value", "reports_value_check"),
    CheckConstraint("step >= 0", name="reports_step_check"),
)

trial_events = Table(
    "trial_events",
    metadata,
    Column("id", ROW_ID, Identity(), nullable=False),
    Column("project_id", BigInteger, nullable=False),
    Column("trial_id", BigInteger, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("at", Instant, nullable=False),
    PrimaryKeyConstraint("id", name="trial_events_pkey"),
    ForeignKeyConstraint(["trial_id"], ["trials.id"], name="trial_events_trial_id_fkey", ondelete="CASCADE"),
    _one_of("kind", EventKind, "trial_events_kind_check"),
    Index("trial_events_trial_id_idx", "trial_id", "id"),
    sqlite_autoincrement=True,
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("project_id", BigInteger, nullable=False),
    Column("key_id", BigInteger, nullable=False),
    Column("key", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", JSON(none_as_null=True)),
    Column("created_at", Instant, nullable=False),
    PrimaryKeyConstraint("project_id", "key_id", "key", name="idempotency_pkey"),
    Index("idempotency_created_at_idx", "created_at"),
)

surrogates = Table(
    "surrogates",
    metadata,
    Column("project_id", BigInteger, nullable=False),
    Column("study_id", BigInteger, nullable=False),
    Column("metric", Text, nullable=False),
    Column("state", JSON, nullable=False),
    Column("updated_at", Instant, nullable=False),
    PrimaryKeyConstraint("study_id", "metric", name="surrogates_pkey"),
    ForeignKeyConstraint(["study_id"], ["studies.id"], name="surrogates_study_id_fkey", ondelete="CASCADE"),
)

devices = Table(
    "devices",
    metadata,
    Column("project_id", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("limits", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    PrimaryKeyConstraint("project_id", "name", name="devices_pkey"),
)

probes = Table(
    "probes",
    metadata,
    Column("project_id", BigInteger, nullable=False),
    Column("study_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("params", JSON, nullable=False),
    Column("values", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    PrimaryKeyConstraint("study_id", "number", name="probes_pkey"),
    ForeignKeyConstraint(["study_id"], ["studies.id"], name="probes_study_id_fkey", ondelete="CASCADE"),
    CheckConstraint("number >= 1", name="probes_number_check"),
)

metric_contracts = Table(
    "metric_contracts",
    metadata,
    Column("project_id", BigInteger, nullable=False),
    Column("study_id", BigInteger, nullable=False),
    Column("metric", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("contract", JSON, nullable=False),
    PrimaryKeyConstraint("study_id", "metric", "device", name="metric_contracts_pkey"),
    ForeignKeyConstraint(["study_id"], ["studies.id"], name="metric_contracts_study_id_fkey", ondelete="CASCADE"),
)

measure_jobs = Table(
    "measure_jobs",
    metadata,
    Column("id", ROW_ID, Identity(), nullable=False),
    Column("project_id", BigInteger, nullable=False),
    Column("study_id", BigInteger, nullable=False),
    Column("trial_id", BigInteger, nullable=False),
    Column("metric", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("worker", Text, nullable=False),
    Column("worker_device", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("lease_epoch", Integer, nullable=False),
    Column("lease_until", Instant),
    Column("failure_kind", Text),
    Column("failure_message", Text),
    Column("created_at", Instant, nullable=False),
    PrimaryKeyConstraint("id", name="measure_jobs_pkey"),
    UniqueConstraint("trial_id", "metric", "device", name="measure_jobs_trial_id_metric_device_key"),
    ForeignKeyConstraint(["study_id"], ["studies.id"], name="measure_jobs_study_id_fkey", ondelete="CASCADE"),
    ForeignKeyConstraint(["trial_id"], ["trials.id"], name="measure_jobs_trial_id_fkey", ondelete="CASCADE"),
    _one_of("state", JobState, "measure_jobs_state_check"),
    _one_of("failure_kind", FailureKind, "measure_jobs_failure_kind_check"),
    CheckConstraint("(state = 'running') = (lease_until IS NOT NULL)", name="measure_jobs_lease_until_check"),
    CheckConstraint("state <> 'failed' OR failure_kind IS NOT NULL", name="measure_jobs_failed_check"),
    CheckConstraint("attempt >= 0 AND lease_epoch >= 0", name="measure_jobs_counters_check"),
    Index(
        "measure_jobs_waiting_idx",
        "project_id",
        "metric",
        "device",
        "id",
        postgresql_where=text("state = 'waiting'"),
        sqlite_where=text("state = 'waiting'"),
    ),
    Index(
        "measure_jobs_lease_idx",
        "project_id",
        "lease_until",
        postgresql_where=text("state = 'running'"),
        sqlite_where=text("state = 'running'"),
    ),
    Index("measure_jobs_study_id_idx", "study_id"),
    sqlite_autoincrement=True,
)

workers = Table(
    "workers",
    metadata,
    Column("project_id", BigInteger, nullable=False),
    Column("study_id", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("straight_failures", Integer, nullable=False),
    Column("last_failures", JSON, nullable=False),
    Column("paused_until", Instant),
    PrimaryKeyConstraint("study_id", "name", name="workers_pkey"),
    ForeignKeyConstraint(["study_id"], ["studies.id"], name="workers_study_id_fkey", ondelete="CASCADE"),
    CheckConstraint("straight_failures >= 0", name="workers_straight_failures_check"),
)
