"""What has to be done now and then, whoever asks: old answers under Idempotency-Keys are deleted."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from trimtab_service.domain.errors import DatabaseUnavailable
from trimtab_service.usecases.rooms import Rooms

log = logging.getLogger(__name__)
EVERY_SECONDS = 600.0


def sweep(rooms: Rooms) -> int:
    """Delete the answers that no retry will ask for any more; how many there were."""
    total = 0
    while True:
        with rooms.store.begin() as tx:  # one short transaction a batch, so that asks and tells get in between
            swept = tx.sweep_answers()
        total += swept
        if not swept:
            return total


def keep_up(rooms: Rooms, every: float = EVERY_SECONDS) -> Callable[[], None]:
    """Sweep now and every so many seconds, in a thread of its own; call the result to end it."""
    ended = threading.Event()

    def work() -> None:
        while True:
            try:
                sweep(rooms)
            except DatabaseUnavailable as error:
                log.warning("old answers are kept for now: %s", error.detail)
            if ended.wait(every):
                return

    thread = threading.Thread(target=work, name="upkeep", daemon=True)
    thread.start()

    def end() -> None:
        ended.set()
        thread.join()

    return end
