from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.api.builders import Api

SNAPSHOT = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"


def operations(api: Api) -> list[tuple[str, str, dict[str, Any]]]:
    paths = api.get("/openapi.json").json()["paths"]
    return [(method, path, one) for path, methods in paths.items() for method, one in methods.items()]


def test_the_description_is_the_one_in_the_docs(api: Api) -> None:
    described = api.get("/openapi.json").json()

    assert described == json.loads(SNAPSHOT.read_text()), "renew it: python -m tests.api.renew_openapi"


def test_every_operation_is_described_with_its_errors(api: Api) -> None:
    for method, path, operation in operations(api):
        assert operation["summary"], path
        assert operation["tags"], path
        if not path.startswith("/v1/"):
            assert operation["security"] == []
            continue
        expected = {"400", "401", "404", "422", "429", "500", "503"}
        if method != "get":
            expected |= {"403", "409", "413", "415"}
        assert expected <= set(operation["responses"]), path
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert response["content"] == {
                    "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
                }


def test_every_change_takes_an_idempotency_key(api: Api) -> None:
    for method, path, operation in operations(api):
        names = {one["name"].lower() for one in operation.get("parameters", ())}
        assert ("idempotency-key" in names) == (method != "get" and not path.endswith("/heartbeat")), path


def test_the_pages_for_people_are_not_part_of_it(api: Api) -> None:
    paths = {path for _, path, _ in operations(api)}

    assert {path for path in paths if not path.startswith("/v1/")} == {"/healthz", "/readyz"}
