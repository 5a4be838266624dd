"""Routes of what a study found: the best, the front, its hypervolume and knee, a pick, a ranking, a trade-off."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from trimtab_service.api.answers import TrialOut
from trimtab_service.api.deps import LookDep, PlaceForPrediction, PlaceToWait, StudyRef
from trimtab_service.api.front_answers import (
    HypervolumeOut,
    KneeTrialOut,
    ParetoOut,
    PickOut,
    RankingOut,
    entry_out,
)
from trimtab_service.api.openapi import LOOK
from trimtab_service.api.queries import BestQuery, FrontQuery, PickQuery, RankQuery, TradeOffQuery
from trimtab_service.domain.insight import PredictedBest, TradeOff
from trimtab_service.usecases import best, front, pick, predicted, rank, trade_off

router = APIRouter(prefix="/v1/studies/{study}", tags=["fronts"])


@router.get(
    "/best",
    dependencies=[PlaceForPrediction],
    summary="The best trial, or a predicted one",
    responses=LOOK,
)
def best_trial(study: StudyRef, query: Annotated[BestQuery, Query()], look: LookDep) -> TrialOut | PredictedBest:
    """The best feasible trial; 404 no_complete_trial, or no_feasible_trial that names the nearest.

    With predicted=true: params that the surrogates expect to be best, which nobody measured.
    """
    where, device, objective = query.where, query.device, query.objective
    if query.predicted:
        return predicted.best(look.rooms, look.caller, study, where=where, device=device, objective=objective)
    found = best.best(look.rooms, look.caller, study, where=where, device=device, objective=objective)
    return entry_out(look.judge(study), found)


@router.get("/pareto", summary="The Pareto front, its knee and its hypervolume", responses=LOOK)
def pareto_front(study: StudyRef, query: Annotated[FrontQuery, Query()], look: LookDep) -> ParetoOut:
    """The feasible trials and variants that no other one beats in every objective."""
    found = front.pareto(look.rooms, look.caller, study, query.where, query.device)
    return ParetoOut.of(look.judge(study), found)


@router.get("/hypervolume", summary="How the front's hypervolume grew", responses=LOOK)
def hypervolume(study: StudyRef, query: Annotated[FrontQuery, Query()], look: LookDep) -> HypervolumeOut:
    """The hypervolume after each feasible trial, from a reference that is given or inferred from them."""
    return HypervolumeOut.of(front.growth(look.rooms, look.caller, study, query.where, query.device))


@router.get("/knee", summary="The knee of the Pareto front", responses=LOOK)
def knee(study: StudyRef, query: Annotated[FrontQuery, Query()], look: LookDep) -> KneeTrialOut:
    """The item beyond which little more of one objective costs much of another."""
    found = front.pareto(look.rooms, look.caller, study, query.where, query.device).knee
    return KneeTrialOut(knee=None if found is None else entry_out(look.judge(study), found))


@router.get("/pick", summary="Which model to take under limits", responses=LOOK)
def pick_model(study: StudyRef, query: Annotated[PickQuery, Query()], look: LookDep) -> PickOut:
    """The best model by an objective, and what its neighbours on the front would buy or save."""
    found = pick.pick(look.rooms, look.caller, study, where=query.where, device=query.device, by=query.by)
    return PickOut.of(look.judge(study), found)


@router.get("/rank", summary="Stored trials by a reward", responses=LOOK)
def rank_trials(study: StudyRef, query: Annotated[RankQuery, Query()], look: LookDep) -> RankingOut:
    """The highest rewards first, with a warning where the reward is soft."""
    found = rank.rank(look.rooms, look.caller, study, query.reward, query.where, query.limit)
    return RankingOut.of(look.judge(study), found)


@router.get(
    "/trade-off", dependencies=[PlaceToWait], summary="What a budget of one metric buys of another", responses=LOOK
)
def show_trade_off(study: StudyRef, query: Annotated[TradeOffQuery, Query()], look: LookDep) -> TradeOff:
    """The best under each budget: measured, and as the surrogates see it, with the price of one unit more."""
    return trade_off.trade_off(look.rooms, look.caller, study, query.of, query.against, query.points)
