"""The command line: what it prints, where, and how it ends."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import trimtab
from tests.client.fake_server import KEY, FakeServer
from trimtab import Client, Float, cli

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Run one command against the server: exit code, stdout, stderr."""
    with server.listening() as url:
        with Client(url, KEY) as client:
            study = client.create_study(
                "digits",
                space={"lr": Float(0.0, 1.0), "accuracy": Float(0.0, 1.0)},
                objectives={"accuracy": "maximize"},
                max_trials=5,
                metadata={"dataset": "digits"},
            )
            study.add_trial({"lr": 0.5}, {"accuracy": 0.875, "macs": 7_500})
            study.add_trial({"lr": 0.25}, state="failed", kind="oom", message="8 GiB")
        server.seen.clear()

        def one(*arguments: str) -> tuple[int, str, str]:
            try:
                code = cli.main([*arguments, "--url", url, "--key", KEY])
            except SystemExit as error:  # argparse's way to say that the usage is wrong
                code = int(error.code or 0)
            said = capsys.readouterr()
            return code, said.out, said.err

        yield one


def test_studies_are_a_table(run: Run) -> None:
    code, out, err = run("studies")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "name    state   objectives         complete  failed  running  max_trials",
        "digits  active  maximize accuracy         1       1        0           5",
    ]


def test_trials_are_a_table_of_objectives_params_and_other_metrics(run: Run, server: FakeServer) -> None:
    server.trials["digits"][0]["params"]["accuracy"] = 0.125
    code, out, _ = run("trials", "digits")
    assert code == 0
    assert out.splitlines() == [
        "trial  state     accuracy    lr  accuracy  macs  failure",
        "    0  complete     0.875   0.5     0.125  7500",
        "    1  failed              0.25                  oom",
    ]


def test_trials_pass_on_conditions_states_and_order_and_stop_at_the_limit(run: Run, server: FakeServer) -> None:
    server.page_size = 1
    code, out, _ = run(
        *("trials", "digits", "--where", "accuracy > 0", "--where", "lr < 1"),
        *("--state", "complete", "--state", "failed", "--order", "-accuracy", "--limit", "1"),
    )
    assert code == 0
    assert len(out.splitlines()) == 2
    assert [call.query for call in server.calls("/trials")] == [
        {
            "state": ["complete,failed"],
            "where": ["accuracy > 0", "lr < 1"],
            "order": ["-accuracy"],
            "limit": ["100"],
        }
    ]


def test_a_study_is_shown_with_its_space(run: Run) -> None:
    code, out, _ = run("show", "digits")
    assert code == 0
    assert "name        digits" in out
    assert "max_trials  5" in out
    assert "space\n  lr        float 0 to 1\n  accuracy  float 0 to 1\n" in out
    assert "objectives\n  accuracy  maximize\n" in out
    assert "metadata\n  dataset  digits\n" in out
    assert "trials      1 complete, 1 failed\n" in out


def test_the_best_trial_and_the_front_are_tables(run: Run) -> None:
    for command in ("best", "pareto"):
        code, out, _ = run(command, "digits")
        assert code == 0
        assert out.splitlines()[1].split() == ["0", "complete", "0.875", "0.5", "7500"]


def test_a_front_shows_its_hypervolume(run: Run, server: FakeServer) -> None:
    server.say(200, at="/pareto", items=[], hypervolume=0.8125, reference={"accuracy": 0.0}, reference_inferred=True)
    assert run("pareto", "digits")[1].splitlines() == [
        "no trials",
        "",
        "hypervolume 0.8125 from accuracy=0 (inferred)",
    ]


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("studies", list),
        ("show digits", dict),
        ("trials digits", list),
        ("trial digits 0", dict),
        ("best digits", dict),
        ("pareto digits", dict),
        ("devices", list),
    ],
)
def test_every_command_prints_json(run: Run, command: str, kind: type) -> None:
    code, out, err = run(*command.split(), "--json")
    assert (code, err) == (0, "")
    assert isinstance(json.loads(out), kind)


def test_json_is_what_the_server_said(run: Run, server: FakeServer) -> None:
    assert json.loads(run("trials", "digits", "--json")[1]) == server.trials["digits"]


def test_an_empty_list_says_so(run: Run, server: FakeServer) -> None:
    server.trials["digits"].clear()
    assert run("trials", "digits") == (0, "no trials\n", "")
    assert run("trials", "digits", "--json") == (0, "[]\n", "")


def test_a_refusal_is_one_line_on_stderr_and_exit_code_1(run: Run) -> None:
    assert run("show", "letters") == (1, "", "trimtab: study_not_found: there is no study 'letters'\n")


def test_a_missing_key_says_what_to_do(run: Run, server: FakeServer) -> None:
    server.say(401, code="unauthorized", detail="this needs a key")
    code, out, err = run("studies")
    assert (code, out) == (1, "")
    assert err == "trimtab: unauthorized: this needs a key (key tt_0a1b2c3d… was sent)\n"


def test_the_key_of_the_server_is_printed_without_asking_it(run: Run, server: FakeServer) -> None:
    assert run("key") == (0, f"{KEY}\n", "")
    code, out, _ = run("key", "--json")
    assert (code, json.loads(out)["key"]) == (0, KEY)
    assert server.seen == []


def test_the_key_is_found_in_the_credentials_file_by_address(
    surroundings: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = surroundings / "trimtab" / "credentials"
    file.parent.mkdir(parents=True)
    file.write_text('["http://lab:8731"]\nkey = "tt_file"\n')
    assert cli.main(["key", "--url", "http://lab:8731"]) == 0
    assert capsys.readouterr().out == "tt_file\n"
    monkeypatch.setenv("TRIMTAB_KEY", "tt_environment")
    assert cli.main(["key", "--url", "http://lab:8731"]) == 0
    assert capsys.readouterr().out == "tt_environment\n"


def test_a_server_without_a_key_says_how_to_give_one(surroundings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["key", "--url", "http://lab:8731"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(
        "trimtab: invalid_credentials: no key for http://lab:8731: pass key=…, set TRIMTAB_KEY"
    )
    assert str(surroundings / "trimtab" / "credentials") in said.err


@pytest.mark.parametrize(
    "arguments",
    [
        *([], ["frobnicate"], ["show"], ["trials", "digits", "--limit", "0"], ["trials", "digits", "--limit", "x"]),
        *(
            ["pick"],
            ["pick", "digits", "--size-kb"],
            ["pick", "digits", "--size-kb", "small"],
            ["pick", "digits", "64"],
        ),
        *(["best", "digits", "--size-kb", "64"], ["devices", "pi-zero"]),
        *(["trial", "digits"], ["trial", "digits", "-1"], ["trial", "digits", "x"], ["trial", "digits", "²"]),
        *(["measure"], ["measure", "net.onnx", "--input", "1x3"], ["measure", "net.onnx", "--input", "x=1,3"]),
    ],
)
def test_wrong_usage_is_exit_code_2(run: Run, arguments: list[str]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "usage: trimtab" in err


@pytest.mark.parametrize("url", ["127.0.0.1:8731", "ftp://lab", "http://"])
def test_what_is_no_address_is_wrong_usage(capsys: pytest.CaptureFixture[str], url: str) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["studies", "--url", url])
    assert caught.value.code == 2
    assert (
        f"--url or TRIMTAB_URL: expected an address like http://127.0.0.1:8731, got '{url}'"
        in capsys.readouterr().err
    )


def test_the_server_may_be_named_before_the_command_and_after_it(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    with server.listening() as url:
        for words in (["--url", url, "--key", KEY, "--json", "studies"], ["studies", "--json", "--url", url]):
            assert cli.main(words) == 0
            assert capsys.readouterr().out == "[]\n"
        assert cli.main(["--url", "http://127.0.0.1:9", "studies", "--url", url]) == 0, "the later one counts"
        assert cli.main(["--url", url, "studies", "--key", KEY]) == 0
    assert server.seen[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_trial_is_shown_with_its_contracts_and_reports(run: Run, server: FakeServer) -> None:
    server.trials["digits"][0] |= {
        "stderrs": {"accuracy": 0.01},
        "contracts": {"macs": {"convention": "multiply-accumulate", "counter": "trimtab"}},
        "reports": [{"step": 0, "values": {"accuracy": 0.25}}, {"step": 10, "values": {"accuracy": 0.5}}],
    }
    code, out, err = run("trial", "digits", "0")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "trial       0 of digits",
        "state       complete",
        "source      random",
        "created_at  2026-11-24T10:00:00Z",
        "params",
        "  lr  0.5",
        "values",
        "  accuracy  0.875 ± 0.01",
        "  macs      7500  (convention=multiply-accumulate  counter=trimtab)",
        "reports",
        "  step  accuracy",
        "     0      0.25",
        "    10       0.5",
    ]
    assert "failure     oom: 8 GiB\n" in run("trial", "digits", "1")[1]
    assert run("trial", "digits", "9")[2] == "trimtab: trial_not_found: there is no trial 9\n"


def test_the_best_of_several_objectives_is_of_the_first_and_points_to_the_front(run: Run, server: FakeServer) -> None:
    server.studies["digits"]["objectives"]["macs"] = "minimize"
    code, out, _ = run("best", "digits")
    assert code == 0
    assert out.endswith("\n\nbest of accuracy; the front: trimtab pareto digits\n")
    assert "the front" not in run("best", "digits", "--objective", "macs")[1]
    assert server.calls("/best")[1].query == {"objective": ["macs"]}


def test_conditions_and_a_device_are_passed_on(run: Run, server: FakeServer) -> None:
    for command in ("best", "pareto"):
        run(command, "digits", "--device", "pi-zero", "--where", "lr < 1", "--where", "size_kb <= 64")
        asked = {"device": ["pi-zero"], "where": ["lr < 1", "size_kb <= 64"]}
        assert server.calls(f"/{command}")[0].query == asked


def test_a_predicted_best_says_that_it_is_predicted(run: Run, server: FakeServer) -> None:
    answer = {
        "objective": "accuracy",
        "params": {"lr": 0.25},
        "metrics": {"accuracy": {"median": 0.95, "lower": 0.93, "upper": 0.96}},
        "probability_feasible": 0.9,
        "nearest": None,
        "trials": 30,
    }
    server.say(200, at="/best", **answer)
    out = run("best", "digits", "--predicted")[1]
    assert out.startswith(
        "Predicted best accuracy, not measured: from 30 trials, within the limits with probability 90%"
    )
    server.say(200, at="/best", **answer)
    assert json.loads(run("best", "digits", "--predicted", "--json")[1]) == {"predicted": True, **answer}


def test_a_model_is_picked_under_limits_of_any_metric(run: Run, server: FakeServer) -> None:
    picked = {"number": 0, "params": {"lr": 0.5}, "values": {"accuracy": 0.875}}
    answer = {
        "trial": picked,
        "by": "accuracy",
        "sentence": "trial 0 it is",
        "neighbours": [{"trial": {**picked, "number": 1}, "changes": {"accuracy": 0.05}, "sentence": "1 kB more"}],
    }
    server.say(200, at="/pick", **answer)
    code, out, err = run(
        "pick", "digits", "--size-kb", "64", "--accuracy=0.5", "--where", "lr < 1", "--by", "accuracy"
    )
    assert (code, err) == (0, "")
    assert server.calls("/pick")[0].query == {
        "where": ["lr < 1", "size_kb <= 64", "accuracy >= 0.5"],
        "by": ["accuracy"],
    }
    assert out.splitlines()[:2] == ["trial 0 it is", "1 kB more"]
    server.say(200, at="/pick", **answer)
    assert json.loads(run("pick", "digits", "--size-kb", "64", "--json")[1]) == answer


def test_devices_are_a_table(run: Run, server: FakeServer) -> None:
    assert run("devices") == (0, "no devices\n", "")
    server.devices["pi-zero"] = {"name": "pi-zero", "limits": {"size_kb": 64, "limits": ["accuracy >= 0.9"]}}
    assert run("devices")[1].splitlines() == ["device   limits", "pi-zero  size_kb <= 64, accuracy >= 0.9"]
    assert json.loads(run("devices", "--json")[1]) == list(server.devices.values())


def test_what_keeps_no_limit_and_what_is_a_variant_is_shown(run: Run, server: FakeServer) -> None:
    server.trials["digits"][0] |= {"broken": ["macs <= 10"], "variant": "int8", "variants": {"int8": {"macs": 5}}}
    lines = run("trials", "digits")[1].splitlines()
    assert lines[0].split() == ["trial", "state", "variant", "accuracy", "lr", "macs", "over", "failure"]
    assert "macs <= 10" in lines[1]
    out = run("trial", "digits", "0")[1]
    assert "variant int8\n  macs  5\n" in out
    assert "over the limits\n  macs <= 10\n" in out


def test_a_study_is_shown_with_its_limits(run: Run, server: FakeServer) -> None:
    server.studies["digits"] |= {
        "constraints": ["macs <= 10"],
        "space_constraints": ["lr <= 0.5"],
        "known_metrics": ["macs"],
        "late_metrics": [],
        "baseline": {"lr": 0.25},
        "objectives": {"accuracy": {"direction": "maximize", "threshold": 0.5, "weight": 2.0, "noise": 0.0}},
    }
    out = run("show", "digits")[1]
    assert "constraints\n  macs <= 10\nspace_constraints\n  lr <= 0.5\nknown_metrics\n  macs\n" in out
    assert "baseline\n  lr  0.25\n" in out
    assert "accuracy  maximize, threshold 0.5, noise 0, weight 2\n" in out
    assert "late_metrics" not in out


def test_a_used_up_budget_is_told(run: Run, server: FakeServer) -> None:
    server.studies["digits"]["charged"] = 5
    assert "state       active, budget used up (5 of 5)\n" in run("show", "digits")[1]
    assert "digits  active, budget used up (5 of 5)  maximize accuracy" in run("studies")[1]


def test_what_others_wrote_can_not_move_the_cursor(run: Run, server: FakeServer) -> None:
    server.trials["digits"][0]["params"]["lr"] = "\x1b[2Jgone"
    out = run("trials", "digits")[1]
    assert "\x1b" not in out
    assert "[2Jgone" in out


def test_measuring_asks_no_server_and_wants_no_address_of_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIMTAB_URL", "no address")
    assert cli.main(["measure", str(tmp_path / "none.onnx")]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("trimtab: unsupported_model: expected an .onnx file, got ")
    assert said.err.endswith("none.onnx', where there is none\n")


def test_measuring_without_onnx_names_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").touch()
    words = ["measure", str(tmp_path / "net.onnx")]
    script = f"import sys; sys.modules['onnx'] = None; from trimtab import cli; sys.exit(cli.main({words!r}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        'trimtab: not_installed: measuring an ONNX model needs onnx: pip install "trimtab[onnx]"\n'
    )


def test_the_command_runs_as_a_program(server: FakeServer) -> None:
    with server.listening() as url:
        done = subprocess.run(
            [sys.executable, "-m", "trimtab.cli", "studies", "--url", url],
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stdout, done.stderr) == (0, "no studies\n", "")


def test_a_missing_server_is_given_up_after_seconds_and_the_command_that_starts_one_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "PATIENCE", 0.3)
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        started = time.monotonic()
        assert cli.main(["studies", "--url", url]) == 1
    assert time.monotonic() - started < 20
    said = capsys.readouterr()
    assert said.out == ""
    last = said.err.splitlines()[-1]
    assert last.startswith(f"trimtab: server_unreachable: {url} did not answer for 0 s (")
    assert last.endswith(": connection refused (start one: trimtab-service serve)")


def test_the_version_is_printed(run: Run) -> None:
    assert run("--version")[:2] == (0, f"trimtab {trimtab.__version__}\n")
