"""The statements about cost probes: what configurations cost that nobody trains. They are numbered from 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import func, insert, select

from trimtab_service.domain.metric import Value
from trimtab_service.domain.space import Params
from trimtab_service.domain.study import Study
from trimtab_service.store.clock import now
from trimtab_service.store.scope import Scope
from trimtab_service.store.tables import probes, studies

Probe = tuple[Params, dict[str, float]]
"""Params, and key -> value."""


class Probes(Scope):
    """The statements about cost probes."""

    def add_probes(self, study: Study, new: Sequence[tuple[Params, Mapping[str, Value]]]) -> int:
        """Keep them after those that are there; how many the study has now."""
        self.connection.execute(  # so that numbers have no gaps, and are seen in their order
            select(studies.c.id).where(self.own(studies), studies.c.id == study.id).with_for_update(key_share=True)
        )
        before = self.probe_count(study)
        rows = [
            {
                "project_id": self.project_id,
                "study_id": study.id,
                "number": number,
                "params": params,
                "values": {key: value.value for key, value in values.items()},
            }
            for number, (params, values) in enumerate(new, before + 1)
        ]
        if rows:
            self.connection.execute(insert(probes).values(created_at=now()), rows)
        return before + len(rows)

    def probe_count(self, study: Study) -> int:
        """How many the study has."""
        last = select(func.coalesce(func.max(probes.c.number), 0)).where(
            self.own(probes), probes.c.study_id == study.id
        )
        count: int = self.connection.execute(last).scalar_one()
        return count

    def probes(self, study: Study, after: int = 0) -> list[Probe]:
        """Those numbered above `after`, by number."""
        found = self.connection.execute(
            select(probes.c.params, probes.c["values"])
            .where(self.own(probes), probes.c.study_id == study.id, probes.c.number > after)
            .order_by(probes.c.number)
        )
        return [(params, values) for params, values in found]
