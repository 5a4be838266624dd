"""Tell: take a trial's result back; or its failure, its release, a sign of life."""

from __future__ import annotations

from collections.abc import Mapping

from trimtab_service.domain.errors import LeaseLost, TrialAlreadyFinished
from trimtab_service.domain.study import Study
from trimtab_service.domain.trial import Failure, FailureKind, Trial, TrialState
from trimtab_service.store import Transaction
from trimtab_service.usecases import workers
from trimtab_service.usecases.once import Answer, Once
from trimtab_service.usecases.results import Result, order_measurements
from trimtab_service.usecases.rooms import Caller, Rooms, again_when_raced


@again_when_raced
def tell(
    rooms: Rooms,
    caller: Caller,
    ref: str,
    number: int,
    epoch: int,
    values: Mapping[str, object],
    once: Once,
    *,
    variants: Mapping[str, Mapping[str, object]] | None = None,
    artifact: str = "",
) -> Answer:
    """Complete the trial. A late result is taken while the trial is open, whatever its lease; the first one wins.

    What preflight told need not be told again. Late metrics that are missing become measure jobs.
    Raises TrialAlreadyFinished, UnknownMetric, MissingMetric, InvalidValue, ContractMismatch.
    """
    with rooms.store.begin(caller.project_id) as tx:
        if (answer := once.saved(tx)) is not None:
            return answer
        study = tx.study(ref)
        before = tx.trial(study, number)
        _check_epoch(before, epoch)
        told = Result.of(study.problem, values, variants or {}, before.values)
        after = before.complete(told.values, told.variants, artifact)
        if after is not before:
            told.fence(tx, study)
            _close(tx, study, before, after)
            order_measurements(tx, study, after)
            if epoch == before.epoch:
                workers.count(tx, study, before, None)
        return once.save(tx, tx.trial(study, number))


@again_when_raced
def fail(
    rooms: Rooms, caller: Caller, ref: str, number: int, epoch: int, kind: FailureKind, message: str, once: Once
) -> Answer:
    """Close the trial without a result; an infrastructure failure hands it out again while attempts are left.

    Raises TrialAlreadyFinished and LeaseLost.
    """
    with rooms.store.begin(caller.project_id) as tx:
        if (answer := once.saved(tx)) is not None:
            return answer
        study = tx.study(ref)
        before = tx.trial(study, number)
        after = before.fail(epoch, Failure(kind, message))
        if after is not before:
            (_give_back if after.state is TrialState.WAITING else _close)(tx, study, before, after)
            workers.count(tx, study, before, after.failure)
        return once.save(tx, tx.trial(study, number))


@again_when_raced
def release(rooms: Rooms, caller: Caller, ref: str, number: int, epoch: int, once: Once) -> Answer:
    """Give the trial back unharmed: the next ask hands it out. Raises TrialAlreadyFinished and LeaseLost."""
    with rooms.store.begin(caller.project_id) as tx:
        if (answer := once.saved(tx)) is not None:
            return answer
        study = tx.study(ref)
        before = tx.trial(study, number)
        _give_back(tx, study, before, before.release(epoch))
        return once.save(tx, tx.trial(study, number))


@again_when_raced
def heartbeat(rooms: Rooms, caller: Caller, ref: str, number: int, epoch: int) -> float:
    """Keep the lease for another lease_seconds, which is returned. Raises TrialAlreadyFinished and LeaseLost."""
    with rooms.store.begin(caller.project_id) as tx:
        study = tx.study(ref)
        if not tx.renew(study, number, epoch, rooms.lease_seconds):
            tx.trial(study, number).check_lease(epoch)
            raise LeaseLost(f"trial {number} was given away just now")
    return rooms.lease_seconds


def _check_epoch(trial: Trial, epoch: int) -> None:
    if trial.epoch and not 1 <= epoch <= trial.epoch:
        raise LeaseLost(f"trial {trial.number} was handed out under epochs 1 to {trial.epoch}, got epoch {epoch}")


def _close(tx: Transaction, study: Study, before: Trial, after: Trial) -> None:
    if not tx.close_trial(study, before, after):
        raise TrialAlreadyFinished(f"trial {before.number} was finished by another request just now")


def _give_back(tx: Transaction, study: Study, before: Trial, after: Trial) -> None:
    if not tx.give_back(study, before, after):
        raise LeaseLost(f"trial {before.number} was given away just now")
