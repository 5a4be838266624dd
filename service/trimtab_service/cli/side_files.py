"""The two files beside an SQLite file F: F.lock says who serves it; F.clients is held by every local client."""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from trimtab_service.cli.refused import Refused


class AlreadyServed(Refused):
    """Another server has the file; the message says where it listens."""


class ServerLock:
    """An exclusive lock on F.lock for as long as this process has F. The system drops it when the process dies.

    database: the real path of F, so that all its names lead to one lock. patience: seconds to wait, since a client
    looks at the lock for a moment before it starts a server. Raises AlreadyServed and Refused.
    """

    def __init__(self, database: Path, patience: float = 2.0) -> None:
        path = Path(f"{database}.lock")
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Refused(f"can't open {path}: {error.strerror}") from error
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    os.close(self._descriptor)
                    holder = path.read_text() or "a server that is just starting"
                    raise AlreadyServed(f"{database} is served already: {holder.strip()}") from error
                time.sleep(0.05)
        os.ftruncate(self._descriptor, 0)

    def announce(self, url: str) -> None:
        """Write where the server listens, for clients that want to join it."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, json.dumps({"url": url, "pid": os.getpid()}).encode() + b"\n", 0)

    def close(self) -> None:
        """Let the file go; the address in it is gone first."""
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)


@contextmanager
def held(database: Path | None, patience: float = 2.0) -> Iterator[ServerLock | None]:
    """The lock of a file for a while; None where there is no file to lock. Raises AlreadyServed and Refused."""
    if database is None:
        yield None
        return
    lock = ServerLock(database, patience)
    try:
        yield lock
    finally:
        lock.close()


def when_clients_are_gone(database: Path, end: Callable[[], None], interval: float = 0.3) -> None:
    """Call end, in a thread of its own, as soon as no local client holds F.clients any more."""
    descriptor = os.open(f"{database}.clients", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def watch() -> None:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(interval)
            else:  # held until the process ends, so that a client that comes now waits and starts a server of its own
                end()
                return

    threading.Thread(target=watch, name="clients", daemon=True).start()
