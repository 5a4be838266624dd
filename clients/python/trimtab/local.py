"""A server on a SQLite file, without setting one up: joins the one that serves the file, or starts one.

Two files lie beside the database F. F.lock: the server holds an exclusive flock on it; inside, JSON {"url", "pid"}.
F.clients: every client holds a shared flock on it while it is open, and an embedded server ends when nobody does.
F is the real file, so that all its names lead to one server.
Knows `trimtab-service` as a command only.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from trimtab import credentials
from trimtab.errors import Invalid, NotInstalled, NotSupported, ServerNotStarted

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PATIENCE = 60.0
"""Seconds until a server must answer: importing it takes a few on a busy machine."""
GIVE_WAY = 30.0
"""Seconds that a server which is ending may keep the next client waiting: it drains requests for a few."""
LISTENING = "listening on "


class LocalServer:
    """A served file, and this process's hold on it: an open descriptor that is given up at the latest at exit."""

    def __init__(self, url: str, key: str | None, hold: int) -> None:
        self.url = url
        self.key = key
        self._let_go = weakref.finalize(self, os.close, hold)

    def leave(self) -> None:
        """Let go of the file; an embedded server ends with its last client."""
        self._let_go()


def join(
    path: str | os.PathLike[str], *, command: Sequence[str] | None = None, patience: float = PATIENCE
) -> LocalServer:
    """The server of a file. command: what starts one, by default `trimtab-service`. patience: seconds to wait.

    Raises Invalid, NotSupported, NotInstalled, ServerNotStarted.
    """
    if fcntl is None:
        raise NotSupported("local mode needs file locks of POSIX: run `trimtab-service serve` and pass its address")
    file, until = _real(path), time.monotonic() + patience
    try:
        if file.is_dir():
            raise Invalid(f"expected the path of a database file, got the folder {file}")
        if not file.parent.is_dir():
            raise ServerNotStarted(f"expected a folder for {file.name} at {file.parent}, there is none")
        hold = _open_locked(file.with_name(f"{file.name}.clients"), min(until, time.monotonic() + GIVE_WAY))
        try:
            url = _find_or_start(file, command, until)
            return LocalServer(url, credentials.key_on_file(f"sqlite:///{file}"), hold)
        except BaseException:
            os.close(hold)
            raise
    except OSError as error:
        raise ServerNotStarted(f"expected a file that can be served at {file}, got {error}") from error


def _real(path: str | os.PathLike[str]) -> Path:
    """The absolute path of a file, through all links. Raises Invalid."""
    try:
        file = os.path.realpath(os.path.expanduser(os.fsdecode(path)))
        file.encode()
    except (TypeError, ValueError) as error:  # not a path at all, a null in it, bytes that are no UTF-8
        raise Invalid(f"expected the path of a database file, in UTF-8, got {path!r}") from error
    return Path(file)


def _find_or_start(file: Path, command: Sequence[str] | None, until: float) -> str:
    """The address of a server that answers. Where two clients start one each, the slower finds the quicker's."""
    while True:
        url = _serving(file)
        if url is not None and _answers(url):
            return url
        if time.monotonic() > until:
            raise ServerNotStarted(f"the server that holds {file}.lock does not answer at {url or 'any address'}")
        if url is None and not _is_held(file):
            started = _start(file, command or [find_command()], until)
            if started is not None:
                return started
        time.sleep(0.05)


def _open_locked(file: Path, until: float) -> int:
    """A descriptor of the file, made if need be, under a shared lock that ends when it is closed.

    A server that is ending holds the file for itself until it has ended.
    """
    hold = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(hold, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return hold
            if time.monotonic() > until:
                raise ServerNotStarted(f"expected the server that is ending to let go of {file}, it still holds it")
            time.sleep(0.05)
    except BaseException:
        os.close(hold)
        raise


def _is_held(file: Path) -> bool:
    """Whether a server holds F.lock."""
    try:
        with open(f"{file}.lock", "rb") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _serving(file: Path) -> str | None:
    """The address that the server of a file has written down; None when there is none, or not yet."""
    if not _is_held(file):
        return None
    with contextlib.suppress(OSError, ValueError):
        stated: Any = json.loads(Path(f"{file}.lock").read_bytes())
        if isinstance(stated, dict) and isinstance(stated.get("url"), str):
            return str(stated["url"]).rstrip("/")
    return None


def _answers(url: str) -> bool:
    """Whether a server answers at the address."""
    import httpx2

    try:
        with httpx2.Client(trust_env=False, verify=False) as http:  # loopback, plain http
            return http.get(f"{url}/healthz", timeout=5.0).is_success
    except httpx2.HTTPError:
        return False


def _start(file: Path, service: Sequence[str], until: float) -> str | None:
    """Start a server and wait until it listens; None when another one was quicker. Raises ServerNotStarted.

    It gets a session of its own, so that Ctrl-C in a terminal reaches the training only, and writes to a file without
    a name, so that it never waits for a reader.
    """
    command = [*service, "serve", "--embedded", "--host", "127.0.0.1", "--port", "0"]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(  # noqa: S603  # the command of our own service
            [*command, "--database", _database_url(file)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        threading.Thread(target=process.wait, name="trimtab-local-server", daemon=True).start()
        while time.monotonic() < until:
            said = _read(output)
            for line in said.splitlines():
                if LISTENING in line:
                    return line.partition(LISTENING)[2].strip().rstrip("/")
            if process.poll() is not None:
                if _is_held(file):
                    return None
                raise ServerNotStarted(
                    f"`{' '.join(service)} serve` ended with exit code {process.returncode}: {said.strip()[-2_000:]}"
                )
            time.sleep(0.03)
        process.terminate()
        raise ServerNotStarted(
            f"`{' '.join(service)} serve` did not listen in time: {_read(output).strip()[-2_000:]}"
        )


def find_command(beside: str | None = None, path: str | None = None) -> str:
    """Where `trimtab-service` is: beside this Python, else on PATH. Raises NotInstalled."""
    beside = os.path.dirname(sys.executable) if beside is None else beside
    found = shutil.which("trimtab-service", path=beside) or shutil.which("trimtab-service", path=path)
    if found is None:
        raise NotInstalled(
            "local mode needs the server beside the client: pip install . (from Trimtab's source); looked for "
            f"trimtab-service in {beside} and on PATH"
        )
    return found


def _database_url(file: Path) -> str:
    """The file as the server's SQLAlchemy reads it back from a URL, where ?, % and others mean something."""
    return f"sqlite:///{urllib.parse.quote(str(file), safe='/')}"


def _read(output: IO[bytes]) -> str:
    """What was written so far, without moving the place where the other process writes."""
    return os.pread(output.fileno(), 1_000_000, 0).decode(errors="replace")
