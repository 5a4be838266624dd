"""What the client sends for a question, and how it shows the answer."""

from __future__ import annotations

import dataclasses
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest

import trimtab
from tests.client.fake_server import FakeServer
from trimtab.insight import MAX_CONFIGURATIONS, MAX_URL, Belief, Calibrations, Importances, batches, made, predictions
from trimtab.surrogate import SuggestionCard, Surrogate, view

BELIEF = {"mean": 0.9, "sd": 0.01, "median": 0.9, "lower": 0.88, "upper": 0.92}
MARKUP = "<script>alert(1)</script>"


def test_batches_are_short_enough_for_a_url_and_keep_the_order() -> None:
    many = [{"name": "ü" * 200, "place": place} for place in range(250)]
    found = list(batches(many))
    assert sum(len(one) for one in found) == 250
    assert all(len(urlencode({"params": one}, doseq=True)) <= MAX_URL for one in found)
    texts = [text for one in found for text in one]
    assert all(f'"place":{place}}}' in text for place, text in enumerate(texts))
    few = list(batches([{"x": 1}] * (MAX_CONFIGURATIONS + 1)))
    assert [len(one) for one in few] == [MAX_CONFIGURATIONS, 1]
    assert list(batches([])) == []


def test_params_longer_than_a_url_go_alone() -> None:
    found = list(batches([{"x": "a" * 9_000}, {"x": 1}]))
    assert [len(one) for one in found] == [1, 1]


@pytest.mark.parametrize("given", [{"lr": 0.1}, "lr", 3, None])
def test_what_is_no_list_of_params_is_refused(given: Any) -> None:
    with pytest.raises(trimtab.InvalidParams, match="expected a list of params"):
        list(batches(given))
    with pytest.raises(trimtab.InvalidParams, match=r"params 1: expected \{name: value\}, got 3"):
        list(batches([{"x": 1}, 3]))  # type: ignore[list-item]


def test_answers_of_all_batches_are_one() -> None:
    item = {"params": {"x": 1}, "metrics": {"accuracy": BELIEF}}
    found = predictions([{"trials": 4, "items": [item]}, {"trials": 5, "items": [item, item]}])
    assert (found.trials, len(found)) == (5, 3)
    assert found[1]["accuracy"] == Belief(**BELIEF)
    assert [one.params for one in found] == [{"x": 1}] * 3
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.trials = 3  # type: ignore[misc]
    assert repr(found).splitlines()[-1].split() == ["1", "0.9", "±", "0.01", "(0.88", "to", "0.92)"]
    assert len(predictions([])) == 0


def test_predictions_show_all_params_before_the_metrics() -> None:
    given = [{"layers": 1}, {"layers": 2, "width": 64}]
    items = [{"params": params, "metrics": {"accuracy": BELIEF}} for params in given]
    _, heads, shallow, deep = repr(predictions([{"trials": 4, "items": items}])).splitlines()
    assert heads.split() == ["layers", "width", "accuracy"]
    assert shallow.split()[:2] == ["1", "0.9"]
    assert deep.split()[:3] == ["2", "64", "0.9"]


def test_a_newer_server_may_say_more() -> None:
    assert made(Belief, {**BELIEF, "skew": 1.0}) == Belief(**BELIEF)


def test_importances_print_the_weightiest_parameter_first() -> None:
    def one(total: float) -> dict[str, float]:
        names = ("first", "first_lower", "first_upper", "total", "total_lower", "total_upper")
        return dict.fromkeys(names, total)

    found = Importances.of({"trials": 9, "metrics": {"a": {"x": one(0.1), "y": one(0.7)}}})
    assert list(found["a"]) == ["x", "y"]
    assert [line.split()[0] for line in repr(found).splitlines()[2:]] == ["y", "x"]
    assert repr(found).splitlines()[0].endswith("total share of the variance (first share), interval of the total")
    assert found["a"]["y"].total == 0.7


def test_markup_in_names_and_values_shows_as_text() -> None:
    found = predictions([{"trials": 2, "items": [{"params": {MARKUP: MARKUP}, "metrics": {MARKUP: BELIEF}}]}])
    assert MARKUP not in found._repr_html_()
    assert "&lt;script&gt;" in found._repr_html_()
    calibration = {
        "verdict": "too_few",
        "score": 0.0,
        "sentence": MARKUP,
        "coverage": [{"level": 0.5, "inside": 1, "at_least": 0, "at_most": 2}],
        "pit_counts": [0] * 10,
        "mean_log_density": 0.0,
        "held_out": [{}, {}],
    }
    shown = Calibrations.of({"metrics": {"a": calibration}})
    assert MARKUP not in shown._repr_html_()
    assert "1 of 2" in repr(shown)


def test_a_view_names_its_base_by_trial_number_or_params(study: trimtab.Study) -> None:
    trial = study.enqueue({"lr": 0.5})
    assert view("lr", None, trial, None, 0, None)["base"] == trial.number
    assert view("lr", None, 0, None, 0, None)["base"] == 0
    assert view("lr", None, {"lr": 0.5}, None, 0, None)["params"] == '{"lr":0.5}'
    for wrong in ("best", True, 1.5):
        with pytest.raises(trimtab.InvalidQuery, match="expected a trial, its number, or params"):
            view("lr", None, wrong, None, 0, None)  # type: ignore[arg-type]


def test_questions_go_to_their_addresses(server: FakeServer, study: trimtab.Study, monkeypatch: Any) -> None:
    asked = []

    def answer(seen: Any) -> httpx2.Response:
        asked.append((seen.path.rsplit("/", 1)[1], seen.query))
        raise httpx2.ConnectError("enough")

    monkeypatch.setattr(server, "_route", answer)
    study.client.transport.deadline = 0.0
    for question in (
        lambda: study.importances(),
        lambda: study.calibration(),
        lambda: study.surrogate("lr", points=5, paths=2, seed=0, base=0),
        lambda: study.suggestion_card(0),
    ):
        with pytest.raises(trimtab.ServerUnreachable):
            question()
    assert asked == [
        ("importances", {}),
        ("calibration", {}),
        ("surrogate", {"parameter": ["lr"], "points": ["5"], "paths": ["2"], "seed": ["0"], "base": ["0"]}),
        ("suggestion-card", {"number": ["0"]}),
    ]


def test_active_bounds_stand_above_the_table() -> None:
    bound = {"sentence": "5 of the 5 best trials press against lr = 0.1: widen it if it can be wider."}
    fitted = {"length_scales": {"lr": 0.3}, "noise": 0.01}
    found = Surrogate((0, 1), {"a": fitted}, [bound], None, None)
    assert repr(found).splitlines()[:2] == ["Surrogate of a, from 2 complete trials", bound["sentence"]]


def test_a_card_without_expectations_shows_the_nearest_trials() -> None:
    near = {"number": 3, "distance": 0.1, "params": {"lr": 0.1}, "values": {"a": 0.5}}
    found = SuggestionCard(
        7, "fallback", "no result within 10 s", "It is quasi-random.", {}, None, None, None, [near], [], {}
    )
    lines = repr(found).splitlines()
    assert lines[0] == "Trial 7, fallback. It is quasi-random. (no result within 10 s)"
    assert lines[-1].split() == ["trial", "3", "0.5", "0.1"]
