"""Turns every error into an answer: application/problem+json with a code. The only place that knows HTTP statuses.

Domain errors get their status by family; what HTTP itself refuses (a bad body, no key, an unknown path) is a Refusal:

Refusal
├── 400  InvalidJson, InvalidHost
├── 401  Unauthorized          403  Forbidden
├── 404  UnknownPath           405  MethodNotAllowed
├── 413  PayloadTooLarge       415  UnsupportedMediaType
├── 422  InvalidRequest        429  TooManyAttempts
└── 500  InternalError
"""

from __future__ import annotations

import inspect
import json
import logging
import reprlib
import secrets
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trimtab_service.domain.errors import Conflict, DomainError, Invalid, NotFound, Unavailable, all_errors

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
STATUSES: dict[type[DomainError], int] = {NotFound: 404, Conflict: 409, Invalid: 422, Unavailable: 503}
"""Family of domain errors -> HTTP status."""
RETRY_AFTER = 1
"""Seconds after which a request that the server could not answer just now may come again."""
MAX_DETAIL = 2_000
MAX_FAULTS = 10
_ECHO = reprlib.Repr()
_ECHO.maxstring = _ECHO.maxother = _ECHO.maxlong = 80


class Refusal(Exception):
    """The request was refused."""

    code: ClassVar[str]
    status: ClassVar[int]

    def __init__(self, detail: str | None = None, *, headers: Mapping[str, str] | None = None, **extras: Any) -> None:
        self.detail = detail or inspect.cleandoc(type(self).__doc__ or "")
        self.headers = dict(headers or {})
        self.extras = extras
        super().__init__(self.detail)


class InvalidJson(Refusal):
    """The body is not the JSON that was expected."""

    code, status = "invalid_json", 400


class InvalidHost(Refusal):
    """The Host header names none of this server's names; add it to the allowed hosts if it is one."""

    code, status = "invalid_host", 400


class Unauthorized(Refusal):
    """A key is needed: send Authorization: Bearer tt_…"""

    code, status = "unauthorized", 401


class Forbidden(Refusal):
    """The request comes from another site's page."""

    code, status = "forbidden", 403


class UnknownPath(Refusal):
    """There is nothing at this address."""

    code, status = "not_found", 404


class MethodNotAllowed(Refusal):
    """This address does not take this method."""

    code, status = "method_not_allowed", 405


class PayloadTooLarge(Refusal):
    """The body is too large."""

    code, status = "payload_too_large", 413


class UnsupportedMediaType(Refusal):
    """The body must be plain application/json."""

    code, status = "unsupported_media_type", 415


class InvalidRequest(Refusal):
    """The request does not have the form that was expected."""

    code, status = "invalid_request", 422


class TooManyAttempts(Refusal):
    """Too many wrong keys came from this address; wait a minute."""

    code, status = "too_many_attempts", 429


class InternalError(Refusal):
    """Something broke on the server."""

    code, status = "internal_error", 500


def codes() -> dict[str, int]:
    """Every code that an answer can carry -> its HTTP status."""
    from_domain = {error.code: status_of(error) for error in all_errors()}
    return from_domain | {refusal.code: refusal.status for refusal in Refusal.__subclasses__()}


def status_of(error: type[DomainError]) -> int:
    """The HTTP status of a domain error, by its family."""
    return next((status for family, status in STATUSES.items() if issubclass(error, family)), 500)


def answer(error: Exception) -> Response:
    """The answer to a known error. Raises the error itself when it is none that is known."""
    match error:
        case Refusal():
            return _problem(error.status, error.code, error.detail, error.extras, error.headers)
        case DomainError():
            status = status_of(type(error))
            headers = {"Retry-After": str(RETRY_AFTER)} if status == STATUSES[Unavailable] else {}
            return _problem(status, error.code, error.detail, error.extras, headers)
        case RequestValidationError():
            return answer(_invalid_request(error.errors()))
        case HTTPException():
            return answer(_refusal(error))
    raise error


def install_errors(app: FastAPI) -> None:
    """Let routes raise known errors. What they raise beside is caught further out, by ErrorAnswers."""

    async def answer_known(request: Request, error: Exception) -> Response:
        return answer(error)

    for kind in (Refusal, DomainError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, answer_known)


class ErrorAnswers:
    """Answers what the app inside raises: known errors as they are, anything else as a logged internal_error."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Go on, and answer what breaks."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except Exception as error:
            if started:
                raise
            await _answer_any(error, scope)(scope, receive, send)


def _answer_any(error: Exception, scope: Scope) -> Response:
    try:
        return answer(error)
    except Exception:
        request_id = scope.get("state", {}).get("request_id") or secrets.token_hex(8)
        log.exception("request %s broke: %s %s", request_id, scope["method"], ascii(scope["path"]))
        detail = f"something broke on the server; its log has the reason under request {request_id}"
        return answer(InternalError(detail, request_id=request_id))


def _problem(status: int, code: str, detail: str, extras: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
    """RFC 9457. Written in ASCII, so that no text that came in can break the answer."""
    body = {
        **extras,
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail if len(detail) <= MAX_DETAIL else detail[:MAX_DETAIL] + "…",
    }
    return Response(json.dumps(body, default=str), status, dict(headers), MEDIA_TYPE)


def _refusal(error: HTTPException) -> Refusal:
    match error.status_code:
        case 404:
            return UnknownPath()
        case 405:
            allowed = (error.headers or {}).get("Allow", "")
            return MethodNotAllowed(f"this address takes {allowed}" if allowed else None, headers=error.headers)
        case 413:
            return PayloadTooLarge()
        case status if status < 500:
            return InvalidRequest(str(error.detail))
    raise error


def _invalid_request(errors: Sequence[Any]) -> InvalidRequest:
    faults = [_fault(error) for error in errors[:MAX_FAULTS]]
    detail = "; ".join(f"{fault['where']}: expected {fault['expected']}, got {fault['got']}" for fault in faults)
    return InvalidRequest(detail, faults=faults)


def _fault(error: Mapping[str, Any]) -> dict[str, str]:
    """Where it is wrong, what was expected, and a short spelling of what came."""
    where = ".".join(str(part) for part in error["loc"])
    match error["type"]:
        case "missing":
            return {"where": where, "expected": "a value", "got": "nothing"}
        case "extra_forbidden":
            return {"where": where, "expected": "no such key", "got": _spell(error["input"])}
    expected = str(error["msg"]).removeprefix("Input should be ").removeprefix("Value error, ")
    return {"where": where, "expected": expected, "got": _spell(error["input"])}


def _spell(value: object) -> str:
    match value:
        case Mapping():
            return f"an object of {len(value)} keys"
        case list() | tuple():
            return f"a list of {len(value)}"
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
    return _ECHO.repr(value)
