"""The statements about workers: how often each failed in a row, and until when it is paused for that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, select, update

from trimtab_service.domain.study import Study
from trimtab_service.domain.trial import Failure
from trimtab_service.store.clock import after, now
from trimtab_service.store.scope import Scope
from trimtab_service.store.tables import workers

REMEMBERED = 3
"""Failures of a worker that are kept."""


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """A worker of a study that has failed.

    last_failures: the latest {kind, message} of those since its last success. paused: whether paused_until lies
    ahead, by the database's clock.
    """

    name: str
    straight_failures: int
    last_failures: tuple[dict[str, str], ...]
    paused_until: datetime | None
    paused: bool


class Workers(Scope):
    """The statements about workers."""

    def workers(self, study: Study) -> tuple[WorkerRow, ...]:
        """The study's workers that ever failed, by name."""
        return self._workers(self._of_workers(study))

    def worker(self, study: Study, name: str) -> WorkerRow | None:
        """The worker of this name; None when it never failed."""
        return next(iter(self._workers(self._of_worker(study, name))), None)

    def count_failure(
        self, study: Study, name: str, failure: Failure, *, pause_from: int, pause_seconds: float
    ) -> None:
        """Count a failure of the worker; from pause_from in a row on, each pauses it for so many seconds from now."""
        insert = self.upsert(workers)
        counted = self.connection.execute(  # holds the row, so that what is read here is not changed meanwhile
            insert.values(
                project_id=self.project_id, study_id=study.id, name=name, straight_failures=1, last_failures=[]
            )
            .on_conflict_do_update(
                index_elements=["study_id", "name"], set_={"straight_failures": workers.c.straight_failures + 1}
            )
            .returning(workers.c.straight_failures, workers.c.last_failures)
        ).one()
        latest = {"kind": failure.kind.value, "message": failure.message}
        changes: dict[str, Any] = {"last_failures": [*counted.last_failures, latest][-REMEMBERED:]}
        if counted.straight_failures >= pause_from:
            changes["paused_until"] = after(pause_seconds)
        self.connection.execute(update(workers).where(self._of_worker(study, name)).values(changes))

    def count_success(self, study: Study, name: str) -> None:
        """Forget the worker's failures, and its pause: it has shown that it works."""
        self.connection.execute(
            update(workers)
            .where(self._of_worker(study, name), workers.c.straight_failures > 0)
            .values(straight_failures=0, last_failures=[], paused_until=None)
        )

    def resume_worker(self, study: Study, name: str) -> None:
        """Take the worker's word that it works again; one that never failed is fine."""
        self.count_success(study, name)

    def _of_worker(self, study: Study, name: str) -> ColumnElement[bool]:
        return and_(self._of_workers(study), workers.c.name == name)

    def _of_workers(self, study: Study) -> ColumnElement[bool]:
        return and_(self.own(workers), workers.c.study_id == study.id)

    def _workers(self, condition: ColumnElement[bool]) -> tuple[WorkerRow, ...]:
        found = self.connection.execute(
            select(workers, (workers.c.paused_until > now()).label("paused"))
            .where(condition)
            .order_by(workers.c.name)
        )
        return tuple(
            WorkerRow(row.name, row.straight_failures, tuple(row.last_failures), row.paused_until, bool(row.paused))
            for row in found
        )
