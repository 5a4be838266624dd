"""Routes of a study's workers: who failed lately, who is paused, and to let one ask again."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from trimtab_service.api.beside_trials import WorkerOut, WorkerRequest, WorkersOut
from trimtab_service.api.deps import ChangeDep, LookDep, StudyRef, send
from trimtab_service.api.openapi import CHANGE, LOOK
from trimtab_service.usecases import workers

router = APIRouter(prefix="/v1/studies/{study}/workers", tags=["workers"])


@router.get("", summary="List a study's workers", responses=LOOK)
def list_workers(study: StudyRef, look: LookDep) -> WorkersOut:
    """The workers that ever failed a trial, by name."""
    return WorkersOut(items=[WorkerOut.of(one) for one in workers.every(look.rooms, look.caller, study)])


@router.post("/resume", response_model=WorkerOut, summary="Let a paused worker ask again", responses=CHANGE)
def resume_worker(study: StudyRef, body: WorkerRequest, change: ChangeDep) -> Response:
    """The worker, its failures forgotten."""
    once = change.once(200, lambda worker: WorkerOut.of(worker).to_json())
    return send(workers.resume(change.rooms, change.caller, study, body.worker, once))
