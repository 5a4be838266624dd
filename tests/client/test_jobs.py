"""Measure jobs in the hands of a device's worker."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pytest

import trimtab
from tests.client.fake_server import FakeServer
from trimtab import Client, InvalidValue, JobNotFound, LeaseLost, MissingMetric
from trimtab.jobs import Job


@pytest.fixture
def server() -> FakeServer:
    server = FakeServer()
    server.jobs += [a_job(7, number=3), a_job(8, number=4)]
    return server


def a_job(number_of_job: int, number: int, metric: str = "latency_ms") -> dict[str, Any]:
    return {
        "id": number_of_job,
        "study": "digits",
        "number": number,
        "params": {"lr": 0.5},
        "values": {"accuracy": 0.9},
        "metric": metric,
        "device": "pi-zero",
        "artifact": "s3://models/3.onnx",
        "epoch": 0,
        "state": "waiting",
    }


def first(client: Client) -> Job:
    return next(client.measure_jobs("latency_ms", "pi-zero"))


def test_jobs_come_one_after_the_other_and_end(server: FakeServer, client: Client) -> None:
    seen = []
    for job in client.measure_jobs(metric="latency_ms", device="pi-zero", study="digits"):
        with job:
            seen.append((job.id, job.study, job.number, job.params, job.values, job.metric, job.device, job.artifact))
            job.tell(12.5)
    assert seen == [
        (7, "digits", 3, {"lr": 0.5}, {"accuracy": 0.9}, "latency_ms", "pi-zero", "s3://models/3.onnx"),
        (8, "digits", 4, {"lr": 0.5}, {"accuracy": 0.9}, "latency_ms", "pi-zero", "s3://models/3.onnx"),
    ]
    assert server.calls("/measure/ask")[0].body == {
        "metric": "latency_ms",
        "device": "pi-zero",
        "worker": client.worker,
        "count": 1,
        "study": "digits",
    }
    assert server.calls("/measure/7/tell")[0].body == {"epoch": 1, "value": 12.5}
    assert [job["state"] for job in server.jobs] == ["done", "done"]


def test_without_a_study_all_studies_are_meant(server: FakeServer, client: Client) -> None:
    first(client).release()
    assert "study" not in server.calls("/measure/ask")[0].body


class CostOfAModel:
    def as_metrics(self) -> dict[str, Any]:
        return {"latency_ms": {"value": 1.5, "stderr": 0.1, "contract": {"threads": 1}}, "macs": {"value": 6}}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (12.5, 12.5),
        ((12.5, 0.5), {"value": 12.5, "stderr": 0.5}),
        ({"value": 12.5, "contract": {"device": "pi-zero"}}, {"value": 12.5, "contract": {"device": "pi-zero"}}),
        (np.float32(0.5), 0.5),
        (CostOfAModel(), {"value": 1.5, "stderr": 0.1, "contract": {"threads": 1}}),
    ],
)
def test_a_figure_is_whatever_a_trial_takes(server: FakeServer, client: Client, given: Any, sent: Any) -> None:
    job = first(client)
    job.tell(given)
    assert server.calls("/tell")[0].body["value"] == sent
    assert not job.is_open


def test_a_cost_without_the_figure_is_refused_and_the_job_stays_open(client: Client) -> None:
    job = first(client)
    with pytest.raises(MissingMetric, match=r"a cost with 'latency_ms', got one with \['parameters', "):
        job.tell(trimtab.measure({"w": np.ones(3)}))
    with pytest.raises(InvalidValue, match="metric 'latency_ms': expected a number, got 'fast'"):
        job.tell("fast")
    assert job.is_open
    job.release()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_figure_that_is_not_finite_fails_the_job(server: FakeServer, client: Client, value: float) -> None:
    first(client).tell(value)
    assert server.calls("/tell") == []
    assert server.calls("/fail")[0].body == {"epoch": 1, "kind": "nan", "message": f"latency_ms is {value}"}


def test_an_exception_fails_the_job_with_its_kind_and_goes_on(server: FakeServer, client: Client) -> None:
    with pytest.raises(MemoryError), first(client):
        raise MemoryError("no more")
    assert server.calls("/measure/7/fail")[0].body == {"epoch": 1, "kind": "oom", "message": "MemoryError: no more"}


def test_an_interrupted_job_is_given_back(server: FakeServer, client: Client) -> None:
    with pytest.raises(KeyboardInterrupt), first(client):
        raise KeyboardInterrupt
    assert server.jobs[0]["state"] == "waiting"


def test_leaving_without_a_figure_gives_the_job_back_with_a_warning(
    server: FakeServer, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with first(client):
        pass
    assert server.jobs[0]["state"] == "waiting"
    assert caplog.messages == ["measure job 7 was neither told nor failed, so it is given back"]


def test_open_jobs_are_renewed(server: FakeServer, client: Client) -> None:
    server.lease_seconds = 0.06
    job = first(client)
    until = time.monotonic() + 10
    while len(server.calls("/measure/7/heartbeat")) < 3:
        assert time.monotonic() < until
        time.sleep(0.005)
    job.fail("error", "no board")
    assert server.jobs[0]["state"] == "failed"


def test_a_job_that_was_given_away_can_not_be_told(server: FakeServer, client: Client) -> None:
    job = first(client)
    server.jobs[0]["epoch"] += 1
    with pytest.raises(LeaseLost):
        job.tell(1.0)
    assert not job.is_open
    gone = first(client)
    server.jobs.clear()
    with pytest.raises(JobNotFound):
        gone.tell(1.0)


def test_a_worker_waits_for_jobs_that_are_still_to_come(server: FakeServer, client: Client) -> None:
    late = server.jobs.pop()
    seen = []
    for job in client.measure_jobs("latency_ms", wait=0.6):
        seen.append(job.id)
        job.tell(1.0)
        if len(seen) == 1:
            server.jobs.append(late)
    assert seen == [7, 8]
    assert len(server.calls("/measure/ask")) >= 4, "it looked again while there were none"
