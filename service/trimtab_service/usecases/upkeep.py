"""What has to be done now and then, whoever asks: trials of lost workers wait again, old answers are deleted."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from trimtab_service.domain.errors import DatabaseUnavailable
from trimtab_service.store import Raced
from trimtab_service.usecases.rooms import Rooms

log = logging.getLogger(__name__)
LEASES_SECONDS = 5.0
"""Between two looks at leases."""
GRACE_SECONDS = 2.0
"""How long after its end a lease may still be renewed by a worker that was held up, if nobody asks for the trial."""
ANSWERS_SECONDS = 600.0
"""Between two sweeps of old answers."""


def sweep_answers(rooms: Rooms) -> int:
    """Delete the answers that no retry will ask for any more; how many there were."""
    total = 0
    while True:
        with rooms.store.begin() as tx:  # one short transaction a batch, so that asks and tells get in between
            swept = tx.sweep_answers()
        total += swept
        if not swept:
            return total


def sweep_leases(rooms: Rooms, grace: float = GRACE_SECONDS) -> int:
    """Let trials and measure jobs of lost workers wait for the next ask, so that nobody sees them as running.

    How many there were.
    """
    with rooms.store.read() as tx:  # the usual answer is no, and takes no writer
        if not (tx.any_lost(grace) or tx.any_lost_job(grace)):
            return 0
    with rooms.store.begin() as tx:
        return tx.sweep_lost(grace) + tx.sweep_lost_jobs(grace)


def keep_up(rooms: Rooms, every: float = LEASES_SECONDS) -> Callable[[], None]:
    """Sweep now and again, in a thread of its own; call the result to end it."""
    ended = threading.Event()

    def work() -> None:
        answers_at = time.monotonic()
        while True:
            try:
                sweep_leases(rooms)
                if time.monotonic() >= answers_at:
                    sweep_answers(rooms)
                    answers_at = time.monotonic() + ANSWERS_SECONDS
            except (DatabaseUnavailable, Raced) as error:
                log.warning("upkeep is put off: %s", error)
            if ended.wait(every):
                return

    thread = threading.Thread(target=work, name="upkeep", daemon=True)
    thread.start()

    def end() -> None:
        ended.set()
        thread.join()

    return end
