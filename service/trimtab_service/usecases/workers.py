"""Workers: who fails again and again gets no trials for a while, and nobody else's trials suffer.

Failures that may be the worker's own count: error and infrastructure. Running out of memory, NaN and timeouts are
taken for the params' fault.
"""

from __future__ import annotations

from trimtab_service.domain.errors import WorkerPaused
from trimtab_service.domain.study import Study
from trimtab_service.domain.trial import Failure, FailureKind, Trial
from trimtab_service.store import Transaction, WorkerRow
from trimtab_service.usecases.once import Answer, Once
from trimtab_service.usecases.rooms import Caller, Rooms, again_when_raced

__all__ = ["WorkerRow", "check_not_paused", "count", "every", "resume"]

STRAIGHT_FAILURES = 3
"""After so many failures without a success between them a worker is paused."""
PAUSE_SECONDS = 600.0
_THE_WORKERS = frozenset({FailureKind.ERROR, FailureKind.INFRASTRUCTURE})


def every(rooms: Rooms, caller: Caller, ref: str) -> tuple[WorkerRow, ...]:
    """The study's workers that ever failed, by name. Raises StudyNotFound."""
    with rooms.store.read(caller.project_id) as tx:
        return tuple(tx.workers(tx.study(ref)))


@again_when_raced
def resume(rooms: Rooms, caller: Caller, ref: str, worker: str, once: Once) -> Answer:
    """Let a paused worker ask again, its failures forgotten. Raises StudyNotFound."""
    with rooms.store.begin(caller.project_id) as tx:
        if (answer := once.saved(tx)) is not None:
            return answer
        study = tx.study(ref)
        tx.resume_worker(study, worker)
        return once.save(tx, tx.worker(study, worker) or WorkerRow(worker, 0, (), None, paused=False))


def check_not_paused(tx: Transaction, study: Study, worker: str) -> None:
    """Raises WorkerPaused. A worker without a name is never paused."""
    if not worker:
        return
    row = tx.worker(study, worker)
    if row is not None and row.paused and row.paused_until is not None:
        kinds, until = ", ".join(one["kind"] for one in row.last_failures), row.paused_until.isoformat()
        raise WorkerPaused(
            f"worker {worker!r} failed {row.straight_failures} times in a row ({kinds}) and is paused until "
            f"{until}; look at what it runs on, then resume it",
            failures=list(row.last_failures),
            until=until,
        )


def count(tx: Transaction, study: Study, trial: Trial, failure: Failure | None) -> None:
    """Count what became of the trial for the worker that has it; no failure is a success."""
    if not trial.worker:
        return
    if failure is None:
        tx.count_success(study, trial.worker)
    elif failure.kind in _THE_WORKERS:
        tx.count_failure(study, trial.worker, failure, pause_from=STRAIGHT_FAILURES, pause_seconds=PAUSE_SECONDS)
