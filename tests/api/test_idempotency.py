from __future__ import annotations

from typing import Any

import pytest

from tests.api.builders import Api, definition
from trimtab_service.usecases import keys

KEY = {"Idempotency-Key": "a-key"}
TRIAL = "/v1/studies/digits/trials/0"
MUTATIONS: dict[str, tuple[str, str, dict[str, Any] | None]] = {
    "create": ("POST", "/v1/studies", definition("other")),
    "patch": ("PATCH", "/v1/studies/digits", {"state": "paused"}),
    "delete": ("DELETE", "/v1/studies/digits", None),
    "ask": ("POST", "/v1/studies/digits/ask", {"count": 2}),
    "tell": ("POST", f"{TRIAL}/tell", {"epoch": 1, "values": {"accuracy": 0.5}}),
    "fail": ("POST", f"{TRIAL}/fail", {"epoch": 1, "kind": "infrastructure"}),
    "release": ("POST", f"{TRIAL}/release", {"epoch": 1}),
    "report": ("POST", f"{TRIAL}/report", {"epoch": 1, "step": 1, "values": {"accuracy": 0.5}}),
    "preflight": ("POST", f"{TRIAL}/preflight", {"epoch": 1, "values": {"size_bytes": 5}}),
    "points": ("POST", "/v1/studies/digits/probes/ask", {"count": 2}),
    "probes": (
        "POST",
        "/v1/studies/digits/probes",
        {"probes": [{"params": {"lr": 0.01, "depth": 1}, "values": {"size_bytes": 5}}]},
    ),
    "device": ("POST", "/v1/devices", {"name": "nano", "limits": {"size_bytes": 5}}),
    "resume": ("POST", "/v1/studies/digits/workers/resume", {"worker": "w"}),
    "jobs": ("POST", "/v1/measure/ask", {"metric": "latency_ms", "device": "pi"}),
    "enqueue": ("POST", "/v1/studies/digits/enqueue", {"params": {"lr": 0.01, "depth": 1}}),
    "add": (
        "POST",
        "/v1/studies/digits/trials",
        {"trials": [{"params": {"lr": 0.01, "depth": 1}, "state": "failed"}]},
    ),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_the_same_key_and_request_give_the_same_answer_and_one_effect(api_everywhere: Api, name: str) -> None:
    api = api_everywhere
    method, path, body = MUTATIONS[name]
    api.study()
    api.trial()

    first = api.client.request(method, path, json=body, headers=KEY)
    state = api.get("/v1/studies").json()
    second = api.client.request(method, path, json=body, headers=KEY)

    assert first.is_success, first.text
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert api.get("/v1/studies").json() == state


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/studies/digits/ask", {"count": 2}),
        ("POST", "/v1/studies/digits/ask", {"count": 1, "worker": "w"}),
        ("POST", "/v1/studies/digits/enqueue", {"params": {"lr": 0.01, "depth": 1}}),
        ("DELETE", "/v1/studies/digits", None),
    ],
)
def test_the_same_key_with_another_request_is_refused(
    api_everywhere: Api, method: str, path: str, body: dict[str, Any] | None
) -> None:
    api = api_everywhere
    api.study()
    api.post("/v1/studies/digits/ask", {"count": 1}, headers=KEY)

    response = api.client.request(method, path, json=body, headers=KEY)

    assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")
    assert api.get("/v1/studies/digits").json()["charged"] == 1


def test_the_spelling_of_the_body_does_not_matter(api: Api) -> None:
    api.study()
    headers = {**KEY, "Content-Type": "application/json"}

    first = api.client.post("/v1/studies/digits/ask", content=b'{"count": 1, "worker": "w"}', headers=headers)
    second = api.client.post("/v1/studies/digits/ask", content=b'{"count":1,"worker":"\\u0077"}', headers=headers)

    assert (first.status_code, second.json()) == (201, first.json())


def test_another_order_of_parameters_is_another_request(api: Api) -> None:
    space = {"a": {"type": "constant", "value": 1}, "b": {"type": "float", "low": 0, "high": 1}}
    body = {"name": "s", "space": space, "objectives": {"loss": "minimize"}}
    other = {**body, "space": dict(reversed(space.items()))}

    assert api.post("/v1/studies", body, headers=KEY).status_code == 201
    assert api.post("/v1/studies", other, headers=KEY).json()["code"] == "idempotency_key_reused"


def test_a_key_belongs_to_whoever_sent_it(api: Api) -> None:
    api.study()
    other = api.visitor(Authorization=f"Bearer {keys.make_key(api.rooms).text}")

    mine = api.post("/v1/studies/digits/ask", headers=KEY).json()["trials"]
    theirs = other.post("/v1/studies/digits/ask", json={}, headers=KEY).json()["trials"]

    assert [mine[0]["number"], theirs[0]["number"]] == [0, 1]


def test_a_refused_request_uses_up_no_key(api: Api) -> None:
    api.study()
    assert api.post(f"{TRIAL}/release", {"epoch": 1}, headers=KEY).status_code == 404
    api.trial()

    assert api.post(f"{TRIAL}/release", {"epoch": 1}, headers=KEY).status_code == 200


@pytest.mark.parametrize("key", ["", "a b", "é".encode(), "a\tb", "x" * 201, b"\x80"])
def test_a_key_is_visible_ascii(api: Api, key: str | bytes) -> None:
    api.study()

    response = api.client.post("/v1/studies/digits/ask", json={}, headers=[(b"Idempotency-Key", key)])  # type: ignore[list-item]

    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert api.get("/v1/studies/digits").json()["charged"] == 0


def test_a_key_comes_once(api: Api) -> None:
    api.study()

    response = api.client.post(
        "/v1/studies/digits/ask", json={}, headers=[("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    )

    assert response.json()["code"] == "invalid_request"
    assert api.post("/v1/studies/digits/ask", headers={"Idempotency-Key": "!" * 200}).status_code == 201
