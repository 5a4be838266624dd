"""Journeys through the real app: the published client drives it in this process, on both databases."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

import trimtab
from trimtab_service.app import build_rooms, create_app
from trimtab_service.settings import Settings
from trimtab_service.usecases import keys


@pytest.fixture
def rooms(database_url):
    return build_rooms(Settings(database=database_url, deadline_seconds=120))


@pytest.fixture
def http(database_url, rooms):
    with TestClient(create_app(Settings(database=database_url), rooms), base_url="http://127.0.0.1") as http:
        yield http


@pytest.fixture
def key(rooms):
    return keys.make_key(rooms).text


@pytest.fixture
def client(http, key):
    with trimtab.Client(key=key, http=http) as client:
        yield client
