"""Keeps the leases of open trials alive: one background thread per client, from the first ask to the last tell."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trimtab.errors import Conflict, NotFound, TrimtabError

if TYPE_CHECKING:
    from trimtab.trial import Trial

log = logging.getLogger("trimtab")


@dataclass
class _Lease:
    """A trial that someone still holds, how often it is renewed, and when next. Seconds, of the monotonic clock."""

    trial: weakref.ref[Trial]
    every: float
    due: float


class Leases:
    """The open trials of a client. A trial that nobody refers to any more is let go: its lease runs out."""

    def __init__(self) -> None:
        self._leases: dict[int, _Lease] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def add(self, trial: Trial, lease_seconds: float) -> None:
        """Renew this trial's lease at every third of its length from now on."""
        every = lease_seconds / 3
        with self._changed:
            if self._closed:
                return
            self._leases[id(trial)] = _Lease(weakref.ref(trial), every, time.monotonic() + every)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="trimtab-heartbeat", daemon=True)
                self._thread.start()
            self._changed.notify()

    def drop(self, trial: Trial) -> None:
        """The trial is closed: leave its lease alone."""
        with self._changed:
            self._leases.pop(id(trial), None)
            self._changed.notify()

    def close(self) -> None:
        """Renew nothing more. Waits for the thread, unless it is the caller's or is slow to hear an answer."""
        with self._changed:
            self._closed = True
            self._leases.clear()
            self._changed.notify()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=5)

    def _run(self) -> None:
        while (due := self._next()) is not None:
            key, lease = due
            kept = _renew(lease)
            with self._changed:
                if not kept and self._leases.get(key) is lease:
                    del self._leases[key]

    def _next(self) -> tuple[int, _Lease] | None:
        """The next lease that is due, waited for; None (and no thread any more) when no trial is open."""
        with self._changed:
            while True:
                self._leases = {key: lease for key, lease in self._leases.items() if lease.trial() is not None}
                if not self._leases:
                    self._thread = None
                    return None
                key, lease = min(self._leases.items(), key=lambda item: item[1].due)
                now = time.monotonic()
                if lease.due <= now:
                    lease.due = now + lease.every
                    return key, lease
                self._changed.wait(lease.due - now)


def _renew(lease: _Lease) -> bool:
    """Send one heartbeat. Whether to go on: not after the lease was lost, but through an outage."""
    trial = lease.trial()
    if trial is None:
        return False
    try:
        trial.renew(deadline=lease.every)
    except (Conflict, NotFound) as error:
        trial.lose_lease(error)
        return False
    except TrimtabError as error:
        log.warning("trial %d: the lease could not be renewed, trying again: %s", trial.number, error)
    except Exception:  # the thread must outlive whatever a transport brought from outside may raise
        log.exception("trial %d: the lease could not be renewed, trying again", trial.number)
    return True
