"""Questions that are easily answered wrongly: in other units, under odd names, of the baseline, of what is late."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.builders import Api, made

STUDY = "/v1/studies/digits"


def filled(api: Api, *told: dict[str, Any], **given: Any) -> None:
    """A study with a finished trial of each of these values."""
    api.study(**given)
    trials = [{"params": {"lr": 0.01, "depth": 1 + n % 4}, "values": values} for n, values in enumerate(told)]
    made(api.post(f"{STUDY}/trials", {"trials": trials}))


def device(api: Api, **limits: Any) -> None:
    made(api.post("/v1/devices", {"name": "mcu", "limits": limits}))


def test_a_devices_limit_may_refer_to_the_baseline_where_the_studys_do_not(api: Api) -> None:
    api.study(baseline={"lr": 0.01, "depth": 1})
    for accuracy in (0.9, 0.89, 0.8):
        api.complete(accuracy)
    device(api, limits=["accuracy >= 0.98 * baseline"])
    front = api.get(f"{STUDY}/trials", params={"where": "accuracy >= 0.882"}).json()["items"]
    assert [one["number"] for one in front] == [0, 1]
    assert api.get(f"{STUDY}/best", params={"device": "mcu"}).json()["number"] == 0


def test_a_metric_whose_name_is_no_word_of_the_language_may_have_a_limit(api: Api) -> None:
    objectives = {"top-1_acc": {"direction": "maximize", "threshold": 0.5}}
    filled(api, {"top-1_acc": 0.4}, {"top-1_acc": 0.6}, objectives=objectives)
    assert api.get(f"{STUDY}/best").json()["number"] == 1


def test_a_devices_limit_on_a_parameter_is_refused(api: Api) -> None:
    filled(api, {"accuracy": 0.9})
    device(api, depth="<= 2")
    answer = api.get(f"{STUDY}/pareto", params={"device": "mcu"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_query")
    assert "parameters: ask for those with where" in answer.json()["detail"]


def test_a_mere_number_limits_a_cost_alone(api: Api) -> None:
    answer = api.post("/v1/devices", {"name": "mcu", "limits": {"accuracy": 0.8}})
    assert answer.status_code == 422
    assert "must say which way, like '>= 0.8'" in answer.json()["detail"]


def test_a_limit_in_another_unit_looks_at_the_devices_own_figure(api: Api) -> None:
    filled(api, {"accuracy": 0.9, "size_bytes": 10_000, 'size_bytes["mcu"]': 90_000})
    device(api, size_kb=64)
    assert api.get(f"{STUDY}/best", params={"device": "mcu"}).json()["code"] == "no_feasible_trial"


@pytest.mark.parametrize("given", [{"known_metrics": ["size_bytes"]}, {"known_metrics": ["size_kb"]}])
def test_a_probe_may_tell_what_an_objective_follows_from(api: Api, given: dict[str, Any]) -> None:
    api.study(objectives={"accuracy": "maximize", "size_kb": "minimize"}, **given)
    probes = [{"params": {"lr": 0.01, "depth": 1}, "values": {"size_bytes": 1_000}}]
    assert made(api.post(f"{STUDY}/probes", {"probes": probes})) == {"added": 1, "total": 1}


def test_where_only_the_objective_is_still_to_come_there_is_no_best_yet(api: Api) -> None:
    api.study(objectives={"latency_ms": "minimize"}, late_metrics=["latency_ms"], metrics=["accuracy"])
    assert api.tell(api.trial(), accuracy=0.9).status_code == 200
    answer = api.get(f"{STUDY}/best").json()
    assert answer["code"] == "no_complete_trial"


@pytest.mark.parametrize(
    ("reward", "soft"),
    [
        ("mnas(accuracy, latency_ms, 80)", True),
        ("mnas(accuracy, latency_ms, 80, -0.07, -0.07)", True),
        ("mnas(accuracy, latency_ms, 80, 0, -1)", False),
    ],
)
def test_a_soft_reward_is_called_so(api: Api, reward: str, soft: bool) -> None:
    filled(api, {"accuracy": 0.9, "latency_ms": 100.0})
    answer = api.get(f"{STUDY}/rank", params={"reward": reward}).json()
    assert ("soft reward" in str(answer)) == soft
