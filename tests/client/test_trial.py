"""A trial's life in the hands of a worker."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest

from tests.client.fake_server import FakeServer
from trimtab import (
    Client,
    ContractMismatch,
    Float,
    Forbidden,
    Int,
    InvalidParams,
    InvalidValue,
    LeaseLost,
    MissingMetric,
    Objective,
    ServerError,
    ServerUnreachable,
    Study,
    TrialAlreadyFinished,
    TrimtabError,
    Unauthorized,
    Unavailable,
    UnknownMetric,
    UnknownParameter,
)
from trimtab.failures import failure_kind


class CostOfAModel:
    """Stands for a measured cost."""

    def as_metrics(self) -> dict[str, object]:
        return {
            "macs": {"value": 7_500, "stderr": None, "contract": {"convention": "multiply-accumulate"}},
            "latency_ms": {"value": 1.5, "stderr": 0.1, "contract": {"threads": 1}},
        }


def test_a_trial_shows_what_it_is(study: Study) -> None:
    trial = study.ask()
    assert (trial.number, trial.params, trial["lr"], trial.epoch, trial.state) == (0, {"lr": 0.5}, 0.5, 1, "running")
    assert trial.is_open
    assert repr(trial) == "<Trial 0 of 'digits': running, params {'lr': 0.5}>"


def test_a_result_is_told_under_the_lease_epoch_and_closes_the_trial(server: FakeServer, study: Study) -> None:
    trial = study.ask()
    trial.tell({"accuracy": 0.9, "size_bytes": (64_000, 10.0)})
    sent = server.calls("/tell")[0]
    assert sent.body == {
        "epoch": 1,
        "values": {"accuracy": 0.9, "size_bytes": {"value": 64_000, "stderr": 10.0}},
    }
    assert len(sent.headers["idempotency-key"]) == 32
    assert (trial.state, trial.values, trial.stderrs) == (
        "complete",
        {"accuracy": 0.9, "size_bytes": 64_000},
        {"size_bytes": 10.0},
    )
    assert not trial.is_open


def test_one_number_or_pair_is_enough_with_one_objective(server: FakeServer, study: Study) -> None:
    study.ask().tell(0.5)
    study.ask().tell((0.5, 0.1))
    assert [call.body["values"] for call in server.calls("/tell")] == [
        {"accuracy": 0.5},
        {"accuracy": {"value": 0.5, "stderr": 0.1}},
    ]


def test_metrics_may_be_told_by_keyword(server: FakeServer, study: Study) -> None:
    study.ask().tell({"accuracy": 0.5}, macs=10)
    study.tell(study.ask(), accuracy=0.6)
    assert [call.body["values"] for call in server.calls("/tell")] == [
        {"accuracy": 0.5, "macs": 10},
        {"accuracy": 0.6},
    ]


def test_one_number_is_not_enough_with_two_objectives(client: Client) -> None:
    study = client.create_study(
        "two", space={"lr": Float(0, 1)}, objectives={"accuracy": "maximize", "size_bytes": "minimize"}
    )
    with pytest.raises(MissingMetric, match=r"a value for each of \['accuracy', 'size_bytes'\], got 0\.5"):
        study.ask().tell(0.5)


def test_one_number_is_of_the_objective_that_is_neither_late_nor_computed(server: FakeServer, client: Client) -> None:
    goals = {"accuracy": "max", "latency_ms": "min", "reward": Objective("max", formula="accuracy - latency_ms / 80")}
    study = client.create_study("a", space={"lr": Float(0, 1)}, objectives=goals, late_metrics=["latency_ms"])
    study.ask().tell(0.5)
    assert server.calls("/tell")[0].body["values"] == {"accuracy": 0.5}


def test_nothing_is_no_result(study: Study) -> None:
    with pytest.raises(MissingMetric, match=r"\['accuracy'\], got none"):
        study.ask().tell()


def test_logged_costs_travel_with_the_result_and_their_contracts(server: FakeServer, study: Study) -> None:
    trial = study.ask()
    trial.log(CostOfAModel())
    trial.log({"energy_mj": 3.0})
    trial.tell(accuracy=0.9, latency_ms=2.0)
    assert server.calls("/tell")[0].body["values"] == {
        "macs": {"value": 7_500, "contract": {"convention": "multiply-accumulate"}},
        "latency_ms": 2.0,
        "energy_mj": 3.0,
        "accuracy": 0.9,
    }


def test_a_cost_can_be_told_as_it_is(server: FakeServer, study: Study) -> None:
    study.ask().tell(CostOfAModel(), accuracy=0.9)
    assert set(server.calls("/tell")[0].body["values"]) == {"macs", "latency_ms", "accuracy"}


def test_metrics_of_a_device_are_told_by_its_name(server: FakeServer, study: Study) -> None:
    study.ask().tell(0.9, devices={"pi-zero": {"latency_ms": (12.0, 0.5)}, "pixel": CostOfAModel()})
    study.ask().tell({"accuracy": 0.9, 'latency_ms["pi-zero"]': 12.0})
    pixel = {"value": 1.5, "stderr": 0.1, "contract": {"threads": 1}}
    assert [call.body["values"] for call in server.calls("/tell")] == [
        {
            "accuracy": 0.9,
            'latency_ms["pi-zero"]': {"value": 12.0, "stderr": 0.5},
            'macs["pixel"]': {"value": 7_500, "contract": {"convention": "multiply-accumulate"}},
            'latency_ms["pixel"]': pixel,
        },
        {"accuracy": 0.9, 'latency_ms["pi-zero"]': 12.0},
    ]


def test_variants_and_an_artifact_travel_with_the_result(server: FakeServer, study: Study, tmp_path: Path) -> None:
    trial = study.ask()
    int8 = {"accuracy": 0.88, "size_bytes": 10}
    trial.tell(0.9, variants={"int8": int8, "pruned": CostOfAModel()}, artifact=tmp_path)
    sent = server.calls("/tell")[0].body
    assert sent["variants"]["int8"] == int8
    assert sent["variants"]["pruned"]["macs"]["value"] == 7_500
    assert sent["artifact"] == str(tmp_path)
    assert trial.variants["int8"] == int8
    assert trial.artifact == str(tmp_path)
    study.tell(study.ask(), 0.9, variants={"int8": {"accuracy": 0.5}})
    assert server.calls("/tell")[1].body["variants"] == {"int8": {"accuracy": 0.5}}


def test_a_variant_that_is_not_finite_is_left_out_with_a_warning(
    server: FakeServer, study: Study, caplog: pytest.LogCaptureFixture
) -> None:
    study.ask().tell(0.9, variants={"int2": {"accuracy": math.nan}, "int8": {"accuracy": 0.8}})
    assert server.calls("/tell")[0].body["variants"] == {"int8": {"accuracy": 0.8}}
    assert caplog.messages == ["trial 0: variant 'int2' is left out: accuracy is nan"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"variants": ["int8"]}, r"variants: expected \{name: value\}, got \['int8'\]"),
        ({"variants": {"int8": 0.5}}, r"values: expected \{name: value\}, got 0.5"),
        ({"devices": "pi-zero"}, r"devices: expected \{name: value\}, got 'pi-zero'"),
        ({"devices": {"pi-zero": 12.0}}, r"values: expected \{name: value\}, got 12.0"),
    ],
)
def test_variants_and_devices_that_are_none_are_refused(study: Study, given: dict[str, Any], words: str) -> None:
    trial = study.ask()
    with pytest.raises(InvalidValue, match=words):
        trial.tell(0.9, **given)
    assert trial.is_open


def test_a_value_of_another_contract_leaves_the_trial_open(server: FakeServer, study: Study) -> None:
    trial = study.ask()
    server.say(409, at="/tell", code="contract_mismatch", detail="latency_ms: expected device a, got b")
    with pytest.raises(ContractMismatch, match="expected device a, got b"):
        trial.tell(0.9, latency_ms=3.0)
    assert trial.is_open


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_result_that_is_not_finite_fails_the_trial(
    server: FakeServer, study: Study, value: float, caplog: pytest.LogCaptureFixture
) -> None:
    trial = study.ask()
    trial.tell({"accuracy": value})
    assert server.calls("/tell") == []
    assert server.calls("/fail")[0].body == {"epoch": 1, "kind": "nan", "message": f"accuracy is {value}"}
    assert trial.state == "failed"
    assert trial.failure == {"kind": "nan", "message": f"accuracy is {value}"}
    assert not trial.is_open
    assert caplog.messages == [f"trial 0 counts as failed (nan): accuracy is {value}"]


def test_a_value_that_is_no_number_leaves_the_trial_open(study: Study) -> None:
    trial = study.ask()
    with pytest.raises(InvalidValue, match="metric 'accuracy': expected a number, got 'good'"):
        trial.tell(accuracy="good")
    assert trial.is_open


def test_a_refused_result_leaves_the_trial_open(server: FakeServer, study: Study) -> None:
    trial = study.ask()
    server.say(422, code="unknown_metric", detail="expected accuracy, got acc")
    with pytest.raises(UnknownMetric):
        trial.tell(acc=0.9)
    assert trial.is_open
    trial.tell(accuracy=0.9)
    assert trial.state == "complete"


def test_a_second_result_is_left_to_the_server_to_judge(server: FakeServer, study: Study) -> None:
    trial = study.ask()
    trial.tell(0.9)
    with pytest.raises(TrialAlreadyFinished):
        trial.tell(0.8)
    assert len(server.calls("/tell")) == 2


def test_reports_carry_steps_and_bring_the_advice_to_stop(server: FakeServer, study: Study) -> None:
    trial = study.ask()
    assert trial.report(step=3, values={"accuracy": 0.5}) is False
    assert not trial.should_stop
    server.should_stop = True
    assert trial.report(accuracy=0.6, macs=(5, 1)) is True
    assert trial.should_stop
    assert [call.body for call in server.calls("/report")] == [
        {"epoch": 1, "step": 3, "values": {"accuracy": 0.5}},
        {"epoch": 1, "step": 4, "values": {"accuracy": 0.6, "macs": 5}},
    ]


def test_an_advice_to_stop_stays(server: FakeServer, study: Study) -> None:
    trial = study.ask()
    server.should_stop = True
    trial.report(accuracy=0.6)
    server.should_stop = False
    assert trial.report(accuracy=0.7) is True


def test_a_report_that_is_not_finite_is_left_out(
    server: FakeServer, study: Study, caplog: pytest.LogCaptureFixture
) -> None:
    trial = study.ask()
    trial.report(step=0, values={"accuracy": math.nan})
    trial.report(step=1, values={"accuracy": math.nan, "macs": 5})
    assert [call.body["values"] for call in server.calls("/report")] == [{"macs": 5}]
    assert "accuracy at step 0 is not finite" in caplog.text
    assert trial.is_open


def test_a_report_with_its_values_first_is_told_the_order(server: FakeServer, study: Study) -> None:
    trial = study.ask()
    with pytest.raises(InvalidValue, match=r"got \{'accuracy': 0\.5\}: the step comes first, report\(step, "):
        trial.report({"accuracy": 0.5}, 1)  # type: ignore[arg-type]
    with pytest.raises(InvalidValue, match="step: expected a whole number, got '1'"):
        trial.report("1", {"accuracy": 0.5})  # type: ignore[arg-type]
    assert server.calls("/report") == []
    trial.report(np.int64(3), {"accuracy": 0.5})  # type: ignore[arg-type]
    trial.report(4.0, {"accuracy": 0.5})  # type: ignore[arg-type]
    assert [call.body["step"] for call in server.calls("/report")] == [3, 4]


def test_a_parameter_that_is_not_there_is_a_key_error_with_the_names(study: Study) -> None:
    trial = study.ask()
    for family in (KeyError, InvalidParams):
        with pytest.raises(family) as caught:
            trial["learning_rate"]
        assert str(caught.value) == "params are ['lr'], got 'learning_rate'"
        assert caught.type is UnknownParameter


def test_a_conditional_parameter_that_is_absent_says_why(server: FakeServer, client: Client) -> None:
    space = {
        "layers": Int(1, 3),
        "w2": Int(8, 256, when={"layers": [2, 3]}),
        "w2_bias": Float(0, 1, when={"w2": 8}),
    }
    study = client.create_study("deep", space=space, objectives={"accuracy": "maximize"})
    study.enqueue({"layers": 1})
    trial = study.ask()
    with pytest.raises(UnknownParameter, match=r"^w2 is absent, since layers=1$"):
        trial["w2"]
    with pytest.raises(UnknownParameter, match=r"^w2_bias is absent, since w2 is absent$"):
        trial["w2_bias"]


def test_a_report_that_can_not_be_delivered_does_not_end_the_training(
    server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    with server.client(deadline=0.0) as client:
        study = client.create_study("a", space={"lr": Float(0, 1)}, objectives={"accuracy": "max"})
        trial = study.ask()
        server.break_off(httpx2.ConnectError("refused"), at="/report")
        assert trial.report(accuracy=0.5) is False
        assert "the report of step 0 is lost" in caplog.text
        trial.tell(0.5)
    assert trial.state == "complete"


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (500, "internal_error", "the report of step 0 is lost: no"),
        (503, "overloaded", "the report of step 0 is lost: no"),
        (401, "unauthorized", "the report of step 0 is lost: no"),
        (404, "study_not_found", "the report of step 0 is lost: no"),
        (409, "idempotency_in_progress", "the report of step 0 is lost: no"),
        (409, "trial_already_finished", "the lease is lost (no)"),
    ],
)
def test_a_report_that_is_refused_for_no_fault_of_the_training_does_not_end_it(
    server: FakeServer, caplog: pytest.LogCaptureFixture, status: int, code: str, words: str
) -> None:
    with server.client(deadline=0.0) as client:
        study = client.create_study("a", space={"lr": Float(0, 1)}, objectives={"accuracy": "max"})
        trial = study.ask()
        server.say(status, at="/report", code=code, detail="no")
        assert trial.report(accuracy=0.5) is False
        assert words in caplog.text
        trial.tell(0.5)
    assert trial.state == "complete"


def test_a_report_of_a_misspelt_metric_is_refused(server: FakeServer, study: Study) -> None:
    trial = study.ask()
    server.say(422, at="/report", code="unknown_metric", detail="expected accuracy, got acuracy")
    with pytest.raises(UnknownMetric, match="got acuracy"):
        trial.report(acuracy=0.5)
    assert trial.is_open


def test_a_report_under_a_lost_lease_is_remembered_and_the_result_is_still_sent(
    server: FakeServer, study: Study, caplog: pytest.LogCaptureFixture
) -> None:
    trial = study.ask()
    server.say(409, at="/report", code="lease_lost", detail="trial 0 is running under lease epoch 2, got epoch 1")
    trial.report(accuracy=0.5)
    assert trial.lease_lost
    assert "the lease is lost" in caplog.text
    trial.tell(0.5)
    assert trial.state == "complete"


def test_a_trial_fails_with_a_kind_and_a_message(server: FakeServer, study: Study) -> None:
    trial = study.ask()
    trial.fail("oom", message=MemoryError("8 GiB"))
    assert server.calls("/fail")[0].body == {"epoch": 1, "kind": "oom", "message": "8 GiB"}
    assert trial.state == "failed"


def test_an_infrastructure_failure_hands_the_trial_out_again(study: Study) -> None:
    trial = study.ask()
    trial.fail("infrastructure", "node went away")
    assert not trial.is_open
    again = study.ask()
    assert (again.number, again.epoch) == (0, 2)


def test_a_released_trial_is_handed_out_again(study: Study) -> None:
    trial = study.ask()
    trial.release()
    assert not trial.is_open
    assert study.ask().number == 0


# --- As a context manager -----------------------------------------------------------------------------------------


class OutOfMemoryError(RuntimeError):
    """Bears the name of torch's error."""


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MemoryError("no more"), "oom"),
        (OutOfMemoryError("CUDA out of memory"), "oom"),
        (TimeoutError("too slow"), "timeout"),
        (FloatingPointError("overflow"), "nan"),
        (ValueError("bad shape"), "error"),
    ],
)
def test_an_exception_fails_the_trial_with_its_kind_and_goes_on(
    server: FakeServer, study: Study, error: Exception, kind: str
) -> None:
    with pytest.raises(type(error)), study.ask():
        raise error
    assert server.calls("/fail")[0].body == {"epoch": 1, "kind": kind, "message": f"{type(error).__name__}: {error}"}
    assert failure_kind(error) == kind


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupted_trial_is_given_back(server: FakeServer, study: Study, error: type[BaseException]) -> None:
    with pytest.raises(error), study.ask():
        raise error
    assert len(server.calls("/release")) == 1
    assert server.calls("/fail") == []
    assert study.ask().number == 0


def test_leaving_without_a_result_gives_the_trial_back_with_a_warning(
    server: FakeServer, study: Study, caplog: pytest.LogCaptureFixture
) -> None:
    with study.ask() as trial:
        pass
    assert len(server.calls("/release")) == 1
    assert not trial.is_open
    assert caplog.record_tuples == [
        ("trimtab", logging.WARNING, "trial 0 was neither told nor failed, so it is given back")
    ]


def test_a_told_trial_is_left_alone_when_something_fails_afterwards(server: FakeServer, study: Study) -> None:
    with pytest.raises(ValueError, match="later"), study.ask() as trial:  # noqa: PT012  # one block is the subject
        trial.tell(0.9)
        raise ValueError("later")
    assert server.calls("/fail") == []
    assert trial.state == "complete"


def test_the_error_of_the_training_is_seen_although_the_trial_can_not_be_closed(
    server: FakeServer, study: Study, caplog: pytest.LogCaptureFixture
) -> None:
    server.say(409, at="/fail", code="lease_lost", detail="gone")
    with pytest.raises(ValueError, match="bad shape"), study.ask():
        raise ValueError("bad shape")
    assert "could not be closed" in caplog.text


def test_a_trial_is_left_to_its_lease_when_the_server_is_gone(
    server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    with server.client(deadline=0.0) as client:
        study = client.create_study("a", space={"lr": Float(0, 1)}, objectives={"accuracy": "max"})
        with pytest.raises(ServerUnreachable), study.ask() as trial:  # noqa: PT012  # one block is the subject
            server.break_off(httpx2.ConnectError("refused"), at="/tell")
            trial.tell(0.5)
    assert server.calls("/fail") == []
    assert "left to its lease" in caplog.text


@pytest.mark.parametrize(
    ("status", "error"), [(500, ServerError), (503, Unavailable), (401, Unauthorized), (403, Forbidden)]
)
def test_a_finished_result_is_never_made_a_failure_when_the_server_can_not_take_it(
    server: FakeServer, caplog: pytest.LogCaptureFixture, status: int, error: type[TrimtabError]
) -> None:
    with server.client(deadline=0.0) as client:
        study = client.create_study("a", space={"lr": Float(0, 1)}, objectives={"accuracy": "max"})
        server.say(status, at="/tell", code="database_unavailable" if status == 503 else None, detail="no")
        with pytest.raises(error):
            study.optimize(lambda _: 0.5, n_trials=1)
    assert server.calls("/fail") == server.calls("/release") == []
    assert server.trials["a"][0]["state"] == "running"
    assert f"left to its lease after {error.__name__}" in caplog.text


def test_a_failure_under_a_lost_lease_is_refused(server: FakeServer, study: Study) -> None:
    trial = study.ask()
    server.say(409, at="/fail", code="lease_lost", detail="gone")
    with pytest.raises(LeaseLost):
        trial.fail("error", "x")
    assert not trial.is_open


@pytest.mark.parametrize("odd", [5, ["accuracy"], "accuracy"])
def test_what_names_no_metric_can_not_be_logged(study: Study, odd: object) -> None:
    with pytest.raises(InvalidValue, match=r"values: expected \{name: value\}, got "):
        study.ask().log(odd)
