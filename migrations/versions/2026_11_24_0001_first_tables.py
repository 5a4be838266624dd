"""The first tables, the default project, and the view trial_history."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
NOW = {"sqlite": "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')", "postgresql": "statement_timestamp()"}

TRIAL_HISTORY = """
CREATE VIEW trial_history AS
SELECT
    projects.name AS project,
    studies.name AS study,
    trials.number AS number,
    trials.state AS state,
    trials.source AS source,
    trials.params AS params,
    trial_values.metric AS metric,
    trial_values.device AS device,
    trial_values.variant AS variant,
    trial_values.value AS value,
    trial_values.stderr AS stderr,
    trials.worker AS worker,
    trials.attempt AS attempt,
    trials.failure_kind AS failure_kind,
    trials.failure_message AS failure_message,
    trials.created_at AS created_at,
    trials.started_at AS started_at,
    trials.finished_at AS finished_at
FROM trials
JOIN studies ON studies.id = trials.study_id
JOIN projects ON projects.id = trials.project_id
LEFT JOIN trial_values ON trial_values.trial_id = trials.id
"""


def upgrade() -> None:
    """All tables are there, empty but for the default project, and the view."""
    _projects_and_keys()
    _studies()
    _trials()
    _what_trials_have()
    _answers_and_surrogates()
    now = NOW[op.get_bind().dialect.name]
    op.execute(f"INSERT INTO projects (name, created_at) VALUES ('default', {now})")  # noqa: S608  # a constant
    op.execute(TRIAL_HISTORY)


def downgrade() -> None:
    """Nothing is left."""
    op.execute("DROP VIEW trial_history")
    for table in (
        "surrogates",
        "idempotency",
        "trial_events",
        "reports",
        "trial_values",
        "trials",
        "studies",
        "sessions",
        "api_keys",
        "projects",
    ):
        op.drop_table(table)


def _projects_and_keys() -> None:
    op.create_table(
        "projects",
        sa.Column("id", ROW_ID, sa.Identity(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="projects_pkey"),
        sa.UniqueConstraint("name", name="projects_name_key"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "api_keys",
        sa.Column("id", ROW_ID, sa.Identity(), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("revoked_at", INSTANT),
        sa.PrimaryKeyConstraint("id", name="api_keys_pkey"),
        sa.UniqueConstraint("key_id", name="api_keys_key_id_key"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="api_keys_project_id_fkey"),
        sa.CheckConstraint("role IN ('viewer', 'worker', 'editor', 'admin')", name="api_keys_role_check"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key_row_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="sessions_pkey"),
        sa.ForeignKeyConstraint(["key_row_id"], ["api_keys.id"], name="sessions_key_row_id_fkey", ondelete="CASCADE"),
        sa.CheckConstraint("kind IN ('login', 'session')", name="sessions_kind_check"),
    )
    op.create_index("sessions_expires_at_idx", "sessions", ["expires_at"])
    op.create_index("sessions_key_row_id_idx", "sessions", ["key_row_id"])


def _studies() -> None:
    op.create_table(
        "studies",
        sa.Column("id", ROW_ID, sa.Identity(), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("max_trials", sa.Integer()),
        sa.Column("charged", sa.Integer(), nullable=False),
        sa.Column("next_number", sa.Integer(), nullable=False),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="studies_pkey"),
        sa.UniqueConstraint("public_id", name="studies_public_id_key"),
        sa.UniqueConstraint("project_id", "name", name="studies_project_id_name_key"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="studies_project_id_fkey"),
        sa.CheckConstraint("state IN ('active', 'paused', 'finished', 'archived')", name="studies_state_check"),
        sa.CheckConstraint("charged >= 0", name="studies_charged_check"),
        sa.CheckConstraint("next_number >= 0", name="studies_next_number_check"),
        sqlite_autoincrement=True,
    )


def _trials() -> None:
    op.create_table(
        "trials",
        sa.Column("id", ROW_ID, sa.Identity(), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("failure_kind", sa.Text()),
        sa.Column("failure_message", sa.Text()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("lease_epoch", sa.Integer(), nullable=False),
        sa.Column("lease_until", INSTANT),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("started_at", INSTANT),
        sa.Column("finished_at", INSTANT),
        sa.PrimaryKeyConstraint("id", name="trials_pkey"),
        sa.UniqueConstraint("study_id", "number", name="trials_study_id_number_key"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="trials_study_id_fkey", ondelete="CASCADE"),
        sa.CheckConstraint(
            "state IN ('waiting', 'running', 'complete', 'stopped', 'infeasible', 'failed')",
            name="trials_state_check",
        ),
        sa.CheckConstraint(
            "source IN ('gp', 'initial', 'grid', 'random', 'sobol', 'fallback', 'user')", name="trials_source_check"
        ),
        sa.CheckConstraint(
            "failure_kind IN ('oom', 'nan', 'timeout', 'error', 'infrastructure')", name="trials_failure_kind_check"
        ),
        sa.CheckConstraint("(state = 'running') = (lease_until IS NOT NULL)", name="trials_lease_until_check"),
        sa.CheckConstraint("state <> 'failed' OR failure_kind IS NOT NULL", name="trials_failed_check"),
        sa.CheckConstraint("number >= 0 AND attempt >= 0 AND lease_epoch >= 0", name="trials_counters_check"),
        sqlite_autoincrement=True,
    )
    waiting, running = sa.text("state = 'waiting'"), sa.text("state = 'running'")
    op.create_index(
        "trials_waiting_idx", "trials", ["study_id", "number"], postgresql_where=waiting, sqlite_where=waiting
    )
    op.create_index(
        "trials_lease_idx", "trials", ["study_id", "lease_until"], postgresql_where=running, sqlite_where=running
    )


def _what_trials_have() -> None:
    op.create_table(
        "trial_values",
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("trial_id", sa.BigInteger(), nullable=False),
        sa.Column("variant", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("stderr", sa.Double()),
        sa.Column("contract", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("trial_id", "variant", "metric", "device", name="trial_values_pkey"),
        sa.ForeignKeyConstraint(["trial_id"], ["trials.id"], name="trial_values_trial_id_fkey", ondelete="CASCADE"),
        sa.CheckConstraint("value IS NULL OR coalesce(value - value, 1) = 0", name="trial_values_value_check"),
        sa.CheckConstraint("stderr IS NULL OR coalesce(stderr - stderr, 1) = 0", name="trial_values_stderr_check"),
    )
    op.create_table(
        "reports",
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("trial_id", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("trial_id", "step", "metric", name="reports_pkey"),
        sa.ForeignKeyConstraint(["trial_id"], ["trials.id"], name="reports_trial_id_fkey", ondelete="CASCADE"),
        sa.CheckConstraint("value IS NULL OR coalesce(value - value, 1) = 0", name="reports_value_check"),
        sa.CheckConstraint("step >= 0", name="reports_step_check"),
    )
    op.create_table(
        "trial_events",
        sa.Column("id", ROW_ID, sa.Identity(), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("trial_id", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="trial_events_pkey"),
        sa.ForeignKeyConstraint(["trial_id"], ["trials.id"], name="trial_events_trial_id_fkey", ondelete="CASCADE"),
        sa.CheckConstraint(
            "kind IN ('added', 'handed_out', 'lease_lost', 'given_back', 'complete', 'stopped', 'infeasible', "
            "'failed')",
            name="trial_events_kind_check",
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("trial_events_trial_id_idx", "trial_events", ["trial_id", "id"])


def _answers_and_surrogates() -> None:
    op.create_table(
        "idempotency",
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("key_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.JSON()),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("project_id", "key_id", "key", name="idempotency_pkey"),
    )
    op.create_index("idempotency_created_at_idx", "idempotency", ["created_at"])
    op.create_table(
        "surrogates",
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("study_id", "metric", name="surrogates_pkey"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="surrogates_study_id_fkey", ondelete="CASCADE"),
    )
