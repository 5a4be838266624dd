"""Runs the migrations, from the package or from a checkout. Two processes may do so at a time: one waits."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from trimtab_service.domain.errors import DatabaseUnavailable

LOCK_TIMEOUT = "5s"
"""How long a migration waits for a table on PostgreSQL, before it gives up rather than hold up the server."""
ADVISORY_LOCK = 8731
"""The number of the lock that a migration holds on PostgreSQL."""


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the tables up to the revision, in one transaction. Raises DatabaseUnavailable when they are beyond."""
    with engine.begin() as connection:
        _alone(connection)
        _check_known(connection)
        command.upgrade(_config(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Take the tables back to the revision ("base": none at all), all in one transaction."""
    with engine.begin() as connection:
        _alone(connection)
        command.downgrade(_config(connection), revision)


def head() -> str | None:
    """The newest revision that this version knows."""
    return ScriptDirectory(str(_scripts())).get_current_head()


def revision_of(connection: Connection) -> str | None:
    """The revision of the tables; None when there are none yet."""
    return MigrationContext.configure(connection).get_current_revision()


def _alone(connection: Connection) -> None:
    """Wait for other migrations. On SQLite the transaction, an immediate one, keeps others out by itself."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": ADVISORY_LOCK})
        connection.execute(text("SELECT set_config('lock_timeout', :timeout, true)"), {"timeout": LOCK_TIMEOUT})


def _check_known(connection: Connection) -> None:
    """Raise DatabaseUnavailable when the tables are at a revision that this version has never heard of."""
    revision = revision_of(connection)
    known = {script.revision for script in ScriptDirectory(str(_scripts())).walk_revisions()}
    if revision is not None and revision not in known:
        raise DatabaseUnavailable(
            f"the database is at revision {revision!r}, which this version does not know: a newer one wrote it"
        )


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _scripts() -> Path:
    """The wheel ships them inside the package; a checkout has them beside service/."""
    package = Path(__file__).resolve().parents[1]
    packaged = package / "migrations"
    return packaged if packaged.is_dir() else package.parents[1] / "migrations"
