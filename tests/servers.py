"""Real server processes for tests: started on a free port, killed or ended, restarted on the same port."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from trimtab_service.cli import credentials
from trimtab_service.store import file_of

COMMAND = [sys.executable, "-m", "trimtab_service"]
PATIENCE = 60
"""Seconds until a start counts as failed: these machines are shared."""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """`trimtab-service serve` on one database and one port; the same address after a restart."""

    def __init__(self, database: str, log: Path, port: int | None = None, **settings: str) -> None:
        self.database = database
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = log
        self._environment: Mapping[str, str] = {**os.environ, **settings}
        self._process: subprocess.Popen[bytes] | None = None
        self.lines: list[str] = []

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def key(self) -> str:
        """The key that the server wrote for its database's or its own address."""
        file = file_of(self.database)
        key = credentials.key_for(self.url if file is None else f"sqlite:///{file}")
        assert key is not None
        return key

    @property
    def pid(self) -> int:
        """The id of the running server's process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start, and wait until it says that it listens."""
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [*COMMAND, "serve", "--port", str(self.port), "--database", self.database],
                env=dict(self._environment),
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
                start_new_session=True,
            )
        self.lines = self._until_listening(self._process)

    def kill(self) -> None:
        """kill -9 of the server and of everything it started."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._close()

    def stop(self, by: signal.Signals = signal.SIGTERM) -> int:
        """End it as a service manager would, or by Ctrl-C; the exit code."""
        if self._process is None:
            return 0
        self.tell_to_end(by)
        return self.wait()

    def tell_to_end(self, by: signal.Signals) -> None:
        """Send a signal, and do not wait for what it does."""
        assert self._process is not None
        self._process.send_signal(by)

    def wait(self) -> int:
        """Wait until it ends by itself; the exit code."""
        assert self._process is not None
        try:
            code = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            raise
        self._close()
        return code

    def _close(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None

    def _until_listening(self, process: subprocess.Popen[bytes]) -> list[str]:
        assert process.stdout is not None
        said = b""
        deadline = time.monotonic() + PATIENCE
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while time.monotonic() < deadline:
                if not selector.select(0.2):
                    if b"listening" in said:
                        return said.decode().splitlines()
                    continue
                more = process.stdout.read(65_536)
                if not more:
                    process.wait()
                    raise AssertionError(f"the server ended with {process.returncode}: {self._log.read_text()}")
                said += more
        raise AssertionError(f"the server did not listen within {PATIENCE} s: {said!r} {self._log.read_text()}")
