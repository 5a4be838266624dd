"""Keeps the leases of open trials and measure jobs alive: one background thread per client, while one is open.

The thread renews one lease after the other, so no renewal may hold up the rest for long: each is one short try, and
one that fails comes again soon, behind those that have waited longer.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trimtab import forks
from trimtab.errors import Conflict, NotFound, TrimtabError

if TYPE_CHECKING:
    from trimtab.leased import Leased

log = logging.getLogger("trimtab")

SHORTEST = 1.0
"""Seconds that a renewal may take at least, however many are open: a busy server is not a dead one."""
AGAIN = 0.25
"""A renewal that failed comes again after this part of the time between two renewals."""


@dataclass
class _Lease:
    """What someone still holds, how often it is renewed, and when next. Seconds, of the monotonic clock."""

    work: weakref.ref[Leased]
    every: float
    due: float
    failing: bool = False


class Leases:
    """What a client has open, trials and jobs. What nobody refers to any more is let go: its lease runs out."""

    def __init__(self) -> None:
        self._closed = False
        self.begin_anew()
        forks.watch(self)

    def begin_anew(self) -> None:
        """Hold nothing. In a forked process all stays the parent's, which goes on to renew them."""
        self._leases: dict[int, _Lease] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, work: Leased, lease_seconds: float) -> None:
        """Renew its lease at every third of its length from now on."""
        every = lease_seconds / 3
        with self._changed:
            if self._closed:
                return
            self._leases[id(work)] = _Lease(weakref.ref(work), every, time.monotonic() + every)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="trimtab-heartbeat", daemon=True)
                self._thread.start()
            self._changed.notify()

    def drop(self, work: Leased) -> None:
        """It is closed: leave its lease alone."""
        with self._changed:
            self._leases.pop(id(work), None)
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
            key, lease, patience = due
            pause = _renew(lease, patience)
            with self._changed:
                if pause is None and self._leases.get(key) is lease:
                    del self._leases[key]
                elif pause is not None:
                    lease.due = time.monotonic() + pause

    def _next(self) -> tuple[int, _Lease, float] | None:
        """The next lease that is due, waited for, and the seconds that its renewal may take: all must have a turn.

        None (and no thread any more) when nothing is open.
        """
        with self._changed:
            while True:
                self._leases = {key: lease for key, lease in self._leases.items() if lease.work() is not None}
                if not self._leases:
                    self._thread = None
                    return None
                key, lease = min(self._leases.items(), key=lambda item: item[1].due)
                left = lease.due - time.monotonic()
                if left <= 0:
                    return key, lease, min(lease.every, max(SHORTEST, lease.every / max(3, len(self._leases))))
                self._changed.wait(left)


def _renew(lease: _Lease, patience: float) -> float | None:
    """Send one heartbeat. Seconds until the next one; None after the lease was lost, but never for an outage."""
    started = time.monotonic()
    work = lease.work()
    if work is None:
        return None
    try:
        work.renew(deadline=patience)
    except (Conflict, NotFound) as error:
        work.lose_lease(error)
        return None
    except TrimtabError as error:
        level = logging.INFO if lease.failing else logging.WARNING
        log.log(level, "%s: the lease could not be renewed, trying again: %s", work.label, error)
    except Exception:  # the thread must outlive whatever a transport brought from outside may raise
        log.exception("%s: the lease could not be renewed, trying again", work.label)
    else:
        lease.failing = False
        return max(0.0, lease.every - (time.monotonic() - started))
    lease.failing = True
    return lease.every * AGAIN
