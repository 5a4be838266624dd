"""The command line of the server: `trimtab-service serve | migrate | keys`. Imports nothing heavy before it must."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from trimtab_service.settings import InvalidSetting, Settings

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


def _run(given: argparse.Namespace, settings: Settings) -> int:
    from trimtab_service.cli import keys, serve  # after --help, since it imports the server

    match given.command:
        case "serve":
            return serve.serve(settings, embedded=given.embedded)
        case "migrate":
            return serve.migrate(settings)
        case _:
            return keys.run(settings, given)


def _settings_of(given: argparse.Namespace) -> dict[str, object]:
    names = ("database", "host", "port", "auth", "allowed_hosts", "behind_proxy", "root_path", "workers")
    return {name: getattr(given, name, None) for name in names}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="trimtab-service",
        description="Trimtab's server. Each option can be given as a TRIMTAB_* variable; docs/settings.md lists all.",
    )
    parser.add_argument("--version", action="version", version=f"trimtab-service {version('trimtab-service')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="serve | migrate | keys")

    database = argparse.ArgumentParser(add_help=False)
    database.add_argument(
        "--database",
        metavar="URL",
        help="sqlite:///trimtab.db (default) or postgresql://user:password@host/name [TRIMTAB_DATABASE]",
    )

    serve = commands.add_parser("serve", parents=[database], help="serve the API and the pages")
    serve.add_argument("--host", help="address to bind, default 127.0.0.1 [TRIMTAB_HOST]")
    serve.add_argument("--port", type=int, help="port, default 8731; 0 takes a free one [TRIMTAB_PORT]")
    serve.add_argument(
        "--no-auth",
        dest="auth",
        action="store_const",
        const=False,
        help="let everybody on this machine in; for loopback only [TRIMTAB_AUTH=false]",
    )
    serve.add_argument("--allowed-hosts", metavar="NAMES", help="names people type, by comma [TRIMTAB_ALLOWED_HOSTS]")
    serve.add_argument(
        "--behind-proxy",
        action="store_const",
        const=True,
        help="a proxy in front ends TLS; needed for a bind that is not loopback [TRIMTAB_BEHIND_PROXY]",
    )
    serve.add_argument("--root-path", metavar="PATH", help="URL prefix that a proxy strips [TRIMTAB_ROOT_PATH]")
    serve.add_argument(
        "--workers", type=int, metavar="N", help="server processes, on PostgreSQL only [TRIMTAB_WORKERS]"
    )
    serve.add_argument("--embedded", action="store_true", help="end with the last local client")

    commands.add_parser("migrate", parents=[database], help="bring the database's tables up to date")

    keys = commands.add_parser("keys", help="make, list and revoke API keys")
    verbs = keys.add_subparsers(dest="verb", required=True, metavar="create | list | revoke")
    create = verbs.add_parser("create", parents=[database], help="make a key and print it once")
    create.add_argument("--note", default="", help="what the key is for")
    verbs.add_parser("list", parents=[database], help="list keys, without their secrets")
    revoke = verbs.add_parser("revoke", parents=[database], help="make a key useless")
    revoke.add_argument("key_id", help="the eight characters after tt_")
    return parser
