"""The statements about the surrogates' states."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select

from trimtab_service.domain.study import Study
from trimtab_service.store.clock import now
from trimtab_service.store.mapping import JsonObject
from trimtab_service.store.scope import Scope
from trimtab_service.store.tables import surrogates


class Surrogates(Scope):
    """The statements about the surrogates' states."""

    def surrogates(self, study: Study) -> dict[str, JsonObject]:
        """Metric -> the state of its surrogate."""
        found = self.connection.execute(
            select(surrogates.c.metric, surrogates.c.state)
            .where(self.own(surrogates), surrogates.c.study_id == study.id)
            .order_by(surrogates.c.metric)
        )
        return {metric: state for metric, state in found}  # noqa: C416  # dict() can't tell a row from a sequence

    def save_surrogates(self, study: Study, states: Mapping[str, JsonObject]) -> None:
        """Keep the states of these metrics; those of others stay."""
        insert = self.upsert(surrogates)
        statement = insert.on_conflict_do_update(
            index_elements=["study_id", "metric"],
            set_={"state": insert.excluded.state, "updated_at": insert.excluded.updated_at},
        )
        for metric, state in sorted(states.items()):
            self.connection.execute(
                statement.values(
                    project_id=self.project_id, study_id=study.id, metric=metric, state=dict(state), updated_at=now()
                )
            )
