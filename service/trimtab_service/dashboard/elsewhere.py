"""The last route: a page for whoever opens an address that nothing is at. Never takes what is meant for the API."""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

_MACHINES = ("v1/", "openapi.json", "metrics")
"""Beginnings of addresses that programs read."""


class Elsewhere(Route):
    """Matches every address that a browser looks at and no other route takes."""

    def __init__(self, answer: Callable[[Request], Response]) -> None:
        super().__init__("/{path:path}", answer, methods=["GET"], include_in_schema=False)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """An address with a slash at its end is left to the router, which knows it without one."""
        match, child = super().matches(scope)
        path: str = child["path_params"]["path"] if match is Match.FULL else ""
        if not path or path.startswith(_MACHINES) or path.endswith("/"):
            return Match.NONE, {}
        if "text/html" not in Headers(scope=scope).get("accept", ""):
            return Match.NONE, {}
        return match, child
