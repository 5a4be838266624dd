from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from httpx2 import Response
from sqlalchemy import update
from starlette.testclient import TestClient

from tests.api.builders import HERE, Api, ComputeInline, definition
from trimtab_service.api.errors import codes
from trimtab_service.app import create_app
from trimtab_service.domain.errors import ComputeUnavailable, all_errors
from trimtab_service.settings import Settings
from trimtab_service.store import Store
from trimtab_service.store.tables import studies
from trimtab_service.usecases.ask import REFUSALS
from trimtab_service.usecases.rooms import Rooms

DOCS = Path(__file__).resolve().parents[2] / "docs" / "errors.md"
FAMILIES = {error.code for error in all_errors() if error.__subclasses__()} - {"not_found"}
"""Codes that group others; no answer carries them. not_found is also what an unknown path is."""


def invalid_space(api: Api) -> Response:
    return api.post("/v1/studies", definition(space={"lr": {"type": "float", "low": 1, "high": 0}}))


def invalid_study(api: Api) -> Response:
    return api.post("/v1/studies", definition("no spaces please"))


def study_conflict(api: Api) -> Response:
    api.study()
    return api.post("/v1/studies", definition(seed=7, exist_ok=True))


def study_name_taken(api: Api) -> Response:
    api.study()
    return api.post("/v1/studies", definition())


def not_supported(api: Api) -> Response:
    return api.post("/v1/studies", definition(stopping={"rule": "median"}))


def study_not_found(api: Api) -> Response:
    return api.get("/v1/studies/none")


def trial_not_found(api: Api) -> Response:
    api.study()
    return api.get("/v1/studies/digits/trials/0")


def no_complete_trial(api: Api) -> Response:
    api.study()
    return api.get("/v1/studies/digits/best")


def no_surrogate(api: Api) -> Response:
    api.study()
    return api.get("/v1/studies/digits/importances")


def no_feasible_trial(api: Api) -> Response:
    api.study(constraints=["accuracy >= 0.95"])
    api.complete(0.9)
    return api.get("/v1/studies/digits/best")


def device_not_found(api: Api) -> Response:
    return api.get("/v1/devices/none")


def device_conflict(api: Api) -> Response:
    api.post("/v1/devices", {"name": "pi", "limits": {"size_bytes": 5}})
    return api.post("/v1/devices", {"name": "pi", "limits": {"size_bytes": 6}})


def job_not_found(api: Api) -> Response:
    return api.post("/v1/measure/99/heartbeat", {"epoch": 1})


def worker_paused(api: Api) -> Response:
    api.study()
    for number in range(3):
        api.post("/v1/studies/digits/ask", {"worker": "broken"})
        api.post(f"/v1/studies/digits/trials/{number}/fail", {"epoch": 1, "kind": "error"})
    return api.post("/v1/studies/digits/ask", {"worker": "broken"})


def contract_mismatch(api: Api) -> Response:
    api.study()
    for device in ("pi", "laptop"):
        latency = {"value": 5.0, "contract": {"device": device}}
        answer = api.tell(api.trial(), accuracy=0.9, latency_ms=latency)
    return answer


def no_feasible_configuration(api: Api) -> Response:
    api.study()
    with api.rooms.store.begin() as tx:  # as after so many refused preflights
        tx.connection.execute(update(studies).values(refused_in_a_row=REFUSALS))
    return api.post("/v1/studies/digits/ask")


def trial_already_finished(api: Api) -> Response:
    api.study()
    return api.tell(api.complete(0.9), accuracy=0.8)


def trial_not_running(api: Api) -> Response:
    api.study()
    api.post("/v1/studies/digits/enqueue", {"params": {"lr": 0.01, "depth": 1}})
    return api.post("/v1/studies/digits/trials/0/tell", {"epoch": 1, "values": {"accuracy": 0.9}})


def lease_lost(api: Api) -> Response:
    api.study()
    api.trial()
    return api.post("/v1/studies/digits/trials/0/heartbeat", {"epoch": 2})


def illegal_move(api: Api) -> Response:
    api.study()
    api.patch("/v1/studies/digits", {"state": "archived"})
    return api.patch("/v1/studies/digits", {"state": "paused"})


def budget_reached(api: Api) -> Response:
    api.study(max_trials=1)
    api.trial()
    return api.post("/v1/studies/digits/ask")


def space_exhausted(api: Api) -> Response:
    api.study(space={"bits": {"type": "categorical", "choices": [8, 32]}}, algorithm="grid")
    api.post("/v1/studies/digits/ask", {"count": 2})
    return api.post("/v1/studies/digits/ask")


def study_paused(api: Api) -> Response:
    api.study()
    api.patch("/v1/studies/digits", {"state": "paused"})
    return api.post("/v1/studies/digits/ask")


def invalid_params(api: Api) -> Response:
    api.study()
    return api.post("/v1/studies/digits/enqueue", {"params": {"lr": 7, "depth": 1}})


def invalid_value(api: Api) -> Response:
    api.study()
    return api.tell(api.trial(), accuracy="good")


def unknown_metric(api: Api) -> Response:
    api.study()
    return api.tell(api.trial(), accuracy=0.9, charm=1)


def missing_metric(api: Api) -> Response:
    api.study()
    return api.tell(api.trial(), size_bytes=1)


def invalid_query(api: Api) -> Response:
    api.study()
    return api.get("/v1/studies/digits/trials", params={"where": "accuracy >="})


def idempotency_key_reused(api: Api) -> Response:
    api.post("/v1/studies", definition("one"), headers={"Idempotency-Key": "k"})
    return api.post("/v1/studies", definition("two"), headers={"Idempotency-Key": "k"})


def overloaded(api: Api) -> Response:
    api.study()
    api.app.state.waiting = 16
    return api.post("/v1/studies/digits/ask")


def compute_unavailable(api: Api) -> Response:
    def fail() -> None:
        raise ComputeUnavailable

    api.study()
    api.compute.before = fail
    return api.post("/v1/studies/digits/ask")


def database_unavailable(api: Api) -> Response:
    address = "postgresql://nobody@127.0.0.1:1/nothing"
    rooms = Rooms(store=Store(address), compute=ComputeInline())  # type: ignore[arg-type]
    try:
        return TestClient(create_app(Settings(database=address), rooms), base_url=HERE).get("/readyz")
    finally:
        rooms.store.close()


def invalid_json(api: Api) -> Response:
    return api.client.post("/v1/studies", content=b"{", headers={"Content-Type": "application/json"})


def invalid_host(api: Api) -> Response:
    return api.get("/v1/studies", headers={"Host": "rebound.example"})


def unauthorized(api: Api) -> Response:
    return api.visitor().get("/v1/studies")


def forbidden(api: Api) -> Response:
    return api.visitor(**{"Sec-Fetch-Site": "cross-site"}).post("/login")


def not_found(api: Api) -> Response:
    return api.get("/v1/nothing")


def method_not_allowed(api: Api) -> Response:
    return api.client.put("/v1/studies", json={})


def payload_too_large(api: Api) -> Response:
    return api.post("/v1/studies/digits/ask", {"worker": "x" * 2**20})


def unsupported_media_type(api: Api) -> Response:
    return api.client.post("/v1/studies", content=b"{}", headers={"Content-Type": "text/plain"})


def invalid_request(api: Api) -> Response:
    return api.post("/v1/studies", {})


def too_many_attempts(api: Api) -> Response:
    visitor = api.visitor(Authorization="Bearer tt_wrong")
    for _ in range(5):
        assert visitor.get("/v1/studies").status_code == 401
    return visitor.get("/v1/studies")


def internal_error(api: Api) -> Response:
    def broken() -> None:
        raise RuntimeError("a secret that must not get out")

    api.app.add_api_route("/v1/broken", broken)
    return api.get("/v1/broken")


CASES: dict[str, Callable[[Api], Response]] = {
    case.__name__: case
    for case in (
        *(invalid_space, invalid_study, study_conflict, study_name_taken, not_supported, study_not_found),
        *(trial_not_found, no_complete_trial, no_surrogate, trial_already_finished, trial_not_running, lease_lost),
        *(illegal_move, budget_reached, space_exhausted, study_paused, invalid_params, invalid_value, unknown_metric),
        *(missing_metric, invalid_query, idempotency_key_reused, overloaded, compute_unavailable),
        *(database_unavailable, invalid_json, invalid_host, unauthorized, forbidden, not_found, method_not_allowed),
        *(no_feasible_trial, device_not_found, device_conflict, job_not_found, worker_paused, contract_mismatch),
        *(
            no_feasible_configuration,
            payload_too_large,
            unsupported_media_type,
            invalid_request,
            too_many_attempts,
            internal_error,
        ),
    )
}


@pytest.mark.parametrize("code", CASES)
def test_each_error_comes_with_its_code_and_status(api: Api, code: str) -> None:
    response = CASES[code](api)
    problem = response.json()

    assert (problem["code"], response.status_code, problem["status"]) == (code, codes()[code], codes()[code])
    assert response.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "detail"} < set(problem)
    assert len(problem["detail"]) > 10
    assert ("retry-after" in response.headers) == (response.status_code in (429, 503))


def test_every_code_that_can_be_answered_is_exercised_here() -> None:
    assert set(CASES) == set(codes()) - FAMILIES


def test_the_docs_name_every_code_with_its_status_and_no_other() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d{3}) \|", DOCS.read_text(), re.MULTILINE)

    assert len(rows) == len(set(rows))
    assert {code: int(status) for code, status in rows} == {
        code: status for code, status in codes().items() if code not in FAMILIES
    }


def test_a_study_conflict_says_what_differs(api: Api) -> None:
    problem = study_conflict(api).json()

    assert problem["diff"] == {"seed": {"expected": 0, "got": 7}}


def test_a_broken_route_tells_nothing_but_the_request_number_and_logs_the_rest(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        response = internal_error(api)

    request_id = response.json()["request_id"]
    assert response.headers["x-request-id"] == request_id
    assert "secret" not in response.text
    assert request_id in caplog.text
    assert "a secret that must not get out" in caplog.text
    assert api.get("/v1/studies").status_code == 200


def test_an_unknown_method_names_the_known_ones(api: Api) -> None:
    response = method_not_allowed(api)

    assert set(response.headers["allow"].split(", ")) <= {"GET", "POST"}
    assert response.json()["detail"].startswith("this address takes ")


def test_a_very_long_detail_is_cut(api: Api) -> None:
    api.study()

    response = api.post("/v1/studies/digits/enqueue", {"params": {"lr": 0.01, "depth": 1, "x" * 9_000: 1}})

    assert response.json()["code"] == "invalid_params"
    assert len(response.json()["detail"]) == 2_001


def test_many_faults_are_named_up_to_ten(api: Api) -> None:
    response = api.post("/v1/studies", definition(**{f"unknown{place}": place for place in range(50)}))

    assert len(response.json()["faults"]) == 10
