"""The statements about Idempotency-Keys: the answer that was sent under each, for two days."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, insert, select, tuple_

from trimtab_service.store.clock import after, now
from trimtab_service.store.mapping import JsonObject, SavedAnswer
from trimtab_service.store.scope import Scope
from trimtab_service.store.tables import idempotency

SWEEP = 1_000
"""Rows that one sweep deletes at most, so that it never holds others up for long."""


class Answers(Scope):
    """The statements about saved answers."""

    def find_answer(self, key_id: int, key: str) -> SavedAnswer | None:
        """The answer under this Idempotency-Key of this API key."""
        row = self.connection.execute(
            select(idempotency.c.fingerprint, idempotency.c.status, idempotency.c.body).where(
                self.own(idempotency), idempotency.c.key_id == key_id, idempotency.c.key == key
            )
        ).one_or_none()
        return None if row is None else SavedAnswer(row.fingerprint, row.status, row.body)

    def save_answer(self, key_id: int, key: str, fingerprint: str, status: int, body: JsonObject | None) -> None:
        """Keep an answer. When a twin of the request kept one first, the transaction ends with Raced."""
        values: dict[str, Any] = {
            "project_id": self.project_id,
            "key_id": key_id,
            "key": key,
            "fingerprint": fingerprint,
            "status": status,
            "body": body,
            "created_at": now(),
        }
        self.connection.execute(insert(idempotency).values(values))

    def sweep_answers(self, hours: float = 48) -> int:
        """Delete answers older than this, SWEEP at most; how many there were. Run it again until it says 0."""
        old = (
            select(idempotency.c.key_id, idempotency.c.key)
            .where(self.own(idempotency), idempotency.c.created_at < after(-hours * 3600.0))
            .limit(SWEEP)
        )
        swept = self.connection.execute(
            delete(idempotency).where(self.own(idempotency), tuple_(idempotency.c.key_id, idempotency.c.key).in_(old))
        )
        return swept.rowcount
