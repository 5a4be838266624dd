"""Who may come in: a bearer key or a browser's session, for everything that is not open to everybody.

A middleware, not a dependency of routes, so that no route can forget it. Routes find request.state.caller.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from trimtab_service.api.errors import Forbidden, TooManyAttempts, Unauthorized
from trimtab_service.api.paths import is_open, is_page
from trimtab_service.usecases import keys
from trimtab_service.usecases.rooms import Caller, Rooms

LOCAL = Caller(key_row_id=0, key_id="local", role=keys.ADMIN, project_id=1)
"""Everybody, on a server that was started without authentication."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,200}")
_ASK_FOR_KEY = {"WWW-Authenticate": 'Bearer realm="trimtab"'}
_WRONG_KEY = {"WWW-Authenticate": 'Bearer realm="trimtab", error="invalid_token"'}


def cookie_name(*, secure: bool) -> str:
    """The session's cookie. Under TLS the prefix makes browsers refuse it from anywhere but this host."""
    return "__Host-trimtab_session" if secure else "trimtab_session"


class Attempts:
    """Counts wrong keys per address. Right keys are never counted, so nobody can be locked out.

    limit: how many are answered as such within `seconds`. clock: seconds that only grow.
    """

    def __init__(self, limit: int = 5, seconds: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit, self.seconds, self._clock = limit, seconds, clock
        self._failed: dict[str, list[float]] = {}

    def add(self, address: str) -> None:
        """Count one more. Raises TooManyAttempts beyond the limit."""
        now = self._clock()
        recent = [at for at in self._failed.get(address, ()) if at > now - self.seconds]
        if len(recent) >= self.limit:
            wait = int(recent[0] + self.seconds - now) + 1
            raise TooManyAttempts(headers={"Retry-After": str(wait)})
        self._failed[address] = [*recent, now]
        if len(self._failed) > 10_000:
            self._failed = {who: at for who, at in self._failed.items() if at[-1] > now - self.seconds}


class Authentication:
    """Lets nobody past without a key or a session, except to open paths.

    required: False on a server started without authentication: everybody is LOCAL then.
    Raises Unauthorized, Forbidden and TooManyAttempts, for ErrorAnswers outside of it.
    """

    def __init__(self, app: ASGIApp, *, rooms: Rooms, required: bool, cookie: str, attempts: Attempts) -> None:
        self.app, self.rooms, self.required, self.cookie, self.attempts = app, rooms, required, cookie, attempts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Find out who calls, or refuse."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        request = Request(scope)
        try:
            request.state.caller = await self._caller(request)
        except Unauthorized:
            if not _wants_page(request):
                raise
            login = scope.get("root_path", "") + "/login"
            await RedirectResponse(login, status_code=303)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    async def _caller(self, request: Request) -> Caller | None:
        if not self.required or is_open(request.scope):
            if _came_from(request) == "elsewhere":
                raise Forbidden
            return None if self.required else LOCAL
        if "authorization" in request.headers:
            return await self._by_key(request)
        return await self._by_session(request)

    async def _by_key(self, request: Request) -> Caller:
        scheme, _, token = request.headers["authorization"].partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthorized(headers=_ASK_FOR_KEY)
        token = token.strip()
        caller = await run_in_threadpool(keys.authenticate, self.rooms, token) if _TOKEN.fullmatch(token) else None
        if caller is None:
            self.attempts.add(request.client.host if request.client else "")
            raise Unauthorized("this key is not known here, or was revoked", headers=_WRONG_KEY)
        return caller

    async def _by_session(self, request: Request) -> Caller:
        secret = request.cookies.get(self.cookie, "")
        caller = await run_in_threadpool(keys.session, self.rooms, secret) if _TOKEN.fullmatch(secret) else None
        if caller is None:
            raise Unauthorized(headers=_ASK_FOR_KEY)
        if request.method not in _SAFE and _came_from(request) != "here":
            raise Forbidden("expected a request from this server's own pages (Sec-Fetch-Site or Origin), got another")
        return caller


def _came_from(request: Request) -> str:
    """Whose page sent an unsafe request: "here", "elsewhere", or "unknown" when it was no browser of today."""
    if request.method in _SAFE:
        return "here"
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return "here" if site in ("same-origin", "none") else "elsewhere"
    origin = request.headers.get("origin")
    if origin is None:
        return "unknown"
    try:
        host = urlsplit(origin).netloc
    except ValueError:
        return "elsewhere"
    return "here" if host and host.lower() == request.headers.get("host", "").lower() else "elsewhere"


def _wants_page(request: Request) -> bool:
    return (
        request.method in ("GET", "HEAD")
        and is_page(request.scope)
        and "text/html" in request.headers.get("accept", "")
    )
