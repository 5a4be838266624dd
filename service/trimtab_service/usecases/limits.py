"""Whether trials keep their study's limits: what answers say of each trial, and what preflight decides by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trimtab_service.domain.constraint import Constraint
from trimtab_service.domain.metric import Value
from trimtab_service.domain.study import Problem, Study
from trimtab_service.domain.trial import FINISHED, Trial, TrialState
from trimtab_service.store import Transaction
from trimtab_service.usecases.rooms import Caller, Rooms

BASELINE_NUMBER = 0
"""The trial of the study's baseline, where it has one: what relative limits refer to."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Knows a study's limits, and the values of its baseline trial as far as they were told.

    study: its name. problem: None for a study that is not there, of which nothing is known.
    """

    study: str
    problem: Problem | None
    baseline: Mapping[str, float] | None = None

    def feasible(self, trial: Trial, values: Mapping[str, float]) -> bool | None:
        """Whether the trial keeps every limit with these values; None while that is not known."""
        if self.problem is None:
            return None
        if trial.state is TrialState.INFEASIBLE:
            return False
        verdict = self.problem.feasible(values, self._baseline(trial, values))
        return verdict if verdict is False or trial.state in FINISHED - {TrialState.FAILED} else None

    def broken(self, trial: Trial, values: Mapping[str, float]) -> tuple[str, ...]:
        """The limits that these values break."""
        return () if self.problem is None else self.problem.broken(values, self._baseline(trial, values))

    def _baseline(self, trial: Trial, values: Mapping[str, float]) -> Mapping[str, float] | None:
        """The baseline trial is measured against itself, as soon as it is told."""
        if self.problem is None or self.problem.baseline is None or trial.number != BASELINE_NUMBER:
            return self.baseline
        return values


def judge(rooms: Rooms, caller: Caller, ref: str) -> Judge:
    """The judge of a study's trials. Raises StudyNotFound."""
    with rooms.store.read(caller.project_id) as tx:
        study = tx.study(ref)
        return Judge(study.name, study.problem, baseline_values(tx, study))


def baseline_values(
    tx: Transaction, study: Study, limits: Sequence[Constraint] | None = None
) -> dict[str, float] | None:
    """What the baseline trial told; None where no limit refers to it, or nothing was told yet.

    limits: those that ask; the study's own where none are given.
    """
    asking = study.problem.limits if limits is None else limits
    if study.problem.baseline is None or not any(limit.relative for limit in asking):
        return None
    return plain(tx.trial(study, BASELINE_NUMBER).values) or None


def plain(values: Mapping[str, Value]) -> dict[str, float]:
    """The numbers of told values."""
    return {key: value.value for key, value in values.items()}
