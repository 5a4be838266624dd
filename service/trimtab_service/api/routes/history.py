"""Routes that look at trials: a page of them, all as CSV, one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from trimtab_service.api.answers import TrialDetail, TrialPage
from trimtab_service.api.csv_export import export
from trimtab_service.api.deps import LookDep, StudyRef, TrialNumber
from trimtab_service.api.openapi import LOOK
from trimtab_service.api.queries import TrialsQuery
from trimtab_service.usecases import history

router = APIRouter(prefix="/v1/studies/{study}", tags=["history"])
_CSV = {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "A page, or all trials as CSV"}


@router.get("/trials", response_model=TrialPage, summary="List trials", responses=LOOK | {200: _CSV})
def list_trials(study: StudyRef, query: Annotated[TrialsQuery, Query()], look: LookDep) -> Response | TrialPage:
    """Trials by state, condition and order; those without the value that they are ordered by come last."""
    states = query.states
    if query.format == "csv":
        return StreamingResponse(*export(look.rooms, look.caller, study, states, query.where, query.order))
    page = history.trials(
        look.rooms,
        look.caller,
        study,
        states=states,
        where=query.where,
        order=query.order,
        cursor=query.cursor,
        limit=query.limit,
    )
    return TrialPage.of(look.judge(study), page)


@router.get("/trials/{number}", summary="Look at a trial", responses=LOOK)
def get_trial(study: StudyRef, number: TrialNumber, look: LookDep) -> TrialDetail:
    """The trial with its contracts and reports."""
    return TrialDetail.of_view(look.judge(study), history.trial(look.rooms, look.caller, study, number))
