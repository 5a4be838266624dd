"""Devices, cost probes, measurement contracts and jobs, paused workers, and what changed when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
FORMER_KINDS = ("added", "handed_out", "lease_lost", "given_back", "complete", "stopped", "infeasible", "failed")
FORMER_SPEC = ("space", "objectives", "metrics", "algorithm", "options", "seed")
FORMER_OBJECTIVE = ("direction", "log", "reference")
FORMER_OBJECTIVES = 4


def upgrade() -> None:
    """The new tables are there, empty; trials have an artifact and say when they changed; studies count refusals."""
    op.add_column("trials", sa.Column("artifact", sa.Text(), nullable=False, server_default=""))
    op.add_column("trials", sa.Column("changed", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index("trials_changed_idx", "trials", ["study_id", "changed"])
    op.add_column("studies", sa.Column("refused_in_a_row", sa.Integer(), nullable=False, server_default="0"))
    _allow_kinds(of=FORMER_KINDS, to=(*FORMER_KINDS, "measured"))
    _devices_probes_and_contracts()
    _measure_jobs_and_workers()


def downgrade() -> None:
    """The first tables, with every trial and every value of it.

    A study keeps what could be said of one before: its limits, known and late metrics, baseline, and its objectives'
    thresholds, weights, noises and formulas are gone. Raises ValueError for a study of more objectives than there
    could be, or of one that is measured on a device.
    """
    _forget_new_words()
    for table in ("workers", "measure_jobs", "metric_contracts", "probes", "devices"):
        op.drop_table(table)
    op.execute("DELETE FROM trial_events WHERE kind = 'measured'")
    _allow_kinds(of=(*FORMER_KINDS, "measured"), to=FORMER_KINDS)
    op.drop_column("studies", "refused_in_a_row")
    op.drop_index("trials_changed_idx", "trials")
    op.drop_column("trials", "changed")
    op.drop_column("trials", "artifact")


def _allow_kinds(of: tuple[str, ...], to: tuple[str, ...]) -> None:
    """Other kinds of events; SQLite copies the table, since it can't change a constraint."""
    name = "trial_events_kind_check"
    with op.batch_alter_table(
        "trial_events", copy_from=_trial_events(of), table_kwargs={"sqlite_autoincrement": True}
    ) as table:
        table.drop_constraint(name, type_="check")
        table.create_check_constraint(name, _one_of("kind", to))


def _trial_events(kinds: tuple[str, ...]) -> sa.Table:
    return sa.Table(
        "trial_events",
        sa.MetaData(),
        sa.Column("id", ROW_ID, sa.Identity(), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("trial_id", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="trial_events_pkey"),
        sa.ForeignKeyConstraint(["trial_id"], ["trials.id"], name="trial_events_trial_id_fkey", ondelete="CASCADE"),
        sa.CheckConstraint(_one_of("kind", kinds), name="trial_events_kind_check"),
        sa.Index("trial_events_trial_id_idx", "trial_id", "id"),
        sqlite_autoincrement=True,
    )


def _devices_probes_and_contracts() -> None:
    op.create_table(
        "devices",
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("limits", sa.JSON(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("project_id", "name", name="devices_pkey"),
    )
    op.create_table(
        "probes",
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("values", sa.JSON(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("study_id", "number", name="probes_pkey"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="probes_study_id_fkey", ondelete="CASCADE"),
        sa.CheckConstraint("number >= 1", name="probes_number_check"),
    )
    op.create_table(
        "metric_contracts",
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("contract", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("study_id", "metric", "device", name="metric_contracts_pkey"),
        sa.ForeignKeyConstraint(
            ["study_id"], ["studies.id"], name="metric_contracts_study_id_fkey", ondelete="CASCADE"
        ),
    )


def _measure_jobs_and_workers() -> None:
    op.create_table(
        "measure_jobs",
        sa.Column("id", ROW_ID, sa.Identity(), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=False),
        sa.Column("trial_id", sa.BigInteger(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("worker_device", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("lease_epoch", sa.Integer(), nullable=False),
        sa.Column("lease_until", INSTANT),
        sa.Column("failure_kind", sa.Text()),
        sa.Column("failure_message", sa.Text()),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="measure_jobs_pkey"),
        sa.UniqueConstraint("trial_id", "metric", "device", name="measure_jobs_trial_id_metric_device_key"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="measure_jobs_study_id_fkey", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["trial_id"], ["trials.id"], name="measure_jobs_trial_id_fkey", ondelete="CASCADE"),
        sa.CheckConstraint(
            _one_of("state", ("waiting", "running", "done", "failed")), name="measure_jobs_state_check"
        ),
        sa.CheckConstraint(
            _one_of("failure_kind", ("oom", "nan", "timeout", "error", "infrastructure")),
            name="measure_jobs_failure_kind_check",
        ),
        sa.CheckConstraint("(state = 'running') = (lease_until IS NOT NULL)", name="measure_jobs_lease_until_check"),
        sa.CheckConstraint("state <> 'failed' OR failure_kind IS NOT NULL", name="measure_jobs_failed_check"),
        sa.CheckConstraint("attempt >= 0 AND lease_epoch >= 0", name="measure_jobs_counters_check"),
        sqlite_autoincrement=True,
    )
    waiting, running = sa.text("state = 'waiting'"), sa.text("state = 'running'")
    op.create_index(
        "measure_jobs_waiting_idx",
        "measure_jobs",
        ["project_id", "metric", "device", "id"],
        postgresql_where=waiting,
        sqlite_where=waiting,
    )
    op.create_index(
        "measure_jobs_lease_idx",
        "measure_jobs",
        ["project_id", "lease_until"],
        postgresql_where=running,
        sqlite_where=running,
    )
    op.create_index("measure_jobs_study_id_idx", "measure_jobs", ["study_id"])
    op.create_table(
        "workers",
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("straight_failures", sa.Integer(), nullable=False),
        sa.Column("last_failures", sa.JSON(), nullable=False),
        sa.Column("paused_until", INSTANT),
        sa.PrimaryKeyConstraint("study_id", "name", name="workers_pkey"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="workers_study_id_fkey", ondelete="CASCADE"),
        sa.CheckConstraint("straight_failures >= 0", name="workers_straight_failures_check"),
    )


def _forget_new_words() -> None:
    """Leave in each study's definition what the earlier version reads."""
    studies = sa.table(
        "studies", sa.column("id", sa.BigInteger()), sa.column("name", sa.Text()), sa.column("spec", sa.JSON())
    )
    connection = op.get_bind()
    for study_id, name, spec in connection.execute(sa.select(studies)).all():
        objectives = spec["objectives"]
        if len(objectives) > FORMER_OBJECTIVES or any("[" in metric for metric in objectives):
            raise ValueError(
                f"study {name!r} has the objectives {list(objectives)!r}: the earlier version reads at most "
                f"{FORMER_OBJECTIVES}, none of them of a device; delete the study first"
            )
        former = {key: spec[key] for key in FORMER_SPEC if key in spec}
        former["metrics"] = [metric for metric in spec.get("metrics", []) if "[" not in metric]
        former["objectives"] = {
            metric: {key: one[key] for key in FORMER_OBJECTIVE if key in one} for metric, one in objectives.items()
        }
        connection.execute(sa.update(studies).where(studies.c.id == study_id).values(spec=former))


def _one_of(column: str, words: tuple[str, ...]) -> str:
    spelled = ", ".join(f"'{word}'" for word in words)
    return f"{column} IN ({spelled})"
