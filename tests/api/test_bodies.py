from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.builders import Api, definition, made
from tests.api.corpus import HOSTILE

TAKERS = [
    ("POST", "/v1/studies"),
    ("PATCH", "/v1/studies/digits"),
    ("POST", "/v1/studies/digits/ask"),
    ("POST", "/v1/studies/digits/enqueue"),
    ("POST", "/v1/studies/digits/trials"),
    ("POST", "/v1/studies/digits/trials/0/tell"),
    ("POST", "/v1/studies/digits/trials/0/fail"),
    ("POST", "/v1/studies/digits/trials/0/report"),
    ("POST", "/v1/studies/digits/trials/0/release"),
    ("POST", "/v1/studies/digits/trials/0/heartbeat"),
    ("POST", "/v1/studies/digits/trials/0/preflight"),
    ("POST", "/v1/studies/digits/probes"),
    ("POST", "/v1/studies/digits/probes/ask"),
    ("POST", "/v1/studies/digits/workers/resume"),
    ("POST", "/v1/devices"),
    ("POST", "/v1/measure/ask"),
    ("POST", "/v1/measure/1/tell"),
    ("POST", "/v1/measure/1/fail"),
    ("POST", "/v1/measure/1/release"),
    ("POST", "/v1/measure/1/heartbeat"),
]
"""Every route that takes a body; a test below holds the list complete."""
ENDURED: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/v1/studies"): definition("other"),
    ("PATCH", "/v1/studies/digits"): {"metadata": {}},
    ("POST", "/v1/studies/digits/ask"): {"count": 1},
    ("POST", "/v1/studies/digits/enqueue"): {"params": {"lr": 0.01, "depth": 2}},
    ("POST", "/v1/studies/digits/trials"): {"trials": [{"params": {"lr": 0.01, "depth": 2}, "state": "failed"}]},
    ("POST", "/v1/studies/digits/trials/0/tell"): {"epoch": 1, "values": {"accuracy": 0.5}},
    ("POST", "/v1/studies/digits/trials/0/fail"): {"epoch": 1, "kind": "oom"},
    ("POST", "/v1/studies/digits/trials/0/report"): {"epoch": 1, "step": 1, "values": {"accuracy": 0.5}},
    ("POST", "/v1/studies/digits/trials/0/release"): {"epoch": 1},
    ("POST", "/v1/studies/digits/trials/0/heartbeat"): {"epoch": 1},
    ("POST", "/v1/studies/digits/trials/0/preflight"): {"epoch": 1, "values": {"size_bytes": 5}},
    ("POST", "/v1/studies/digits/probes"): {
        "probes": [{"params": {"lr": 0.01, "depth": 2}, "values": {"size_bytes": 5}}]
    },
    ("POST", "/v1/studies/digits/probes/ask"): {"count": 2},
    ("POST", "/v1/studies/digits/workers/resume"): {"worker": "host-1"},
    ("POST", "/v1/devices"): {"name": "pi", "limits": {"size_bytes": 5}},
    ("POST", "/v1/measure/ask"): {"metric": "latency_ms", "device": "pi"},
    ("POST", "/v1/measure/1/tell"): {"epoch": 1, "value": 5.0},
    ("POST", "/v1/measure/1/fail"): {"epoch": 1, "kind": "error"},
    ("POST", "/v1/measure/1/release"): {"epoch": 1},
    ("POST", "/v1/measure/1/heartbeat"): {"epoch": 1},
}
"""A body that each of them accepts."""


@pytest.fixture
def running(api: Api) -> Api:
    """With a study whose trial 0 is running, and one whose trial waits to be measured, leased as job 1."""
    api.study(known_metrics=["size_bytes"])
    assert api.trial()["number"] == 0
    api.study("late", late_metrics=['latency_ms["pi"]'])
    api.complete(0.9, study="late")
    (job,) = made(api.post("/v1/measure/ask", {"metric": "latency_ms", "device": "pi"}))["jobs"]
    assert job["id"] == 1
    return api


@pytest.mark.parametrize(("method", "path"), TAKERS)
def test_hostile_json_is_a_400_on_every_route_that_takes_a_body(running: Api, method: str, path: str) -> None:
    for name, body in HOSTILE.items():
        response = running.client.request(method, path, content=body, headers={"Content-Type": "application/json"})

        assert (response.status_code, response.json()["code"]) == (400, "invalid_json"), (name, response.text)


def test_hostile_json_is_refused_where_no_body_is_wanted(running: Api) -> None:
    response = running.client.request(
        "DELETE", "/v1/studies/digits", content=b"NaN", headers={"Content-Type": "application/json"}
    )

    assert response.json()["code"] == "invalid_json"
    assert running.get("/v1/studies/digits").status_code == 200


def test_every_route_that_takes_a_body_is_on_the_list(api: Api) -> None:
    described = api.get("/openapi.json").json()["paths"]
    takers = {
        (method.upper(), path.replace("{study}", "digits").replace("{number}", "0").replace("{job}", "1"))
        for path, operations in described.items()
        for method, operation in operations.items()
        if "requestBody" in operation
    }

    assert takers == set(TAKERS) == set(ENDURED)


@pytest.mark.parametrize(("method", "path"), TAKERS)
def test_a_good_body_is_accepted_and_an_unknown_key_in_it_refused(running: Api, method: str, path: str) -> None:
    body = ENDURED[method, path]

    refused = running.client.request(method, path, json={**body, "surprise": 1})
    accepted = running.client.request(method, path, json=body)

    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
    assert refused.json()["faults"] == [{"where": "body.surprise", "expected": "no such key", "got": "1"}]
    assert accepted.is_success, accepted.text


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"7", b"null", b"true"])
def test_a_body_that_is_no_object_is_refused(running: Api, body: bytes) -> None:
    for method, path in TAKERS:
        response = running.client.request(method, path, content=body, headers={"Content-Type": "application/json"})

        assert (response.status_code, response.json()["code"]) == (422, "invalid_request"), path


def test_a_missing_body_is_refused(running: Api) -> None:
    for method, path in TAKERS:
        response = running.client.request(method, path)

        assert (response.status_code, response.json()["code"]) == (422, "invalid_request"), path
        assert response.json()["detail"] == "body: expected a value, got nothing"


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "application/json; charset=latin-1",
        "application/problem+json",
        "text/json",
        "json",
    ],
)
def test_another_content_type_is_a_415(api: Api, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    response = api.client.post("/v1/studies", content=b"{}", headers=headers)

    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")
    assert "expected Content-Type application/json" in response.json()["detail"]


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=UTF-8"])
def test_json_may_name_its_charset(api: Api, content_type: str) -> None:
    response = api.client.post("/v1/studies", content=b"{}", headers={"Content-Type": content_type})

    assert response.json()["code"] == "invalid_request"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity, gzip"])
def test_a_compressed_body_is_a_415(api: Api, encoding: str) -> None:
    response = api.post("/v1/studies", headers={"Content-Encoding": encoding})

    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(("path", "limit"), [("/v1/studies", 4 * 2**20), ("/v1/studies/digits/ask", 2**20)])
def test_a_body_beyond_the_limit_is_a_413_whether_its_length_is_declared_or_not(
    api: Api, path: str, limit: int
) -> None:
    def chunks(size: int) -> Iterator[bytes]:
        for _ in range(size // 2**16):
            yield b" " * 2**16
        yield b" " * (size % 2**16)

    headers = {"Content-Type": "application/json"}
    declared = api.client.post(path, content=b" " * (limit + 1), headers=headers)
    chunked = api.client.post(path, content=chunks(limit + 1), headers=headers)
    just_fits = api.client.post(path, content=chunks(limit), headers=headers)

    assert (declared.status_code, declared.json()["code"]) == (413, "payload_too_large")
    assert (chunked.status_code, chunked.json()["code"]) == (413, "payload_too_large")
    assert str(limit) in declared.json()["detail"]
    assert just_fits.json()["code"] == "invalid_json"


@pytest.mark.parametrize("length", ["-1", "1e3", "٣", "", "abc"])
def test_a_content_length_that_is_no_number_is_refused(api: Api, length: str) -> None:
    response = api.client.post(
        "/v1/studies",
        content=b"{}",
        headers={"Content-Type": "application/json", "Content-Length": length.encode()},
    )

    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")


def test_a_large_definition_is_read(api: Api) -> None:
    choices = {f"c{place}": [f"{place}-{number}-{'x' * 300}" for number in range(1_000)] for place in range(10)}
    space = {name: {"type": "categorical", "choices": values} for name, values in choices.items()}

    study = api.study(space=space)

    assert study["space"]["c9"]["choices"] == choices["c9"]
