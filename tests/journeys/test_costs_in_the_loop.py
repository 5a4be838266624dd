"""A network is tuned for what it costs: measured by the client, kept by the server, read back with its contracts."""

from __future__ import annotations

import csv

import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from starlette.testclient import TestClient

import trimtab
from tests.dashboard.builders import seen

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # eight rounds will do

DIGITS = train_test_split(*load_digits(return_X_y=True), random_state=0)
FIGURES = ["parameters_nonzero", "size_bytes", "serialized_bytes", "macs", "macs_nonzero", "latency_ms"]


def train(trial):
    """A perceptron: its accuracy, itself, and what it is measured with."""
    X, X_test, y, y_test = DIGITS
    model = MLPClassifier((trial["width"],), learning_rate_init=trial["lr"], max_iter=8, random_state=trial.number)
    model.fit(X, y)
    return model.score(X_test, y_test), model, X_test


@pytest.fixture
def study(http, key):
    with trimtab.Client(key=key, http=http) as client:
        yield client.create_study(
            "digits",
            space={"lr": trimtab.Float(1e-3, 1e-1, log=True), "width": trimtab.Int(4, 32, log=True)},
            objectives={
                "accuracy": "maximize",
                "size_bytes": trimtab.Objective("minimize", log=True, reference=1e5),
                "latency_ms": trimtab.Objective("minimize", log=True, reference=10.0),
            },
            seed=1,
        )


def by_hand(width):
    """Parameters and MACs of a net 64, width, 10."""
    return (64 + 1) * width + (width + 1) * 10, 64 * width + width * 10


def test_costs_are_measured_in_the_loop_and_read_back_with_their_contracts(study, http, key):
    study.optimize(train, 3, measure=FIGURES, progress=False)
    study.optimize(train, 4, measure=FIGURES, workers=2, progress=False)

    trials = list(study.trials())
    assert [trial.state for trial in trials] == ["complete"] * 7
    for trial in trials:
        parameters, macs = by_hand(trial["width"])
        assert trial.values.keys() == {"accuracy", *FIGURES}
        assert (trial.values["size_bytes"], trial.values["macs"]) == (8 * parameters, macs)
        assert trial.values["parameters_nonzero"] <= parameters
        assert trial.values["latency_ms"] > 0
        assert trial.stderrs.keys() == {"latency_ms"}

    one = study.trial(0)
    assert one.contracts.keys() == set(FIGURES)
    assert one.contracts["macs"] == trimtab.measure(*train(one)[1:], seconds=0.01).contract["macs"]
    assert one.contracts["latency_ms"]["repetitions"] >= 5
    found = http.get("/v1/studies/digits/trials/0", headers={"Authorization": f"Bearer {key}"}).json()
    assert found["contracts"] == one.contracts
    assert found["stderrs"] == one.stderrs

    smallest = min(trials, key=lambda trial: (trial.values["size_bytes"], trial.number))
    limit = int(smallest.values["macs_nonzero"])
    where = f"macs_nonzero <= {limit} and serialized_bytes > 0"
    assert smallest.number in {trial.number for trial in study.trials(where=where, order="-parameters_nonzero")}
    assert study.pareto_front()


def test_the_trials_page_and_the_export_show_what_was_measured(study, http, key):
    study.optimize(train, 1, measure=FIGURES, progress=False)
    (trial,) = study.trials()
    visitor = TestClient(http.app, base_url="http://127.0.0.1", headers={"accept": "text/html"})
    visitor.post("/login", data={"key": key}, headers={"Sec-Fetch-Site": "same-origin"})
    page = seen(visitor.get("/s/digits/0").text)
    lines = [" ".join(one.text.split()) for one in page.all("summary")]
    assert [line.split()[0] for line in lines] == ["Non-zero", "Size", "File", "MACs", "Non-zero", "Latency"]
    assert any(line.startswith("Size ↓ ") and line.endswith("size_bytes counted") for line in lines)
    known = [one.text for one in page.all("dd")]
    assert f"{int(trial.values['size_bytes']):,} bytes" in known
    assert "1, 64" in known

    text = http.get("/v1/studies/digits/trials?format=csv", headers={"Authorization": f"Bearer {key}"}).text
    (row,) = csv.DictReader(text.splitlines())
    assert float(row["values.macs_nonzero"]) == trial.values["macs_nonzero"]
    assert float(row["values.serialized_bytes"]) == trial.values["serialized_bytes"]
    assert float(row["stderrs.latency_ms"]) == trial.stderrs["latency_ms"]
    assert row["values.training_energy_j"] == ""


def test_a_figure_that_is_not_known_fails_the_trial_with_its_reason(study):
    def hand_over_arrays(_):
        return {"accuracy": 0.5, "latency_ms": 1.0}, {"w": DIGITS[0]}, None

    with pytest.raises(trimtab.TrimtabError, match="'macs' is not known") as refused:
        study.optimize(hand_over_arrays, 1, measure=["size_bytes", "macs"], progress=False)
    assert refused.value.code == "unknown_cost"
    (trial,) = study.trials()
    assert (trial.state, trial.failure["kind"], trial.values) == ("failed", "error", {})
    assert "'macs' is not known" in trial.failure["message"]
