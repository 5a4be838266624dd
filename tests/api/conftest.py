"""The real app, on a real database of its own for every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.builders import Api, serving


@pytest.fixture
def api(sqlite_url: str) -> Iterator[Api]:
    """The API on SQLite."""
    with serving(sqlite_url) as running:
        yield running


@pytest.fixture
def api_everywhere(database_url: str) -> Iterator[Api]:
    """The API on SQLite, and again on PostgreSQL."""
    with serving(database_url) as running:
        yield running
