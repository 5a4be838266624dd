"""Probes: a cost function prices params that nobody trains."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

import trimtab
from tests.client.fake_server import FakeServer
from trimtab import Invalid, InvalidValue, Study, StudyFinished, probing


def price(params: dict[str, Any]) -> dict[str, float]:
    return {"macs": 100 * params["lr"]}


def test_params_are_priced_and_sent_in_batches(server: FakeServer, study: Study) -> None:
    assert study.probe(price, n=120) == 120
    assert [call.body["count"] for call in server.calls("/probes/ask")] == [50, 50, 20]
    assert [len(call.body["probes"]) for call in server.calls("/probes")] == [50, 50, 20]
    assert len({probe["params"]["lr"] for probe in server.probes}) == 120
    assert all(probe["values"] == price(probe["params"]) for probe in server.probes)


def test_a_cost_is_sent_with_its_contracts(server: FakeServer, study: Study) -> None:
    study.probe(lambda _: trimtab.measure({"w": np.ones(3, dtype=np.float32)}), n=1)
    size = server.probes[0]["values"]["size_bytes"]
    assert (size["value"], size["contract"]["how"]) == (12, "counted")


def test_it_ends_when_the_space_has_no_more(server: FakeServer, study: Study) -> None:
    server.say(200, at="/probes/ask", points=[{"lr": 0.5}])
    server.say(409, at="/probes/ask", code="space_exhausted", detail="all are probed")
    assert study.probe(price, n=300) == 1


def test_any_other_end_is_raised(server: FakeServer, study: Study) -> None:
    server.say(409, at="/probes/ask", code="study_paused", detail="later")
    with pytest.raises(StudyFinished, match="later"):
        study.probe(price)


def test_what_was_priced_before_the_cost_function_fails_stays(server: FakeServer, study: Study) -> None:
    calls: list[float] = []

    def fragile(params: dict[str, Any]) -> dict[str, float]:
        calls.append(params["lr"])
        if len(calls) > probing.BATCH:
            raise ZeroDivisionError("bad shape")
        return price(params)

    with pytest.raises(ZeroDivisionError):
        study.probe(fragile, n=300)
    assert len(server.probes) == probing.BATCH


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        (5, r"the cost function of \{'lr': 0.5\}: values: expected \{name: value\}, got 5"),
        ({"macs": "many"}, r"the cost function of \{'lr': 0.5\}: metric 'macs': expected a number, got 'many'"),
        ({"macs": float("nan")}, r"the cost function of \{'lr': 0.5\}: expected finite numbers, but macs is nan"),
    ],
)
def test_a_cost_that_is_none_is_refused_with_its_params(
    server: FakeServer, study: Study, cost: Any, words: str
) -> None:
    with pytest.raises(InvalidValue, match=words):
        study.probe(lambda _: cost, n=1)
    assert server.probes == []


@pytest.mark.parametrize("odd", [0, -1, 1.5, True, "3"])
def test_a_count_that_is_none_is_refused(server: FakeServer, study: Study, odd: Any) -> None:
    with pytest.raises(Invalid, match="n must be a whole number of at least 1, got "):
        study.probe(price, n=odd)
    assert server.calls("/probes/ask") == []


def test_progress_is_shown_batch_by_batch(
    study: Study, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO, logger="trimtab"):
        study.probe(price, n=60)
    assert caplog.messages == [
        "digits probes: 50 probes sent | 50/60",
        "digits probes: 10 probes sent | 60/60",
    ]
    study.probe(price, n=1, progress=True)
    assert "1/1" in capsys.readouterr().err
