"""What the surrogates know, over HTTP: answers in the metrics' units, and refusals that say what was expected."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from tests.api.builders import Api, made
from trimtab_service.compute import DeadlinePassed

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


def test_the_surrogates_are_shown_alone_along_one_parameter_and_over_two(api_everywhere: Api) -> None:
    api = api_everywhere
    with_results(api, 24)

    alone = api.get(f"{STUDY}/surrogate").json()
    along = api.get(f"{STUDY}/surrogate", params={"parameter": "lr", "points": 5, "paths": 2, "base": 3}).json()
    over = api.get(f"{STUDY}/surrogate", params={"parameter": "lr", "second": "depth", "points": 4}).json()

    assert (alone["trials"], alone["slice"], alone["contour"]) == (list(range(24)), None, None)
    assert set(alone["metrics"]["accuracy"]["length_scales"]) == {"lr", "depth"}
    shown = along["slice"]
    assert (shown["base_trial"], shown["base"]["depth"]) == (3, 4)
    assert shown["x"] == pytest.approx([1e-4, 10**-3.25, 10**-2.5, 10**-1.75, 0.1])
    curve = shown["metrics"]["accuracy"]
    assert curve["belief"]["median"] == pytest.approx([accuracy(x, 4) for x in shown["x"]], abs=0.08)
    assert (len(curve["paths"]), len(curve["paths"][0]), len(curve["acquisition"])) == (2, 5, 5)
    assert (len(over["contour"]["x"]), over["contour"]["y"]) == (4, [1, 2, 3, 4])
    assert len(over["contour"]["metrics"]["accuracy"]["mean"]) == 4
    assert over["contour"]["told"][0] == {
        "number": 0,
        "x": pytest.approx(1e-4),
        "y": 1,
        "values": {"accuracy": accuracy(1e-4, 1)},
    }


def test_choices_come_back_as_what_they_are(api: Api) -> None:
    choices = [True, 2, 0.5, "a"]
    api.study(space={"c": {"type": "categorical", "choices": choices}})
    trials = [{"params": {"c": choice}, "values": {"accuracy": place / 4}} for place, choice in enumerate(choices)]
    made(api.post(f"{STUDY}/trials", {"trials": trials}))

    shown = api.get(f"{STUDY}/surrogate", params={"parameter": "c"}).json()["slice"]
    predicted = api.get(f"{STUDY}/predict", params=asked(*({"c": choice} for choice in choices))).json()["items"]

    assert json.dumps(shown["x"]) == json.dumps(choices)
    assert json.dumps([point["x"] for point in shown["told"]]) == json.dumps(choices)
    assert json.dumps([item["params"]["c"] for item in predicted]) == json.dumps(choices)


def test_params_to_hold_may_be_any_of_the_space(api: Api) -> None:
    with_results(api, 24)
    query = {"parameter": "lr", "params": json.dumps({"lr": 0.01, "depth": 1}), "points": 3}

    shown = api.get(f"{STUDY}/surrogate", params=query).json()["slice"]

    assert (shown["base_trial"], shown["base"]["depth"]) == (None, 1)


@pytest.mark.parametrize(
    ("query", "status", "code", "detail"),
    [
        ({"parameter": "momentum"}, 422, "invalid_query", "something to choose, of ['lr', 'depth'], got 'momentum'"),
        ({"parameter": "lr", "second": "lr"}, 422, "invalid_query", "two different parameters"),
        ({"second": "lr"}, 422, "invalid_query", "second: expected a parameter beside it"),
        ({"points": 5}, 422, "invalid_query", "points: expected a parameter beside it"),
        (
            {"parameter": "lr", "points": 1},
            422,
            "invalid_query",
            "points must be in [2, 401] along one parameter, got 1",
        ),
        (
            {"parameter": "lr", "second": "depth", "points": 65},
            422,
            "invalid_query",
            "points must be in [2, 64] over two parameters",
        ),
        ({"parameter": "lr", "second": "depth", "paths": 1}, 422, "invalid_query", "paths are drawn along one"),
        ({"parameter": "lr", "base": 1, "params": "{}"}, 422, "invalid_query", "expected base or params, got both"),
        ({"parameter": "lr", "params": '{"lr": 1}'}, 422, "invalid_params", "params to hold: lr must be in"),
        ({"parameter": "lr", "base": 99}, 404, "trial_not_found", "no trial 99"),
        ({"parameter": "lr", "base": -1}, 422, "invalid_request", "query.base"),
        ({"parameter": "lr", "paths": 51}, 422, "invalid_request", "query.paths"),
        ({"parameter": "a\x00"}, 422, "invalid_request", "query.parameter"),
        ({"paramter": "lr"}, 422, "invalid_request", "query.paramter"),
    ],
)
def test_a_view_that_makes_no_sense_is_refused(
    api: Api, query: dict[str, Any], status: int, code: str, detail: str
) -> None:
    with_results(api, 3)

    response = api.get(f"{STUDY}/surrogate", params=query)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert detail in response.json()["detail"]


def test_a_card_knows_only_what_had_been_told_when_its_trial_was_handed_out(api_everywhere: Api) -> None:
    api = api_everywhere
    api.study(algorithm="gp", options={"n_initial": 3})
    for place in range(6):
        api.complete(0.5 + place / 100)
    trial = api.trial()
    open_card = api.get(f"{STUDY}/suggestion-card", params={"number": trial["number"]}).json()
    api.complete(0.9)
    api.tell(trial, accuracy=0.7)

    card = api.get(f"{STUDY}/suggestion-card", params={"number": trial["number"]}).json()

    assert (card["source"], card["rested_on"]) == ("gp", [0, 1, 2, 3, 4, 5])
    expected, before = card["expected"]["accuracy"], open_card["expected"]["accuracy"]
    assert (before.pop("told"), before.pop("inside")) == (None, None)
    assert (expected.pop("told"), expected.pop("inside")) == (0.7, expected["told_interval"][1] >= 0.7)
    assert expected == before
    assert card["nearest"][0]["number"] in range(6)


def test_the_card_of_an_initial_or_added_trial_says_why_nothing_was_expected(api: Api) -> None:
    with_results(api, 3, algorithm="gp")
    api.trial()

    added, initial = (api.get(f"{STUDY}/suggestion-card", params={"number": number}).json() for number in (1, 3))
    missing = api.get(f"{STUDY}/suggestion-card", params={"number": 9})

    assert (added["source"], added["expected"]) == ("user", None)
    assert added["why"] == "Somebody chose it, and no surrogate was asked."
    assert (initial["source"], initial["expected"]) == ("initial", None)
    assert [one["number"] for one in initial["nearest"]] != []
    assert (missing.status_code, missing.json()["code"]) == (404, "trial_not_found")
    assert api.get(f"{STUDY}/suggestion-card").status_code == 422


def test_a_question_that_takes_too_long_is_answered_with_try_again(api: Api) -> None:
    with_results(api, 3)

    def too_slow() -> None:
        raise DeadlinePassed("no result within 10 s")

    api.compute.before = too_slow

    response = api.get(f"{STUDY}/importances")

    assert (response.status_code, response.json()["code"]) == (503, "compute_unavailable")
    assert "no result within 10 s" in response.json()["detail"]


@pytest.mark.parametrize("question", ["predict", "importances", "calibration", "surrogate"])
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
