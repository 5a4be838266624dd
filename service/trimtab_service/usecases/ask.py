"""Ask: hand out trials. First those that wait, then new ones that the optimizer proposes.

The road: a short transaction claims what waits, if that is enough; with no transaction open, the compute pool
proposes the rest from a reading of the history; a second transaction claims what waits, takes the numbers,
charges the budget and inserts the trials, all or nothing. It takes the numbers only if nobody took them
meanwhile: a proposal is a function of the history and of its trial's number.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trimtab_service.compute import Closed, DeadlinePassed, WorkerDied
from trimtab_service.domain.errors import (
    ComputeUnavailable,
    DomainError,
    NoFeasibleConfiguration,
    Overloaded,
    SpaceExhausted,
    StudyFinished,
)
from trimtab_service.domain.proposal import Proposal, Proposals
from trimtab_service.domain.study import Study
from trimtab_service.domain.trial import History, Source, TrialState
from trimtab_service.optimizer.suggest import fallback_proposals, load, suggest
from trimtab_service.store import NewTrial
from trimtab_service.usecases.once import Answer, Once
from trimtab_service.usecases.rooms import Caller, Rooms, again_when_raced
from trimtab_service.usecases.workers import check_not_paused

log = logging.getLogger(__name__)

REFUSALS = 1_000
"""After so many trials in a row that preflight refused, no more are proposed."""
ROUNDS = 20
"""How often new proposals are made when other servers take the numbers first."""


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """What a proposal rests on. count: trials asked for. numbers: of new ones if nobody comes in between."""

    study: Study
    count: int
    history: History
    surrogates: Mapping[str, dict[str, Any]]
    numbers: range


def get_ready(rooms: Rooms) -> None:
    """Have the optimizer loaded where it will run, so that the first ask need not wait for it."""
    rooms.compute.warm(load)


@again_when_raced
def ask(rooms: Rooms, caller: Caller, ref: str, count: int, worker: str, once: Once) -> Answer:
    """Up to count trials, leased to the worker: fewer when the budget or the space holds fewer.

    Raises StudyPaused, BudgetReached, SpaceExhausted and NoFeasibleConfiguration when there is none, WorkerPaused,
    StudyNotFound, and Overloaded.
    """
    if (answer := _waiting(rooms, caller, ref, count, worker, once, at_least=count)) is not None:
        return answer
    with rooms.store.read(caller.project_id) as tx:
        study = tx.study(ref)
    with rooms.proposing[study.id]:
        for _ in range(ROUNDS):
            try:
                snapshot = _snapshot(rooms, caller, study, count)
                proposals, reason = _propose(rooms, snapshot)
            except StudyFinished:  # unless a trial came back meanwhile, or a twin of this request got the last one
                if (answer := _waiting(rooms, caller, ref, count, worker, once, at_least=1)) is not None:
                    return answer
                raise
            if (answer := _insert(rooms, caller, snapshot, proposals, worker, reason, once)) is not None:
                return answer
    raise Overloaded(f"other asks of study {ref!r} came first {ROUNDS} times; try again")


def _waiting(
    rooms: Rooms, caller: Caller, ref: str, count: int, worker: str, once: Once, *, at_least: int
) -> Answer | None:
    """The answer that is stored under the key, or trials that wait, when there are at_least so many of them."""
    with rooms.store.begin(caller.project_id) as tx:
        if (answer := once.saved(tx)) is not None:
            return answer
        study = tx.study(ref)
        study.check_open()
        check_not_paused(tx, study, worker)
        enough = tx.claimable(study) >= at_least
        claimed = tx.claim(study, worker, count if enough else 0, rooms.lease_seconds)  # also fails what is lost
        if claimed:
            return once.save(tx, claimed)
        once.forget(tx)
        return None


def _snapshot(rooms: Rooms, caller: Caller, study: Study, count: int) -> _Snapshot:
    """What new trials would rest on: as many as are missing beside those that wait. Raises StudyFinished."""
    with rooms.store.read(caller.project_id) as tx:
        study = tx.study(study.public_id)
        study.check_open()
        if study.refused_in_a_row >= REFUSALS:
            raise NoFeasibleConfiguration(
                f"the last {study.refused_in_a_row} trials of study {study.name!r} were refused before training, "
                "each over a limit; loosen the limits, or enqueue params that keep them"
            )
        wanted = max(count - tx.claimable(study), 1)
        room = study.room()
        take = wanted if room is None else min(wanted, room)
        return _Snapshot(
            study,
            count,
            tx.history(study),
            tx.surrogates(study),
            range(study.next_number, study.next_number + take),
        )


def _propose(rooms: Rooms, snapshot: _Snapshot) -> tuple[Proposals, str]:
    """Proposals for the snapshot's numbers, and the reason when they are the fallback's. Raises SpaceExhausted."""
    problem, numbers = snapshot.study.problem, list(snapshot.numbers)
    reason = ""
    try:
        proposals = rooms.compute.run(
            suggest, problem, snapshot.history, snapshot.surrogates, numbers, deadline=rooms.deadline
        )
    except DomainError:
        raise
    except Closed as error:
        raise ComputeUnavailable("the server is ending; another one or a later one hands out trials") from error
    except (DeadlinePassed, WorkerDied) as error:
        reason = str(error)
    except Exception as error:  # whatever the model does, an ask is answered; the reason is stored with the trial
        log.exception("no proposal for study %s", snapshot.study.public_id)
        reason = f"{type(error).__name__}: {error}"
    if reason:
        log.warning("study %s gets quasi-random points: %s", snapshot.study.public_id, reason)
        proposals = fallback_proposals(problem, snapshot.history, numbers)
    if not proposals.items:
        raise SpaceExhausted(
            f"every configuration of study {snapshot.study.name!r} has been handed out: "
            f"{len(snapshot.history)} trials"
        )
    return proposals, reason


def _insert(
    rooms: Rooms,
    caller: Caller,
    snapshot: _Snapshot,
    proposals: Proposals,
    worker: str,
    reason: str,
    once: Once,
) -> Answer | None:
    """Trials that wait and then the proposals, all running, in one transaction; None when the numbers were taken."""
    study, seen = snapshot.study, snapshot.study.next_number
    with rooms.store.begin(caller.project_id) as tx:
        if (answer := once.saved(tx)) is not None:
            return answer
        tx.study(study.public_id).check_open()
        claimed = tx.claim(study, worker, snapshot.count, rooms.lease_seconds)
        items = proposals.items[: snapshot.count - len(claimed)]
        if items:
            first = tx.take_numbers(study, len(items), charged=True, seen=seen)
            if first is None and not claimed:
                once.forget(tx)
                return None
            items = items if first is not None else ()
        if items and proposals.surrogates:
            tx.save_surrogates(study, proposals.surrogates)
        added = tx.add_trials(
            study,
            [
                _new_trial(seen + place, proposal, worker, reason, rooms.lease_seconds)
                for place, proposal in enumerate(items)
            ],
        )
        return once.save(tx, (*claimed, *added))


def _new_trial(number: int, proposal: Proposal, worker: str, reason: str, lease_seconds: float) -> NewTrial:
    return NewTrial(
        number=number,
        params=proposal.params,
        source=Source(proposal.source),
        state=TrialState.RUNNING,
        worker=worker,
        reason=reason,
        lease_seconds=lease_seconds,
    )
