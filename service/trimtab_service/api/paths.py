"""Which part of the server a path belongs to: what is open to everybody, the API, or the pages for people."""

from __future__ import annotations

from starlette.types import Scope

OPEN = frozenset({"/healthz", "/readyz", "/login"})
"""Paths that need no key. Everything else needs one, so a new route is closed from its first day."""
OPEN_FOLDER = "/static/"
"""Style sheets and pictures of the pages."""
_MACHINES = ("/v1/", "/openapi.json", "/metrics")


def route_path(scope: Scope) -> str:
    """The path as the routes see it: without the prefix that a proxy put in front (root_path)."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    rest = path.removeprefix(root)
    return rest if root and rest.startswith("/") else path


def is_open(scope: Scope) -> bool:
    """Whether the path needs no key."""
    path = route_path(scope)
    return path in OPEN or path.startswith(OPEN_FOLDER)


def is_v1(scope: Scope) -> bool:
    """Whether the path belongs to the API."""
    return route_path(scope).startswith("/v1/")


def is_page(scope: Scope) -> bool:
    """Whether the path is one that people open in a browser."""
    return not route_path(scope).startswith(_MACHINES)
