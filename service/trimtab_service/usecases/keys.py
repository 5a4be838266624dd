"""Who may come in: API keys, one-time login tokens, and browser sessions. Only hashes are stored."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string
import zlib
from dataclasses import dataclass

from trimtab_service.store import KeyRow, Transaction
from trimtab_service.usecases.rooms import Caller, Rooms

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SECRET_LENGTH = 43
"""Characters of base 62 that hold 256 random bits."""
_ID_LENGTH = 8
LOGIN_SECONDS = 600
"""How long a one-time login address can be used."""
SESSION_SECONDS = 12 * 3600
"""How long a browser session lasts without use."""
ADMIN = "admin"
SESSION_COOKIE = "trimtab_session"
"""The name of the cookie that holds a session's secret."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key in full, shown once: tt_<id>_<secret>_<checksum>."""

    key_id: str
    text: str


def make_key(rooms: Rooms, *, role: str = ADMIN, note: str = "") -> Key:
    """A new key; its hash goes into the store."""
    key_id = _random(_ID_LENGTH)
    text = _with_checksum(f"tt_{key_id}_{_random(_SECRET_LENGTH)}")
    with rooms.store.begin() as tx:
        tx.add_key(key_id, _hash(text), role, note)
    return Key(key_id, text)


def authenticate(rooms: Rooms, text: str) -> Caller | None:
    """Whose key this is; None when it is none that is stored and not revoked."""
    parts = text.split("_")
    if len(parts) != 4 or parts[0] != "tt" or _with_checksum("_".join(parts[:3])) != text:
        return None
    with rooms.store.read() as tx:
        row = tx.find_key(parts[1])
    if row is None or row.revoked or not hmac.compare_digest(row.key_hash, _hash(text)):
        return None
    return _caller(row)


def login_token(rooms: Rooms, key_id: str) -> str:
    """A token that opens one browser session for this key within LOGIN_SECONDS."""
    token = _random(_SECRET_LENGTH)
    with rooms.store.begin() as tx:
        row = tx.find_key(key_id)
        if row is None or row.revoked:
            raise LookupError(f"no key {key_id!r}")
        tx.add_session(_hash(token), "login", row.id, LOGIN_SECONDS)
    return token


def open_session(rooms: Rooms, token_or_key: str) -> str | None:
    """The secret of a new browser session, for a key or an unused login token; None for anything else."""
    caller, token = authenticate(rooms, token_or_key), _hash(token_or_key)
    secret = _random(_SECRET_LENGTH)
    if caller is None:
        with rooms.store.read() as tx:  # a wrong guess must not keep the one writer of an SQLite file busy
            if tx.find_session(token, "login") is None:
                return None
    with rooms.store.begin() as tx:
        row_id = caller.key_row_id if caller is not None else _spend(tx, token)
        if row_id is None:
            return None
        tx.add_session(_hash(secret), "session", row_id, SESSION_SECONDS)
    return secret


def session(rooms: Rooms, secret: str) -> Caller | None:
    """Whose session this is; None when there is none or it has run out."""
    with rooms.store.read() as tx:
        row = tx.find_session(_hash(secret), "session")
    return None if row is None else _caller(row)


def close_session(rooms: Rooms, secret: str) -> None:
    """End the session."""
    with rooms.store.begin() as tx:
        tx.drop_session(_hash(secret))


def any_key(rooms: Rooms) -> bool:
    """Whether the store has a key at all."""
    with rooms.store.read() as tx:
        return tx.any_key()


def list_keys(rooms: Rooms) -> tuple[KeyRow, ...]:
    """Every key, without its secret."""
    with rooms.store.read() as tx:
        return tuple(tx.keys())


def revoke_key(rooms: Rooms, key_id: str) -> bool:
    """Make the key useless from now on; False when there is no such key."""
    with rooms.store.begin() as tx:
        if tx.find_key(key_id) is None:
            return False
        tx.revoke_key(key_id)
        return True


def _spend(tx: Transaction, token: bytes) -> int | None:
    """The key row of a login token, which can't be used again; None when somebody else was quicker."""
    row = tx.take_session(token, "login")
    return None if row is None else row.id


def _caller(row: KeyRow) -> Caller:
    return Caller(row.id, row.key_id, row.role, row.project_id)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _with_checksum(text: str) -> str:
    """The text and its CRC-32 in base 62, so that a typo or a cut is seen without a look-up."""
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = _ALPHABET[digit] + digits
    return f"{text}_{digits}"
