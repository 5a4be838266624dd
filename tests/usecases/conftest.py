"""Use cases on a real store, with a compute pool that runs in this process."""

from __future__ import annotations

import pytest

from trimtab_service.usecases import studies
from trimtab_service.usecases.once import Once
from trimtab_service.usecases.rooms import Caller, Rooms


class Inline:
    """A compute room without processes. failing: what the next runs raise instead."""

    def __init__(self) -> None:
        self.failing: Exception | None = None
        self.runs = 0

    def run(self, function, *arguments, deadline):
        self.runs += 1
        if self.failing is not None:
            raise self.failing
        return function(*arguments)

    def close(self) -> None:
        pass


@pytest.fixture
def rooms(store):
    return Rooms(store=store, compute=Inline(), lease_seconds=60, deadline=60)


@pytest.fixture
def caller(store):
    with store.begin() as tx:
        tx.add_key("testtest", b"\x00" * 32, "admin", "tests")
        row = tx.find_key("testtest")
    return Caller(row.id, row.key_id, row.role, row.project_id)


@pytest.fixture
def once(caller):
    """Makes a Once whose body is {"result": the use case's own result}."""

    def make(key=None, fingerprint="f", status=200, shape=lambda result: {"result": result}):
        return Once(key, caller.key_row_id, fingerprint, status, shape)

    return make


DEFINITION = {
    "name": "s",
    "space": {"x": {"type": "float", "low": -1.0, "high": 1.0}},
    "objectives": {"loss": "minimize"},
    "algorithm": "random",
}


@pytest.fixture
def study(rooms, caller, once):
    """A study named s with one float and one objective. Takes changes of the definition."""

    def make(**changes):
        return studies.create(rooms, caller, {**DEFINITION, **changes}, once()).body["result"].study

    return make
