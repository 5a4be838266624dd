from __future__ import annotations

from importlib.metadata import version

from starlette.testclient import TestClient

from tests.api.builders import HERE, Api, ComputeInline
from trimtab_service.app import create_app
from trimtab_service.settings import Settings
from trimtab_service.store import Store
from trimtab_service.usecases.rooms import Rooms


def test_a_running_server_says_so_to_everybody(api_everywhere: Api) -> None:
    for path in ("/healthz", "/readyz"):
        response = api_everywhere.visitor().get(path)

        assert (response.status_code, response.json()) == (
            200,
            {"status": "ok", "version": version("trimtab-service")},
        )


def test_a_server_without_tables_lives_but_is_not_ready(empty_database_url: str) -> None:
    rooms = Rooms(store=Store(empty_database_url), compute=ComputeInline())  # type: ignore[arg-type]
    visitor = TestClient(create_app(Settings(database=empty_database_url), rooms), base_url=HERE)

    alive, ready = visitor.get("/healthz"), visitor.get("/readyz")
    rooms.store.close()

    assert alive.status_code == 200
    assert (ready.status_code, ready.json()["code"]) == (503, "database_unavailable")
    assert ready.headers["retry-after"] == "1"
