"""The published client drives the real app: a study's whole life, on both databases."""

from __future__ import annotations

import math

import pytest

import trimtab

SPACE = {
    "lr": trimtab.Float(1e-4, 1.0, log=True),
    "layers": trimtab.Int(1, 2),
    "width_2": trimtab.Int(4, 64, log=True, when={"layers": [2]}),
    "block": trimtab.Categorical(["plain", "separable"]),
    "epochs": trimtab.Constant(3),
}
OBJECTIVES = {
    "accuracy": trimtab.Objective("maximize", reference=0.0),
    "size_bytes": trimtab.Objective("minimize", log=True, reference=1e5),
}


def train(trial):
    width = trial.params.get("width_2", 1)
    accuracy = math.exp(-(math.log10(trial["lr"] / 0.01) ** 2)) * (1 - 1 / (width + 1))
    return {"accuracy": accuracy, "size_bytes": 100 * width, "macs": 10 * width}


def test_a_study_from_its_definition_to_its_front(client):
    study = client.create_study("tiny", space=SPACE, objectives=OBJECTIVES, max_trials=14, seed=1, exist_ok=True)
    same = client.create_study("tiny", space=SPACE, objectives=OBJECTIVES, max_trials=14, seed=1, exist_ok=True)
    assert same.id == study.id
    with pytest.raises(trimtab.StudyConflict) as conflict:
        client.create_study("tiny", space=SPACE, objectives=OBJECTIVES, max_trials=15, seed=1, exist_ok=True)
    assert conflict.value.diff == {"max_trials": {"expected": 14, "got": 15}}

    study.enqueue({"lr": 0.01, "layers": 1, "block": "plain", "epochs": 3})
    study.add_trial({"lr": 0.5, "layers": 1, "block": "plain", "epochs": 3}, {"accuracy": 0.1, "size_bytes": 100})
    study.optimize(train, n_trials=4, progress=False)
    study.optimize(train, workers=2, progress=False)  # ends quietly when the budget is used up

    trials = list(study.trials())
    assert [trial.number for trial in trials] == list(range(15))
    assert {trial.state for trial in trials} == {"complete"}
    assert len({str(trial.params) for trial in trials}) == 15
    assert all(("width_2" in trial.params) == (trial.params["layers"] == 2) for trial in trials)
    assert {trial.source for trial in trials} >= {"user", "initial", "gp"}

    points = [(trial.values["accuracy"], trial.values["size_bytes"], trial.number) for trial in trials]
    by_hand = {n for a, s, n in points if not any(a2 >= a and s2 <= s and (a2, s2) != (a, s) for a2, s2, _ in points)}
    assert {trial.number for trial in study.pareto_front()} == by_hand
    assert [t.number for t in study.trials(where="accuracy > 0.5", order="-accuracy")] == [
        number for accuracy, _, number in sorted(points, key=lambda p: (-p[0], p[2])) if accuracy > 0.5
    ]
    frame = study.to_dataframe()
    assert len(frame) == 15

    with pytest.raises(trimtab.StudyFinished) as end:
        study.ask()
    assert end.value.code == "budget_reached"
    study.delete()
    with pytest.raises(trimtab.StudyNotFound, match="tiny"):
        client.study("tiny")


def test_one_trial_from_ask_to_every_possible_end(client):
    study = client.create_study(
        "ends", space={"x": trimtab.Float(0.0, 1.0)}, objectives={"loss": "minimize"}, algorithm="sobol"
    )
    with pytest.raises(trimtab.NoCompleteTrial):
        _ = study.best_trial
    told, failed, released, crashed, undefined = study.ask(count=5)

    assert not told.report(step=1, values={"loss": 0.5})
    told.tell((0.25, 0.01))
    told.tell((0.25, 0.01))
    with pytest.raises(trimtab.TrialAlreadyFinished):
        told.tell(0.5)
    failed.fail("oom", message="14 GB")
    released.release()
    with pytest.raises(ZeroDivisionError), crashed:
        _ = 1 / 0
    undefined.tell(float("nan"))

    found = {trial.number: trial for trial in study.trials()}
    assert [found[number].state for number in range(5)] == ["complete", "failed", "waiting", "failed", "failed"]
    assert found[failed.number].failure["kind"] == "oom"
    assert found[crashed.number].failure["kind"] == "error"
    assert found[undefined.number].failure["kind"] == "nan"
    assert study.best_trial.number == told.number
    assert study.ask().number == released.number


def test_bad_input_is_refused_with_what_was_expected_and_what_came(client, http):
    good = {"space": {"x": trimtab.Float(0.0, 1.0)}, "objectives": {"loss": "minimize"}}
    study = client.create_study("strict", **good)
    trial = study.ask()
    with pytest.raises(trimtab.UnknownMetric, match="acuracy"):
        trial.tell({"loss": 1.0, "acuracy": 1.0})
    with pytest.raises(trimtab.MissingMetric, match="loss"):
        trial.tell({"macs": 1.0})
    with pytest.raises(trimtab.InvalidParams, match=r"x must be in \[0.0, 1.0\], got 2"):
        study.enqueue({"x": 2.0})
    with pytest.raises(trimtab.NotSupported, match="stopping"):
        client.create_study("later", **good, stopping={"rule": "median"})
    with pytest.raises(trimtab.InvalidStudy, match="latency_ms <="):
        client.create_study("later", **good, constraints=["latency_ms <="])
    with pytest.raises(trimtab.InvalidQuery):
        list(study.trials(where="loss >"))
    with pytest.raises(trimtab.Unauthorized):
        trimtab.Client(key="tt_wrong", http=http).studies()
