"""The statements about Idempotency-Keys: the answer that was sent under each, for two days."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, delete, insert, select, tuple_, update

from trimtab_service.store.clock import after, now
from trimtab_service.store.mapping import JsonObject, SavedAnswer
from trimtab_service.store.scope import Scope
from trimtab_service.store.tables import idempotency

SWEEP = 1_000
"""Rows that one sweep deletes at most, so that it never holds others up for long."""


PENDING = 0
"""The status of a key that a transaction has claimed and not yet answered; no other transaction ever sees it."""


class Answers(Scope):
    """The statements about saved answers."""

    def claim_answer(self, key_id: int, key: str, fingerprint: str) -> SavedAnswer | None:
        """Claim an Idempotency-Key for this transaction, before it does anything else; its answer if it has one.

        A twin of the request waits here until this transaction ends, and then finds the answer.
        """
        claimed = self.connection.execute(
            self.upsert(idempotency)
            .values(self._row(key_id, key, fingerprint, PENDING, None))
            .on_conflict_do_nothing(index_elements=["project_id", "key_id", "key"])
            .returning(idempotency.c.key)
        ).one_or_none()
        return None if claimed is not None else self.find_answer(key_id, key)

    def forget_answer(self, key_id: int, key: str) -> None:
        """Give up the claim of a key that this transaction leaves without an answer."""
        self.connection.execute(delete(idempotency).where(self._of(key_id, key), idempotency.c.status == PENDING))

    def find_answer(self, key_id: int, key: str) -> SavedAnswer | None:
        """The answer under this Idempotency-Key of this API key."""
        row = self.connection.execute(
            select(idempotency.c.fingerprint, idempotency.c.status, idempotency.c.body).where(self._of(key_id, key))
        ).one_or_none()
        return None if row is None else SavedAnswer(row.fingerprint, row.status, row.body)

    def save_answer(self, key_id: int, key: str, fingerprint: str, status: int, body: JsonObject | None) -> None:
        """Keep an answer. When the key was not claimed and a twin answered first, the transaction ends with Raced."""
        kept = self.connection.execute(
            update(idempotency)
            .where(self._of(key_id, key), idempotency.c.status == PENDING)
            .values(fingerprint=fingerprint, status=status, body=body)
        )
        if kept.rowcount == 0:
            self.connection.execute(insert(idempotency).values(self._row(key_id, key, fingerprint, status, body)))

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

    def _of(self, key_id: int, key: str) -> ColumnElement[bool]:
        return and_(self.own(idempotency), idempotency.c.key_id == key_id, idempotency.c.key == key)

    def _row(self, key_id: int, key: str, fingerprint: str, status: int, body: JsonObject | None) -> dict[str, Any]:
        return {
            "project_id": self.project_id,
            "key_id": key_id,
            "key": key,
            "fingerprint": fingerprint,
            "status": status,
            "body": body,
            "created_at": now(),
        }
