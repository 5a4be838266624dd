"""HTTP: parses requests, calls use cases, shapes answers. Knows no rules, queries or maths."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI

from trimtab_service.api.auth import Attempts, Authentication, cookie_name
from trimtab_service.api.bodies import StrictBodies
from trimtab_service.api.errors import ErrorAnswers, install_errors
from trimtab_service.api.headers import HostCheck, SecurityHeaders
from trimtab_service.api.openapi import install_openapi
from trimtab_service.api.routes import (
    devices,
    fronts,
    history,
    insight,
    measure,
    operations,
    probes,
    studies,
    trials,
    workers,
)
from trimtab_service.usecases.rooms import Rooms

__all__ = ["install", "routers"]

routers: tuple[APIRouter, ...] = (
    operations.router,
    studies.router,
    trials.router,
    history.router,
    fronts.router,
    insight.router,
    probes.router,
    measure.router,
    devices.router,
    workers.router,
)


def install(
    app: FastAPI, rooms: Rooms, *, auth: bool, allowed_hosts: Sequence[str], secure_cookies: bool = False
) -> None:
    """Put the API into the app: rooms and settings on app.state, routes, error answers, and the gates before them.

    auth: False lets everybody in. allowed_hosts: names of this server beside the loopback's. secure_cookies: it is
    reached under TLS. Pages find app.state.rooms, .auth, .session_cookie, .secure_cookies and request.state.caller.
    """
    cookie = cookie_name(secure=secure_cookies)
    app.state.rooms, app.state.auth, app.state.waiting = rooms, auth, 0
    app.state.session_cookie, app.state.secure_cookies = cookie, secure_cookies
    for router in routers:
        app.include_router(router)
    install_errors(app)
    install_openapi(app)
    # What is added last comes first: headers and error answers see everything, a body is read after the key is known.
    app.add_middleware(StrictBodies)
    app.add_middleware(Authentication, rooms=rooms, required=auth, cookie=cookie, attempts=Attempts())
    app.add_middleware(HostCheck, allowed_hosts=allowed_hosts)
    app.add_middleware(ErrorAnswers)
    app.add_middleware(SecurityHeaders)
