"""Routes for those who run the server: is it alive, is it ready. Open to everybody, so they tell nothing more."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter
from starlette.requests import Request

from trimtab_service.api.answers import Health
from trimtab_service.api.openapi import READY
from trimtab_service.usecases.health import ready

router = APIRouter(tags=["operations"])


@router.get("/healthz", summary="Whether the server runs")
async def healthz() -> Health:
    """Always ok, without looking at the database."""
    return Health(status="ok", version=version("trimtab-service"))


@router.get("/readyz", summary="Whether the server can answer requests", responses=READY)
def readyz(request: Request) -> Health:
    """Ok when the database answers and has this version's tables; else 503 database_unavailable."""
    ready(request.app.state.rooms)
    return Health(status="ok", version=version("trimtab-service"))
