"""An executor of daemon threads."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Callable, Sequence
from typing import Any


class Threads:
    """A daemon thread per call: Ctrl-C ends the process without waiting for an objective that can't be stopped."""

    def submit(self, function: Callable[..., Any], *arguments: Any) -> concurrent.futures.Future[Any]:
        """Call the function in a thread."""
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        future.set_running_or_notify_cancel()
        threading.Thread(target=_settle, args=(future, function, arguments), daemon=True).start()
        return future


def _settle(future: concurrent.futures.Future[Any], function: Callable[..., Any], arguments: Sequence[Any]) -> None:
    try:
        future.set_result(function(*arguments))
    except BaseException as error:  # the caller gets it from the future
        future.set_exception(error)
