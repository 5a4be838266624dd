"""Logging in and out: a key or a one-time address is traded for a session, whose secret is a cookie."""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.responses import Response

from trimtab_service.usecases import keys
from trimtab_service.usecases.rooms import Rooms

LONGEST = 200
"""Characters of the longest thing that can be a key or a token."""
WRONG_KEY = "This key is not known here, or was revoked. A key begins with tt_ and is copied whole."
USED_TOKEN = "This address was used already, or is too old: it works once, for a few minutes. Log in with the key."  # noqa: S105  # a sentence, not a secret
NO_KEY = "Type or paste the key."


def key_of(form: bytes) -> str:
    """The key in a posted form; empty when there is none that could be one."""
    try:
        fields = parse_qs(form.decode("ascii"), max_num_fields=10, errors="strict")
    except ValueError:
        return ""
    return _sane(fields.get("key", [""])[-1].strip())


def admit(rooms: Rooms, token_or_key: str) -> str | None:
    """The secret of a new session; None for a wrong key or token."""
    text = _sane(token_or_key)
    return keys.open_session(rooms, text) if text else None


def set_cookie(answer: Response, name: str, secret: str, *, secure: bool) -> None:
    """Give the browser the session. No script can read it, and no other site's form can send it."""
    answer.set_cookie(
        name, secret, max_age=keys.SESSION_SECONDS, path="/", secure=secure, httponly=True, samesite="lax"
    )


def take_cookie(answer: Response, name: str, *, secure: bool) -> None:
    """Have the browser forget the session."""
    answer.delete_cookie(name, path="/", secure=secure, httponly=True, samesite="lax")


def _sane(text: str) -> str:
    return text if text.isascii() and text.isprintable() and len(text) <= LONGEST else ""
