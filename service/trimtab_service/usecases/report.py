"""Report: keep an intermediate value of a running trial, and answer whether the trial should stop."""

from __future__ import annotations

from collections.abc import Mapping

from trimtab_service.domain.trial import check_step
from trimtab_service.usecases.once import Answer, Once
from trimtab_service.usecases.rooms import Caller, Rooms, again_when_raced


@again_when_raced
def report(
    rooms: Rooms,
    caller: Caller,
    ref: str,
    number: int,
    epoch: int,
    step: int,
    values: Mapping[str, object],
    once: Once,
) -> Answer:
    """Store the values of a step, in any order, safe to repeat. The result is the stopping rule's advice.

    No study has a stopping rule yet, since definitions with one are refused, so the advice is to go on.
    Raises TrialAlreadyFinished, LeaseLost, UnknownMetric and InvalidValue.
    """
    with rooms.store.begin(caller.project_id) as tx:
        if (answer := once.saved(tx)) is not None:
            return answer
        study = tx.study(ref)
        trial = tx.trial(study, number)
        trial.check_lease(epoch)
        checked = study.problem.values(values, complete=False)
        tx.add_report(study, number, epoch, check_step(step), {name: value.value for name, value in checked.items()})
        return once.save(tx, False)
