"""The page of one trial: all that is known of it, in full."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.dashboard.builders import NOW, complete, two_goals
from trimtab_service.dashboard.cost_card import cost_card
from trimtab_service.dashboard.one_trial import MOST_REPORTS, lay_out
from trimtab_service.domain.metric import COST_METRICS, Value
from trimtab_service.domain.trial import Failure, FailureKind, Trial, TrialState
from trimtab_service.usecases.history import TrialView

STUDY = two_goals()
PARAMS = {"lr": 0.0123456789, "depth": 3, "width": 4, "activation": "relu"}


def page_of(trial, *reports):
    return lay_out(STUDY, TrialView(trial, reports), now=NOW)


def pairs(page):
    """Term -> text, of all definition lists on the page."""
    terms, texts = page.all("dt"), page.all("dd")
    return {" ".join(t.text.split()): " ".join(d.text.split()) for t, d in zip(terms, texts, strict=True)}


def test_tables_lead_to_the_page_of_each_trial(look, fill):
    fill("s", 3)
    page = look("/s/s")
    assert {one.text: one.attributes["href"] for one in page.all("a") if one.text.isdigit()} == {
        str(number): f"/s/s/{number}" for number in range(3)
    }
    shown = look("/s/s/1")
    assert shown.one("h1").text == "Trial 1"
    assert (shown.link("Studies"), shown.link("s")) == ("/", "/s/s")


def test_the_page_shows_params_figures_how_each_was_measured_and_the_course(api, look, fill):
    fill("s", 0)
    (trial,) = api.post("/v1/studies/s/ask", {"worker": "gpu-box-1"}).json()["trials"]
    contract = {"device": {"name": "cpu", "threads": 1}, "shape": [1, 64], "warm": True, "note": "<b>"}
    values = {
        "accuracy": {"value": 0.97833061, "stderr": 0.002},
        "size_bytes": {"value": 61_213, "contract": contract},
    }
    told = api.post("/v1/studies/s/trials/0/tell", {"epoch": trial["epoch"], "values": values})
    assert told.status_code == 200, told.text
    page = look("/s/s/0")
    known = pairs(page)
    assert known["depth"] == str(trial["params"]["depth"])
    assert known["lr"] == repr(trial["params"]["lr"])
    measured = {name: known[name] for name in ("device.name", "device.threads", "shape", "warm", "note")}
    assert measured == {
        "device.name": "cpu", "device.threads": "1", "shape": "1, 64", "warm": "true", "note": "<b>",
    }  # fmt: skip
    assert (known["worker"], known["attempts"], known["params from"]) == ("gpu-box-1", "1", "random")
    assert re.search(r"\d+-\d\d-\d\d \d\d:\d\d:\d\d UTC", known["finished"])
    amounts = [(one.text, one.attributes["title"]) for one in page.all("p", class_="amount")]
    assert amounts == [("0.9783 ± 0.002", "0.97833061 ± 0.002"), ("61.2 kB", "61,213 bytes")]


def cost_of(**values):
    """The card of a trial that told these."""
    return cost_card(STUDY.problem, values)


def test_costs_stand_under_what_they_are_about_with_how_each_is_known():
    card = cost_of(
        accuracy=Value(0.9),
        parameters=Value(94_346, None, {"how": "counted"}),
        size_bytes=Value(61_213, None, {"how": "counted", "dtype": "float32"}),
        macs_nonzero=Value(7_500, None, {"convention": "by hand"}),
        latency_ms=Value(0.4213, 0.0031, {"how": "measured", "threads": 1}),
        co2_g=Value(3.3e-7, None, {"how": "looked_up"}),
    )
    assert [(group.title, [(one.label, one.name) for one in group.lines]) for group in card.groups] == [
        ("Weights", [("Parameters", ""), ("Size", "size_bytes")]),
        ("Work", [("Non-zero MACs", "macs_nonzero")]),
        ("Time and energy", [("Latency", "latency_ms"), ("CO₂", "co2_g")]),
    ]
    told = {one.told.metric: one.told for group in card.groups for one in group.lines}
    assert (told["size_bytes"].arrow, told["latency_ms"].arrow) == ("↓", "")
    assert told["latency_ms"].text == "0.421 ± 0.0031 ms"
    assert told["latency_ms"].exact == "0.4213 ± 0.0031 ms"
    assert {name: one.how for name, one in told.items()} == {
        "parameters": "counted",
        "size_bytes": "counted",
        "macs_nonzero": "",
        "latency_ms": "measured",
        "co2_g": "looked up",
    }


def test_every_cost_metric_has_a_place_on_the_card():
    card = cost_of(**{name: Value(1.0, None, {"how": "counted"}) for name in COST_METRICS})
    assert [one.told.metric for group in card.groups for one in group.lines] == list(COST_METRICS)
    assert card.caveats == ()


def test_what_cannot_be_compared_is_said():
    card = cost_of(
        size_bytes=Value(10.0),
        macs=Value(5.0),
        latency_ms=Value(1.0, None, {"how": "looked up"}),
        energy_mj=Value(2.0, None, {"how": "estimated"}),
        co2_g=Value(3.0, None, {"how": "estimated"}),
        training_energy_j=Value(4.0, None, {"how": "measured"}),
    )
    assert [caveat.split(":")[0] for caveat in card.caveats] == [
        "Training energy is measured",
        "Energy and CO₂ are estimated, not measured",
        "Latency is looked up in a table",
        "Size and MACs are told without a contract",
    ]


def test_a_card_that_would_only_repeat_the_objectives_is_left_out(look, fill):
    assert cost_of(accuracy=Value(0.9), size_bytes=Value(10.0)).groups == ()
    fill("s", 1)
    assert [one.text for one in look("/s/s/0").all("h2")] == ["Params", "Course", "Figures"]


def test_the_cost_card_folds_each_contract_and_escapes_what_was_told(api, look, fill):
    fill("s", 0)
    (trial,) = api.post("/v1/studies/s/ask", {}).json()["trials"]
    contract = {"how": "<i>guessed</i>", "counter": "<script>x</script>"}
    values = {"accuracy": 0.9, "size_bytes": {"value": 61_213, "contract": contract}}
    api.post("/v1/studies/s/trials/0/tell", {"epoch": trial["epoch"], "values": values})
    page = look("/s/s/0")
    assert not page.all("script")
    assert not page.all("i")
    assert "open" not in page.one("details").attributes
    assert " ".join(page.one("summary").text.split()) == "Size ↓ 61.2 kB size_bytes <i>guessed</i>"
    known = pairs(page)
    assert (known["exactly"], known["counter"]) == ("61,213 bytes", "<script>x</script>")


def test_a_how_that_is_no_word_is_no_badge():
    for how in (3, None, ["counted"], "x" * 25):
        (group,) = cost_of(macs=Value(1.0, None, {"how": how})).groups
        assert group.lines[0].told.how == ""


def test_a_failure_is_told_in_full(api, look, fill):
    fill("s", 0)
    message = "out of memory\n" + "\n".join(f"  line {place} <i>" for place in range(80))
    failed = {
        "params": {"lr": 0.01, "depth": 1, "activation": "relu"},
        "state": "failed",
        "failure": {"kind": "oom", "message": message},
    }
    assert api.post("/v1/studies/s/trials", {"trials": [failed]}).status_code == 201
    page = look("/s/s/0")
    assert page.one("pre", class_="failure").text == message
    assert "Ended without a result." in page.text


def test_reports_are_a_table_and_a_curve_per_metric(api, look, fill):
    fill("s", 0, metrics=["loss"])
    (trial,) = api.post("/v1/studies/s/ask", {}).json()["trials"]
    for step in (1, 2, 3):
        values = {"accuracy": 0.5 + step / 10} | ({"loss": 1 / step} if step > 1 else {})
        body = {"epoch": trial["epoch"], "step": step, "values": values}
        assert api.post("/v1/studies/s/trials/0/report", body).status_code == 200
    page = look("/s/s/0")
    assert len(page.all("svg", class_="chart")) == 2
    assert len(page.all("circle", class_="on-front")) == 5
    cells = [one.text for one in page.all("td", class_="number")]
    assert cells == ["0.6000", "–", "0.7000", "0.5000", "0.8000", "0.3333"]
    assert "In work." in page.text


def test_of_a_great_many_reports_evenly_spread_ones_and_the_last_are_shown():
    trial = replace(complete(0, accuracy=0.9, size_bytes=10), params=PARAMS)
    reports = page_of(trial, *((step, {"accuracy": 0.5}) for step in range(5_001))).reports
    assert len(reports.rows) == MOST_REPORTS
    assert (reports.rows[0][0], reports.rows[-1][0], reports.told) == ("0", "5,000", 5_001)
    assert "<circle" not in reports.curves[0].picture


def test_one_report_is_a_curve_too():
    (chart,) = page_of(Trial(0, PARAMS, TrialState.RUNNING), (7, {"size_bytes": -1.0})).reports.curves
    assert "nan" not in chart.picture
    assert "<title>Step 7" in chart.picture


def test_an_inner_object_of_a_contract_is_told_to_a_depth_and_then_as_json():
    deep = {"a": {"b": {"c": {"d": {"e": 1}}}}, "empty": {}, "list": [], "rows": [{"x": None}]}
    trial = replace(complete(0), values={"accuracy": Value(0.9, None, deep), "size_bytes": Value(10.0)})
    assert page_of(trial).figures[0].contract == (
        ("a.b.c.d", '{"e": 1}'),
        ("empty", "{}"),
        ("list", "none"),
        ("rows", '[{"x": null}]'),
    )


@pytest.mark.parametrize(
    ("trial", "said"),
    [
        (Trial(0, PARAMS), "Waits for a worker to ask."),
        (
            Trial(0, PARAMS, attempt=1, failure=Failure(FailureKind.INFRASTRUCTURE, "lost")),
            "Waits to be handed out again, after attempt 1 was lost.",
        ),
        (Trial(0, PARAMS, TrialState.RUNNING, worker="a"), "In work at a."),
        (Trial(0, PARAMS, TrialState.STOPPED), "Ended stopped."),
        (complete(0, accuracy=0.9, size_bytes=1e3), "Accuracy 0.9, size 1 kB."),
    ],
)
def test_the_page_opens_with_where_the_trial_stands(trial, said):
    assert page_of(trial).sentence == said


@pytest.mark.parametrize("number", ["3", "-1", "x", "1e9", "9" * 40, "²", "0x1", "%00"])
def test_an_unknown_trial_is_a_page_that_says_so(look, fill, number):
    fill("s", 3)
    page = look(f"/s/s/{number}", status=404)
    assert page.one("h1").text == "Not found"
    assert look("/s/none/0", status=404).one("h1").text == "Not found"


def test_variants_are_named_on_the_front_and_listed_with_what_differs(api, look, fill):
    fill("s", 0)
    (trial,) = api.post("/v1/studies/s/ask").json()["trials"]
    told = {
        "epoch": trial["epoch"],
        "values": {"accuracy": 0.97, "size_bytes": 40_000},
        "variants": {"pruned 50 %": {"accuracy": 0.96, "size_bytes": 10_000}},
    }
    answer = api.post("/v1/studies/s/trials/0/tell", told)
    assert answer.status_code == 200, answer.text
    shown = " ".join(look("/s/s/0").text.split())
    assert "formaccuracysize_bytes as trained0.970040 kB pruned 50 %0.960010 kB" in shown
    assert "0 pruned 50 %" in " ".join(look("/s/s").text.split())
