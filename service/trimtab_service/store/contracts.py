"""The statements about measurement contracts: of each metric key, the one that a study was told first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from trimtab_service.domain.metric import join_key, split_key
from trimtab_service.domain.study import Study
from trimtab_service.store.mapping import JsonObject
from trimtab_service.store.scope import Scope
from trimtab_service.store.tables import metric_contracts


class Contracts(Scope):
    """The statements about measurement contracts."""

    def keep_contracts(self, study: Study, told: Mapping[str, Mapping[str, Any]]) -> None:
        """Key -> contract: each is kept unless its key has one already, also from a request at the same time."""
        statement = self.upsert(metric_contracts).on_conflict_do_nothing(
            index_elements=["study_id", "metric", "device"]
        )
        first = self.first_contracts(study)
        for key in sorted(told.keys() - first.keys()):  # in one order, so that two requests can't deadlock
            metric, device = split_key(key)
            self.connection.execute(
                statement.values(
                    project_id=self.project_id,
                    study_id=study.id,
                    metric=metric,
                    device=device,
                    contract=dict(told[key]),
                )
            )

    def first_contracts(self, study: Study) -> dict[str, JsonObject]:
        """Key -> the contract that was told first; keys without one are left out."""
        found = self.connection.execute(
            select(metric_contracts.c.metric, metric_contracts.c.device, metric_contracts.c.contract).where(
                self.own(metric_contracts), metric_contracts.c.study_id == study.id
            )
        )
        return {join_key(metric, device): contract for metric, device, contract in found}
