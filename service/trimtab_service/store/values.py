"""The statements about trials' values. Only here is a key such as latency_ms["pi-zero"] split into two columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import ColumnElement, Select, delete, insert, select, update

from trimtab_service.domain.errors import TrialNotFound
from trimtab_service.domain.metric import Value, join_key, split_key
from trimtab_service.domain.study import Study
from trimtab_service.store.events import Events
from trimtab_service.store.mapping import JsonObject
from trimtab_service.store.moment import mark
from trimtab_service.store.tables import EventKind, trial_values, trials

MANY = 1_000
"""More trials than this are not named one by one in a statement."""
Told = dict[str, dict[str, Value]]
"""Variant -> key -> value; those of variant "" are the trial's own."""
NewValues = tuple[int, str, Mapping[str, Value]]
"""A trial's row id, a variant, and key -> value."""


class Values(Events):
    """The statements about trials' values."""

    def add_values(self, study: Study, number: int, values: Mapping[str, Value], variant: str = "") -> None:
        """Keep values of the trial, or of its variant, in place of those of the same keys, whatever its state.

        No move of the trial waits for this, nor this for a lease: guard it by `renew` or by a measure job's closing
        in the same transaction. Raises TrialNotFound.
        """
        changed = self.connection.execute(
            update(trials)
            .where(self.of_number(study, number))
            .values(changed=mark())
            .returning(trials.c.id, trials.c.lease_epoch)
        ).one_or_none()
        if changed is None:
            raise TrialNotFound(f"study {study.name!r} has no trial {number}")
        self.put_values([(changed.id, variant, values)])
        self.record(EventKind.MEASURED, [(changed.id, changed.lease_epoch)])

    def put_values(self, new: Iterable[NewValues]) -> None:
        """Keep values, in place of those of the same keys. The trials' rows are held, and marked as changed."""
        statement = self.upsert(trial_values)
        rows = list(self._rows(new))
        if rows:
            self.connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["trial_id", "variant", "metric", "device"],
                    set_={name: statement.excluded[name] for name in ("value", "stderr", "contract")},
                ),
                rows,
            )

    def drop_values(self, trial_id: int) -> None:
        """Forget the trial's own values: those of preflight, in whatever unit, once its result is told."""
        self.connection.execute(
            delete(trial_values).where(
                self.own(trial_values), trial_values.c.trial_id == trial_id, trial_values.c.variant == ""
            )
        )

    def insert_values(self, new: Iterable[NewValues]) -> None:
        """Keep the values of trials that have none yet."""
        rows = list(self._rows(new))
        if rows:
            self.connection.execute(insert(trial_values), rows)

    def values_of(
        self, trial_ids: Sequence[int] | Select[tuple[int]], *conditions: ColumnElement[bool], contracts: bool = False
    ) -> dict[int, Told]:
        """Trial's row id -> what was told of it, in no order; contracts are left out unless asked for."""
        columns = [trial_values.c[name] for name in ("trial_id", "variant", "metric", "device", "value", "stderr")]
        if contracts:
            columns.append(trial_values.c.contract)
        found = self.connection.execute(
            select(*columns).where(self.own(trial_values), trial_values.c.trial_id.in_(trial_ids), *conditions)
        )
        told: dict[int, Told] = {}
        for trial_id, variant, metric, device, *value in found:
            told.setdefault(trial_id, {}).setdefault(variant, {})[join_key(metric, device)] = Value(*value)
        return told

    def _rows(self, new: Iterable[NewValues]) -> Iterable[JsonObject]:
        for trial_id, variant, values in new:
            for key, value in values.items():
                metric, device = split_key(key)
                yield {
                    "project_id": self.project_id,
                    "trial_id": trial_id,
                    "variant": variant,
                    "metric": metric,
                    "device": device,
                    "value": value.value,
                    "stderr": value.stderr,
                    "contract": dict(value.contract),
                }
