"""Routes of a measure job's life: ask, tell, fail, release, heartbeat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from trimtab_service.api.answers import LeaseOut
from trimtab_service.api.beside_trials import JobOut, LeasedJobsOut, MeasureAskRequest, MeasureTellRequest
from trimtab_service.api.deps import ChangeDep, JobId, LookDep, send
from trimtab_service.api.openapi import CHANGE
from trimtab_service.api.schemas import FailRequest, LeaseRequest
from trimtab_service.domain.trial import FailureKind
from trimtab_service.usecases import measure
from trimtab_service.usecases.measure import Leased, MeasureJob

router = APIRouter(prefix="/v1/measure", tags=["measure"])


@router.post(
    "/ask", status_code=201, response_model=LeasedJobsOut, summary="Get late metrics to measure", responses=CHANGE
)
def ask_jobs(body: MeasureAskRequest, change: ChangeDep) -> Response:
    """Leased measure jobs of the metric for the device; none is a list without items."""
    lease_seconds = change.rooms.lease_seconds

    def shape(jobs: Sequence[Leased]) -> dict[str, Any]:
        return LeasedJobsOut.of(jobs, lease_seconds).to_json()

    asked = (body.metric, body.device, body.worker, body.count, body.study)
    return send(measure.ask(change.rooms, change.caller, *asked, change.once(201, shape)))


@router.post("/{job}/tell", response_model=JobOut, summary="Tell a measured value", responses=CHANGE)
def tell_job(job: JobId, body: MeasureTellRequest, change: ChangeDep) -> Response:
    """The job, done. The same value twice is fine; another is 409 trial_already_finished."""
    return send(measure.tell(change.rooms, change.caller, job, body.epoch, body.value, change.once(200, _shape)))


@router.post("/{job}/fail", response_model=JobOut, summary="End a measure job without a value", responses=CHANGE)
def fail_job(job: JobId, body: FailRequest, change: ChangeDep) -> Response:
    """The failed job; after an infrastructure failure it waits to be handed out again."""
    kind, once = FailureKind(body.kind), change.once(200, _shape)
    return send(measure.fail(change.rooms, change.caller, job, body.epoch, kind, body.message, once))


@router.post("/{job}/release", response_model=JobOut, summary="Give a measure job back unharmed", responses=CHANGE)
def release_job(job: JobId, body: LeaseRequest, change: ChangeDep) -> Response:
    """The job, waiting for the next ask."""
    return send(measure.release(change.rooms, change.caller, job, body.epoch, change.once(200, _shape)))


@router.post("/{job}/heartbeat", summary="Keep a measure job's lease", responses=CHANGE)
def heartbeat_job(job: JobId, body: LeaseRequest, look: LookDep) -> LeaseOut:
    """How long the lease lasts from now; 409 lease_lost when another worker has the job."""
    return LeaseOut(lease_seconds=measure.heartbeat(look.rooms, look.caller, job, body.epoch))


def _shape(job: MeasureJob) -> dict[str, Any]:
    return JobOut.of(job).to_json()
