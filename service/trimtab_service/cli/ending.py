"""How a server ends: requests get GRACE seconds, then computations are ended, and soon after that the process is."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from trimtab_service.app import build_rooms, create_app
from trimtab_service.settings import Settings

GRACE = 5
"""Seconds that open requests have to finish once the server is told to end."""
DRAIN = GRACE + 1
"""Seconds until answers are given up: those to asks that were computing are sent after GRACE."""
LAST = GRACE + 2
"""Seconds until the process ends, whatever still runs."""
TOLD_BY = (signal.SIGTERM, signal.SIGINT)


class Ending:
    """The steps of an end. end_computations: makes asks that compute give up."""

    def __init__(self, end_computations: Callable[[], None]) -> None:
        self._steps = [_later(GRACE, end_computations), _later(LAST, end_now)]
        self._lock = threading.Lock()
        self._begun = self._told = False

    def begin(self) -> None:
        """Begin to end; once is enough."""
        with self._lock:
            steps, self._begun = [] if self._begun else self._steps, True
        for step in steps:
            step.start()

    def told(self) -> None:
        """A signal came: the first one begins, the second one means now."""
        if self._told:
            end_now()
        self._told = True


class Server(uvicorn.Server):
    """Ends in steps, and says where it listens once it does."""

    def __init__(self, config: uvicorn.Config, ready: list[str], ending: Ending) -> None:
        super().__init__(config)
        self._ready = ready
        self._ending = ending

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the doors, then say so."""
        await super().startup(sockets=sockets)
        print("\n".join(self._ready), flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain, while the steps of the end go on."""
        self._ending.begin()
        await super().shutdown(sockets=sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal came."""
        self._ending.told()
        super().handle_exit(sig, frame)


class Servers(Multiprocess):
    """Several server processes; told twice to end, they end at once."""

    def terminate_all(self) -> None:
        """Tell every process to end; from now on a signal means at once."""
        for by in TOLD_BY:
            signal.signal(by, lambda *_: self._kill_all())
        super().terminate_all()

    def _kill_all(self) -> None:
        for process in self.processes:
            process.process.kill()
        end_now()


def one_of_many() -> FastAPI:
    """The application of the TRIMTAB_* variables for one of several processes, which ends in the same steps."""
    settings = Settings.from_environment(os.environ)
    rooms = build_rooms(settings)
    ending = Ending(rooms.compute.close)
    for by in TOLD_BY:
        signal.signal(by, _first(ending, signal.getsignal(by)))
    return create_app(settings, rooms)


def _first(ending: Ending, then: object) -> Callable[[int, FrameType | None], None]:
    """A handler that begins the end, and then does what was done before."""

    def handle(sig: int, frame: FrameType | None) -> None:
        ending.told()
        ending.begin()
        if callable(then):
            then(sig, frame)

    return handle


def end_now() -> None:
    """End this process without waiting for anything; the system drops its locks and kills what it started."""
    os._exit(0)


def _later(seconds: float, step: Callable[[], None]) -> threading.Timer:
    timer = threading.Timer(seconds, step)
    timer.daemon = True
    return timer
