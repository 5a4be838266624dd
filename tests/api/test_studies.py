from __future__ import annotations

from typing import Any

import pytest

from tests.api.builders import Api, definition

NAMES = ["digits", "A", "0", "a" * 100, "a.b_c-d", "st_0123456789abcdef"]


def test_a_study_comes_back_with_every_default_written_out(api_everywhere: Api) -> None:
    api = api_everywhere
    response = api.post(
        "/v1/studies", definition(metrics=["loss"], max_trials=50, metadata={"who": "é漢🙂", "n": [1.5]})
    )

    assert response.status_code == 201
    study = response.json()
    assert study.pop("id").startswith("st_")
    assert study.pop("created_at")[10] == "T"
    assert study == {
        "name": "digits",
        "state": "active",
        "space": {
            "lr": {"type": "float", "low": 1e-4, "high": 0.1, "log": True, "step": None},
            "depth": {"type": "int", "low": 1, "high": 4, "log": False, "step": 1},
        },
        "objectives": {
            "accuracy": {
                "direction": "maximize",
                "log": False,
                "reference": None,
                "threshold": None,
                "weight": 1.0,
                "noise": None,
                "formula": None,
            }
        },
        "metrics": ["loss"],
        "constraints": [],
        "space_constraints": [],
        "known_metrics": [],
        "late_metrics": [],
        "baseline": None,
        "algorithm": "random",
        "options": {},
        "seed": 0,
        "max_trials": 50,
        "metadata": {"who": "é漢🙂", "n": [1.5]},
        "charged": 0,
        "counts": dict.fromkeys(["waiting", "running", "complete", "stopped", "infeasible", "failed"], 0),
    }
    assert api.get("/v1/studies/digits").json() == response.json()
    assert api.get(f"/v1/studies/{response.json()['id']}").json() == response.json()


@pytest.mark.parametrize("acquisition", ["log_ei", "ei", "pi", "ucb"])
def test_the_options_of_the_model_are_kept_as_they_were_given(api: Api, acquisition: str) -> None:
    options = {"acquisition": acquisition, "deterministic": True, "repeats": False, "n_initial": 2}
    assert api.study(algorithm="gp", options=options)["options"] == options
    assert api.get("/v1/studies/digits").json()["options"] == options


def test_an_option_that_makes_no_sense_is_named(api: Api) -> None:
    response = api.post("/v1/studies", definition(algorithm="gp", options={"acquisition": "log_ehvi"}))
    assert (response.status_code, response.json()["code"]) == (422, "invalid_study")
    assert "one of ['log_ei', 'ei', 'pi', 'ucb'], got 'log_ehvi'" in response.json()["detail"]


def test_the_order_of_parameters_and_objectives_is_kept(api_everywhere: Api) -> None:
    space = {name: {"type": "int", "low": 0, "high": 9} for name in ("z", "a", "m", "B")}
    objectives = {"size_bytes": "minimize", "accuracy": "maximize"}

    api_everywhere.study(space=space, objectives=objectives)

    stored = api_everywhere.get("/v1/studies/digits").json()
    assert list(stored["space"]) == ["z", "a", "m", "B"]
    assert list(stored["objectives"]) == ["size_bytes", "accuracy"]


@pytest.mark.parametrize("name", NAMES)
def test_a_study_is_found_by_its_name(api: Api, name: str) -> None:
    api.study(name)

    assert api.get(f"/v1/studies/{name}").json()["name"] == name
    assert api.trial(name)["study"] == name


def test_trials_name_their_study_when_it_was_asked_for_by_id(api: Api) -> None:
    study = api.study()
    path = f"/v1/studies/{study['id']}"
    api.complete(0.5)

    asked = api.post(f"{path}/ask").json()["trials"][0]
    seen = [
        asked,
        api.get(f"{path}/trials/0").json(),
        api.get(f"{path}/best").json(),
        *api.get(f"{path}/trials").json()["items"],
        *api.get(f"{path}/pareto").json()["items"],
    ]

    assert {trial["study"] for trial in seen} == {"digits"}


def test_the_same_definition_again_gives_the_same_study(api_everywhere: Api) -> None:
    api = api_everywhere
    first = api.study()

    same = api.post("/v1/studies", definition(exist_ok=True))
    other = api.post("/v1/studies", definition(exist_ok=True, max_trials=7))

    assert (same.status_code, same.json()) == (200, first)
    assert (other.status_code, other.json()["code"]) == (409, "study_conflict")
    assert other.json()["diff"] == {"max_trials": {"expected": None, "got": 7}}


def test_counts_and_charged_follow_the_trials(api_everywhere: Api) -> None:
    api = api_everywhere
    api.study()
    api.complete(0.5)
    api.trial()
    api.post("/v1/studies/digits/enqueue", {"params": {"lr": 0.01, "depth": 1}})

    study = api.get("/v1/studies/digits").json()

    assert (study["counts"]["complete"], study["counts"]["running"], study["counts"]["waiting"]) == (1, 1, 1)
    assert study["charged"] == 3


def test_studies_are_listed_in_pages_the_newest_first(api_everywhere: Api) -> None:
    api = api_everywhere
    for place in range(5):
        api.study(f"s{place}")

    names, cursor = [], None
    while True:
        query = {"limit": 2} | ({} if cursor is None else {"cursor": cursor})
        page = api.get("/v1/studies", params=query).json()
        names.append([study["name"] for study in page["items"]])
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert names == [["s4", "s3"], ["s2", "s1"], ["s0"]]


def test_studies_are_listed_by_state(api: Api) -> None:
    api.study("one")
    api.study("two")
    api.patch("/v1/studies/one", {"state": "archived"})

    def names(state: str) -> list[str]:
        items = api.get("/v1/studies", params={"state": state}).json()["items"]
        return [study["name"] for study in items]

    assert (names("active"), names("archived"), names("paused")) == (["two"], ["one"], [])


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"limit": 0}, "invalid_request"),
        ({"limit": 201}, "invalid_request"),
        ({"limit": "ten"}, "invalid_request"),
        ({"state": "asleep"}, "invalid_request"),
        ({"limits": 3}, "invalid_request"),
        ({"cursor": "garbage"}, "invalid_query"),
        ({"cursor": "a\x00b"}, "invalid_request"),
        ({"cursor": "a" * 2_000}, "invalid_request"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused(api: Api, query: dict[str, Any], code: str) -> None:
    response = api.get("/v1/studies", params=query)

    assert (response.status_code, response.json()["code"]) == (422, code)


def test_a_study_is_changed_only_where_it_is_said(api_everywhere: Api) -> None:
    api = api_everywhere
    before = api.study(max_trials=10, metadata={"a": 1})

    assert api.patch("/v1/studies/digits", {}).json() == before
    assert api.patch("/v1/studies/digits", {"state": "paused"}).json() == {**before, "state": "paused"}
    unlimited = api.patch("/v1/studies/digits", {"max_trials": None, "metadata": {"b": 2}}).json()

    assert unlimited == {**before, "state": "paused", "max_trials": None, "metadata": {"b": 2}}
    assert api.get("/v1/studies/digits").json() == unlimited


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"state": None}, "invalid_request"),
        ({"state": "asleep"}, "invalid_request"),
        ({"max_trials": 0}, "invalid_study"),
        ({"max_trials": 10**12}, "invalid_study"),
        ({"max_trials": 1.5}, "invalid_request"),
        ({"metadata": None}, "invalid_request"),
        ({"name": "other"}, "invalid_request"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(api: Api, change: dict[str, Any], code: str) -> None:
    before = api.study()

    response = api.patch("/v1/studies/digits", change)

    assert (response.status_code, response.json()["code"]) == (422, code)
    assert api.get("/v1/studies/digits").json() == before


def test_a_deleted_study_is_gone_and_its_name_is_free(api_everywhere: Api) -> None:
    api = api_everywhere
    api.study()
    api.complete(0.5)

    response = api.delete("/v1/studies/digits")

    assert (response.status_code, response.content) == (204, b"")
    assert api.get("/v1/studies/digits").status_code == 404
    assert api.delete("/v1/studies/digits").status_code == 404
    assert api.study()["counts"]["complete"] == 0


@pytest.mark.parametrize(
    "ref", ["a%00b", "a%0Ab", "%ED%A0%80", "%FF", "a%2Fb", "é", "a" * 101, "-a", " ", "a b", "%27"]
)
def test_a_name_that_can_be_none_is_not_found(api_everywhere: Api, ref: str) -> None:
    for path in (f"/v1/studies/{ref}", f"/v1/studies/{ref}/best", f"/v1/studies/{ref}/trials/0"):
        response = api_everywhere.get(path)

        assert (response.status_code, response.json()["code"]) in ((404, "study_not_found"), (404, "not_found"))
