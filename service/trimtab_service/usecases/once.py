"""One Idempotency-Key, one effect: the first answer is stored in the transaction that does the work, and replayed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trimtab_service.domain.errors import IdempotencyKeyReused
from trimtab_service.store import Transaction

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent: an HTTP status and a body. replayed: it is the stored answer to an earlier request."""

    status: int
    body: Json | None
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Once:
    """A request's Idempotency-Key, if it has one.

    fingerprint: of method, path and body. shape: turns the result into the body, so that the stored answer is the one
    that was sent.
    """

    key: str | None
    key_row_id: int
    fingerprint: str
    status: int
    shape: Callable[[Any], Json | None]

    def saved(self, tx: Transaction) -> Answer | None:
        """The stored answer under this key; else the key is this transaction's, and a twin of the request waits.

        Raises IdempotencyKeyReused when it belongs to another request.
        """
        if self.key is None:
            return None
        answer = tx.claim_answer(self.key_row_id, self.key, self.fingerprint)
        if answer is None:
            return None
        if answer.fingerprint != self.fingerprint:
            raise IdempotencyKeyReused
        return Answer(answer.status, answer.body, replayed=True)

    def forget(self, tx: Transaction) -> None:
        """Leave the key as it was: this transaction has no answer."""
        if self.key is not None:
            tx.forget_answer(self.key_row_id, self.key)

    def save(self, tx: Transaction, result: Any, *, status: int | None = None) -> Answer:
        """Shape the result into an answer and store it, in the transaction that made the result."""
        answer = Answer(status or self.status, self.shape(result))
        if self.key is not None:
            tx.save_answer(self.key_row_id, self.key, self.fingerprint, answer.status, answer.body)
        return answer
