from __future__ import annotations

import base64
import itertools
import json
from typing import Any

import pytest

from tests.api.builders import Api

TRIALS = "/v1/studies/digits/trials"


def numbers(api: Api, **query: Any) -> list[int]:
    response = api.get(TRIALS, params=query)
    assert response.status_code == 200, response.text
    return [trial["number"] for trial in response.json()["items"]]


def with_trials(api: Api) -> None:
    """Numbers 0 to 4 complete, 5 failed, 6 running."""
    api.study()
    for accuracy in (0.5, 0.9, 0.7, 0.9, 0.6):
        api.complete(accuracy, size_bytes=1_000 * accuracy)
    api.trial()
    api.post(f"{TRIALS}/5/fail", {"epoch": 1, "kind": "oom"})
    api.trial()


def test_trials_are_listed_by_number_and_in_pages(api_everywhere: Api) -> None:
    api = api_everywhere
    with_trials(api)

    first = api.get(TRIALS, params={"limit": 4}).json()
    second = api.get(TRIALS, params={"limit": 4, "cursor": first["next_cursor"]}).json()

    assert [trial["number"] for trial in first["items"] + second["items"]] == list(range(7))
    assert second["next_cursor"] is None


def test_trials_are_ordered_by_a_metric_those_without_it_last(api_everywhere: Api) -> None:
    api = api_everywhere
    with_trials(api)

    assert numbers(api, order="-accuracy") == [1, 3, 2, 4, 0, 5, 6]
    assert numbers(api, order="accuracy") == [0, 4, 2, 1, 3, 5, 6]
    assert numbers(api, order="-number") == [6, 5, 4, 3, 2, 1, 0]
    assert numbers(api, order="finished_at")[:6] == [0, 1, 2, 3, 4, 5]


def test_pages_of_an_order_neither_repeat_nor_miss(api_everywhere: Api) -> None:
    api = api_everywhere
    with_trials(api)

    seen: list[int] = []
    cursor = None
    while True:
        query = {"order": "-accuracy", "limit": 2} | ({} if cursor is None else {"cursor": cursor})
        page = api.get(TRIALS, params=query).json()
        seen += [trial["number"] for trial in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert seen == numbers(api, order="-accuracy")


def test_trials_are_filtered_by_states_and_conditions(api_everywhere: Api) -> None:
    api = api_everywhere
    with_trials(api)

    assert numbers(api, state="failed,running") == [5, 6]
    assert numbers(api, state="complete", where="accuracy >= 0.7") == [1, 2, 3]
    assert numbers(api, where=["accuracy >= 0.7", "size_kb < 0.8"]) == [2]
    assert numbers(api, where="not accuracy > 0") == [5, 6]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"state": "asleep"}, "invalid_query"),
        ({"state": "a\x00"}, "invalid_request"),
        ({"order": "charm"}, "invalid_query"),
        ({"order": ""}, "invalid_query"),
        ({"order": "--number"}, "invalid_query"),
        ({"order": "accuracy; DROP TABLE trials"}, "invalid_query"),
        ({"order": "a\x00"}, "invalid_request"),
        ({"where": "accuracy"}, "invalid_query"),
        ({"where": "charm > 1"}, "invalid_query"),
        ({"where": "__import__('os').system('true') == 0"}, "invalid_query"),
        ({"where": "a\x00 > 1"}, "invalid_request"),
        ({"where": "(" * 500 + "accuracy > 1" + ")" * 400}, "invalid_query"),
        ({"where": "accuracy > " + "1" * 2_000}, "invalid_request"),
        ({"where": ["accuracy > 1"] * 21}, "invalid_request"),
        ({"limit": 0}, "invalid_request"),
        ({"limit": 1_001}, "invalid_request"),
        ({"format": "xml"}, "invalid_request"),
        ({"cursor": "garbage"}, "invalid_query"),
        ({"ordr": "number"}, "invalid_request"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(api: Api, query: dict[str, Any], code: str) -> None:
    api.study()

    response = api.get(TRIALS, params=query)

    assert (response.status_code, response.json()["code"]) == (422, code)


@pytest.mark.parametrize(("name", "value"), [("order", "charm"), ("where", "charm > 1"), ("state", "asleep")])
def test_an_export_that_makes_no_sense_is_refused_before_it_begins(api: Api, name: str, value: str) -> None:
    api.study()

    response = api.get(TRIALS, params={"format": "csv", name: value})

    assert (response.status_code, response.json()["code"]) == (422, "invalid_query")


@pytest.mark.parametrize("order", ["number", "accuracy", "finished_at", "-finished_at"])
def test_a_forged_cursor_breaks_nothing(api_everywhere: Api, order: str) -> None:
    with_trials(api_everywhere)
    keys = ["\x00", "\ud800", 2**63, 2**62, True, "x", None, 1e300, [1], {"a": 1}, "9999-12-31T23:59:59"]

    for key, number in itertools.product(keys, (0, -1, 2**31, 2**62, 2**70, "x")):
        forged = base64.urlsafe_b64encode(json.dumps([order, key, number]).encode()).decode().rstrip("=")
        response = api_everywhere.get(TRIALS, params={"order": order, "cursor": forged})

        assert response.status_code in (200, 422), (key, number, response.text)


def test_the_best_trial_is_the_first_with_the_best_value(api_everywhere: Api) -> None:
    with_trials(api_everywhere)

    assert api_everywhere.get("/v1/studies/digits/best").json()["number"] == 1


def test_the_front_comes_with_its_hypervolume_and_reference(api_everywhere: Api) -> None:
    api = api_everywhere
    api.study(
        objectives={
            "accuracy": {"direction": "maximize", "reference": 0.0},
            "size_bytes": {"direction": "minimize", "reference": 100},
        }
    )
    for accuracy, size in ((0.5, 50), (0.9, 80), (0.4, 60)):
        api.complete(accuracy, size_bytes=size)

    front = api.get("/v1/studies/digits/pareto").json()
    small = api.get("/v1/studies/digits/pareto", params={"where": "size_bytes < 55"}).json()

    assert sorted(trial["number"] for trial in front["items"]) == [0, 1]
    assert front["hypervolume"] == pytest.approx(0.9 * 20 + 0.5 * 30)
    assert front["reference"] == {"accuracy": 0.0, "size_bytes": 100.0}
    assert front["reference_inferred"] is False
    assert [trial["number"] for trial in small["items"]] == [0]


def test_the_front_of_nothing_is_empty(api: Api) -> None:
    api.study()

    assert api.get("/v1/studies/digits/pareto").json() == {
        "items": [],
        "hypervolume": None,
        "reference": None,
        "reference_inferred": False,
        "knee": None,
    }
