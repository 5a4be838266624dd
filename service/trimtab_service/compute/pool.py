"""A pool of processes that can be killed: a fit that spins, allocates or crashes never takes the server with it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from trimtab_service.compute.process import DeadlinePassed, Process, WorkerDied

R = TypeVar("R")

log = logging.getLogger(__name__)

START_SECONDS = 60.0
"""How long the first start of a process may take before deadlines count: SciPy takes long to import at times."""
_PAUSE_SECONDS = 5.0
"""The longest pause between starts of a process that ends before it is ready."""
_JOIN_SECONDS = 1.0


class Closed(Exception):
    """The pool was closed, so nothing is computed any more."""


class Compute:
    """Runs functions in processes of their own, each call with a deadline.

    workers: how many run at once. The processes start at the first call (or `warm`), with one BLAS thread each. A
    thread per process starts it, waits for its end, whatever it was, and then starts the next one.
    """

    def __init__(self, workers: int = 1) -> None:
        self._change = threading.Condition()
        self._threads = [
            threading.Thread(target=self._tend, name=f"compute-{place}", daemon=True) for place in range(workers)
        ]
        self._load: Callable[[], object] = _nothing
        self._alive: set[Process] = set()
        self._idle: list[Process] = []
        self._started = self._was_ready = self._closed = False

    def warm(self, load: Callable[[], object]) -> None:
        """Start the processes and load there what they will need, in the background, so that the first run is quick.

        Processes that run already are left as they are.
        """
        with self._change:
            self._load = load
        self._start()

    def run(self, function: Callable[..., R], *arguments: Any, deadline: float) -> R:
        """The function's result. deadline: seconds until it must be there, with the wait for a free process.

        The very first start of a process, up to START_SECONDS, does not count. At the deadline a function that is at
        work is killed with its process; one that has not begun is dropped. Raises DeadlinePassed, WorkerDied, Closed,
        and whatever the function raises.
        """
        self._start()
        process, until = self._take(deadline)
        result: R
        try:
            result = process.call(
                function, arguments, seconds=until - time.monotonic(), told=f"no result within {deadline:g} s"
            )
        except (WorkerDied, DeadlinePassed):
            if self._closed:
                raise Closed from None
            raise
        finally:
            self._give_back(process)
        return result

    def close(self) -> None:
        """End the processes, whatever they do; runs that wait raise Closed."""
        with self._change:
            self._closed = True
            alive = list(self._alive)
            self._change.notify_all()
        for process in alive:
            process.kill()
        for thread in self._threads if self._started else []:
            thread.join(_JOIN_SECONDS)

    def _start(self) -> None:
        with self._change:
            if self._closed:
                raise Closed
            if not self._started:
                self._started = True
                for thread in self._threads:
                    thread.start()

    def _take(self, deadline: float) -> tuple[Process, float]:
        """A process that has nothing to do, and the time at which the deadline passes."""
        with self._change:
            self._change.wait_for(lambda: self._was_ready or self._closed, START_SECONDS)
            until = time.monotonic() + deadline
            self._change.wait_for(lambda: self._find_free() or self._closed, deadline)
            if self._closed:
                raise Closed
            if not self._find_free():
                raise DeadlinePassed(f"no computing process was free within {deadline:g} s")
            return self._idle.pop(), until

    def _find_free(self) -> bool:
        """Whether the last of the idle processes is free; those that were killed from outside are dropped."""
        while self._idle and not self._idle[-1].is_free:
            self._idle.pop()
        return bool(self._idle)

    def _give_back(self, process: Process) -> None:
        with self._change:
            if process.is_free:
                self._idle.append(process)
                self._change.notify_all()

    def _tend(self) -> None:
        failures = 0
        while True:
            ready, ended = self._run_one()
            with self._change:
                self._was_ready = True  # or it can't be: then deadlines count all the same
                self._change.notify_all()
                if self._closed:
                    return
            log.warning("a computing process ended%s: %s; starting another", "" if ready else " too soon", ended)
            failures = 0 if ready else failures + 1
            with self._change:
                self._change.wait_for(lambda: self._closed, min(failures * 0.5, _PAUSE_SECONDS))

    def _run_one(self) -> tuple[bool, str]:
        """Start a process, get it ready, and wait for its end: whether it was ready, and how it ended."""
        try:
            process = Process()
        except OSError as error:
            return False, str(error)
        with self._change:
            self._alive.add(process)
            if self._closed:
                process.kill()
            load = self._load
        ready = self._make_ready(process, load)
        code = process.wait()
        with self._change:
            self._alive.discard(process)
            if process in self._idle:
                self._idle.remove(process)
        return ready, f"process {process.pid}, exit code {code}"

    def _make_ready(self, process: Process, load: Callable[[], object]) -> bool:
        try:
            process.call(load, (), seconds=START_SECONDS, told=f"it did not start within {START_SECONDS:g} s")
        except (WorkerDied, DeadlinePassed):
            return False
        except Exception:  # a run needs the same and will say so to the one who asks
            log.exception("a computing process could not load what it needs")
        with self._change:
            self._was_ready = True
            self._idle.append(process)
            self._change.notify_all()
        return True


def _nothing() -> None:
    """What a process loads that is told nothing."""
