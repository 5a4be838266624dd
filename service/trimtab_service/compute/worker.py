"""What runs in a computing process: functions come in by a pipe, and what they return or raise goes out."""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import sys
import traceback
from multiprocessing.connection import Connection

_PR_SET_PDEATHSIG = 1


def main(pipe: Connection, parent: int) -> None:
    """Work until the other end of the pipe is closed. parent: the process id of the server."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C in a terminal reaches this process too, but means the server
    os.set_inheritable(pipe.fileno(), False)
    _die_with(parent)
    try:
        while True:
            pipe.send_bytes(_answer(pipe.recv_bytes()))
    except (EOFError, OSError):  # the server has gone
        return


def _answer(task: bytes) -> bytes:
    """A pickled pair: what the function returned, and None; or None, and what it raised.

    task: the pickled pair of the function and its arguments.
    """
    try:
        function, arguments = pickle.loads(task)  # noqa: S301  # from the server, by a pipe that nobody else has
        return pickle.dumps((function(*arguments), None))
    except Exception as error:
        error.add_note(f"In the computing process:\n{traceback.format_exc()}")
        return _packed(error)


def _packed(error: BaseException) -> bytes:
    """The pickled pair of an error; a plain one with the same words where the error can't be sent as it is."""
    try:
        packed = pickle.dumps((None, error))
        pickle.loads(packed)  # noqa: S301  # made in the line above
    except Exception:
        return pickle.dumps((None, RuntimeError("".join(traceback.format_exception_only(error)).strip())))
    return packed


def _die_with(parent: int) -> None:
    """Be killed when the server is (Linux). Elsewhere the closed pipe ends this process after its work."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit(1)
