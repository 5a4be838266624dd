"""Settings come from the environment and the command line, and refuse what makes no sense or is not safe."""

from __future__ import annotations

import pytest

from trimtab_service.cli import main
from trimtab_service.settings import InvalidSetting, Settings


def test_given_values_go_before_variables_and_variables_before_defaults():
    environment = {"TRIMTAB_PORT": "9000", "TRIMTAB_AUTH": "no", "TRIMTAB_LEASE_SECONDS": "2.5", "OTHER": "x"}
    settings = Settings.from_environment(environment, port=9100, host=None)
    assert (settings.port, settings.auth, settings.lease_seconds) == (9100, False, 2.5)
    assert settings.host == "127.0.0.1"


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"TRIMTAB_PORT": "http"}, "TRIMTAB_PORT must be a int, got 'http'"),
        ({"TRIMTAB_PORT": "70000"}, "port must be in [0, 65535], got 70000"),
        ({"TRIMTAB_AUTH": "maybe"}, "TRIMTAB_AUTH must be a bool, got 'maybe'"),
        ({"TRIMTAB_LEASE_SECONDS": "nan"}, "lease_seconds must be in (0, 86400] seconds, got nan"),
        ({"TRIMTAB_DATABASE": "mysql://x"}, "database must be sqlite:///FILE or postgresql://USER@HOST/NAME"),
        ({"TRIMTAB_WORKERS": "2"}, "an SQLite file is served by one process, got workers=2"),
        ({"TRIMTAB_LOG_LEVEL": "loud"}, "log_level must be debug, info, warning or error, got 'loud'"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_with_what_came(environment, says):
    with pytest.raises(InvalidSetting) as caught:
        Settings.from_environment(environment)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "safe"),
    [
        ({}, True),
        ({"host": "::1"}, True),
        ({"host": "localhost", "auth": False}, True),
        ({"auth": False}, True),
        ({"host": "0.0.0.0"}, False),
        ({"host": "0.0.0.0", "allowed_hosts": "lab.example"}, False),
        ({"host": "0.0.0.0", "behind_proxy": True}, False),
        ({"host": "0.0.0.0", "allowed_hosts": "lab.example", "behind_proxy": True}, True),
        ({"host": "0.0.0.0", "allowed_hosts": "lab.example", "behind_proxy": True, "auth": False}, False),
        ({"host": "lab.example"}, False),
    ],
)
def test_a_server_that_others_can_reach_needs_names_a_proxy_and_keys(changes, safe):
    settings = Settings(**changes)
    if safe:
        settings.check_exposure()
    else:
        with pytest.raises(InvalidSetting):
            settings.check_exposure()


@pytest.mark.parametrize("words", [["serve", "--host", "0.0.0.0"], ["serve", "--host", "0.0.0.0", "--no-auth"]])
def test_serving_openly_is_a_usage_error(words, capsys):
    assert main(words) == 2
    assert "0.0.0.0" in capsys.readouterr().err


def test_the_help_of_serve_lists_every_setting_with_an_option_that_sets_it(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    shown = capsys.readouterr().out
    for name in vars(Settings()):
        option = f"--no-{name}" if name == "auth" else f"--{name.replace('_', '-')}"
        assert f"[TRIMTAB_{name.upper()}]" in shown
        assert option in shown.split()


def test_options_of_every_kind_are_settings(capsys):
    words = ["--log-level", "loud", "--lease-seconds", "2.5", "--compute-workers", "2", "--behind-proxy", "--no-auth"]
    assert main(["serve", *words]) == 2
    assert "log_level must be debug, info, warning or error, got 'loud'" in capsys.readouterr().err
    assert main(["serve", "--lease-seconds", "0"]) == 2
    assert "lease_seconds must be in (0, 86400] seconds, got 0.0" in capsys.readouterr().err
