"""The view trial_history is what docs/sql.md says, and the queries printed there run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from tests.builders import a_study, a_trial, two_objectives
from trimtab_service.domain.metric import Value
from trimtab_service.domain.parameter import Float, Int
from trimtab_service.domain.space import Space
from trimtab_service.domain.trial import Failure, FailureKind, TrialState

DOCS = (Path(__file__).parents[2] / "docs" / "sql.md").read_text()
BEST, ENDS, FITTING = re.findall(r"```sql\n(.*?);\n```", DOCS, flags=re.DOTALL)


@pytest.fixture
def query(store):
    def run(sql: str) -> list[tuple[object, ...]]:
        with store.read() as tx:
            return [tuple(row) for row in tx.connection.execute(text(sql))]

    return run


def test_the_docs_name_the_columns_of_the_view_in_order(store):
    with store.read() as tx:
        columns = [column["name"] for column in inspect(tx.connection).get_columns("trial_history")]
    named = [
        name
        for line in DOCS.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line.split("|")[1])
    ]
    assert named == columns


def test_the_view_has_a_row_per_trial_and_metric(store, query):
    study = a_study(store, name="digits", objectives=two_objectives())
    a_trial(store, study, state=TrialState.COMPLETE, values={"accuracy": Value(0.9, 0.1), "size_bytes": 100.0})
    a_trial(store, study, worker="host-1")
    rows = query(
        "SELECT project, study, number, state, metric, value, stderr, worker FROM trial_history ORDER BY 3, 5"
    )
    assert rows == [
        ("default", "digits", 0, "complete", "accuracy", 0.9, 0.1, "worker-1"),
        ("default", "digits", 0, "complete", "size_bytes", 100.0, None, "worker-1"),
        ("default", "digits", 1, "running", None, None, None, "host-1"),
    ]


def test_the_first_query_finds_the_most_accurate_trials_and_their_size(store, query):
    space = Space((Int("width_1", 4, 256, log=True), Float("learning_rate", 1e-5, 1.0, log=True)))
    study = a_study(store, name="digits-gp-s0", space=space, objectives=two_objectives())
    for place in range(12):
        params = {"width_1": 4 + place, "learning_rate": 1e-3 * (1 + place)}
        told = {"accuracy": place / 20, "size_bytes": 1000.0 * (place + 1)}
        a_trial(store, study, state=TrialState.COMPLETE, params=params, values=told)
    a_trial(store, study)
    a_trial(store, a_study(store, name="other"), state=TrialState.COMPLETE, values={"accuracy": 1.0})
    found = query(BEST)
    assert [(number, accuracy, size) for number, accuracy, size, _ in found] == [
        (place, place / 20, 1000.0 * (place + 1)) for place in range(11, 1, -1)
    ]
    assert float(found[0][3]) == 1e-3 * 12


def test_the_second_query_counts_how_trials_ended(store, query):
    study = a_study(store, name="digits", objectives=two_objectives())
    told = {"accuracy": 0.5, "size_bytes": 10.0}
    for state in (TrialState.COMPLETE, TrialState.COMPLETE, TrialState.RUNNING):
        a_trial(store, study, state=state, values=told if state is TrialState.COMPLETE else None)
    a_trial(store, study, state=TrialState.FAILED, failure=Failure(FailureKind.OOM))
    a_trial(store, study, state=TrialState.FAILED, failure=Failure(FailureKind.NAN))
    assert query(ENDS) == [
        ("digits", "complete", "", 2),
        ("digits", "failed", "nan", 1),
        ("digits", "failed", "oom", 1),
        ("digits", "running", "", 1),
    ]


def test_the_third_query_finds_what_fits_a_device_variants_among_it(store, query):
    study = a_study(store, name="digits-gp-s0", objectives=two_objectives())
    pi, phone = 'latency_ms["pi-zero"]', 'latency_ms["phone"]'
    for told in (
        {"accuracy": 0.9, pi: 30.0, "latency_ms": 2.0},
        {"accuracy": 0.7, pi: 20.0},
        {"accuracy": 0.95, phone: 1.0},
    ):
        a_trial(store, study, state=TrialState.COMPLETE, values={"size_bytes": 10.0, **told})
    a_trial(store, study, state=TrialState.INFEASIBLE, values={pi: 1.0})
    with store.begin() as tx:
        tx.add_values(study, 0, {"accuracy": Value(0.88), pi: Value(15.0)}, variant="int8")
    assert query(FITTING) == [(0, "int8", 0.88, 15.0), (1, "", 0.7, 20.0)]
