"""The description of the API at /openapi.json: FastAPI's own, with what it can't know: keys, and how errors come."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from trimtab_service.api.answers import Problem
from trimtab_service.api.errors import MEDIA_TYPE

Responses = dict[int | str, dict[str, Any]]


def _problems(**meanings: str) -> Responses:
    return {int(name[1:]): {"model": Problem, "description": meaning} for name, meaning in meanings.items()}


LOOK = _problems(
    _400="The Host header names none of this server's names",
    _401="No key, or a wrong one",
    _404="There is no such study or trial",
    _422="The request makes no sense",
    _429="Too many wrong keys came from this address",
    _500="Something broke on the server",
    _503="Try again after Retry-After seconds",
)
CHANGE = LOOK | _problems(
    _400="The body is not strict JSON",
    _403="The request comes from another site's page",
    _409="The request does not fit the present state",
    _413="The body is too large",
    _415="The body is not application/json",
)
READY = _problems(_503="The database can't be reached")
_OPEN = ("/healthz", "/readyz")


def install_openapi(app: FastAPI) -> None:
    """Replace the app's description."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _describe(app)
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]  # FastAPI's documented way to change the description


def _describe(app: FastAPI) -> dict[str, Any]:
    schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    schema["components"]["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "bearerFormat": "tt_…"},
    }
    schema["security"] = [{"key": []}]
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            if path in _OPEN:
                operation["security"] = []
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    response["content"] = {MEDIA_TYPE: response["content"]["application/json"]}
    return schema
