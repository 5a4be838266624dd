"""The composition root: builds store, compute and app from the settings. The only place that wires rooms together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from importlib.metadata import version

import anyio.to_thread
from fastapi import FastAPI

from trimtab_service import api, dashboard
from trimtab_service.compute import Compute
from trimtab_service.settings import Settings
from trimtab_service.store import Store
from trimtab_service.usecases import ask, upkeep
from trimtab_service.usecases.rooms import Rooms

THREADS = 32
"""Requests worked on at once; asks that compute hold at most half of these."""


def build_rooms(settings: Settings, *, checkpoints: bool = True) -> Rooms:
    """The rooms below the routes; nothing is started or opened yet but the database's engine.

    checkpoints: False for an SQLite file that another process serves.
    """
    return Rooms(
        store=Store(settings.database, checkpoints=checkpoints),
        compute=Compute(settings.compute_workers),
        lease_seconds=settings.lease_seconds,
        deadline=settings.deadline_seconds,
    )


def create_app(settings: Settings, rooms: Rooms | None = None) -> FastAPI:
    """The application. An SQLite file is migrated when it starts; PostgreSQL wants `trimtab-service migrate`."""
    rooms = rooms or build_rooms(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        with closing(rooms.store), closing(rooms.compute):
            if settings.is_sqlite:
                await anyio.to_thread.run_sync(rooms.store.migrate)
            ask.get_ready(rooms)
            end_upkeep = upkeep.keep_up(rooms)
            try:
                yield
            finally:
                rooms.compute.close()  # first, so that asks that still compute give up
                await anyio.to_thread.run_sync(end_upkeep)

    app = FastAPI(
        title="Trimtab",
        version=version("trimtab-service"),
        description="Bayesian hyperparameter optimisation for models that must be small, fast and accurate.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    api.install(
        app,
        rooms,
        auth=settings.auth,
        allowed_hosts=settings.host_names,
        secure_cookies=settings.behind_proxy,
    )
    dashboard.install(app, rooms, secure_cookies=settings.behind_proxy)
    return app
