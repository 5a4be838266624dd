"""Routes of what the surrogates know: predictions, importances, calibration, pictures, suggestion cards."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from trimtab_service.api.deps import LookDep, PlaceToWait, StudyRef
from trimtab_service.api.insight_queries import CardQuery, PredictQuery, SurrogateQuery
from trimtab_service.api.openapi import LOOK
from trimtab_service.domain.insight import Calibrations, Importances, Picture, Predictions, SuggestionCard
from trimtab_service.usecases import insight

router = APIRouter(prefix="/v1/studies/{study}", tags=["insight"], dependencies=[PlaceToWait])


@router.get("/predict", summary="What the surrogates expect of params", responses=LOOK)
def predict(study: StudyRef, query: Annotated[PredictQuery, Query()], look: LookDep) -> Predictions:
    """Mean, standard deviation, median and interval per objective; 404 no_surrogate with too few complete trials."""
    return insight.predict(look.rooms, look.caller, study, query.configurations())


@router.get("/importances", summary="How much each parameter matters", responses=LOOK)
def importances(study: StudyRef, look: LookDep) -> Importances:
    """Sobol indices per objective and parameter; 404 no_surrogate with too few complete trials."""
    return insight.importances(look.rooms, look.caller, study)


@router.get("/calibration", summary="Whether the surrogates can be trusted", responses=LOOK)
def calibration(study: StudyRef, look: LookDep) -> Calibrations:
    """Held-out predictions per objective, and what they say; 404 no_surrogate with too few complete trials."""
    return insight.calibration(look.rooms, look.caller, study)


@router.get("/surrogate", summary="What the surrogates look like", responses=LOOK)
def surrogate(study: StudyRef, query: Annotated[SurrogateQuery, Query()], look: LookDep) -> Picture:
    """How they were fitted, active bounds, a slice or a contour; 404 no_surrogate with too few complete trials."""
    return insight.picture(look.rooms, look.caller, study, **query.view())


@router.get("/suggestion-card", summary="Why a trial was suggested", responses=LOOK)
def suggestion_card(study: StudyRef, query: Annotated[CardQuery, Query()], look: LookDep) -> SuggestionCard:
    """What was expected of the trial when it was proposed, or why nothing was."""
    return insight.suggestion_card(look.rooms, look.caller, study, query.number)
