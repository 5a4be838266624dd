"""Routes of cost probes: params to probe, and their costs."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from trimtab_service.api.beside_trials import ProbePointsOut, ProbePointsRequest, ProbesOut, ProbesRequest
from trimtab_service.api.deps import ChangeDep, PlaceToWait, StudyRef, send
from trimtab_service.api.openapi import CHANGE
from trimtab_service.usecases import probes

router = APIRouter(prefix="/v1/studies/{study}/probes", tags=["probes"])


@router.post(
    "/ask",
    status_code=201,
    response_model=ProbePointsOut,
    dependencies=[PlaceToWait],
    summary="Get params to probe",
    responses=CHANGE,
)
def ask_points(study: StudyRef, body: ProbePointsRequest, change: ChangeDep) -> Response:
    """Quasi-random params that are allowed; 409 space_exhausted when none is left."""
    once = change.once(201, lambda points: ProbePointsOut(points=points).to_json())
    return send(probes.points(change.rooms, change.caller, study, body.count, once))


@router.post("", status_code=201, response_model=ProbesOut, summary="Add cost probes", responses=CHANGE)
def add_probes(study: StudyRef, body: ProbesRequest, change: ChangeDep) -> Response:
    """How many were added, all or none; the surrogates of exact costs learn from them."""
    once = change.once(201, lambda added: ProbesOut.of(added).to_json())
    given = [probe.model_dump() for probe in body.probes]
    return send(probes.add(change.rooms, change.caller, study, given, once))
