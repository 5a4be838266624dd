"""What a client can do with studies."""

from __future__ import annotations

import gc
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

import trimtab
from tests.client.fake_server import KEY, FakeServer
from trimtab import (
    Client,
    Float,
    Int,
    InvalidParams,
    InvalidQuery,
    InvalidStudy,
    NoCompleteTrial,
    NotSupported,
    Objective,
    Study,
    StudyConflict,
    StudyFinished,
    StudyNotFound,
    TrialNotFound,
)


def test_a_definition_travels_as_it_was_written(server: FakeServer, client: Client) -> None:
    client.create_study(
        "digits-cnn",
        space={"lr": Float(1e-5, 1e-1, log=True), "depth": Int(1, 4)},
        objectives={"accuracy": "maximize", "size_bytes": Objective("minimize", log=True)},
        metrics=["loss"],
        algorithm="random",
        options={"n_initial": 4},
        max_trials=100,
        seed=3,
        metadata={"dataset": "digits"},
        exist_ok=True,
    )
    assert server.calls("/v1/studies")[0].body == {
        "name": "digits-cnn",
        "space": {
            "lr": {"type": "float", "low": 1e-5, "high": 1e-1, "log": True},
            "depth": {"type": "int", "low": 1, "high": 4, "log": False, "step": 1},
        },
        "objectives": {"accuracy": "maximize", "size_bytes": {"direction": "minimize", "log": True}},
        "metrics": ["loss"],
        "algorithm": "random",
        "options": {"n_initial": 4},
        "max_trials": 100,
        "seed": 3,
        "metadata": {"dataset": "digits"},
        "exist_ok": True,
    }


def test_limits_and_kinds_of_metrics_travel_as_they_were_written(server: FakeServer, client: Client) -> None:
    client.create_study(
        "a",
        space={"lr": Float(0, 1)},
        objectives={
            "accuracy": Objective("maximize", threshold=0.9, weight=2.0, noise=0.01),
            "reward": Objective("maximize", formula="mnas(accuracy, latency_ms, 80, -0.07, -0.07)"),
        },
        constraints=["latency_ms <= 20", "accuracy >= 0.98 * baseline"],
        space_constraints=("lr <= 0.5",),
        known_metrics=["macs"],
        late_metrics=['latency_ms["pi-zero"]'],
        baseline={"lr": 0.1},
    )
    body = server.calls("/v1/studies")[0].body
    assert body["objectives"] == {
        "accuracy": {"direction": "maximize", "log": False, "threshold": 0.9, "weight": 2.0, "noise": 0.01},
        "reward": {
            "direction": "maximize",
            "log": False,
            "formula": "mnas(accuracy, latency_ms, 80, -0.07, -0.07)",
        },
    }
    assert {name: body[name] for name in list(body)[6:]} == {
        "constraints": ["latency_ms <= 20", "accuracy >= 0.98 * baseline"],
        "space_constraints": ["lr <= 0.5"],
        "known_metrics": ["macs"],
        "late_metrics": ['latency_ms["pi-zero"]'],
        "baseline": {"lr": 0.1},
    }


def test_all_that_the_server_states_of_an_objective_is_known(server: FakeServer, client: Client) -> None:
    objective = Objective("maximize", log=True, reference=0.1, threshold=0.9, weight=2.0, noise=0.0, formula="macs")
    study = client.create_study("a", space={"lr": Float(0, 1)}, objectives={"score": objective})
    assert study.objectives == {"score": objective}
    assert client.study("a").objectives == {"score": objective}


@pytest.mark.parametrize("name", ["constraints", "space_constraints", "known_metrics", "late_metrics", "metrics"])
@pytest.mark.parametrize("odd", [5, "macs <= 3"])
def test_a_list_that_is_none_is_refused(server: FakeServer, client: Client, name: str, odd: Any) -> None:
    with pytest.raises(InvalidStudy, match=rf"{name}: expected a list of (names|conditions), got "):
        client.create_study("a", space={"lr": Float(0, 1)}, objectives={"loss": "min"}, **{name: odd})
    assert server.seen == []


def test_what_is_not_built_yet_is_passed_on_for_the_server_to_refuse(server: FakeServer, client: Client) -> None:
    server.say(422, code="not_supported", detail="stopping is not built yet")
    given: dict[str, Any] = {"stopping": {"rule": "median"}, "devices": ["pi-zero"]}
    with pytest.raises(NotSupported, match="not built yet"):
        client.create_study("a", space={"lr": Float(0, 1)}, objectives={"accuracy": "max"}, **given)
    body = server.calls("/v1/studies")[0].body
    assert {name: body[name] for name in given} == given


def test_a_study_with_another_definition_is_a_conflict_that_shows_the_difference(
    server: FakeServer, client: Client
) -> None:
    diff = {"space.lr.high": {"expected": 0.1, "got": 1.0}}
    server.say(409, code="study_conflict", detail="study 'a' is defined otherwise", diff=diff)
    with pytest.raises(StudyConflict, match=r"space\.lr\.high: expected 0\.1, got 1\.0") as caught:
        client.create_study("a", space={"lr": Float(0, 1)}, objectives={"accuracy": "max"}, exist_ok=True)
    assert caught.value.diff == diff


def test_a_study_shows_what_it_is(study: Study) -> None:
    assert (study.name, study.id, study.state, study.max_trials, study.metadata) == (
        "digits",
        "st_0",
        "active",
        5,
        {},
    )
    assert study.space == {"lr": Float(0.0, 1.0)}
    assert study.objectives == {"accuracy": Objective("maximize")}
    assert repr(study) == "<Study 'digits': active, no trials>"


def test_a_look_at_counts_asks_the_server_once_and_the_rest_shows_what_is_known(
    server: FakeServer, study: Study
) -> None:
    study.ask().tell(0.5)
    server.seen.clear()
    assert repr(study) == "<Study 'digits': active, no trials>"
    assert server.seen == []
    assert study.counts == {"complete": 1}
    assert len(server.seen) == 1
    assert repr(study) == "<Study 'digits': active, 1 complete>"
    assert study.refresh() is study


def test_one_trial_is_had_by_its_number_with_contracts_and_reports(server: FakeServer, study: Study) -> None:
    study.ask().tell(0.5)
    server.trials["digits"][0] |= {
        "contracts": {"macs": {"convention": "multiply-accumulate"}},
        "reports": [{"step": 0, "values": {"accuracy": 0.25}}, {"step": 3, "values": {"accuracy": 0.5}}],
    }
    server.seen.clear()
    trial = study.trial(0)
    assert (trial.number, trial.values) == (0, {"accuracy": 0.5})
    assert trial.contracts == {"macs": {"convention": "multiply-accumulate"}}
    assert trial.reports == {0: {"accuracy": 0.25}, 3: {"accuracy": 0.5}}
    assert [seen.path for seen in server.seen] == ["/v1/studies/st_0/trials/0"]


def test_a_trial_that_came_otherwise_fetches_its_reports(server: FakeServer, study: Study) -> None:
    trial = study.ask()
    server.trials["digits"][0]["reports"] = [{"step": 1, "values": {"accuracy": 0.25}}]
    assert trial.reports == {1: {"accuracy": 0.25}}
    assert trial.contracts == {}


@pytest.mark.parametrize("odd", ["0", -1, 0.5, True, None])
def test_what_is_no_number_is_no_trial(server: FakeServer, study: Study, odd: Any) -> None:
    server.seen.clear()
    with pytest.raises(TrialNotFound, match="expected the number of a trial, from 0, got "):
        study.trial(odd)
    assert server.seen == []
    with pytest.raises(TrialNotFound):
        study.trial(99)


@pytest.mark.parametrize(
    ("argument", "hint"),
    [
        ({"direction": "maximize"}, r'Trimtab calls this objectives=\{"metric": "maximize"\}'),
        ({"directions": ["minimize", "maximize"]}, "objectives="),
        ({"sampler": object()}, 'algorithm="gp"'),
        ({"pruner": None}, "stopping"),
        ({"load_if_exists": True}, "exist_ok=True"),
    ],
)
def test_an_argument_of_another_tool_is_answered_with_its_name_here(
    server: FakeServer, client: Client, argument: dict[str, Any], hint: str
) -> None:
    with pytest.raises(InvalidStudy, match=hint):
        client.create_study("a", **argument)
    assert server.seen == []


def test_an_argument_that_no_tool_has_is_a_type_error(client: Client) -> None:
    with pytest.raises(TypeError, match=r"create_study\(\) got an unexpected keyword argument 'spacee'"):
        client.create_study("a", spacee={}, objectives={"loss": "min"})


@pytest.mark.parametrize("odd", ["accuracy", ["accuracy"], None, 5])
def test_objectives_that_are_no_mapping_are_refused_with_an_example(client: Client, odd: Any) -> None:
    with pytest.raises(
        InvalidStudy, match=r'objectives: expected \{metric: "minimize" or "maximize"\}, got '
    ) as caught:
        client.create_study("a", space={"lr": Float(0, 1)}, objectives=odd)
    named = isinstance(odd, str | list)
    assert str(caught.value).endswith('; such as {"accuracy": "maximize"}') == named


def test_studies_are_found_by_name_and_listed(server: FakeServer, client: Client, study: Study) -> None:
    for number in range(4):
        client.create_study(f"more-{number}", space={"lr": Float(0, 1)}, objectives={"accuracy": "max"})
    server.page_size = 2
    assert client.study("digits").id == study.id
    assert [one.name for one in client.studies()] == ["more-3", "more-2", "more-1", "more-0", "digits"]
    with pytest.raises(StudyNotFound):
        client.study("letters/../digits")
    assert server.seen[-1].path.endswith("/v1/studies/letters%2F..%2Fdigits")


def test_an_ask_says_how_many_and_who(server: FakeServer, client: Client, study: Study) -> None:
    assert isinstance(study.ask(), trimtab.Trial)
    assert [trial.number for trial in study.ask(count=2)] == [1, 2]
    assert [trial.number for trial in study.ask(count=1)] == [3]
    assert [call.body for call in server.calls("/ask")] == [
        {"count": count, "worker": client.worker} for count in (1, 2, 1)
    ]


@pytest.mark.parametrize("code", ["budget_reached", "space_exhausted", "study_paused", "no_feasible_configuration"])
def test_the_end_of_a_study_says_why(server: FakeServer, study: Study, code: str) -> None:
    server.say(409, at="/ask", code=code, detail="over")
    with pytest.raises(StudyFinished) as caught:
        study.ask()
    assert caught.value.code == code


def test_enqueued_params_are_handed_out_next(study: Study) -> None:
    assert study.enqueue({"lr": 0.125}).state == "waiting"
    assert study.ask()["lr"] == 0.125


def test_results_from_elsewhere_are_added(server: FakeServer, study: Study) -> None:
    study.add_trial({"lr": 0.1}, {"accuracy": (0.9, 0.01)})
    study.add_trial({"lr": 0.2}, 0.8)
    failed = study.add_trial({"lr": 0.3}, state="failed", kind="oom", message="8 GiB")
    study.add_trial({"lr": 0.4}, 0.7, variants={"int8": {"accuracy": 0.6}}, artifact="s3://4")
    assert [call.body["trials"] for call in server.calls("/trials")] == [
        [{"params": {"lr": 0.1}, "state": "complete", "values": {"accuracy": {"value": 0.9, "stderr": 0.01}}}],
        [{"params": {"lr": 0.2}, "state": "complete", "values": {"accuracy": 0.8}}],
        [{"params": {"lr": 0.3}, "state": "failed", "failure": {"kind": "oom", "message": "8 GiB"}}],
        [
            {
                "params": {"lr": 0.4},
                "state": "complete",
                "values": {"accuracy": 0.7},
                "variants": {"int8": {"accuracy": 0.6}},
                "artifact": "s3://4",
            }
        ],
    ]
    assert failed.state == "failed"
    assert failed.failure == {"kind": "oom", "message": "8 GiB"}


def test_the_best_trial_and_the_front_are_asked_of_the_server(server: FakeServer, study: Study) -> None:
    with pytest.raises(NoCompleteTrial):
        _ = study.best_trial
    study.ask().tell(0.5)
    study.ask().tell(0.9)
    assert study.best_trial.values == {"accuracy": 0.9}
    front = study.pareto_front(where=["accuracy >= 0.4", "lr < 1"])
    assert [trial.number for trial in front] == [0, 1]
    assert server.calls("/pareto")[0].query == {"where": ["accuracy >= 0.4", "lr < 1"]}


def test_a_device_is_passed_on_for_the_server_to_judge(server: FakeServer, study: Study) -> None:
    study.pareto_front(device="pi-zero")
    assert server.calls("/pareto")[0].query == {"device": ["pi-zero"]}


def test_trials_come_page_by_page_as_they_are_wanted(server: FakeServer, study: Study) -> None:
    for _ in range(5):
        study.ask().tell(0.5)
    server.page_size = 2
    trials = study.trials(state=["complete", "failed"], where="accuracy > 0", order="-accuracy")
    assert server.calls("/trials") == []
    assert next(trials).number == 0
    assert len(server.calls("/trials")) == 1
    assert [trial.number for trial in trials] == [1, 2, 3, 4]
    assert len(server.calls("/trials")) == 3
    assert server.calls("/trials")[0].query == {
        "state": ["complete,failed"],
        "where": ["accuracy > 0"],
        "order": ["-accuracy"],
        "limit": ["100"],
    }


def test_a_data_frame_has_a_row_per_trial(server: FakeServer, study: Study) -> None:
    study.add_trial({"lr": 0.1}, {"accuracy": (0.9, 0.01)})
    study.add_trial({"lr": 0.2}, state="failed", kind="oom")
    server.trials["digits"][0]["finished_at"] = "2026-11-24T10:00:05Z"
    frame = study.to_dataframe()
    assert list(frame.index) == [0, 1]
    assert frame["values_accuracy"].tolist()[0] == 0.9
    assert frame["params_lr"].tolist() == [0.1, 0.2]
    assert frame["failure"].tolist()[1] == "oom"
    assert frame["finished_at"][0] == datetime(2026, 11, 24, 10, 0, 5, tzinfo=UTC)
    assert study.to_dataframe(state="running").empty


def test_a_study_is_paused_resumed_finished_archived_and_deleted(
    server: FakeServer, client: Client, study: Study
) -> None:
    for act, state in (("pause", "paused"), ("resume", "active"), ("finish", "finished"), ("archive", "archived")):
        getattr(study, act)()
        assert study.state == state
        assert client.study("digits").state == state
    study.delete()
    assert client.studies() == []
    assert all(len(one.headers["idempotency-key"]) == 32 for one in server.seen if one.method != "GET")


def test_a_client_given_an_http_and_an_address_uses_both(server: FakeServer) -> None:
    http = httpx2.Client(transport=httpx2.MockTransport(server.handle))
    with Client("http://elsewhere/", KEY, http=http) as client:
        assert client.url == "http://elsewhere"
        assert client.studies() == []
    assert server.seen[0].headers["host"] == "elsewhere"
    assert not http.is_closed


def test_a_real_connection_works_and_is_closed(server: FakeServer) -> None:
    with server.listening() as url, Client(url, KEY) as client:
        assert repr(client) == f"<Client of {url}>"
        study = client.create_study("a", space={"lr": Float(0, 1)}, objectives={"accuracy": "max"})
        study.ask().tell(0.5)
        assert study.best_trial.values == {"accuracy": 0.5}
    assert server.seen[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_client_that_nobody_closes_leaves_no_open_connection(server: FakeServer) -> None:
    with server.listening() as url:
        client = Client(url, KEY)
        client.studies()
        http = client.transport._http
        del client
        gc.collect()
        assert http is not None
        assert http.is_closed


@pytest.mark.parametrize("odd", ["", None, 5])
def test_what_is_no_name_is_no_study(server: FakeServer, client: Client, odd: Any) -> None:
    with pytest.raises(StudyNotFound, match="expected the name of a study, got "):
        client.study(odd)
    assert server.seen == []


def test_a_name_that_can_not_be_sent_is_no_study(client: Client) -> None:
    with pytest.raises(StudyNotFound):
        client.study("\ud800")


@pytest.mark.parametrize("odd", [5, ["lr"], None])
def test_params_that_are_no_mapping_are_refused(study: Study, odd: Any) -> None:
    with pytest.raises(InvalidParams, match=r"params: expected \{name: value\}, got "):
        study.enqueue(odd)
    with pytest.raises(InvalidParams, match=r"params: expected \{name: value\}, got "):
        study.add_trial(odd, 0.5)


@pytest.mark.parametrize("odd", [5, [1, 2]])
def test_a_query_that_is_no_text_is_refused(study: Study, odd: Any) -> None:
    with pytest.raises(InvalidQuery, match="expected text or a list of texts, got "):
        next(study.trials(where=odd))
    with pytest.raises(InvalidQuery, match="expected text or a list of texts, got "):
        next(study.trials(state=odd))
