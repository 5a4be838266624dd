"""docker-compose.yml and Dockerfile name only what is there, publish loopback only, and their commands work.

No container engine runs where the tests run: the same commands are run without containers.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import trimtab
from tests.house.repo import ROOT, configuration, kept_files, pins
from tests.servers import COMMAND, Server
from trimtab_service.settings import InvalidSetting, Settings

PASSWORD = "TRIMTAB_POSTGRES_PASSWORD"
_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
Tree = dict[str, Any]


def compose(given: dict[str, str]) -> Tree:
    """docker-compose.yml with its variables filled in, as compose does. Raises KeyError for one that is required."""

    def fill(found: re.Match[str]) -> str:
        name, operator, rest = found.groups()
        value = given.get(name, "")
        if not value and operator == "?":
            raise KeyError(f"{name}: {rest}")
        return value or (rest if operator == "-" else "")

    parsed: Tree = yaml.safe_load(_VARIABLE.sub(fill, (ROOT / "docker-compose.yml").read_text()))
    return parsed


def instructions() -> list[tuple[str, str]]:
    """Dockerfile's instructions: (word, the rest), continued lines joined."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in text.splitlines()) if word]


@pytest.fixture
def services() -> Tree:
    found: Tree = compose({PASSWORD: "secret"})["services"]
    return found


def test_there_is_no_password_unless_somebody_sets_one() -> None:
    with pytest.raises(KeyError, match=PASSWORD):
        compose({})
    example = dict(
        line.split("=", 1) for line in (ROOT / ".env.example").read_text().splitlines() if "=" in line[:40]
    )
    assert example[PASSWORD] == ""


def test_only_the_service_is_published_and_only_on_loopback(services: Tree) -> None:
    assert {name: service.get("ports") for name, service in services.items()} == {
        "postgres": None,
        "migrate": None,
        "service": ["127.0.0.1:8731:8731"],
    }


def test_the_service_starts_after_the_migration_and_that_after_the_database(services: Tree) -> None:
    assert services["service"]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert services["migrate"]["restart"] == "no"


def test_every_volume_that_is_mounted_is_declared(services: Tree) -> None:
    mounted = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", [])}
    assert mounted == set(compose({PASSWORD: "secret"})["volumes"])


@pytest.mark.parametrize("name", ["migrate", "service"])
def test_the_image_is_built_from_the_dockerfile_at_the_root(services: Tree, name: str) -> None:
    assert (ROOT / services[name]["build"] / "Dockerfile").is_file()


@pytest.mark.parametrize("name", ["migrate", "service"])
def test_a_container_gets_settings_that_exist_and_that_the_server_accepts(services: Tree, name: str) -> None:
    environment = {key: str(value) for key, value in services[name]["environment"].items()}
    settings = Settings.from_environment(environment)
    known = {f"TRIMTAB_{field.upper()}" for field in vars(settings)}
    assert set(environment) - known == {"PGPASSWORD"}
    settings.check_exposure()
    assert settings.auth
    assert not settings.is_sqlite
    assert "secret" not in settings.database


def test_the_server_would_refuse_the_containers_address_without_names_and_proxy(services: Tree) -> None:
    environment = {key: str(value) for key, value in services["service"]["environment"].items()}
    del environment["TRIMTAB_ALLOWED_HOSTS"]
    with pytest.raises(InvalidSetting, match="allowed-hosts"):
        Settings.from_environment(environment).check_exposure()


def test_the_published_port_is_the_one_that_the_server_listens_on(services: Tree) -> None:
    settings = Settings.from_environment({k: str(v) for k, v in services["service"]["environment"].items()})
    assert services["service"]["ports"][0].endswith(f":{settings.port}")
    assert ("EXPOSE", str(settings.port)) in instructions()


@pytest.mark.parametrize("name", ["migrate", "service"])
def test_a_containers_command_is_a_verb_of_the_command_line(services: Tree, name: str) -> None:
    entry = json.loads(next(rest for word, rest in instructions() if word == "ENTRYPOINT"))
    assert entry == ["trimtab-service"]
    _check_verb(services[name]["command"])


def test_the_images_own_command_is_a_verb_of_the_command_line() -> None:
    _check_verb(json.loads(next(rest for word, rest in instructions() if word == "CMD")))


def _check_verb(command: list[str]) -> None:
    """The verb has a help page, and the page knows each of the options."""
    shown = subprocess.run([*COMMAND, command[0], "--help"], capture_output=True, text=True, check=True).stdout
    options = [word for word in command[1:] if word.startswith("--")]
    assert [option for option in options if option not in shown] == []


def test_what_the_image_copies_is_kept_and_not_ignored() -> None:
    kept = {str(path) for path in kept_files()} | {str(parent) for path in kept_files() for parent in path.parents}
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [
        source
        for word, rest in instructions()
        if word == "COPY" and not rest.startswith("--from")
        for source in shlex.split(rest)[:-1]
    ]
    assert {"pyproject.toml", "service", "migrations", "requirements/image.txt"} <= set(copied)
    assert set(copied) == allowed
    assert set(copied) <= kept


def test_what_the_wheel_needs_to_be_built_is_copied_before_it_is_built() -> None:
    before = [rest for word, rest in instructions() if word == "COPY" and not rest.startswith("--from")]
    copied = {source for rest in before for source in shlex.split(rest)[:-1]}
    project = configuration()
    needed = {project["project"]["readme"], *project["project"]["license-files"]}
    needed |= {room.split("/")[0] for room in project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]}
    assert needed <= copied


def test_the_image_runs_as_a_user_without_rights_in_a_home_that_is_mounted(services: Tree) -> None:
    words = dict(instructions())
    assert words["USER"] == "trimtab"
    home = re.search(r"--home-dir (\S+) trimtab", words["RUN"])
    assert home is not None
    assert words["WORKDIR"] == home[1]
    assert f"XDG_CONFIG_HOME={home[1]}" in words["ENV"]
    assert services["service"]["volumes"] == [f"keys:{home[1]}"]


def test_the_image_holds_the_server_and_none_of_the_tools_that_build_and_check_it() -> None:
    names = {pin.split("==")[0] for pin in pins("image.txt")}
    assert {"fastapi", "sqlalchemy", "numpy", "hatchling"} <= names
    assert names.isdisjoint({"pytest", "mypy", "ruff", "pandas"})


@pytest.mark.parametrize("empty_database_url", ["postgresql"], indirect=True)
def test_a_study_made_on_one_service_is_asked_and_told_on_another_on_one_postgresql(
    services: Tree, empty_database_url: str, tmp_path: Path
) -> None:
    migrate = [*COMMAND, *services["migrate"]["command"]]
    environment = {**os.environ, "TRIMTAB_DATABASE": empty_database_url}
    migrated = subprocess.run(migrate, env=environment, capture_output=True, text=True, check=True)
    assert "the database is at revision" in migrated.stdout

    own = {"TRIMTAB_DATABASE", "TRIMTAB_HOST", "PGPASSWORD"}
    settings = {key: str(value) for key, value in services["service"]["environment"].items() if key not in own}
    assert settings["TRIMTAB_BEHIND_PROXY"] == "true"
    with (
        Server(empty_database_url, tmp_path / "first.log", **settings) as first,
        Server(empty_database_url, tmp_path / "second.log", **settings) as second,
        trimtab.Client(first.url, key=first.key) as here,
        trimtab.Client(second.url, key=first.key) as there,
    ):
        made = here.create_study(
            "shared", space={"x": trimtab.Float(0.0, 1.0)}, objectives={"loss": "minimize"}, max_trials=2
        )
        asked = [made.ask(), there.study("shared").ask()]
        assert [trial.number for trial in asked] == [0, 1]
        asked[1].tell(0.25)
        asked[0].tell(0.5)
        with pytest.raises(trimtab.StudyFinished):
            there.study("shared").ask()
        assert here.study("shared").best_trial.number == 1
        _check_health(second.port)


def _check_health(port: int) -> None:
    """The image's health check, on this port: it ends well on a live server and badly where there is none."""
    rest = next(rest for word, rest in instructions() if word == "HEALTHCHECK")
    command = json.loads(rest[rest.index("[") :])
    assert command[0] == "python"
    live = [word.replace(":8731/", f":{port}/") for word in command[1:]]
    dead = [word.replace(":8731/", ":1/") for word in command[1:]]
    assert subprocess.run([sys.executable, *live], capture_output=True, check=False).returncode == 0
    assert subprocess.run([sys.executable, *dead], capture_output=True, check=False).returncode == 1
