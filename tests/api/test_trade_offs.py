"""Preflight, devices, probes, measure jobs, workers and fronts over HTTP, on good input and on bad."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.builders import Api, made
from tests.api.corpus import HOSTILE

STUDY = "/v1/studies/digits"
LIMITED: dict[str, Any] = {
    "objectives": {"accuracy": "maximize", "size_bytes": "minimize"},
    "constraints": ["size_kb <= 64"],
    "known_metrics": ["size_bytes"],
}
CHANGES = {
    "preflight": f"{STUDY}/trials/0/preflight",
    "probes": f"{STUDY}/probes",
    "points": f"{STUDY}/probes/ask",
    "resume": f"{STUDY}/workers/resume",
    "device": "/v1/devices",
    "measure": "/v1/measure/ask",
    "measured": "/v1/measure/1/tell",
    "unmeasured": "/v1/measure/1/fail",
    "given back": "/v1/measure/1/release",
    "kept": "/v1/measure/1/heartbeat",
}


def filled(api: Api, *pairs: tuple[float, float], **given: Any) -> None:
    """A study with trials of these accuracies and sizes."""
    api.study(**{**LIMITED, **given})
    trials = [
        {"params": {"lr": 0.01, "depth": 1 + place % 4}, "values": {"accuracy": accuracy, "size_bytes": size}}
        for place, (accuracy, size) in enumerate(pairs)
    ]
    made(api.post(f"{STUDY}/trials", {"trials": trials}))


def test_a_definition_comes_back_whole(api_everywhere: Api) -> None:
    given = {
        **LIMITED,
        "space_constraints": ["lr * depth <= 0.3"],
        "late_metrics": ['latency_ms["pi"]'],
        "baseline": {"lr": 0.01, "depth": 1},
    }
    study = api_everywhere.study(**given)

    assert {name: study[name] for name in given if name != "objectives"} == {
        name: one for name, one in given.items() if name != "objectives"
    }
    assert (study["charged"], study["counts"]["waiting"]) == (1, 1)
    assert api_everywhere.trial()["params"] == given["baseline"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"space_constraints": ["depth > 4"]}, "invalid_space"),
        ({"space_constraints": ["__import__('os')"]}, "invalid_space"),
        ({"constraints": ["size_bytes +"]}, "invalid_study"),
        ({"constraints": False}, "invalid_request"),
        ({"baseline": {"lr": 0.1}}, "invalid_study"),
        ({"late_metrics": ["a b"]}, "invalid_study"),
    ],
)
def test_a_definition_that_makes_no_sense_is_refused(api: Api, given: dict[str, Any], code: str) -> None:
    response = api.post("/v1/studies", {**made_of(given)})

    assert (response.status_code, response.json()["code"]) == (422, code)
    assert api.get("/v1/studies").json()["items"] == []


def made_of(given: dict[str, Any]) -> dict[str, Any]:
    space = {
        "lr": {"type": "float", "low": 1e-4, "high": 0.1, "log": True},
        "depth": {"type": "int", "low": 1, "high": 4},
    }
    return {"name": "digits", "space": space, "objectives": {"accuracy": "maximize"}, **given}


def test_preflight_refuses_and_gives_the_charge_back_under_one_key(api_everywhere: Api) -> None:
    api = api_everywhere
    api.study(**LIMITED)
    api.trial()
    body = {"epoch": 1, "values": {"size_bytes": 65_000}}

    first = api.post(f"{STUDY}/trials/0/preflight", body, headers={"Idempotency-Key": "k"})
    again = api.post(f"{STUDY}/trials/0/preflight", body, headers={"Idempotency-Key": "k"})

    assert first.status_code == 200
    assert again.content == first.content
    assert (first.json()["ok"], first.json()["broken"]) == (False, ["size_kb <= 64"])
    trial = first.json()["trial"]
    assert (trial["state"], trial["feasible"], trial["broken"]) == ("infeasible", False, ["size_kb <= 64"])
    assert api.get(STUDY).json()["charged"] == 0


def test_a_tell_takes_variants_and_an_artifact(api_everywhere: Api) -> None:
    api = api_everywhere
    api.study(**LIMITED)
    trial = api.trial()
    body = {
        "epoch": 1,
        "values": {"accuracy": 0.9, "size_bytes": 80_000},
        "variants": {"int8": {"accuracy": 0.88, "size_bytes": 20_000}},
        "artifact": "s3://models/0",
    }

    told = api.post(f"{STUDY}/trials/{trial['number']}/tell", body).json()
    front = api.get(f"{STUDY}/pareto").json()

    assert (told["feasible"], told["broken"], told["artifact"]) == (False, ["size_kb <= 64"], "s3://models/0")
    assert told["variants"]["int8"]["size_bytes"] == 20_000
    assert [(one["number"], one["variant"], one["values"]["accuracy"]) for one in front["items"]] == [
        (0, "int8", 0.88)
    ]
    assert front["items"][0]["feasible"] is True


def test_fronts_picks_and_ranks_answer(api_everywhere: Api) -> None:
    api = api_everywhere
    filled(api, (0.97, 61_000), (0.964, 44_600), (0.94, 20_000), (0.99, 90_000), (0.9, 62_000))

    front = api.get(f"{STUDY}/pareto").json()
    picked = api.get(f"{STUDY}/pick", params={"where": "size_kb <= 50"}).json()
    ranked = api.get(
        f"{STUDY}/rank", params={"reward": "mnas(accuracy, size_kb, 30, -0.07, -0.07)", "limit": 2}
    ).json()
    volume = api.get(f"{STUDY}/hypervolume").json()
    knee = api.get(f"{STUDY}/knee").json()["knee"]

    assert [one["number"] for one in front["items"]] == [0, 1, 2]
    assert front["reference_inferred"] is True
    assert front["knee"] == (None if knee is None else {"number": knee["number"], "variant": ""})
    assert (picked["trial"]["number"], picked["by"]) == (1, "accuracy")
    assert [one["sentence"] for one in picked["neighbours"]] == [
        "another 16.4 kB would buy +0.6 points of accuracy (trial 0)",
        "2.4 points of accuracy less would save 55 % of size_bytes (trial 2)",
    ]
    assert [len(ranked["items"]), ranked["unranked"]] == [2, 0]
    assert "soft" in ranked["warning"]
    assert volume["numbers"] == [0, 1, 2, 4]
    assert volume["values"] == sorted(volume["values"])


def test_a_device_added_later_has_its_answers(api_everywhere: Api) -> None:
    api = api_everywhere
    filled(api, (0.97, 61_000), (0.94, 20_000))
    made(api.post("/v1/devices", {"name": "nano", "limits": {"size_bytes": 32_000}}))
    made(api.post("/v1/devices", {"name": "tiny", "limits": {"size_bytes": 16_000}}))

    best = api.get(f"{STUDY}/best", params={"device": "nano"}).json()
    none = api.get(f"{STUDY}/best", params={"device": "tiny"})

    assert best["number"] == 1
    assert (none.status_code, none.json()["code"]) == (404, "no_feasible_trial")
    assert none.json()["nearest"]["number"] == 1
    assert none.json()["nearest"]["misses"] == {"size_bytes <= 16000": 0.25}
    assert api.get(f"{STUDY}/pareto", params={"device": "tiny"}).json()["items"] == []
    assert api.get(f"{STUDY}/best", params={"device": "none"}).json()["code"] == "device_not_found"


def test_devices_are_made_replaced_listed_and_deleted(api: Api) -> None:
    device = {"name": "nano", "limits": {"size_bytes": 32_000}}

    statuses = [api.post("/v1/devices", device).status_code for _ in range(2)]
    other = api.post("/v1/devices", {**device, "limits": {"macs": 1}})
    replaced = api.post("/v1/devices", {**device, "limits": {"macs": 1}, "replace": True})

    assert statuses == [201, 200]
    assert (other.status_code, other.json()["code"]) == (409, "device_conflict")
    assert replaced.json() == {"name": "nano", "limits": {"macs": 1}}
    assert api.get("/v1/devices").json() == {"items": [replaced.json()]}
    assert api.get("/v1/devices/nano").json() == replaced.json()
    assert api.delete("/v1/devices/nano").status_code == 204
    assert api.get("/v1/devices/nano").json()["code"] == "device_not_found"
    assert api.get("/v1/devices/a%20b").json()["code"] == "device_not_found"


def test_a_late_metric_is_measured_over_http(api_everywhere: Api) -> None:
    api = api_everywhere
    api.study(late_metrics=['latency_ms["pi"]'])
    api.complete(0.9)

    (job,) = made(api.post("/v1/measure/ask", {"metric": "latency_ms", "device": "pi", "worker": "board"}))["jobs"]
    kept = api.post(f"/v1/measure/{job['id']}/heartbeat", {"epoch": 1}).json()
    told = api.post(f"/v1/measure/{job['id']}/tell", {"epoch": 1, "value": {"value": 3.5}})

    assert (job["study"], job["number"], job["epoch"], job["values"]) == ("digits", 0, 1, {"accuracy": 0.9})
    assert kept == {"lease_seconds": 60.0}
    assert (told.status_code, told.json()["state"]) == (200, "done")
    assert api.get(f"{STUDY}/trials/0").json()["values"] == {"accuracy": 0.9, 'latency_ms["pi"]': 3.5}
    assert made(api.post("/v1/measure/ask", {"metric": "latency_ms", "device": "pi"}))["jobs"] == []
    assert api.post("/v1/measure/99/tell", {"epoch": 1, "value": 1}).json()["code"] == "job_not_found"


def test_probes_are_asked_for_and_told(api_everywhere: Api) -> None:
    api = api_everywhere
    api.study(**LIMITED)

    points = made(api.post(f"{STUDY}/probes/ask", {"count": 5}))["points"]
    probes = [{"params": one, "values": {"size_bytes": 1_000 * one["depth"]}} for one in points]

    assert len(points) == 5
    assert made(api.post(f"{STUDY}/probes", {"probes": probes})) == {"added": 5, "total": 5}
    assert api.post(f"{STUDY}/probes", {"probes": []}).json()["code"] == "invalid_request"
    assert api.post(f"{STUDY}/probes/ask", {"count": 1_001}).json()["code"] == "invalid_request"


def test_a_worker_is_paused_shown_and_resumed(api_everywhere: Api) -> None:
    api = api_everywhere
    api.study()
    for _ in range(3):
        (trial,) = made(api.post(f"{STUDY}/ask", {"worker": "w"}))["trials"]
        api.post(f"{STUDY}/trials/{trial['number']}/fail", {"epoch": 1, "kind": "error", "message": "broke"})

    paused = api.post(f"{STUDY}/ask", {"worker": "w"})

    assert (paused.status_code, paused.json()["code"], len(paused.json()["failures"])) == (409, "worker_paused", 3)
    (worker,) = api.get(f"{STUDY}/workers").json()["items"]
    assert (worker["name"], worker["paused_until"]) == ("w", paused.json()["until"].replace("+00:00", "Z"))
    assert api.post(f"{STUDY}/workers/resume", {"worker": "w"}).json()["paused_until"] is None
    made(api.post(f"{STUDY}/ask", {"worker": "w"}))


@pytest.mark.parametrize(
    ("path", "params", "status"),
    [
        ("best", {"objective": "macs"}, 422),
        ("best", {"where": "accuracy"}, 422),
        ("best", {"predicted": "perhaps"}, 422),
        ("pareto", {"where": "a b"}, 422),
        ("pareto", {"device": "x" * 1_001}, 422),
        ("pick", {"by": "nothing"}, 422),
        ("pick", {"where": "size_bytes <= 0"}, 404),
        ("rank", {}, 422),
        ("rank", {"reward": "accuracy > 1"}, 422),
        ("rank", {"reward": "10 ** 10 ** 10 ** accuracy"}, 200),
        ("rank", {"reward": "accuracy", "limit": 0}, 422),
        ("trade-off", {"of": "accuracy", "against": "accuracy"}, 422),
        ("trade-off", {"of": "accuracy", "against": "nothing"}, 422),
        ("trade-off", {"of": "accuracy", "against": "size_bytes", "points": 1}, 422),
        ("knee", {"where": "x" * 1_001}, 422),
        ("hypervolume", {"unknown": 1}, 422),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(api: Api, path: str, params: dict[str, Any], status: int) -> None:
    filled(api, (0.97, 61_000), (0.94, 20_000))

    response = api.get(f"{STUDY}/{path}", params=params)

    assert response.status_code == status, response.text


@pytest.mark.parametrize("name", CHANGES)
def test_hostile_bodies_are_refused_by_every_new_route(api: Api, name: str) -> None:
    api.study(**LIMITED)
    headers = {"Content-Type": "application/json"}
    for body in HOSTILE.values():
        response = api.client.post(CHANGES[name], content=body, headers=headers)
        assert 400 <= response.status_code < 500, response.text


def test_the_surrogates_say_what_would_be_best_and_what_a_budget_buys(api: Api) -> None:
    pairs = [(0.5 + 0.03 * place, 5_000.0 + 5_000 * place) for place in range(12)]
    filled(api, *pairs, algorithm="gp")

    found = api.get(f"{STUDY}/best", params={"predicted": "true", "where": "size_kb <= 40"})
    traded = api.get(f"{STUDY}/trade-off", params={"of": "accuracy", "against": "size_bytes", "points": 4})

    assert found.status_code == 200, found.text
    assert found.json()["predicted"] is True
    assert 0 <= found.json()["probability_feasible"] <= 1
    assert traded.status_code == 200, traded.text
    assert len(traded.json()["budgets"]) == 4
    assert traded.json()["measured"][-1] == pytest.approx(0.83)
