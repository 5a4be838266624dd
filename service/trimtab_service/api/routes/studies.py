"""Routes of studies: make, list, look, change, delete."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from trimtab_service.api.answers import StudyOut, StudyPage
from trimtab_service.api.deps import ChangeDep, LookDep, StudyRef, send
from trimtab_service.api.openapi import CHANGE, LOOK
from trimtab_service.api.queries import StudiesQuery
from trimtab_service.api.schemas import StudyCreate, StudyPatch
from trimtab_service.domain.study import StudyState
from trimtab_service.usecases import studies
from trimtab_service.usecases.studies import StudyView

router = APIRouter(prefix="/v1/studies", tags=["studies"])


@router.post(
    "",
    status_code=201,
    response_model=StudyOut,
    summary="Make a study",
    responses=CHANGE | {200: {"model": StudyOut, "description": "The study was there already (exist_ok)"}},
)
def create_study(body: StudyCreate, change: ChangeDep) -> Response:
    """The study; 409 study_name_taken or study_conflict when there is another of this name."""
    answer = studies.create(change.rooms, change.caller, body.definition(), change.once(201, _shape))
    return send(answer)


@router.get("", summary="List studies, the newest first", responses=LOOK)
def list_studies(query: Annotated[StudiesQuery, Query()], look: LookDep) -> StudyPage:
    """A page of studies."""
    state = None if query.state is None else StudyState(query.state)
    page = studies.page(look.rooms, look.caller, state=state, cursor=query.cursor, limit=query.limit)
    return StudyPage.of(page)


@router.get("/{study}", summary="Look at a study", responses=LOOK)
def get_study(study: StudyRef, look: LookDep) -> StudyOut:
    """The study of this name or id."""
    return StudyOut.of(studies.get(look.rooms, look.caller, study))


@router.patch(
    "/{study}", response_model=StudyOut, summary="Change a study's state, budget or metadata", responses=CHANGE
)
def patch_study(study: StudyRef, body: StudyPatch, change: ChangeDep) -> Response:
    """The study with the changes; 409 illegal_move when its state can't become that one."""
    answer = studies.patch(change.rooms, change.caller, study, body.changes(), change.once(200, _shape))
    return send(answer)


@router.delete("/{study}", status_code=204, summary="Delete a study with all its trials", responses=CHANGE)
def delete_study(study: StudyRef, change: ChangeDep) -> Response:
    """Nothing is left of it."""
    return send(studies.delete(change.rooms, change.caller, study, change.once(204, lambda _: None)))


def _shape(view: StudyView) -> dict[str, object]:
    return StudyOut.of(view).to_json()
