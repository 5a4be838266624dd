"""The first and last thing that touches a request: its number, the Host check, and the headers of every answer."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from starlette.datastructures import MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trimtab_service.api.errors import InvalidHost

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
"""The pages carry no script at all."""
SECURITY = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class SecurityHeaders:
    """Gives every request a number and every answer the headers that a browser needs to keep it safe."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Go on, and add the headers to the answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id

        async def add_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(SECURITY)
                headers.setdefault("Cache-Control", "no-store")
                headers["X-Request-Id"] = request_id
            await send(message)

        await self.app(scope, receive, add_headers)


class HostCheck:
    """Lets through what names this server, so that a page can't reach it by pointing its own name here.

    Starlette's middleware decides; the answer is ours. Raises InvalidHost, for ErrorAnswers outside of it.
    """

    def __init__(self, app: ASGIApp, allowed_hosts: Sequence[str]) -> None:
        self.app = app
        self.allowed_hosts = [*LOOPBACK, *allowed_hosts]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the Host, then go on."""
        if scope["type"] == "http" and not await self._is_ours(scope, receive):
            raise InvalidHost
        await self.app(scope, receive, send)

    async def _is_ours(self, scope: Scope, receive: Receive) -> bool:
        admitted = False

        async def admit(scope: Scope, receive: Receive, send: Send) -> None:
            nonlocal admitted
            admitted = True

        async def unsent(message: Message) -> None:
            return

        check = TrustedHostMiddleware(admit, self.allowed_hosts, www_redirect=False)
        await check(scope, receive, unsent)
        return admitted
