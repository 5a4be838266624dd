"""A pool of processes that can be killed: a fit that spins, allocates or crashes never takes the server with it."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessFuture, ProcessPool
from threadpoolctl import threadpool_limits

R = TypeVar("R")

log = logging.getLogger(__name__)

START_SECONDS = 60.0
"""How long the start of the processes may take before deadlines count: SciPy takes long to import at times."""
CLOSE_SECONDS = 1.0
"""How long the processes may take to end."""
_LOOK_SECONDS = 0.1
"""How soon a run notices that the pool was closed."""
_ONE_THREAD = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
"""What libraries of linear algebra read: with one thread each, the same numbers give the same bits everywhere."""


class DeadlinePassed(Exception):
    """There was no result in time."""


class WorkerDied(Exception):
    """The computing process ended before it had a result."""


class Closed(Exception):
    """The pool was closed, so nothing is computed any more."""


class Compute:
    """Runs functions in processes of their own, each call with a deadline.

    workers: how many run at once. The processes start at the first call (or `warm`), with one BLAS thread each.
    """

    def __init__(self, workers: int = 1) -> None:
        self._workers = workers
        self._load: Callable[[], object] = _nothing
        self._guard = threading.Lock()
        self._closed = threading.Event()
        self._pool: ProcessPool | None = None
        self._first: ProcessFuture[Any] | None = None

    def warm(self, load: Callable[[], object]) -> None:
        """Start a process and load there what it will need, in the background, so that the first run is quick.

        Processes that run already are left as they are.
        """
        self._load = load
        self._schedule(_nothing, (), START_SECONDS)

    def run(self, function: Callable[..., R], *arguments: Any, deadline: float) -> R:
        """The function's result. deadline: seconds until it must be there, with the wait for a free process.

        The very first start of a process, up to START_SECONDS, does not count. At the deadline a function that is at
        work is killed with its process; one that has not begun is dropped. Raises DeadlinePassed, WorkerDied, Closed,
        and whatever the function raises.
        """
        future = self._schedule(function, arguments, START_SECONDS + deadline)
        assert self._first is not None  # it is scheduled with the first pool
        self._wait(self._first, START_SECONDS)
        if self._wait(future, deadline):
            try:
                result: R = future.result()
            except ProcessExpired as error:
                self._check_open()
                raise WorkerDied(f"the computing process ended with exit code {error.exitcode}") from error
            except (BrokenProcessPool, CancelledError) as error:
                self._check_open()
                raise WorkerDied("the pool of computing processes broke") from error
            return result
        future.cancel()  # type: ignore[no-untyped-call]  # pebble leaves it unannotated
        raise DeadlinePassed(f"no result within {deadline:g} s")

    def close(self) -> None:
        """End the processes, whatever they do; runs that wait raise Closed."""
        self._closed.set()
        with self._guard:
            pool = self._pool
        if pool is not None:
            ending = threading.Thread(target=_end, args=(pool,), daemon=True)
            ending.start()
            ending.join(CLOSE_SECONDS)
            if ending.is_alive():  # a process that does not even hear SIGTERM, such as a stopped one
                for process in active_children():
                    process.kill()

    def _check_open(self) -> None:
        if self._closed.is_set():
            raise Closed

    def _wait(self, future: ProcessFuture[Any], seconds: float) -> bool:
        """Whether the future is done within the seconds. Raises Closed."""
        until = time.monotonic() + seconds
        done = threading.Event()
        future.add_done_callback(lambda _: done.set())
        while not done.wait(min(_LOOK_SECONDS, max(until - time.monotonic(), 0.0))):
            self._check_open()
            if time.monotonic() >= until:
                return False
        return True

    def _schedule(
        self, function: Callable[..., Any], arguments: tuple[Any, ...], seconds: float
    ) -> ProcessFuture[Any]:
        """Hand the function to a process. A pool that broke is replaced, once."""
        with self._guard:
            self._check_open()
            for _ in range(2):
                if self._pool is None:
                    self._pool = ProcessPool(
                        self._workers,
                        context=get_context("spawn"),
                        initializer=_begin,
                        initargs=[os.getpid(), self._load],
                    )
                    self._first = self._first or self._pool.schedule(_nothing)
                try:
                    return self._pool.schedule(function, args=list(arguments), timeout=seconds)
                except RuntimeError:
                    log.warning("the pool of computing processes broke; a new one is made", exc_info=True)
                    self._pool = None
        raise WorkerDied("the pool of computing processes broke twice")


def _end(pool: ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call]  # pebble leaves it unannotated
    pool.join()


def _begin(server: int, load: Callable[[], object]) -> None:
    """In the process: one BLAS thread, Ctrl-C left to the server, an end with its end, and what is needed loaded."""
    for name in _ONE_THREAD:
        os.environ[name] = "1"
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(server,), daemon=True).start()
    try:
        load()
    except Exception:  # a run needs the same, and says so to the one who asks
        log.exception("a computing process could not load what it needs")
    threadpool_limits(1)  # where the program's main module had NumPy loaded before the names above were set


def _end_with(server: int) -> None:
    """End this process when the server has gone. Linux can do that itself, but it watches a thread, and those end."""
    while os.getppid() == server:
        time.sleep(_LOOK_SECONDS)
    os._exit(1)


def _nothing() -> None:
    """What a process is given to see that it has started."""
