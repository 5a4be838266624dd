"""What the surrogates know, over HTTP: answers in the metrics' units, and refusals that say what was expected."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from tests.api.builders import Api, made

STUDY = "/v1/studies/digits"


def accuracy(lr: float, depth: int) -> float:
    return 0.9 - 0.1 * (math.log10(lr) + 2.5) ** 2 - 0.02 * (depth - 3) ** 2


def with_results(api: Api, count: int = 14, **given: Any) -> None:
    """Trials spread over the space, each told what `accuracy` says."""
    api.study(**given)
    trials = [
        {"params": {"lr": lr, "depth": 1 + place % 4}, "values": {"accuracy": accuracy(lr, 1 + place % 4)}}
        for place in range(count)
        for lr in [10 ** (-4 + 3 * (place * 0.618034 % 1))]
    ]
    made(api.post(f"{STUDY}/trials", {"trials": trials}))


def asked(*configurations: Any) -> dict[str, list[str]]:
    return {"params": [json.dumps(params) for params in configurations]}


def test_predictions_are_in_the_metrics_unit_and_direction(api_everywhere: Api) -> None:
    with_results(api_everywhere, 24)
    places = [{"lr": 10**-2.5, "depth": 3}, {"lr": 1e-4, "depth": 1}]

    answer = api_everywhere.get(f"{STUDY}/predict", params=asked(*places)).json()

    assert answer["trials"] == 24
    assert [item["params"] for item in answer["items"]] == places
    for item in answer["items"]:
        belief = item["metrics"]["accuracy"]
        assert belief["lower"] < belief["median"] < belief["upper"]
        assert belief["lower"] <= accuracy(**item["params"]) <= belief["upper"]
        assert belief["mean"] == pytest.approx(accuracy(**item["params"]), abs=0.05)


def test_importances_and_calibration_of_a_study(api_everywhere: Api) -> None:
    with_results(api_everywhere, 24)

    shares = api_everywhere.get(f"{STUDY}/importances").json()["metrics"]["accuracy"]
    found = api_everywhere.get(f"{STUDY}/calibration").json()["metrics"]["accuracy"]

    assert list(shares) == ["lr", "depth"]
    assert shares["lr"]["total"] > 0.8
    assert found["score"] > 0.9
    assert [one["level"] for one in found["coverage"]] == [0.5, 0.8, 0.9, 0.95]
    assert sum(found["pit_counts"]) == len(found["held_out"]) == 24


@pytest.mark.parametrize("question", ["predict", "importances", "calibration"])
def test_without_enough_results_there_is_no_surrogate(api: Api, question: str) -> None:
    with_results(api, 1)

    response = api.get(f"{STUDY}/{question}", params=asked({"lr": 0.01, "depth": 2}) if question == "predict" else {})

    assert (response.status_code, response.json()["code"]) == (404, "no_surrogate")
    assert response.json()["detail"] == "a surrogate needs 2 complete trials, this study has 1"


@pytest.mark.parametrize(
    ("params", "code", "detail"),
    [
        ([], "invalid_request", "query.params"),
        (["{"], "invalid_query", "params: expected JSON"),
        (["[1]"], "invalid_query", "params: expected a JSON object"),
        (['{"lr": NaN, "depth": 2}'], "invalid_query", "expected finite numbers, got NaN"),
        (['{"lr": 0.01}'], "invalid_params", "params 0: depth is missing"),
        (['{"lr": 0.01, "depth": 2}', '{"lr": 7, "depth": 2}'], "invalid_params", "params 1: lr must be in"),
        (['{"lr": 0.01, "depth": 2, "x": 1}'], "invalid_params", "params 0: expected parameters"),
        (['{"lr": "a\\u0000", "depth": 2}'], "invalid_query", "control characters"),
        (['{"lr": 0.01, "depth": 2}'] * 101, "invalid_request", "at most 100"),
        (["1" * 10_001], "invalid_request", "at most 10000 characters"),
    ],
)
def test_params_that_make_no_sense_are_refused(api: Api, params: list[str], code: str, detail: str) -> None:
    with_results(api, 3)

    response = api.get(f"{STUDY}/predict", params={"params": params})

    assert (response.status_code, response.json()["code"]) == (422, code)
    assert detail in response.json()["detail"]


def test_an_answer_is_kept_until_a_trial_changes(api_everywhere: Api) -> None:
    api = api_everywhere
    with_results(api)
    runs = []
    api.compute.before = lambda: runs.append(1)

    first = api.get(f"{STUDY}/importances").json()
    again = api.get(f"{STUDY}/importances").json()
    assert (first, len(runs)) == (again, 1)
    api.complete(0.5)
    runs.clear()

    assert api.get(f"{STUDY}/importances").json() != first
    assert len(runs) == 1
