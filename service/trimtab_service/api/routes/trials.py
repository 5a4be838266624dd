"""Routes of a trial's life: ask, report, tell, fail, release, heartbeat; enqueue and add."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from trimtab_service.api.answers import AdviceOut, LeasedTrialsOut, LeaseOut, TrialOut, TrialsOut, VerdictOut
from trimtab_service.api.deps import Change, ChangeDep, LookDep, PlaceToWait, StudyRef, TrialNumber, send
from trimtab_service.api.openapi import CHANGE
from trimtab_service.api.schemas import (
    AddTrialsRequest,
    AskRequest,
    EnqueueRequest,
    FailRequest,
    LeaseRequest,
    PreflightRequest,
    ReportRequest,
    TellRequest,
)
from trimtab_service.domain.trial import FailureKind, Trial
from trimtab_service.usecases import ask, enqueue, preflight, report, tell

router = APIRouter(prefix="/v1/studies/{study}", tags=["trials"])


@router.post(
    "/ask",
    status_code=201,
    response_model=LeasedTrialsOut,
    dependencies=[PlaceToWait],
    summary="Get trials to work on",
    responses=CHANGE,
)
def ask_trials(study: StudyRef, body: AskRequest, change: ChangeDep) -> Response:
    """Leased trials; 409 budget_reached, space_exhausted, study_paused, no_feasible_configuration, worker_paused."""
    judge, lease_seconds = change.judge(study), change.rooms.lease_seconds

    def shape(trials: Sequence[Trial]) -> dict[str, Any]:
        return LeasedTrialsOut.of(judge, trials, lease_seconds).to_json()

    return send(ask.ask(change.rooms, change.caller, study, body.count, body.worker, change.once(201, shape)))


@router.post(
    "/trials/{number}/preflight", response_model=VerdictOut, summary="Tell costs before training", responses=CHANGE
)
def preflight_trial(study: StudyRef, number: TrialNumber, body: PreflightRequest, change: ChangeDep) -> Response:
    """Whether to train; over a limit the trial closes as infeasible, and its charge is given back."""
    judge = change.judge(study)
    once = change.once(200, lambda verdict: VerdictOut.of(judge, verdict).to_json())
    return send(preflight.preflight(change.rooms, change.caller, study, number, body.epoch, body.values, once))


@router.post("/trials/{number}/tell", response_model=TrialOut, summary="Tell a trial's result", responses=CHANGE)
def tell_trial(study: StudyRef, number: TrialNumber, body: TellRequest, change: ChangeDep) -> Response:
    """The complete trial. The same result twice is fine; another is 409 trial_already_finished."""
    once = change.once(200, _shape(change, study))
    arguments = (change.rooms, change.caller, study, number, body.epoch, body.values, once)
    return send(tell.tell(*arguments, variants=body.variants, artifact=body.artifact))


@router.post(
    "/trials/{number}/fail", response_model=TrialOut, summary="Close a trial without a result", responses=CHANGE
)
def fail_trial(study: StudyRef, number: TrialNumber, body: FailRequest, change: ChangeDep) -> Response:
    """The failed trial; after an infrastructure failure it waits to be handed out again."""
    once, kind = change.once(200, _shape(change, study)), FailureKind(body.kind)
    return send(tell.fail(change.rooms, change.caller, study, number, body.epoch, kind, body.message, once))


@router.post(
    "/trials/{number}/release", response_model=TrialOut, summary="Give a trial back unharmed", responses=CHANGE
)
def release_trial(study: StudyRef, number: TrialNumber, body: LeaseRequest, change: ChangeDep) -> Response:
    """The trial, waiting for the next ask."""
    once = change.once(200, _shape(change, study))
    return send(tell.release(change.rooms, change.caller, study, number, body.epoch, once))


@router.post("/trials/{number}/heartbeat", summary="Keep a trial's lease", responses=CHANGE)
def heartbeat_trial(study: StudyRef, number: TrialNumber, body: LeaseRequest, look: LookDep) -> LeaseOut:
    """How long the lease lasts from now; 409 lease_lost when another worker has the trial."""
    seconds = tell.heartbeat(look.rooms, look.caller, study, number, body.epoch)
    return LeaseOut(lease_seconds=seconds)


@router.post(
    "/trials/{number}/report", response_model=AdviceOut, summary="Report intermediate values", responses=CHANGE
)
def report_trial(study: StudyRef, number: TrialNumber, body: ReportRequest, change: ChangeDep) -> Response:
    """Whether to stop; steps may come in any order and be repeated."""
    once = change.once(200, lambda should_stop: AdviceOut(should_stop=should_stop).to_json())
    arguments = (change.rooms, change.caller, study, number, body.epoch, body.step, body.values)
    return send(report.report(*arguments, once))


@router.post("/enqueue", status_code=201, response_model=TrialOut, summary="Have params tried next", responses=CHANGE)
def enqueue_trial(study: StudyRef, body: EnqueueRequest, change: ChangeDep) -> Response:
    """The waiting trial; the next ask hands it out."""
    once = change.once(201, _shape(change, study))
    return send(enqueue.enqueue(change.rooms, change.caller, study, body.params, once))


@router.post(
    "/trials", status_code=201, response_model=TrialsOut, summary="Add trials finished elsewhere", responses=CHANGE
)
def add_trials(study: StudyRef, body: AddTrialsRequest, change: ChangeDep) -> Response:
    """The added trials, all or none; they cost no budget."""
    judge = change.judge(study)
    once = change.once(201, lambda trials: TrialsOut.of(judge, trials).to_json())
    given = [trial.model_dump() for trial in body.trials]
    return send(enqueue.add(change.rooms, change.caller, study, given, once))


def _shape(change: Change, study: str) -> Callable[[Trial], dict[str, Any]]:
    judge = change.judge(study)
    return lambda trial: TrialOut.of(judge, trial).to_json()
