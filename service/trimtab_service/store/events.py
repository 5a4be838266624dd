"""The log of what happened to trials: append only, in the transaction that makes it happen."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import func, insert, select

from trimtab_service.domain.study import Study
from trimtab_service.store.clock import now
from trimtab_service.store.scope import Scope
from trimtab_service.store.tables import EventKind, probes, trial_events, trials


class Events(Scope):
    """The statements about trial_events."""

    def record(self, kind: EventKind, happened: Iterable[tuple[int, int]]) -> None:
        """Append one event per (row id of a trial, epoch)."""
        rows = [
            {"project_id": self.project_id, "trial_id": trial_id, "epoch": epoch, "kind": kind.value}
            for trial_id, epoch in happened
        ]
        if rows:
            self.connection.execute(insert(trial_events).values(at=now()), rows)

    def events(self, study: Study, number: int) -> list[tuple[EventKind, int]]:
        """What happened to the trial, in order: (kind, epoch)."""
        found = self.connection.execute(
            select(trial_events.c.kind, trial_events.c.epoch)
            .join(trials, trials.c.id == trial_events.c.trial_id)
            .where(self.of_number(study, number))
            .order_by(trial_events.c.id)
        )
        return [(EventKind(kind), epoch) for kind, epoch in found]

    def last_change(self, study: Study) -> tuple[int, int]:
        """How many events the study's trials have had and how many probes it has, in all; and the latest event's id.

        Another pair after every change. The id alone would not do: a transaction that began earlier may commit later.
        """
        probed = select(func.count()).select_from(probes).where(self.own(probes), probes.c.study_id == study.id)
        count, latest = self.connection.execute(
            select(func.count() + probed.scalar_subquery(), func.coalesce(func.max(trial_events.c.id), 0))
            .select_from(trial_events)
            .join(trials, trials.c.id == trial_events.c.trial_id)
            .where(self.of_study(study))
        ).one()
        return int(count), int(latest)
