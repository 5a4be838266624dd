"""What the surrogates know, from the published client through the app to the database and back."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

import trimtab

SPACE = {
    "lr": trimtab.Float(1e-4, 1.0, log=True),
    "layers": trimtab.Int(1, 2),
    "width_2": trimtab.Int(4, 64, log=True, when={"layers": [2]}),
    "block": trimtab.Categorical(["plain", "separable"]),
    "epochs": trimtab.Constant(3),
}
OBJECTIVES = {"accuracy": "maximize", "size_bytes": trimtab.Objective("minimize", log=True)}


def size(params):
    return 1_000.0 * (8 + params.get("width_2", 0)) * (1 if params["block"] == "separable" else 4)


def train(trial):
    return {
        "accuracy": 0.9 - 0.1 * math.log10(trial["lr"] / 0.02) ** 2 + 0.02 * (trial["block"] == "plain"),
        "size_bytes": size(trial.params),
    }


@pytest.fixture
def study(client):
    study = client.create_study("tiny", space=SPACE, objectives=OBJECTIVES, max_trials=24, algorithm="sobol", seed=1)
    study.optimize(train, progress=False)
    return study


def test_a_client_asks_what_the_surrogates_know(study):
    places = [
        {"lr": 0.02, "layers": 1, "block": "plain", "epochs": 3},
        {"lr": 1e-3, "layers": 2, "width_2": 16, "block": "separable", "epochs": 3},
    ]
    found = study.predict(places)
    assert len(found) == 2
    assert [one.params for one in found] == places
    for one in found:
        assert one["size_bytes"].lower <= size(one.params) <= one["size_bytes"].upper
        assert one["size_bytes"].lower > 0
    assert found[0]["accuracy"].mean == pytest.approx(0.92, abs=0.02)
    assert "24 complete trials" in repr(found)
    assert "<table>" in found._repr_html_()

    many = [{**places[0], "lr": 1e-4 + place * 1e-5} for place in range(250)]  # more than one request takes
    assert [one.params["lr"] for one in study.predict(many)] == [one["lr"] for one in many]

    shares = study.importances()
    assert list(shares["accuracy"]) == list(SPACE)
    assert shares["accuracy"]["lr"].total > 0.8
    assert shares["accuracy"]["epochs"].total == 0
    assert max(shares["size_bytes"], key=lambda name: shares["size_bytes"][name].total) == "block"
    assert "lr" in repr(shares)

    trust = study.calibration()
    assert trust["accuracy"].score > 0.5
    assert trust["accuracy"].sentence in repr(trust)
    assert len(trust["accuracy"].held_out) == 24
    assert sum(trust["accuracy"].pit_counts) == 24

    alone = study.surrogate()
    assert alone.trials == tuple(range(24))
    assert list(alone.metrics) == list(OBJECTIVES)
    assert "noise" in repr(alone)

    along = study.surrogate("lr", points=9, paths=2, base={"lr": 0.1, "layers": 1, "block": "plain", "epochs": 3})
    curve = along.slice["metrics"]["accuracy"]["belief"]
    ordered = zip(curve["lower"], curve["median"], curve["upper"], strict=True)
    assert all(lower <= median <= upper for lower, median, upper in ordered)
    assert max(zip(curve["mean"], along.slice["x"], strict=True))[1] == pytest.approx(0.01, rel=3)
    assert "along lr, all else as in the params given" in repr(along)

    over = study.surrogate("width_2", "block", base=next(study.trials(where="layers == 2")))
    assert over.contour["y"] == ["plain", "separable"]
    assert over.contour["base"]["layers"] == 2
    sizes = over.contour["metrics"]["size_bytes"]["median"]
    assert sizes[0][-1] > sizes[1][-1] > 0
    assert "along width_2 and block" in repr(over)
    assert "<table>" in over._repr_html_()

    with pytest.raises(trimtab.InvalidQuery, match="expected a trial, its number, or params, got 'best'"):
        study.surrogate("lr", base="best")
    with pytest.raises(trimtab.InvalidQuery, match="something to choose"):
        study.surrogate("epochs")


def test_a_client_asks_why_a_trial_was_suggested(client):
    study = client.create_study("why", space=SPACE, objectives={"accuracy": "maximize"}, seed=3)
    study.optimize(lambda trial: train(trial)["accuracy"], n_trials=10, progress=False)
    trial = study.ask()
    card = trial.suggestion_card()
    assert card.rested_on == list(range(10))
    assert card.expected["accuracy"]["told"] is None
    assert "nothing yet" in repr(card)
    trial.tell(0.25)

    told = study.suggestion_card(trial.number)
    assert told.expected["accuracy"]["told"] == 0.25
    assert told.expected["accuracy"]["objective"] == card.expected["accuracy"]["objective"]
    assert "0.25" in repr(told)
    assert "<table>" in told._repr_html_()
    first = study.suggestion_card(0)
    assert first.expected is None
    assert "initial design" in repr(first)
    with pytest.raises(trimtab.TrialNotFound):
        study.suggestion_card(99)
    with pytest.raises(trimtab.TrialNotFound, match="got -1"):
        study.suggestion_card(-1)


def test_a_study_without_results_says_so(client):
    study = client.create_study("new", space=SPACE, objectives=OBJECTIVES)
    with pytest.raises(trimtab.NoSurrogate, match="this study has 0"):
        study.importances()
    with pytest.raises(trimtab.InvalidParams, match=r"params 1: lr must be in \[0.0001, 1.0\], got 7"):
        study.predict([{"lr": 0.1, "layers": 1, "block": "plain"}, {"lr": 7, "layers": 1, "block": "plain"}])
    with pytest.raises(trimtab.InvalidParams, match="expected a list of params"):
        study.predict({"lr": 0.1})


def test_the_examples_of_the_how_to_run_as_they_stand(client):
    page = (Path(__file__).parents[2] / "docs" / "insight.md").read_text()
    code, alone = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    study = client.create_study(
        "digits",
        space={"lr": trimtab.Float(1e-4, 1e-1, log=True), "width": trimtab.Int(4, 256, log=True)},
        objectives={"accuracy": "maximize"},
    )
    study.optimize(lambda trial: 0.9 - math.log10(trial["lr"] / 0.01) ** 2 - 1 / trial["width"], 10, progress=False)
    lines = [line for line in code.splitlines() if line.strip()]
    assert len(lines) == 8
    for line in lines:
        assert eval(line, {"study": study}) is not None, line
    names: dict[str, object] = {}
    exec(alone, names)
    assert names["mean"] == pytest.approx([100.0 + math.sin(1.8)], abs=0.05)
