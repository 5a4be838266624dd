from __future__ import annotations

import itertools

import pytest
from starlette.testclient import TestClient, WebSocketDisconnect

from tests.api.builders import HERE, Api, serving

HOSTS = [
    ("localhost", True),
    ("LOCALHOST:8731", True),
    ("127.0.0.1", True),
    ("127.0.0.1:8731", True),
    ("[::1]", True),
    ("[::1]:8731", True),
    ("trimtab.example", True),
    ("trimtab.example:443", True),
    ("rebound.example", False),
    ("127.0.0.1.rebound.example", False),
    ("0.0.0.0", False),
    ("127.0.0.2", False),
    ("localhost.", False),
    ("localhost.rebound.example", False),
    ("www.trimtab.example", False),
    ("sub.trimtab.example", False),
    ("localhost/../..", False),
    ("user@localhost", False),
    ("", False),
]


def test_only_our_own_names_are_answered(sqlite_url: str) -> None:
    with serving(sqlite_url, allowed_hosts="trimtab.example") as api:
        for (host, allowed), path in itertools.product(HOSTS, ("/healthz", "/v1/studies", "/login", "/nothing")):
            response = api.get(path, headers={"Host": host})

            if allowed:
                assert response.status_code in (200, 404), (host, response.text)
            else:
                assert (response.status_code, response.json()["code"]) == (400, "invalid_host"), host


def test_every_answer_carries_the_security_headers(api: Api) -> None:
    def broken() -> None:
        raise RuntimeError

    api.app.add_api_route("/v1/broken", broken)
    answers = [
        (api.get("/healthz"), 200),
        (api.get("/v1/studies"), 200),
        (api.visitor().get("/v1/studies"), 401),
        (api.visitor(Accept="text/html").get("/"), 303),
        (api.get("/v1/nothing"), 404),
        (api.get("/v1/studies", headers={"Host": "rebound.example"}), 400),
        (api.post("/v1/studies"), 422),
        (api.get("/v1/broken"), 500),
    ]
    seen = set()
    for response, status in answers:
        headers = response.headers
        assert response.status_code == status
        assert headers["content-security-policy"] == (
            "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; form-action 'self'; "
            "frame-ancestors 'none'; base-uri 'none'"
        )
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers
        seen.add(headers["x-request-id"])
    assert len(seen) == len(answers)


def test_no_page_of_another_host_is_offered(api: Api) -> None:
    for path in ("/docs", "/redoc", "/docs/oauth2-redirect"):
        assert api.get(path).status_code == 404


def test_preflights_of_other_sites_are_not_answered(api: Api) -> None:
    response = api.visitor(Origin="http://rebound.example", **{"Access-Control-Request-Method": "POST"}).options(
        "/v1/studies"
    )

    assert response.status_code == 401
    assert "access-control-allow-methods" not in response.headers


def test_there_are_no_websockets(api: Api) -> None:
    client = TestClient(api.app, base_url=HERE)

    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/v1/studies"):
        pass
