"""The statements about API keys and sessions. Only hashes are kept.

Who somebody is must be known before their project is, so a look-up by key id or by a token's hash spans all projects;
all others keep to the transaction's project.
"""

from __future__ import annotations

from sqlalchemy import delete, insert, literal, select, update

from trimtab_service.store.clock import after, now
from trimtab_service.store.mapping import KeyRow, to_key
from trimtab_service.store.scope import Scope
from trimtab_service.store.tables import api_keys, sessions

_RENEW_AT = 0.9
"""A session is renewed once a tenth of its time is over, so that a busy page does not write at each request."""


class Keys(Scope):
    """The statements about keys and sessions."""

    def add_key(self, key_id: str, key_hash: bytes, role: str, note: str) -> KeyRow:
        """A new key of the transaction's project."""
        return to_key(
            self.connection.execute(
                insert(api_keys)
                .values(
                    project_id=self.project_id,
                    key_id=key_id,
                    key_hash=key_hash,
                    role=role,
                    note=note,
                    created_at=now(),
                )
                .returning(*api_keys.c)
            ).one()
        )

    def find_key(self, key_id: str) -> KeyRow | None:
        """The key of this id, in whatever project, revoked or not."""
        row = self.connection.execute(select(api_keys).where(api_keys.c.key_id == key_id)).one_or_none()
        return None if row is None else to_key(row)

    def any_key(self) -> bool:
        """Whether there is a key at all, in whatever project."""
        return self.connection.execute(select(api_keys.c.id).limit(1)).first() is not None

    def keys(self) -> tuple[KeyRow, ...]:
        """The project's keys, the oldest first."""
        found = self.connection.execute(select(api_keys).where(self.own(api_keys)).order_by(api_keys.c.id))
        return tuple(to_key(row) for row in found)

    def revoke_key(self, key_id: str) -> bool:
        """Make the key and its sessions useless; False when the project has no such key."""
        revoked = self.connection.execute(
            update(api_keys)
            .where(self.own(api_keys), api_keys.c.key_id == key_id, api_keys.c.revoked_at.is_(None))
            .values(revoked_at=now())
        )
        found = self.find_key(key_id)
        return revoked.rowcount == 1 or (found is not None and found.project_id == self.project_id)

    def add_session(self, token_hash: bytes, kind: str, key_row_id: int, seconds: float) -> None:
        """Let this token stand for the key for so many seconds. Those that ran out are deleted on the way."""
        self.connection.execute(delete(sessions).where(sessions.c.expires_at < now()))
        columns = ["token_hash", "project_id", "kind", "key_row_id", "created_at", "expires_at"]
        self.connection.execute(
            insert(sessions).from_select(
                columns,
                select(
                    literal(token_hash), api_keys.c.project_id, literal(kind), api_keys.c.id, now(), after(seconds)
                ).where(api_keys.c.id == key_row_id),
            )
        )

    def find_session(self, token_hash: bytes, kind: str, renew_seconds: float | None = None) -> KeyRow | None:
        """Whose session this is, unless it ran out or the key was revoked. renew_seconds: it lasts on from now."""
        row = self.connection.execute(
            select(api_keys)
            .join(sessions, sessions.c.key_row_id == api_keys.c.id)
            .where(
                sessions.c.token_hash == token_hash,
                sessions.c.kind == kind,
                sessions.c.expires_at > now(),
                api_keys.c.revoked_at.is_(None),
            )
        ).one_or_none()
        if row is not None and renew_seconds is not None:
            self.connection.execute(
                update(sessions)
                .where(sessions.c.token_hash == token_hash, sessions.c.expires_at < after(renew_seconds * _RENEW_AT))
                .values(expires_at=after(renew_seconds))
            )
        return None if row is None else to_key(row)

    def take_session(self, token_hash: bytes, kind: str) -> KeyRow | None:
        """The same, once: the token is used up. Of several that come at a time, one gets the key."""
        taken = self.connection.execute(
            delete(sessions)
            .where(sessions.c.token_hash == token_hash, sessions.c.kind == kind, sessions.c.expires_at > now())
            .returning(sessions.c.key_row_id)
        ).scalar_one_or_none()
        if taken is None:
            return None
        row = self.connection.execute(
            select(api_keys).where(api_keys.c.id == taken, api_keys.c.revoked_at.is_(None))
        ).one_or_none()
        return None if row is None else to_key(row)

    def drop_session(self, token_hash: bytes) -> None:
        """End the session, if it is there."""
        self.connection.execute(delete(sessions).where(sessions.c.token_hash == token_hash))
