from __future__ import annotations

import csv
import io

import pytest

from tests.api.builders import Api, made

TRIALS = "/v1/studies/digits/trials"


def rows(api: Api, **query: str) -> list[dict[str, str]]:
    response = api.get(TRIALS, params={"format": "csv", **query})
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(response.text, newline="")))


def test_every_trial_is_a_row_in_columns_of_the_study(api_everywhere: Api) -> None:
    api = api_everywhere
    api.study(
        space={
            "lr": {"type": "float", "low": -1.0, "high": 1.0},
            "norm": {"type": "categorical", "choices": [True, False, 'é, "quoted"\nline']},
        },
        metrics=["loss"],
    )
    params = {"lr": -0.25, "norm": 'é, "quoted"\nline'}
    made(api.post("/v1/studies/digits/enqueue", {"params": params}))
    api.complete(0.5, loss={"value": -2, "stderr": 0.5})
    made(api.post("/v1/studies/digits/enqueue", {"params": {"lr": 0.5, "norm": True}}))

    first, second = rows(api)

    assert (first["number"], first["state"], first["source"], first["attempt"]) == ("0", "complete", "user", "1")
    assert (first["params.lr"], first["params.norm"]) == ("-0.25", 'é, "quoted"\nline')
    assert (first["values.accuracy"], first["values.loss"], first["stderrs.loss"]) == ("0.5", "-2.0", "0.5")
    assert first["values.latency_ms"] == ""
    assert (second["state"], second["params.norm"], second["values.accuracy"]) == ("waiting", "true", "")


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t=", "\r=", "\n="])
def test_a_text_that_a_spreadsheet_would_run_is_made_harmless(api: Api, first: str) -> None:
    text = f"{first}HYPERLINK(1)"
    api.study(space={"x": {"type": "categorical", "choices": ["fine", text]}})
    made(api.post("/v1/studies/digits/enqueue", {"params": {"x": text}}))
    api.post("/v1/studies/digits/ask", {"worker": text})
    api.post(f"{TRIALS}/0/fail", {"epoch": 1, "kind": "error", "message": text})

    (row,) = rows(api)

    assert (row["params.x"], row["worker"], row["message"]) == (f"'{text}",) * 3
    assert row["failure"] == "error"


def test_negative_numbers_stay_numbers(api: Api) -> None:
    api.study(objectives={"accuracy": "minimize"})
    api.complete(-0.5)

    assert rows(api)[0]["values.accuracy"] == "-0.5"


def test_the_export_has_no_pages_and_keeps_filter_and_order(api_everywhere: Api) -> None:
    api = api_everywhere
    api.study()
    trial = {"params": {"lr": 0.01, "depth": 1}}
    for place in range(11):
        batch = [{**trial, "values": {"accuracy": place + number / 100}} for number in range(100)]
        made(api.post(TRIALS, {"trials": batch}))

    everything = rows(api, order="-accuracy", limit="5")
    best = rows(api, order="-accuracy", where="accuracy >= 10.5")

    assert len(everything) == 1_100
    assert [row["values.accuracy"] for row in everything[:2]] == ["10.99", "10.98"]
    assert len(best) == 50


def test_the_file_is_named_for_the_study_and_nothing_else(api: Api) -> None:
    study = api.study()

    response = api.get(f"/v1/studies/{study['id']}/trials", params={"format": "csv"})

    assert response.headers["content-disposition"] == 'attachment; filename="digits.csv"'
    assert len(response.text.splitlines()) == 1
    assert api.get("/v1/studies/none/trials", params={"format": "csv"}).status_code == 404
