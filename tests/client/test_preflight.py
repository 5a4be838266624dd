"""What is known of a model before it is trained: preflight, refusals, and loops that ask again."""

from __future__ import annotations

import logging
import time
from typing import Any

import numpy as np
import pytest

from tests.client.fake_server import FakeServer
from trimtab import Client, Float, InvalidValue, Refused, Study, Trial, TrialAlreadyFinished, measured
from trimtab.progress import Progress

SMALL = {"w": np.ones((2, 3), dtype=np.float32)}
LARGE = {"w": np.ones((200, 300), dtype=np.float32)}


@pytest.fixture
def sized(client: Client) -> Study:
    return client.create_study(
        "sized",
        space={"lr": Float(0.0, 1.0)},
        objectives={"accuracy": "maximize", "size_bytes": "minimize"},
        constraints=["size_bytes <= 64_000"],
        known_metrics=["size_bytes"],
        max_trials=100,
    )


def test_a_model_within_the_limits_passes_and_its_costs_are_kept_for_the_tell(
    server: FakeServer, sized: Study
) -> None:
    trial = sized.ask()
    verdict = trial.preflight({"size_bytes": 24, "macs": 6})
    assert verdict
    assert verdict.broken == ()
    assert str(verdict) == "within the limits, as far as they are known"
    assert trial.is_open
    assert server.calls("/preflight")[0].body == {"epoch": 1, "values": {"size_bytes": 24, "macs": 6}}
    trial.tell(0.9)  # of the objective that is left
    assert server.calls("/tell")[0].body["values"] == {"accuracy": 0.9, "size_bytes": 24, "macs": 6}


def test_a_model_over_a_limit_closes_its_trial_and_the_verdict_says_which(server: FakeServer, sized: Study) -> None:
    trial = sized.ask()
    verdict = trial.preflight(size_bytes=91_000, macs=6)
    assert not verdict
    assert verdict.broken == ("size_bytes <= 64000",)
    assert str(verdict) == "over the limit: size_bytes <= 64000 (got size_bytes 91000)"
    assert (trial.state, trial.is_open, trial.broken) == ("infeasible", False, ("size_bytes <= 64000",))
    with pytest.raises(TrialAlreadyFinished):
        trial.tell(accuracy=0.9)


def test_a_refused_trial_is_not_renewed_any_more(server: FakeServer, sized: Study) -> None:
    server.lease_seconds = 0.06
    trial = sized.ask()
    trial.preflight(size_bytes=91_000)
    beats = len(server.calls("/heartbeat"))
    time.sleep(0.2)
    assert len(server.calls("/heartbeat")) <= beats + 1  # one may have been on its way


@pytest.mark.parametrize("odd", [float("nan"), float("inf")])
def test_what_is_not_finite_is_refused_before_it_is_sent(server: FakeServer, sized: Study, odd: float) -> None:
    trial = sized.ask()
    with pytest.raises(InvalidValue, match=f"preflight: expected finite numbers, but size_bytes is {odd}"):
        trial.preflight(size_bytes=odd)
    assert server.calls("/preflight") == []
    assert trial.is_open


def test_measuring_before_the_training_sends_what_is_known_and_no_latency(server: FakeServer, sized: Study) -> None:
    trial = sized.ask()
    cost = trial.measure(SMALL, before=True)
    assert cost.size_bytes == 24
    sent = server.calls("/preflight")[0].body["values"]
    assert sent["size_bytes"]["value"] == 24
    assert sent["size_bytes"]["contract"]["how"] == "counted"
    assert "latency_ms" not in sent
    trial.tell(accuracy=0.5)
    assert server.calls("/tell")[0].body["values"].keys() == {"accuracy", *sent}


def test_measuring_before_the_training_raises_for_a_model_over_a_limit(server: FakeServer, sized: Study) -> None:
    trial = sized.ask()
    with pytest.raises(
        Refused, match=r"trial 0 is over the limit: size_bytes <= 64000 \(got size_bytes 240000\)"
    ) as no:
        trial.measure(LARGE, before=True)
    assert no.value.extras == {"number": 0, "broken": ["size_bytes <= 64000"]}
    assert trial.state == "infeasible"
    assert server.calls("/fail") == server.calls("/release") == []


def test_a_refusal_ends_its_block_quietly(server: FakeServer, sized: Study, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="trimtab"), sized.ask() as trial:
        trial.measure(LARGE, before=True)
        raise AssertionError("the block goes on")
    assert trial.state == "infeasible"
    assert "trial 0 is over the limit" in caplog.text
    assert server.calls("/fail") == []


def test_a_refusal_of_another_trial_fails_this_one(server: FakeServer, sized: Study) -> None:
    other = sized.ask()
    with pytest.raises(Refused), sized.ask():
        other.measure(LARGE, before=True)
    assert [call.path.split("/")[-2] for call in server.calls("/fail")] == ["1"]


class Torchlike:
    """Has modes as a torch module has, and one part in eval mode for good."""

    def __init__(self) -> None:
        self.training = True
        self.frozen = type("Frozen", (), {"training": False})()

    def modules(self) -> list[Any]:
        return [self, self.frozen]

    def eval(self) -> None:
        self.training = False


def test_a_model_is_measured_as_it_will_be_used_and_left_as_it_was() -> None:
    model = Torchlike()
    with measured.as_used(model):
        assert not model.training
    assert model.training
    assert not model.frozen.training
    with pytest.raises(ZeroDivisionError), measured.as_used(model):
        _ = 1 / 0
    assert model.training


# --- Loops ----------------------------------------------------------------------------------------------------------


def refusing(large: set[int]) -> Any:
    """An objective whose models of these trials are too large."""

    def objective(trial: Trial) -> float:
        trial.measure(LARGE if trial.number in large else SMALL, before=True)
        return 0.5

    return objective


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_asks_again_after_a_refusal_which_does_not_count(
    server: FakeServer, sized: Study, workers: int
) -> None:
    sized.optimize(refusing({0, 1, 3}), n_trials=3, workers=workers)
    states = [trial["state"] for trial in server.trials["sized"]]
    assert states == ["infeasible", "infeasible", "complete", "infeasible", "complete", "complete"]


def test_an_objective_that_returns_after_a_false_verdict_is_asked_again(server: FakeServer, sized: Study) -> None:
    def objective(trial: Trial) -> float | None:
        return 0.5 if trial.preflight(size_bytes=91_000 if trial.number == 0 else 10) else None

    sized.optimize(objective, n_trials=1)
    assert [trial["state"] for trial in server.trials["sized"]] == ["infeasible", "complete"]


def test_the_line_of_a_run_counts_refusals_apart(sized: Study) -> None:
    from trimtab.optimizing import Outcome

    with Progress(sized, 5, wanted=False) as line:
        line.add(Outcome(0, "infeasible", {}), running=0)
        line.add(Outcome(1, "complete", {"accuracy": 0.5, "size_bytes": 10.0}), running=0)
        assert line.done == 1
        assert line.text(running=0) == "1 trials · 1 infeasible · front 1"


def test_work_hands_out_trials_until_so_many_are_done(server: FakeServer, sized: Study) -> None:
    for trial in sized.work(n=2):
        with trial:
            trial.measure(LARGE if trial.number == 0 else SMALL, before=True)
            trial.tell(accuracy=0.5)
    assert [trial["state"] for trial in server.trials["sized"]] == ["infeasible", "complete", "complete"]
    assert len(server.calls("/ask")) == 3


@pytest.mark.parametrize("code", ["budget_reached", "space_exhausted"])
def test_work_ends_quietly_when_there_is_no_more(server: FakeServer, sized: Study, code: str) -> None:
    server.say(409, at="/ask", code=code, detail="over")
    assert list(sized.work()) == []


@pytest.mark.parametrize(
    ("status", "code"), [(409, "study_paused"), (409, "no_feasible_configuration"), (409, "worker_paused")]
)
def test_work_raises_any_other_end(server: FakeServer, sized: Study, status: int, code: str) -> None:
    server.say(status, at="/ask", code=code, detail="over")
    with pytest.raises(Exception, match="over") as end:
        list(sized.work())
    assert end.value.code == code  # type: ignore[attr-defined]


def test_a_named_worker_takes_up_what_it_left_open(server: FakeServer) -> None:
    definition: dict[str, Any] = {"space": {"lr": Float(0.0, 1.0)}, "objectives": {"accuracy": "maximize"}}
    with server.client(worker="gpu-0") as client, server.client(worker="gpu-1") as other:
        other.create_study("digits", **definition).ask()
        lost, kept = client.study("digits").ask(count=2)
        client.leases.close()  # as in a crash
        server.trials["digits"][lost.number]["epoch"] += 1  # given away meanwhile
        server.trials["digits"][lost.number]["worker"] = "gpu-1"
    with server.client(worker="gpu-0") as again:
        handed = []
        for trial in again.study("digits").work(n=2):
            handed.append((trial.number, trial.epoch))
            trial.tell(0.5)
    assert handed == [(kept.number, 1), (3, 1)]
    assert server.calls(f"/trials/{kept.number}/tell")[0].body["epoch"] == 1


def test_a_trial_whose_lease_ran_out_is_left_to_the_next_ask(server: FakeServer) -> None:
    with server.client(worker="gpu-0") as client:
        study = client.create_study("digits", space={"lr": Float(0.0, 1.0)}, objectives={"accuracy": "maximize"})
        study.ask()
        server.say(409, at="/heartbeat", code="lease_lost", detail="ran out")
        assert [trial.number for trial in study.work(n=1)] == [1]


def test_a_worker_without_a_name_takes_up_nothing(server: FakeServer, study: Study) -> None:
    study.ask()
    assert [trial.number for trial in study.work(n=1)] == [1]
    assert server.calls("/heartbeat") == []


# --- Steps ----------------------------------------------------------------------------------------------------------


def test_steps_are_those_of_the_reports_between_them(server: FakeServer, study: Study) -> None:
    trial = study.ask()
    for step in trial.steps(4):
        if step != 1:
            trial.report(accuracy=0.1 * step)
    assert [call.body["step"] for call in server.calls("/report")] == [0, 2, 3]


def test_steps_end_early_when_the_server_says_stop(server: FakeServer, study: Study) -> None:
    trial = study.ask()
    seen = []
    for step in trial.steps(30):
        seen.append(step)
        server.should_stop = step == 2
        trial.report(accuracy=0.5)
    assert seen == [0, 1, 2]
    trial.tell(0.5)
    assert trial.state == "complete"
