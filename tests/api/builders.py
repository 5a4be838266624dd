"""A running API for tests, and the studies and trials that they need."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fastapi import FastAPI
from httpx2 import Response
from starlette.testclient import TestClient

from trimtab_service.app import create_app
from trimtab_service.settings import Settings
from trimtab_service.store import Store
from trimtab_service.usecases import keys
from trimtab_service.usecases.rooms import Rooms

R = TypeVar("R")
HERE = "http://127.0.0.1"
_addresses = itertools.count(1)


class ComputeInline:
    """Runs a function at once, in the thread that asks. before: what to do first, perhaps to raise."""

    def __init__(self) -> None:
        self.before: Callable[[], None] = lambda: None

    def warm(self, load: Callable[[], object]) -> None:
        return

    def run(self, function: Callable[..., R], *arguments: Any, deadline: float) -> R:
        assert deadline > 0
        self.before()
        return function(*arguments)

    def close(self) -> None:
        return


@dataclass(frozen=True)
class Api:
    """The real app on a real database, with a key. `client` sends the key, `visitor()` sends none."""

    app: FastAPI
    rooms: Rooms
    compute: ComputeInline
    key: str
    client: TestClient = field(repr=False)

    def visitor(self, *, root_path: str = "", **headers: str) -> TestClient:
        """Another client, from an address of its own. root_path: what the proxy in front puts before every path."""
        return TestClient(
            self.app,
            base_url=HERE,
            headers=headers,
            root_path=root_path,
            follow_redirects=False,
            client=(f"10.0.0.{next(_addresses)}", 50_000),
        )

    def get(self, path: str, **given: Any) -> Response:
        return self.client.get(path, **given)

    def post(self, path: str, body: Any = None, **given: Any) -> Response:
        return self.client.post(path, json={} if body is None else body, **given)

    def patch(self, path: str, body: Any, **given: Any) -> Response:
        return self.client.patch(path, json=body, **given)

    def delete(self, path: str, **given: Any) -> Response:
        return self.client.delete(path, **given)

    def study(self, name: str = "digits", **given: Any) -> dict[str, Any]:
        """A study of one float and one int, maximising accuracy, at random."""
        return made(self.post("/v1/studies", definition(name, **given)))

    def trial(self, study: str = "digits") -> dict[str, Any]:
        """A trial that was just handed out."""
        trial: dict[str, Any] = made(self.post(f"/v1/studies/{study}/ask"))["trials"][0]
        return trial

    def tell(self, trial: dict[str, Any], **values: Any) -> Response:
        path = f"/v1/studies/{trial['study']}/trials/{trial['number']}/tell"
        return self.post(path, {"epoch": trial["epoch"], "values": values})

    def complete(self, accuracy: float, study: str = "digits", **values: Any) -> dict[str, Any]:
        """A trial that was handed out and told."""
        response = self.tell(self.trial(study), accuracy=accuracy, **values)
        assert response.status_code == 200, response.text
        told: dict[str, Any] = response.json()
        return told


@contextmanager
def serving(database: str, **settings: Any) -> Iterator[Api]:
    """The app on this database, started, with a key."""
    compute = ComputeInline()
    rooms = Rooms(store=Store(database), compute=compute)  # type: ignore[arg-type]  # a fake, alike in what is called
    app = create_app(Settings(database=database, **settings), rooms)
    with TestClient(app, base_url=HERE, follow_redirects=False) as client:
        key = keys.make_key(rooms).text
        client.headers["Authorization"] = f"Bearer {key}"
        yield Api(app, rooms, compute, key, client)


def definition(name: str = "digits", **given: Any) -> dict[str, Any]:
    return {
        "name": name,
        "space": {
            "lr": {"type": "float", "low": 1e-4, "high": 0.1, "log": True},
            "depth": {"type": "int", "low": 1, "high": 4},
        },
        "objectives": {"accuracy": "maximize"},
        "algorithm": "random",
        **given,
    }


def made(response: Response) -> dict[str, Any]:
    assert response.status_code == 201, response.text
    body: dict[str, Any] = response.json()
    return body
