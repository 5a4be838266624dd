"""The pages' routes: read the address, ask the use cases, lay out the page."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from importlib.metadata import version
from typing import Annotated, ParamSpec

from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from trimtab_service.dashboard import entrance, one_trial, pages, sentences
from trimtab_service.dashboard.addresses import Addresses, Look
from trimtab_service.dashboard.elsewhere import Elsewhere
from trimtab_service.dashboard.landscape import Landscapes
from trimtab_service.dashboard.rendering import Head, Renderer, assets, fingerprint
from trimtab_service.domain.errors import DomainError, Invalid, NotFound, Unavailable
from trimtab_service.usecases import health, keys
from trimtab_service.usecases.rooms import Caller, Rooms

P = ParamSpec("P")
_STATUSES = {NotFound: 404, Invalid: 422, Unavailable: 503}
_BACKENDS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_A_YEAR = "public, max-age=31536000, immutable"


async def _form(request: Request) -> bytes:
    return await request.body()


class _Desk:
    """What the routes share: the rooms below, the templates, and what was read before."""

    def __init__(self, rooms: Rooms, cookie: str, *, secure: bool) -> None:
        self.rooms, self.cookie, self.secure = rooms, cookie, secure
        self.files = assets()
        self.renderer = Renderer(fingerprint(self.files))
        self.landscapes = Landscapes(rooms)
        self._backend = ""

    def page(self, request: Request, template: str, *, status: int = 200, **said: object) -> HTMLResponse:
        """A page as an answer."""
        head = Head(
            version=version("trimtab-service"),
            backend=self._backend,
            addresses=addresses_of(request),
            leave=self.cookie in request.cookies and template != "login.html",
        )
        return HTMLResponse(self.renderer.render(template, head, **said), status)

    def problem(self, request: Request, error: DomainError) -> HTMLResponse:
        """The page that says what went wrong, and where to go from there."""
        status = next((status for family, status in _STATUSES.items() if isinstance(error, family)), 409)
        title = "Not found" if status == 404 else HTTPStatus(status).phrase
        return self.page(request, "problem.html", status=status, title=title, detail=sentences.whole(error.detail))

    def learn_backend(self) -> None:
        """Find out once which database this is. Raises DatabaseUnavailable."""
        if not self._backend:
            state = health.ready(self.rooms)
            self._backend = f"{_BACKENDS.get(state['backend'], state['backend'])} {_short(str(state['version']))}"


def install(app: FastAPI, rooms: Rooms, *, secure_cookies: bool = False) -> None:
    """Put the pages into the app, after the api: its middleware decides who may see them."""
    desk = _Desk(rooms, app.state.session_cookie, secure=secure_cookies)
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    _add_pages(router, desk)
    _add_entrance(router, desk)
    app.include_router(router)
    app.router.routes.append(
        Elsewhere(lambda request: desk.problem(request, NotFound("There is nothing at this address.")))
    )


def addresses_of(request: Request) -> Addresses:
    """The addresses as this request's browser sees them."""
    return Addresses(request.scope.get("root_path", "").rstrip("/"))


def _add_pages(router: APIRouter, desk: _Desk) -> None:
    def says_problems(route: Callable[P, Response]) -> Callable[P, Response]:
        """Answer a refusal with a page that says it."""

        @functools.wraps(route)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
            try:
                desk.learn_backend()
                return route(*args, **kwargs)
            except DomainError as error:
                request = kwargs["request"]
                assert isinstance(request, Request)
                return desk.problem(request, error)

        return guarded

    @router.get("/")
    @says_problems
    def studies(request: Request, cursor: str = "") -> Response:
        page = pages.list_studies(
            desk.rooms,
            desk.landscapes,
            _caller(request),
            cursor=cursor,
            addresses=addresses_of(request),
            now=datetime.now(UTC),
            clock=time.monotonic,
        )
        return desk.page(request, "studies.html", page=page, server=str(request.base_url).rstrip("/"))

    @router.get("/s/{study}")
    @says_problems
    def study(request: Request, study: str) -> Response:
        look = Look.of(request.query_params)
        page = pages.show_study(
            desk.rooms,
            desk.landscapes,
            _caller(request),
            study,
            look=look,
            addresses=addresses_of(request),
            now=datetime.now(UTC),
        )
        server = str(request.base_url).rstrip("/")
        return desk.page(request, "study.html", status=422 if page.fault else 200, page=page, server=server)

    @router.get("/s/{study}/{number}")
    @says_problems
    def trial(request: Request, study: str, number: str) -> Response:
        page = one_trial.show_trial(desk.rooms, _caller(request), study, number, now=datetime.now(UTC))
        return desk.page(request, "trial.html", page=page)

    @router.get("/static/{name}")
    def static(request: Request, name: str) -> Response:
        file = desk.files.get(name)
        if file is None:
            return desk.problem(request, NotFound("There is no such file."))
        return Response(file.content, media_type=file.media_type, headers={"Cache-Control": _A_YEAR})


def _add_entrance(router: APIRouter, desk: _Desk) -> None:
    def enter(request: Request, token_or_key: str, refusal: str) -> Response:
        try:
            secret = entrance.admit(desk.rooms, token_or_key)
        except DomainError as error:
            return desk.problem(request, error)
        if secret is None:
            return desk.page(request, "login.html", status=401, fault=refusal)
        answer = RedirectResponse(addresses_of(request).home, status_code=303)
        entrance.set_cookie(answer, desk.cookie, secret, secure=desk.secure)
        return answer

    @router.get("/login")
    def login_page(request: Request, token: str | None = None) -> Response:
        if token is None:
            return desk.page(request, "login.html", fault="")
        return enter(request, token, entrance.USED_TOKEN)

    @router.post("/login")
    def login(request: Request, form: Annotated[bytes, Depends(_form)]) -> Response:
        key = entrance.key_of(form)
        return enter(request, key, entrance.WRONG_KEY if key else entrance.NO_KEY)

    @router.post("/logout")
    def logout(request: Request) -> Response:
        secret = request.cookies.get(desk.cookie, "")
        answer = RedirectResponse(addresses_of(request).login, status_code=303)
        try:
            keys.close_session(desk.rooms, secret)
        except DomainError as error:
            return desk.problem(request, error)
        entrance.take_cookie(answer, desk.cookie, secure=desk.secure)
        return answer


def _caller(request: Request) -> Caller:
    caller = request.state.caller
    assert isinstance(caller, Caller)
    return caller


def _short(text: str) -> str:
    """The version alone, of a text that may say more: "16.4" of "16.4 (Debian 16.4-1)"."""
    return text.split()[0] if text.split() else ""
