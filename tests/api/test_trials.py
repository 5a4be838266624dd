from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.api.builders import Api, made

TRIAL = "/v1/studies/digits/trials/0"


def test_a_trial_is_handed_out_reported_and_told(api_everywhere: Api) -> None:
    api = api_everywhere
    api.study(metrics=["loss"])

    asked = made(api.post("/v1/studies/digits/ask", {"worker": "host-1"}))["trials"]
    assert len(asked) == 1
    trial = asked[0]
    assert (trial["number"], trial["state"], trial["epoch"], trial["attempt"]) == (0, "running", 1, 1)
    assert (trial["worker"], trial["source"], trial["reason"], trial["lease_seconds"]) == ("host-1", "random", "", 60)
    assert list(trial["params"]) == ["lr", "depth"]

    beat = api.post(f"{TRIAL}/heartbeat", {"epoch": 1})
    report = api.post(f"{TRIAL}/report", {"epoch": 1, "step": 3, "values": {"accuracy": 0.5, "loss": 2}})
    assert beat.json() == {"lease_seconds": 60}
    assert report.json() == {"should_stop": False}

    contract = {"device": "pi-zero", "threads": 1}
    told = api.tell(trial, accuracy=0.9, loss={"value": 2, "stderr": 0.5, "contract": contract})
    assert told.status_code == 200
    done = told.json()
    assert (done["state"], done["values"], done["stderrs"]) == (
        "complete",
        {"accuracy": 0.9, "loss": 2},
        {"loss": 0.5},
    )
    assert "lease_seconds" not in done
    assert done["finished_at"] >= done["started_at"] >= done["created_at"]

    detail = api.get(TRIAL).json()
    assert detail.pop("contracts") == {"loss": contract}
    assert detail.pop("reports") == [{"step": 3, "values": {"accuracy": 0.5, "loss": 2}}]
    assert detail == done


def test_the_same_tell_twice_is_fine_and_another_is_not(api_everywhere: Api) -> None:
    api = api_everywhere
    api.study()
    trial = api.trial()

    answers = [api.tell(trial, accuracy=value) for value in (0.9, 0.9, 0.8)]

    assert [answer.status_code for answer in answers] == [200, 200, 409]
    assert answers[0].json() == answers[1].json()
    assert api.get(TRIAL).json()["values"] == {"accuracy": 0.9}


def test_several_trials_are_asked_for_at_once(api: Api) -> None:
    api.study(max_trials=5)

    first = made(api.post("/v1/studies/digits/ask", {"count": 3}))["trials"]
    rest = made(api.post("/v1/studies/digits/ask", {"count": 3}))["trials"]

    assert [trial["number"] for trial in first] == [0, 1, 2]
    assert [trial["number"] for trial in rest] == [3, 4]


@pytest.mark.parametrize("kind", ["oom", "nan", "timeout", "error"])
def test_a_failed_trial_keeps_why(api_everywhere: Api, kind: str) -> None:
    api = api_everywhere
    api.study()
    api.trial()

    failed = api.post(f"{TRIAL}/fail", {"epoch": 1, "kind": kind, "message": "CUDA: out\n\tof memory é"})

    assert failed.json()["state"] == "failed"
    assert failed.json()["failure"] == {"kind": kind, "message": "CUDA: out\n\tof memory é"}


def test_a_trial_that_lost_its_machine_is_handed_out_again(api_everywhere: Api) -> None:
    api = api_everywhere
    api.study()
    first = api.trial()

    failed = api.post(f"{TRIAL}/fail", {"epoch": 1, "kind": "infrastructure"})
    again = api.trial()

    assert failed.json()["state"] == "waiting"
    assert (again["number"], again["params"], again["epoch"], again["attempt"]) == (0, first["params"], 2, 2)


def test_a_released_trial_waits_for_the_next_ask(api_everywhere: Api) -> None:
    api = api_everywhere
    api.study()
    first = api.trial()

    released = api.post(f"{TRIAL}/release", {"epoch": 1})
    again = api.trial()

    assert (released.json()["state"], released.json()["worker"]) == ("waiting", "")
    assert (again["params"], again["epoch"], again["attempt"]) == (first["params"], 2, 1)


@pytest.mark.parametrize(
    ("action", "rest"),
    [
        ("heartbeat", {}),
        ("release", {}),
        ("fail", {"kind": "oom"}),
        ("report", {"step": 1, "values": {"accuracy": 0.5}}),
        ("tell", {"values": {"accuracy": 0.5}}),
    ],
)
def test_a_lease_that_was_never_given_is_lost(api_everywhere: Api, action: str, rest: dict[str, Any]) -> None:
    api = api_everywhere
    api.study()
    api.trial()

    for epoch in (0, 2, 2**31 - 1):
        response = api.post(f"{TRIAL}/{action}", {"epoch": epoch, **rest})
        assert (response.status_code, response.json()["code"]) == (409, "lease_lost"), epoch
    for epoch in (-1, 2**31, 2**62):
        assert api.post(f"{TRIAL}/{action}", {"epoch": epoch, **rest}).json()["code"] == "invalid_request"
    assert api.get(TRIAL).json()["state"] == "running"


@pytest.mark.parametrize("action", ["heartbeat", "release", "fail", "report"])
def test_a_finished_trial_is_not_touched_any_more(api: Api, action: str) -> None:
    api.study()
    api.complete(0.9)
    rest = {"fail": {"kind": "oom"}, "report": {"step": 1, "values": {"accuracy": 1}}}.get(action, {})

    response = api.post(f"{TRIAL}/{action}", {"epoch": 1, **rest})

    assert (response.status_code, response.json()["code"]) == (409, "trial_already_finished")


@pytest.mark.parametrize("step", [-1, 2**53, 2**62])
def test_a_step_is_counted_from_0_and_survives_a_float(api_everywhere: Api, step: int) -> None:
    api = api_everywhere
    api.study()
    api.trial()

    body = {"epoch": 1, "step": step, "values": {"accuracy": 0.5}}
    assert api.post(f"{TRIAL}/report", body).json()["code"] == "invalid_value"
    assert api.post(f"{TRIAL}/report", {**body, "step": 2**53 - 1}).status_code == 200


def test_enqueued_params_are_handed_out_next(api_everywhere: Api) -> None:
    api = api_everywhere
    api.study()

    waiting = made(api.post("/v1/studies/digits/enqueue", {"params": {"depth": 2, "lr": 0.01}}))
    handed_out = api.trial()

    assert (waiting["state"], waiting["source"], waiting["epoch"]) == ("waiting", "user", 0)
    assert handed_out["params"] == {"lr": 0.01, "depth": 2}
    assert list(handed_out["params"]) == ["lr", "depth"]


def test_trials_from_elsewhere_are_added_all_or_none(api_everywhere: Api) -> None:
    api = api_everywhere
    api.study(max_trials=1)
    good = [
        {"params": {"lr": 0.01, "depth": 1}, "values": {"accuracy": 0.7}, "state": "complete"},
        {"params": {"lr": 0.02, "depth": 2}, "state": "failed", "failure": {"kind": "oom", "message": "big"}},
        {"params": {"lr": 0.03, "depth": 3}, "state": "failed"},
    ]

    refused = api.post("/v1/studies/digits/trials", {"trials": [*good, {"params": {"lr": 9, "depth": 1}}]})
    added = made(api.post("/v1/studies/digits/trials", {"trials": good}))["trials"]

    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_params")
    assert [(trial["number"], trial["state"]) for trial in added] == [(0, "complete"), (1, "failed"), (2, "failed")]
    assert added[1]["failure"] == {"kind": "oom", "message": "big"}
    assert api.get("/v1/studies/digits").json()["charged"] == 0


def test_a_batch_of_added_trials_is_bounded(api: Api) -> None:
    api.study()
    trial = {"params": {"lr": 0.01, "depth": 1}, "values": {"accuracy": 0.7}}

    assert api.post("/v1/studies/digits/trials", {"trials": []}).json()["code"] == "invalid_request"
    assert api.post("/v1/studies/digits/trials", {"trials": [trial] * 101}).json()["code"] == "invalid_request"
    assert len(made(api.post("/v1/studies/digits/trials", {"trials": [trial] * 100}))["trials"]) == 100


def test_contracts_are_bounded(api: Api) -> None:
    api.study()
    contract = {f"k{place}": "x" * 9_000 for place in range(8)}

    response = api.tell(api.trial(), accuracy={"value": 0.5, "contract": contract})

    assert response.json()["code"] == "invalid_request"


def test_a_fallback_carries_its_reason(api: Api) -> None:
    def fail() -> None:
        raise ArithmeticError("the matrix is not positive definite")

    api.study()
    api.compute.before = fail

    trial = api.trial()

    assert trial["source"] == "fallback"
    assert "not positive definite" in trial["reason"]


@pytest.mark.parametrize("number", ["-1", "x", "1.5", str(2**31), str(2**70), "%00"])
def test_a_number_that_can_be_none_is_refused(api_everywhere: Api, number: str) -> None:
    api_everywhere.study()

    response = api_everywhere.get(f"/v1/studies/digits/trials/{number}")

    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")


def test_while_asks_wait_others_are_turned_away_and_tells_go_through(api: Api) -> None:
    api.study()
    running = api.trial()
    go_on, waiting = threading.Event(), threading.Semaphore(0)
    for place in range(16):
        api.study(f"s{place}")

    def wait() -> None:
        waiting.release()
        assert go_on.wait(60)

    api.compute.before = wait
    with ThreadPoolExecutor(16) as pool:
        asks = [pool.submit(api.post, f"/v1/studies/s{place}/ask") for place in range(16)]
        for _ in asks:
            assert waiting.acquire(timeout=60)

        turned_away = api.post("/v1/studies/digits/ask")
        told = api.tell(running, accuracy=0.5)
        go_on.set()
        answers = [ask.result() for ask in asks]

    assert (turned_away.status_code, turned_away.json()["code"]) == (503, "overloaded")
    assert turned_away.headers["retry-after"] == "1"
    assert told.status_code == 200
    assert {answer.status_code for answer in answers} == {201}
    assert api.post("/v1/studies/digits/ask").status_code == 201


def test_an_ask_that_is_refused_gives_its_place_back(api: Api) -> None:
    for _ in range(20):
        assert api.post("/v1/studies/none/ask").status_code == 404
        assert api.post("/v1/studies/none/ask", {"count": 0}).status_code == 422

    assert api.app.state.waiting == 0


def test_params_that_break_a_space_constraint_are_not_enqueued(api: Api) -> None:
    api.study(space_constraints=["lr * depth <= 0.01"])
    answer = api.post("/v1/studies/digits/enqueue", {"params": {"lr": 0.01, "depth": 2}})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_params")
    assert "lr * depth <= 0.01" in answer.json()["detail"]
    assert made(api.post("/v1/studies/digits/enqueue", {"params": {"lr": 0.005, "depth": 2}}))["state"] == "waiting"
