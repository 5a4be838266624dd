"""The statements about reports: a metric's value at a step. Any order and any repetition give the same curve."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select

from trimtab_service.domain.errors import TrialNotFound
from trimtab_service.domain.study import Study
from trimtab_service.store.clock import now
from trimtab_service.store.scope import Scope
from trimtab_service.store.tables import reports, trials


class Reports(Scope):
    """The statements about reports."""

    def add_report(self, study: Study, number: int, epoch: int, step: int, values: Mapping[str, float]) -> None:
        """Keep the values of a step. A later hand-out (a higher epoch) goes before; else the first value stays.

        Raises TrialNotFound.
        """
        trial_id = self.connection.execute(select(trials.c.id).where(self.of_number(study, number))).scalar()
        if trial_id is None:
            raise TrialNotFound(f"study {study.name!r} has no trial {number}")
        insert = self.upsert(reports)
        statement = insert.on_conflict_do_update(
            index_elements=["trial_id", "step", "metric"],
            set_={name: insert.excluded[name] for name in ("epoch", "value", "at")},
            where=insert.excluded.epoch > reports.c.epoch,
        )
        rows = [
            {
                "project_id": self.project_id,
                "trial_id": trial_id,
                "step": step,
                "metric": metric,
                "epoch": epoch,
                "value": value,
            }
            for metric, value in sorted(values.items())  # always in one order, so that two reports can't deadlock
        ]
        for row in rows:
            self.connection.execute(statement.values(**row, at=now()))

    def reports(self, study: Study, number: int) -> list[tuple[int, dict[str, float]]]:
        """The trial's curve: (step, {metric: value}) by step."""
        found = self.connection.execute(
            select(reports.c.step, reports.c.metric, reports.c.value)
            .where(self.own(reports), reports.c.trial_id == self.row_of(study, number))
            .order_by(reports.c.step, reports.c.metric)
        )
        curve: dict[int, dict[str, float]] = {}
        for step, metric, value in found:
            curve.setdefault(step, {})[metric] = value
        return list(curve.items())
