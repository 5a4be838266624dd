"""The real app with its pages, a visitor with a browser's cookies, and studies to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from starlette.testclient import TestClient

from tests.api.builders import Api, serving
from tests.dashboard.builders import DEFINITION, Seen, seen, some_trials

OURS = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def api(sqlite_url: str) -> Iterator[Api]:
    """The app on SQLite."""
    with serving(sqlite_url) as running:
        yield running


@pytest.fixture
def browser(api: Api) -> TestClient:
    """A visitor who has logged in."""
    visitor = api.visitor(accept="text/html")
    answer = visitor.post("/login", data={"key": api.key}, headers=OURS)
    assert answer.status_code == 303, answer.text
    return visitor


@pytest.fixture
def look(browser: TestClient) -> Callable[..., Seen]:
    """Open a page and read it."""

    def open_page(path: str, *, status: int = 200) -> Seen:
        answer = browser.get(path)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        return seen(answer.text)

    return open_page


@pytest.fixture
def fill(api: Api) -> Callable[..., None]:
    """Make a study with so many finished trials."""

    def make(name: str, count: int, *, failing: int = 0, **changes: object) -> None:
        assert api.post("/v1/studies", {"name": name, **DEFINITION, **changes}).status_code == 201
        trials = some_trials(count, failing=failing)
        for start in range(0, count, 100):
            answer = api.post(f"/v1/studies/{name}/trials", {"trials": trials[start : start + 100]})
            assert answer.status_code == 201, answer.text

    return make
