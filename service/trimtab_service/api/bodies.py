"""Reads the body of every request before a route does: bounded in size, and under /v1 strict JSON or nothing."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trimtab_service.api import strict_json
from trimtab_service.api.errors import InvalidRequest, PayloadTooLarge, UnsupportedMediaType
from trimtab_service.api.paths import is_v1, route_path

MAX_BODY = 2**20
MAX_STUDY_BODY = 4 * 2**20
"""Bytes of a study's definition, which may hold large categoricals."""
_LARGE = 2**16
"""Bytes from which on parsing leaves the event loop."""


class StrictBodies:
    """Checks and keeps the body, then hands it on. Routes find the parsed JSON as request.state.json.

    Raises PayloadTooLarge, UnsupportedMediaType and InvalidJson, for ErrorAnswers outside of it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the body, then go on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        _check_encoding(headers)
        body = await _read(receive, headers, _limit(scope))
        if body is None:
            return
        scope.setdefault("state", {})["json"] = await _parse(body, headers) if is_v1(scope) and body else None
        await self.app(scope, _replay(body, receive), send)


def _limit(scope: Scope) -> int:
    is_study = scope["method"] == "POST" and route_path(scope) == "/v1/studies"
    return MAX_STUDY_BODY if is_study else MAX_BODY


def _check_encoding(headers: Headers) -> None:
    encoding = headers.get("content-encoding")
    if encoding is not None and encoding.lower() != "identity":
        raise UnsupportedMediaType(f"expected a body without Content-Encoding, got {encoding[:40]!r}")


async def _read(receive: Receive, headers: Headers, limit: int) -> bytes | None:
    """The whole body; None when the client went away. Raises PayloadTooLarge, before reading where that is known."""
    declared = headers.get("content-length", "0")
    if not (declared.isascii() and declared.isdigit()):
        raise InvalidRequest(f"expected a number as Content-Length, got {declared[:40]!r}")
    if len(declared) > 18 or int(declared) > limit:
        raise PayloadTooLarge(f"expected a body of at most {limit} bytes, got {declared[:40]}")
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise PayloadTooLarge(f"expected a body of at most {limit} bytes, got more")
        if not message.get("more_body", False):
            return b"".join(chunks)


async def _parse(body: bytes, headers: Headers) -> Any:
    kinds = headers.getlist("content-type")
    media, _, parameters = (kinds[0] if len(kinds) == 1 else ", ".join(kinds)).lower().partition(";")
    charset = parameters.replace(" ", "").replace('"', "")
    if media.strip() != "application/json" or charset not in ("", "charset=utf-8"):
        raise UnsupportedMediaType(f"expected Content-Type application/json in UTF-8, got {', '.join(kinds)[:80]!r}")
    if len(body) < _LARGE:
        return strict_json.loads(body)
    return await run_in_threadpool(strict_json.loads, body)


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
