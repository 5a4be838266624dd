"""One computing process, seen from the server: it is started, given functions, and killed when they take too long."""

from __future__ import annotations

import contextlib
import os
import pickle
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

_ONE_THREAD = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
"""What libraries of linear algebra read: with one thread each, the same numbers give the same bits everywhere."""

_START = """
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
from multiprocessing.connection import Connection
pipe = Connection(int(sys.argv[1]))
sys.path[:] = pipe.recv()
from trimtab_service.compute.worker import main
main(pipe, int(sys.argv[2]))
"""


class DeadlinePassed(Exception):  # noqa: D101 - the message says it
    pass


class WorkerDied(Exception):  # noqa: D101 - the message says it
    pass


class Process:
    """A process that runs one function at a time. On Linux it dies with the thread that made it."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  # this Python
                [sys.executable, "-P", "-c", _START, str(theirs.fileno()), str(os.getpid())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={**os.environ, **dict.fromkeys(_ONE_THREAD, "1")},
            )
        self._pipe = Connection(os.dup(self._socket.fileno()))
        self._guard = threading.Lock()
        self._busy = self._late = self._ended = False
        with contextlib.suppress(OSError):  # it has ended already: the first call says so
            self._pipe.send(sys.path)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_free(self) -> bool:
        """Whether it lives and can be given a function, as far as can be seen from here."""
        return not (self._busy or self._ended or self._pipe.poll())  # what is to be read now can only be its end

    def call(self, function: Callable[..., Any], arguments: tuple[Any, ...], seconds: float, told: str) -> Any:
        """The function's result. The process is killed when there is none within the seconds.

        Raises DeadlinePassed with what it is told to say, WorkerDied, and whatever the function raises.
        """
        task = pickle.dumps((function, arguments))
        self._busy = True
        alarm = threading.Timer(max(seconds, 0.0), self._give_up)
        alarm.daemon = True
        alarm.start()
        try:
            self._pipe.send_bytes(task)
            result, error = self._pipe.recv()
        except (EOFError, OSError) as gone:
            if self._late:
                raise DeadlinePassed(told) from gone
            self.kill()
            raise WorkerDied(f"the computing process ended with exit code {self._process.wait()}") from gone
        finally:
            alarm.cancel()
            with self._guard:
                self._busy = False
        if error is not None:
            raise error
        return result

    def kill(self) -> None:
        """End it, whatever it does. A call in another thread raises at once."""
        self._ended = True
        self._process.kill()
        with self._guard, contextlib.suppress(OSError):  # it is closed
            self._socket.shutdown(socket.SHUT_RDWR)

    def wait(self) -> int:
        """Wait until it has ended, and let its resources go; the exit code."""
        code = self._process.wait()
        with self._guard:
            self._socket.close()
        return code

    def _give_up(self) -> None:
        with self._guard:
            if not self._busy:
                return
            self._late = True
        self.kill()
