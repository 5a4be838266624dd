"""What a route is given: the rooms, the caller, the study it is about, its Idempotency-Key, and a place to wait."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Header, Path
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from trimtab_service.api.errors import InvalidRequest
from trimtab_service.api.strict_json import canonical
from trimtab_service.domain.errors import Overloaded, StudyNotFound
from trimtab_service.domain.study import STUDY_NAME
from trimtab_service.usecases import studies
from trimtab_service.usecases.once import Answer, Once
from trimtab_service.usecases.rooms import Caller, Rooms

MAX_WAITING = 16
"""Asks that may wait for a proposal at once; half of the threads, so that a tell always finds one."""
MAX_KEY = 200
_VISIBLE = re.compile(r"[!-~]+")
_PUBLIC_ID = re.compile(r"st_[0-9a-f]+")


@dataclass(frozen=True, slots=True)
class Look:
    """A request that changes nothing."""

    rooms: Rooms
    caller: Caller

    def name(self, study: str) -> str:
        """The study's name, of its name or public id; of one that is not there, what it was called."""
        if not _PUBLIC_ID.fullmatch(study):
            return study
        try:
            return studies.get(self.rooms, self.caller, study).study.name
        except StudyNotFound:  # the use case says so, unless it has a stored answer
            return study


@dataclass(frozen=True, slots=True)
class Change(Look):
    """A request that changes something, at most once per Idempotency-Key."""

    key: str | None
    fingerprint: str

    def once(self, status: int, shape: Callable[[Any], dict[str, Any] | None]) -> Once:
        """How the use case makes its answer: the status and the shape of what it did."""
        return Once(self.key, self.caller.key_row_id, self.fingerprint, status, shape)


def send(answer: Answer) -> Response:
    """The answer that a use case made, or made before under the same key."""
    headers = {"Idempotency-Replayed": "true"} if answer.replayed else {}
    if answer.body is None:
        return Response(status_code=answer.status, headers=headers)
    return JSONResponse(answer.body, answer.status, headers)


async def look(request: Request) -> Look:
    """The rooms and the caller, whom Authentication let in."""
    return Look(request.app.state.rooms, request.state.caller)


async def change(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(description="The same key and request give the same answer, however often they are sent."),
    ] = None,
) -> Change:
    """The rooms, the caller and the key. Raises InvalidRequest for a key that is none."""
    if idempotency_key is not None and (
        len(request.headers.getlist("idempotency-key")) > 1
        or len(idempotency_key) > MAX_KEY
        or not _VISIBLE.fullmatch(idempotency_key)
    ):
        raise InvalidRequest(f"expected one Idempotency-Key of 1 to {MAX_KEY} visible ASCII characters")
    return Change(request.app.state.rooms, request.state.caller, idempotency_key, _fingerprint(request))


async def study_ref(
    study: Annotated[str, Path(description="The study's name or its id.", examples=["digits-cnn"])],
) -> str:
    """The name or id in the path. Raises StudyNotFound for what can be neither."""
    if not STUDY_NAME.fullmatch(study):
        raise StudyNotFound(f"there is no study {study[:100]!r}")
    return study


async def place_to_wait(request: Request) -> AsyncIterator[None]:
    """One of MAX_WAITING places, kept until the ask is answered. Raises Overloaded when all are taken."""
    state = request.app.state
    if state.waiting >= MAX_WAITING:
        raise Overloaded(f"{MAX_WAITING} asks are waiting already; try again")
    state.waiting += 1
    try:
        yield
    finally:
        state.waiting -= 1


LookDep = Annotated[Look, Depends(look)]
ChangeDep = Annotated[Change, Depends(change)]
StudyRef = Annotated[str, Depends(study_ref)]
TrialNumber = Annotated[int, Path(ge=0, lt=2**31, description="The trial's number in its study, from 0.")]
PlaceToWait = Depends(place_to_wait, scope="function")


def _fingerprint(request: Request) -> str:
    """Of method, path and body: what makes two requests the same."""
    parts = (request.method.encode(), request.scope["path"].encode(), canonical(request.state.json))
    return hashlib.sha256(b"\n".join(parts)).hexdigest()
