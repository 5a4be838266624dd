"""Serve: lock the file, migrate it, make the first key, listen, and say where."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import uvicorn

from trimtab_service.app import build_rooms, create_app
from trimtab_service.cli import credentials
from trimtab_service.cli.ending import DRAIN, TOLD_BY, Ending, Server, Servers
from trimtab_service.cli.refused import Refused
from trimtab_service.cli.side_files import held, when_clients_are_gone
from trimtab_service.settings import InvalidSetting, Settings, variable
from trimtab_service.store import Store, file_of, name_of
from trimtab_service.usecases import health, keys
from trimtab_service.usecases.rooms import Rooms

BACKLOG = 2048
"""Connections that wait to be accepted."""


def serve(settings: Settings, *, embedded: bool = False) -> int:
    """Serve until told to end. Returns the exit code; raises Refused, InvalidSetting and DatabaseUnavailable."""
    settings.check_exposure()
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)  # its steps would bury the address that matters
    file = file_of(settings.database)
    if embedded and file is None:
        raise InvalidSetting("embedded needs an SQLite file")
    with held(file) as lock, closing(_listen(settings)) as listener:
        url = _url(settings, listener)
        rooms = build_rooms(settings)
        _prepare(rooms, settings)
        lines = [
            f"trimtab-service: listening on {url}",
            f"trimtab-service: the database is {name_of(settings.database)}",
            *_first_lines(rooms, settings, url, file),
        ]
        if lock is not None:
            lock.announce(url)
        if settings.workers > 1:
            return _serve_many(settings, rooms, listener, lines)
        server = Server(_config(settings, create_app(settings, rooms)), lines, Ending(rooms.compute.close))
        if embedded and file is not None:
            when_clients_are_gone(file, lambda: setattr(server, "should_exit", True))
        _run(server, listener)
        return 0 if server.started else 1


def migrate(settings: Settings, *, as_json: bool = False) -> int:
    """Bring the tables up to date and say to which revision. Raises Refused and DatabaseUnavailable."""
    with held(file_of(settings.database)), closing(Store(settings.database)) as store:
        store.migrate()
        state = store.check()
    print(json.dumps(state) if as_json else f"trimtab-service: the database is at revision {state['revision']}")
    return 0


def _prepare(rooms: Rooms, settings: Settings) -> None:
    if settings.is_sqlite:
        rooms.store.migrate()
    health.ready(rooms)


def _first_lines(rooms: Rooms, settings: Settings, url: str, file: Path | None) -> list[str]:
    """Make sure that this user has a key for this address, and say how to come in."""
    if not settings.auth:
        return ["trimtab-service: no key is asked for: everybody on this machine may come in"]
    address = f"sqlite:///{file}" if file is not None else url
    key = credentials.key_for(address)
    caller = keys.authenticate(rooms, key) if key else None
    if caller is None:
        if file is None and keys.any_key(rooms):
            return []
        made = keys.make_key(rooms, note="made at the first start")
        key, caller = made.text, keys.authenticate(rooms, made.text)
    assert key is not None
    assert caller is not None
    addresses = [address] if settings.port == 0 else [address, url]
    credentials.keep(key, addresses)
    token = keys.login_token(rooms, caller.key_id)
    minutes = keys.LOGIN_SECONDS // 60
    return [
        f"trimtab-service: the key is in {credentials.path()}",
        f"trimtab-service: open {url}/login?token={quote(token)} (works once, within {minutes} minutes)",
    ]


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise Refused(f"can't listen on {settings.host}:{settings.port}: {error}") from error
    return listener


def _url(settings: Settings, listener: socket.socket) -> str:
    anywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # recognised, not bound
    host = anywhere.get(settings.host, settings.host)
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{listener.getsockname()[1]}"


def _config(settings: Settings, app: object) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]  # an app, or the name of its factory
        host=settings.host,
        port=settings.port,
        http="h11",
        ws="none",
        log_level="warning" if settings.log_level == "info" else settings.log_level,
        timeout_graceful_shutdown=DRAIN,
        root_path=settings.root_path,
        proxy_headers=settings.behind_proxy,
        forwarded_allow_ips=settings.forwarded_allow_ips,
        factory=isinstance(app, str),
        workers=settings.workers,
        server_header=False,
    )


def _run(server: Server, listener: socket.socket) -> None:
    """Run until told to end. uvicorn raises the signal once more when it has drained: that one is for nobody."""
    before = {by: signal.signal(by, lambda *_: None) for by in TOLD_BY}
    try:
        server.run(sockets=[listener])
    finally:
        for by, handler in before.items():
            signal.signal(by, handler)


def _serve_many(settings: Settings, rooms: Rooms, listener: socket.socket, lines: list[str]) -> int:
    """Several processes on one port; each builds its own app from the environment."""
    rooms.compute.close()
    rooms.store.close()
    for name in settings.__dataclass_fields__:
        os.environ[variable(name)] = str(getattr(settings, name))
    print("\n".join(lines), flush=True)
    listener.set_inheritable(True)
    listener.listen(BACKLOG)  # from now on a connection waits for the first process to be ready
    Servers(_config(settings, "trimtab_service.cli.ending:one_of_many"), sockets=[listener]).run()
    return 0
