from __future__ import annotations

from typing import Any

import pytest

from tests.api.builders import Api, definition


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"seed": True}, "body.seed"),
        ({"seed": 1.5}, "body.seed"),
        ({"seed": "1"}, "body.seed"),
        ({"max_trials": True}, "body.max_trials"),
        ({"max_trials": "10"}, "body.max_trials"),
        ({"exist_ok": 1}, "body.exist_ok"),
        ({"exist_ok": "yes"}, "body.exist_ok"),
        ({"name": 7}, "body.name"),
        ({"name": None}, "body.name"),
        ({"metrics": "loss"}, "body.metrics"),
        ({"metrics": [1]}, "body.metrics.0"),
        ({"space": []}, "body.space"),
        ({"space": {"lr": 1}}, "body.space.lr"),
        ({"options": None}, "body.options"),
        ({"metadata": []}, "body.metadata"),
        ({"metadata": {"text": ["x" * 9_000] * 8}}, "body.metadata"),
    ],
)
def test_a_study_of_the_wrong_form_is_refused_at_the_place(api: Api, change: dict[str, Any], where: str) -> None:
    response = api.post("/v1/studies", definition(**change))

    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert [fault["where"] for fault in response.json()["faults"]] == [where]
    assert api.get("/v1/studies").json()["items"] == []


@pytest.mark.parametrize(
    "given",
    [
        {"stopping": {"rule": "median"}},
        {"stopping": "median"},
        {"devices": ["pi-zero"]},
    ],
)
def test_what_is_not_built_yet_is_refused_and_never_stored(api: Api, given: dict[str, Any]) -> None:
    response = api.post("/v1/studies", definition(**given))

    assert (response.status_code, response.json()["code"]) == (422, "not_supported")
    assert next(iter(given)) in response.json()["detail"]
    assert api.get("/v1/studies").json()["items"] == []


def test_what_is_not_built_yet_may_be_given_empty(api: Api) -> None:
    study = api.study(
        constraints=[],
        space_constraints=None,
        known_metrics=[],
        late_metrics=None,
        stopping={"rule": None},
        baseline=None,
        devices={},
    )

    assert study["name"] == "digits"
    assert (study["constraints"], study["baseline"]) == ([], None)
    assert "devices" not in study


def test_a_new_parameter_is_not_built_yet(api: Api) -> None:
    api.study()

    response = api.patch("/v1/studies/digits", {"space": {"width": {"type": "int", "low": 1, "high": 2}}})

    assert (response.status_code, response.json()["code"]) == (422, "not_supported")


@pytest.mark.parametrize("value", [0.97, 1, -3, 0, 2**53])
def test_ints_are_taken_as_values(api: Api, value: float) -> None:
    api.study()

    assert api.complete(value)["values"] == {"accuracy": value}


@pytest.mark.parametrize("value", [True, False, "0.97", None, [0.97], {}, {"value": True}, {"value": 1, "error": 2}])
def test_what_is_no_number_is_no_value(api: Api, value: object) -> None:
    api.study()
    trial = api.trial()

    response = api.tell(trial, accuracy=value)

    assert (response.status_code, response.json()["code"]) == (422, "invalid_value")
    assert api.get("/v1/studies/digits/trials/0").json()["state"] == "running"


@pytest.mark.parametrize("value", [True, "0.97", None, {"value": 1.0}])
def test_a_reported_value_is_a_number(api: Api, value: object) -> None:
    api.study()
    api.trial()

    body = {"epoch": 1, "step": 0, "values": {"accuracy": value}}
    response = api.post("/v1/studies/digits/trials/0/report", body)

    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")


def test_a_bool_is_no_number_of_trials_and_no_epoch(api: Api) -> None:
    api.study()
    api.trial()

    ask = api.post("/v1/studies/digits/ask", {"count": True})
    tell = api.post("/v1/studies/digits/trials/0/tell", {"epoch": True, "values": {"accuracy": 1}})

    assert [ask.json()["code"], tell.json()["code"]] == ["invalid_request"] * 2


@pytest.mark.parametrize("count", [0, -1, 101, 2**40])
def test_a_batch_has_1_to_100_trials(api: Api, count: int) -> None:
    api.study()

    response = api.post("/v1/studies/digits/ask", {"count": count})

    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")


def test_the_echo_of_what_came_is_short_and_safe(api: Api) -> None:
    response = api.post(
        "/v1/studies", {"name": ["\u202e" + "x" * 9_000], "space": "\u2028" * 3_000, "objectives": {}}
    )

    detail = response.json()["detail"]
    assert response.json()["code"] == "invalid_request"
    assert "body.name: expected a valid string, got a list of 1" in detail
    assert len(response.content) < 2_000
    assert response.content.isascii()
