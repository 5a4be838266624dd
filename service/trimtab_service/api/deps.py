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
from trimtab_service.domain.errors import DeviceNotFound, Overloaded, StudyNotFound
from trimtab_service.domain.metric import DEVICE_NAME
from trimtab_service.domain.study import STUDY_NAME
from trimtab_service.usecases import limits
from trimtab_service.usecases.limits import Judge
from trimtab_service.usecases.once import Answer, Once
from trimtab_service.usecases.rooms import Caller, Rooms

MAX_WAITING = 16
"""Asks that may wait for a proposal at once; half of the threads, so that a tell always finds one."""
MAX_KEY = 200
_VISIBLE = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Look:
    """A request that changes nothing."""

    rooms: Rooms
    caller: Caller

    def judge(self, study: str) -> Judge:
        """What answers say of the study's trials rests on; of a study that is not there, only what it was called."""
        try:
            return limits.judge(self.rooms, self.caller, study)
        except StudyNotFound:  # the use case says so, unless it has a stored answer
            return Judge(study, None)


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


async def device_name(name: Annotated[str, Path(description="The device's name.", examples=["pi-zero"])]) -> str:
    """The name in the path. Raises DeviceNotFound for what can be none."""
    if not DEVICE_NAME.fullmatch(name):
        raise DeviceNotFound(f"there is no device {name[:100]!r}")
    return name


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
JobId = Annotated[int, Path(ge=1, lt=2**63, description="The measure job's id.")]
DeviceName = Annotated[str, Depends(device_name)]
TrialNumber = Annotated[int, Path(ge=0, lt=2**31, description="The trial's number in its study, from 0.")]
PlaceToWait = Depends(place_to_wait, scope="function")


async def place_for_prediction(request: Request) -> AsyncIterator[None]:
    """A place to wait where the surrogates are asked, which is when the query says so. Raises Overloaded."""
    if request.query_params.get("predicted", "false").lower() in ("", "0", "false", "no", "off", "f", "n"):
        yield
        return
    async for _ in place_to_wait(request):
        yield


PlaceForPrediction = Depends(place_for_prediction, scope="function")


def _fingerprint(request: Request) -> str:
    """Of method, path and body: what makes two requests the same."""
    parts = (request.method.encode(), request.scope["path"].encode(), canonical(request.state.json))
    return hashlib.sha256(b"\n".join(parts)).hexdigest()
