"""The command line of the server: `trimtab-service serve | migrate | keys`. Imports nothing heavy before it must."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import Field, fields
from importlib.metadata import version
from typing import Any

from trimtab_service.cli.refused import Refused
from trimtab_service.domain.errors import DatabaseUnavailable
from trimtab_service.settings import InvalidSetting, Settings, variable

DONE, FAILED, USAGE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit code is 0 done, 1 failed, 2 usage."""
    given = _parser().parse_args(arguments)
    try:
        settings = Settings.from_environment(os.environ, **_settings_of(given))
        return _run(given, settings)
    except InvalidSetting as error:
        print(f"trimtab-service: {error}", file=sys.stderr)
        return USAGE
    except (Refused, DatabaseUnavailable) as error:
        print(f"trimtab-service: {' '.join(str(error).split())}", file=sys.stderr)  # PostgreSQL's take several lines
        return FAILED


def _run(given: argparse.Namespace, settings: Settings) -> int:
    from trimtab_service.cli import keys, serve  # after --help, since it imports the server
    from trimtab_service.store import file_of

    try:
        file_of(settings.database)
    except ValueError as error:
        raise InvalidSetting(f"database can't be opened: {error}") from error
    match given.command:
        case "serve":
            return serve.serve(settings, embedded=given.embedded)
        case "migrate":
            return serve.migrate(settings, as_json=given.json)
        case _:
            return keys.run(settings, given)


def _settings_of(given: argparse.Namespace) -> dict[str, object]:
    return {known.name: getattr(given, known.name, None) for known in fields(Settings)}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="trimtab-service",
        description="Trimtab's server. Each option can be given as a TRIMTAB_* variable; docs/settings.md lists all.",
    )
    parser.add_argument("--version", action="version", version=f"trimtab-service {version('trimtab-service')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="serve | migrate | keys")

    settings = {known.name: known for known in fields(Settings)}
    database = argparse.ArgumentParser(add_help=False)
    _add_option(database, settings.pop("database"))
    said = argparse.ArgumentParser(add_help=False)
    said.add_argument("--json", action="store_true", help="print JSON")

    serve = commands.add_parser("serve", parents=[database], help="serve the API and the pages")
    for setting in settings.values():
        _add_option(serve, setting)
    serve.add_argument("--embedded", action="store_true", help="end with the last local client")

    commands.add_parser("migrate", parents=[database, said], help="bring the database's tables up to date")

    keys = commands.add_parser("keys", help="make, list and revoke API keys")
    verbs = keys.add_subparsers(dest="verb", required=True, metavar="create | list | revoke")
    create = verbs.add_parser("create", parents=[database, said], help="make a key and print it once")
    create.add_argument("--note", default="", help="what the key is for")
    verbs.add_parser("list", parents=[database, said], help="list keys, without their secrets")
    revoke = verbs.add_parser("revoke", parents=[database, said], help="make a key useless")
    revoke.add_argument("key_id", help="the eight characters after tt_")
    return parser


def _add_option(parser: argparse.ArgumentParser, setting: Field[Any]) -> None:
    """The option of a setting: --lease-seconds SECONDS; --behind-proxy and --no-auth for switches."""
    name, default = setting.name.replace("_", "-"), setting.default
    words = f"{setting.metadata['meaning']}; default {str(default).lower() or 'none'} [{variable(setting.name)}]"
    if isinstance(default, bool):
        flag = f"--no-{name}" if default else f"--{name}"
        parser.add_argument(flag, dest=setting.name, action="store_const", const=not default, help=words)
    else:
        word = {"database": "URL"}.get(setting.name, name.rpartition("-")[2].upper())
        parser.add_argument(f"--{name}", type=type(default), metavar=word, help=words)
