"""A pool of processes that can be killed: a fit that spins, allocates or crashes never takes the server with it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeout
from multiprocessing import get_context
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

R = TypeVar("R")

_ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
_PR_SET_PDEATHSIG = 1


class DeadlinePassed(Exception):  # noqa: D101 - the message says it
    pass


class WorkerDied(Exception):  # noqa: D101 - the message says it
    pass


class Compute:
    """Runs functions in processes of their own, each call with a deadline.

    workers: how many run at once. The processes start at the first call (or `warm`), with one BLAS thread each.
    """

    def __init__(self, workers: int = 1) -> None:
        for name in _ONE_THREAD:  # spawned processes inherit these before they import numpy
            os.environ.setdefault(name, "1")
        self._pool = ProcessPool(max_workers=workers, context=get_context("spawn"), initializer=_die_with_parent)

    def warm(self, load: Callable[[], object]) -> None:
        """Start a process and load there what it will need, in the background, so that the first run is quick."""
        self._pool.schedule(load)

    def run(self, function: Callable[..., R], *arguments: Any, deadline: float) -> R:
        """The function's result. deadline: seconds of work allowed, then the process is killed.

        Raises DeadlinePassed, WorkerDied, and whatever the function raises.
        """
        future = self._pool.schedule(function, args=list(arguments), timeout=deadline)
        try:
            result: R = future.result()
        except FutureTimeout as error:
            raise DeadlinePassed(f"no result within {deadline:g} s") from error
        except ProcessExpired as error:
            raise WorkerDied(f"the computing process ended with exit code {error.exitcode}") from error
        return result

    def close(self) -> None:
        """End the processes, whatever they do."""
        self._pool.stop()  # type: ignore[no-untyped-call]  # pebble leaves it unannotated
        self._pool.join()


def _die_with_parent() -> None:
    """Be killed when the server is (Linux), and leave Ctrl-C to the server."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
