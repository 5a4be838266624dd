"""The statements about one trial's life: added, handed out, closed, given back; all guarded by state and epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Double, Update, bindparam, insert, literal, select, update

from trimtab_service.domain.errors import TrialNotFound
from trimtab_service.domain.metric import Value
from trimtab_service.domain.space import Params
from trimtab_service.domain.study import Study
from trimtab_service.domain.trial import FINISHED, OPEN, Failure, Source, Trial, TrialState
from trimtab_service.store.claims import Claims
from trimtab_service.store.clock import after, now
from trimtab_service.store.mapping import from_failure, to_trial
from trimtab_service.store.moment import mark
from trimtab_service.store.tables import EventKind, studies, trials

_RUNNING, _WAITING = (
    literal(state.value, literal_execute=True) for state in (TrialState.RUNNING, TrialState.WAITING)
)
"""Spelled out in statements: an index of the trials in one state is used only where the state is no variable."""
_FIRST_EVENT = {
    TrialState.WAITING: EventKind.ADDED,
    TrialState.RUNNING: EventKind.HANDED_OUT,
    **{state: EventKind(state.value) for state in FINISHED},
}


@dataclass(frozen=True, slots=True)
class NewTrial:
    """A trial to be added. A running one needs lease_seconds; a finished one brings its values or its failure."""

    number: int
    params: Params
    source: Source = Source.USER
    state: TrialState = TrialState.WAITING
    values: Mapping[str, Value] = field(default_factory=dict)
    variants: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    artifact: str = ""
    failure: Failure | None = None
    worker: str = ""
    reason: str = ""
    lease_seconds: float | None = None


class Trials(Claims):
    """The statements about one trial's life."""

    def add_trials(self, study: Study, new: Sequence[NewTrial]) -> tuple[Trial, ...]:
        """Add trials; their numbers were taken before. A running one begins its first lease now."""
        if not new:
            return ()
        statement = (
            insert(trials)
            .values(
                created_at=now(),
                started_at=after(bindparam("started", type_=Double)),
                finished_at=after(bindparam("finished", type_=Double)),
                lease_until=after(bindparam("lease", type_=Double)),
                changed=mark(),
            )
            .returning(*trials.c, sort_by_parameter_order=True)
        )
        rows = self.connection.execute(statement, [self._new_row(study, one) for one in new]).all()
        added = list(zip(rows, [{"": one.values, **one.variants} for one in new], strict=True))
        self.insert_values((row.id, name, values) for row, told in added for name, values in told.items())
        for state, kind in _FIRST_EVENT.items():
            self.record(kind, [(row.id, row.lease_epoch) for row in rows if row.state == state])
        return tuple(to_trial(study.problem, row, told) for row, told in added)

    def trial(self, study: Study, number: int) -> Trial:
        """The trial with its values and their contracts. Raises TrialNotFound."""
        row = self.connection.execute(select(trials).where(self.of_number(study, number))).one_or_none()
        if row is None:
            raise TrialNotFound(f"study {study.name!r} has no trial {number}")
        told = self.values_of([row.id], contracts=True)
        return to_trial(study.problem, row, told.get(row.id, {}))

    def finished_before(self, study: Study, number: int) -> frozenset[int]:
        """The numbers of the trials that had finished when this one was added."""
        added = select(trials.c.created_at).where(self.of_number(study, number)).scalar_subquery()
        found = self.connection.execute(
            select(trials.c.number).where(self.of_study(study), trials.c.finished_at <= added)
        )
        return frozenset(found.scalars())

    def close_trial(self, study: Study, before: Trial, after: Trial) -> bool:
        """Finish the trial with its values, in place of those of preflight; False when another request was first.

        A failure also needs the lease's epoch; a result is taken whatever the lease, as long as the trial is open.
        """
        statement = update(trials).where(
            self.of_number(study, before.number), trials.c.state.in_([state.value for state in OPEN])
        )
        if after.state is TrialState.FAILED:
            statement = statement.where(trials.c.lease_epoch == before.epoch, trials.c.state == _RUNNING)
        failure = None if after.state is TrialState.COMPLETE else after.failure
        return self._close(statement.values(artifact=after.artifact, **from_failure(failure)), after)

    def refuse_trial(self, study: Study, before: Trial, after: Trial) -> bool:
        """Close the trial as infeasible, keep its values, give its charge back and count one more refusal in a row.

        False, and nothing is changed, when it does not run under this epoch any more: the charge is given back once.
        """
        statement = update(trials).where(
            self.of_number(study, before.number), trials.c.state == _RUNNING, trials.c.lease_epoch == before.epoch
        )
        if not self._close(statement, after):
            return False
        self.connection.execute(
            update(studies)
            .where(self.own(studies), studies.c.id == study.id)
            .values(charged=studies.c.charged - 1, refused_in_a_row=studies.c.refused_in_a_row + 1)
        )
        return True

    def accept(self, study: Study) -> None:
        """Forget the refusals in a row: a trial's preflight went well."""
        self.connection.execute(
            update(studies)
            .where(self.own(studies), studies.c.id == study.id, studies.c.refused_in_a_row > 0)
            .values(refused_in_a_row=0)
        )

    def give_back(self, study: Study, before: Trial, after: Trial) -> bool:
        """Let the trial wait for the next ask; False when it does not run under this epoch any more."""
        given = self.connection.execute(
            update(trials)
            .where(
                self.of_number(study, before.number),
                trials.c.state == _RUNNING,
                trials.c.lease_epoch == before.epoch,
            )
            .values(
                state=_WAITING,
                worker="",
                attempt=after.attempt,
                lease_until=None,
                changed=mark(),
                **from_failure(after.failure),
            )
            .returning(trials.c.id, trials.c.lease_epoch)
        ).all()
        self.record(EventKind.GIVEN_BACK, [(row.id, row.lease_epoch) for row in given])
        return bool(given)

    def _close(self, statement: Update, after: Trial) -> bool:
        """Finish the one trial of the statement with what `after` was told; whether there was one."""
        closed = self.connection.execute(
            statement.values(state=after.state.value, finished_at=now(), lease_until=None, changed=mark()).returning(
                trials.c.id, trials.c.lease_epoch
            )
        ).one_or_none()
        if closed is None:
            return False
        if after.state is TrialState.COMPLETE:
            self.drop_values(closed.id)
        told = {"": after.values, **after.variants}
        self.put_values((closed.id, name, values) for name, values in told.items())
        self.record(EventKind(after.state.value), [(closed.id, closed.lease_epoch)])
        return True

    def _new_row(self, study: Study, one: NewTrial) -> dict[str, Any]:
        runs = one.state is TrialState.RUNNING
        return {
            "project_id": self.project_id,
            "study_id": study.id,
            "number": one.number,
            "state": one.state.value,
            "source": one.source.value,
            "params": one.params,
            "reason": one.reason,
            "worker": one.worker,
            "artifact": one.artifact,
            "attempt": int(runs),
            "lease_epoch": int(runs),
            "lease": one.lease_seconds if runs else None,
            "started": 0.0 if runs else None,
            "finished": 0.0 if one.state in FINISHED else None,
            **from_failure(one.failure),
        }
