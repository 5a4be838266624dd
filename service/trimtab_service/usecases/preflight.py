"""Preflight: take a trial's exact costs before its training, and close the trial when a limit is broken already.

A refused trial gives its charge back, once, whatever is repeated: the statement that closes it is guarded by its
state. The baseline trial is never refused, since relative limits need its values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trimtab_service.domain.study import Study
from trimtab_service.domain.trial import Trial, TrialState
from trimtab_service.store import Raced, Transaction
from trimtab_service.usecases.contracts import fence
from trimtab_service.usecases.limits import BASELINE_NUMBER, Judge, baseline_values, plain
from trimtab_service.usecases.once import Answer, Once
from trimtab_service.usecases.rooms import Caller, Rooms, again_when_raced


@dataclass(frozen=True, slots=True)
class Verdict:
    """ok: the training may begin. broken: the limits that the costs are over. trial: as it stands now."""

    ok: bool
    broken: tuple[str, ...]
    trial: Trial


@again_when_raced
def preflight(
    rooms: Rooms, caller: Caller, ref: str, number: int, epoch: int, values: Mapping[str, object], once: Once
) -> Answer:
    """Keep the costs, and refuse the trial where they decide that a limit is broken. May be repeated.

    Raises TrialAlreadyFinished, LeaseLost, UnknownMetric, InvalidValue and ContractMismatch.
    """
    with rooms.store.begin(caller.project_id) as tx:
        if (answer := once.saved(tx)) is not None:
            return answer
        study = tx.study(ref)
        before = tx.trial(study, number)
        if before.state is not TrialState.INFEASIBLE or before.epoch != epoch:
            before.check_lease(epoch)
            _take(rooms, tx, study, before, values)
        trial = tx.trial(study, number)
        broken = _broken(tx, study, trial)
        return once.save(tx, Verdict(trial.state is not TrialState.INFEASIBLE, broken, trial))


def _take(rooms: Rooms, tx: Transaction, study: Study, before: Trial, values: Mapping[str, object]) -> None:
    known = study.problem.values(values, complete=False, before=before.values)
    fence(tx, study, known)
    if not tx.renew(study, before.number, before.epoch, rooms.lease_seconds):  # and nobody else ends it meanwhile
        raise Raced  # a twin of this request may have refused it
    tx.add_values(study, before.number, known)
    after = before.refuse(before.epoch, known)
    if study.problem.baseline is not None and before.number == BASELINE_NUMBER:
        return
    if not _broken(tx, study, after):
        tx.accept(study)
    elif not tx.refuse_trial(study, before, after):
        raise Raced


def _broken(tx: Transaction, study: Study, trial: Trial) -> tuple[str, ...]:
    return Judge(study.name, study.problem, baseline_values(tx, study)).broken(trial, plain(trial.values))
