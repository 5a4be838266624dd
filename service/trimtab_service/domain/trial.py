"""A trial: one evaluation of params, from the hand-out to the result, and the moves that are allowed."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from trimtab_service.domain.errors import InvalidValue, LeaseLost, TrialAlreadyFinished, TrialNotRunning
from trimtab_service.domain.metric import Objective, Value
from trimtab_service.domain.space import Params
from trimtab_service.domain.units import derived_value

if TYPE_CHECKING:
    from trimtab_service.domain.problem import Problem

MAX_ATTEMPTS = 3
"""Hand-outs of one trial before it counts as failed."""


class TrialState(StrEnum):
    """Where a trial stands."""

    WAITING = "waiting"
    """Enqueued or given back: the next ask hands it out."""
    RUNNING = "running"
    """Leased to a worker."""
    COMPLETE = "complete"
    """Every objective was told."""
    STOPPED = "stopped"
    """Ended early on the stopping rule's advice; its values are kept."""
    INFEASIBLE = "infeasible"
    """Refused before training, for its cost."""
    FAILED = "failed"
    """Ended without a result."""


OPEN = frozenset({TrialState.WAITING, TrialState.RUNNING})
FINISHED = frozenset(TrialState) - OPEN


class FailureKind(StrEnum):
    """Why a trial ended without a result."""

    OOM = "oom"
    NAN = "nan"
    TIMEOUT = "timeout"
    ERROR = "error"
    INFRASTRUCTURE = "infrastructure"
    """Not the params' fault: the trial is handed out again, up to MAX_ATTEMPTS times."""


class Source(StrEnum):
    """Where a trial's params come from."""

    GP = "gp"
    INITIAL = "initial"
    GRID = "grid"
    RANDOM = "random"
    SOBOL = "sobol"
    FALLBACK = "fallback"
    """A quasi-random point, because no proposal could be computed in time."""
    USER = "user"
    """Enqueued, or added with its result."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a trial failed, in a word and in a sentence."""

    kind: FailureKind
    message: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """One evaluation. number: its place in the study, from 0. epoch: rises with each hand-out, fences late workers.

    attempt: how many times it was handed out. reason: why a fallback was proposed, else empty. variants: name ->
    metric -> value, of other forms of the trained model, each beside the trial's own values. artifact: a link to the
    model, that nobody here reads.
    """

    number: int
    params: Params
    state: TrialState = TrialState.WAITING
    source: Source = Source.USER
    values: Mapping[str, Value] = field(default_factory=dict)
    failure: Failure | None = None
    epoch: int = 0
    attempt: int = 0
    worker: str = ""
    reason: str = ""
    variants: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    artifact: str = ""
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None

    def complete(
        self,
        values: Mapping[str, Value],
        variants: Mapping[str, Mapping[str, Value]] | None = None,
        artifact: str = "",
    ) -> Trial:
        """The trial with its result. A worker whose lease ran out may still tell: the first valid result wins.

        The same tell twice gives the same trial, also where later measurements were added to it meanwhile. Raises
        TrialAlreadyFinished when another result is there.
        """
        if self.state in FINISHED:
            if self.state is TrialState.COMPLETE and self._has(values, variants or {}):
                return self
            raise TrialAlreadyFinished(
                f"trial {self.number} is {self.state.value}"
                + (f" with {_spell(self.values)}" if self.values else "")
                + f" and can't be told {_spell(values)}"
            )
        if self.epoch == 0:
            raise TrialNotRunning(f"trial {self.number} was never handed out: ask for it first")
        return replace(
            self,
            state=TrialState.COMPLETE,
            values=dict(values),
            variants=dict(variants or {}),
            artifact=artifact,
            failure=None,
        )

    def refuse(self, epoch: int, values: Mapping[str, Value]) -> Trial:
        """The trial closed before training, since its known costs break a limit; they are kept.

        The same refusal twice gives the same trial. Raises TrialAlreadyFinished and LeaseLost.
        """
        if self.state is TrialState.INFEASIBLE and _numbers(values) == _numbers(self.values):
            return self
        self.check_lease(epoch)
        return replace(self, state=TrialState.INFEASIBLE, values=dict(values), failure=None)

    def fail(self, epoch: int, failure: Failure) -> Trial:
        """The trial without a result. Infrastructure failures go back to waiting while attempts are left.

        The same failure twice gives the same trial. Raises TrialAlreadyFinished and LeaseLost.
        """
        if self.state in FINISHED:
            if self.failure == failure and self.epoch == epoch:
                return self
            raise TrialAlreadyFinished(f"trial {self.number} is {self.state.value} and can't fail now")
        self.check_lease(epoch)
        if failure.kind is FailureKind.INFRASTRUCTURE and self.attempt < MAX_ATTEMPTS:
            return replace(self, state=TrialState.WAITING, worker="", failure=failure)
        return replace(self, state=TrialState.FAILED, failure=failure)

    def release(self, epoch: int) -> Trial:
        """The trial given back unharmed: it waits for the next ask, and the attempt does not count.

        Raises TrialAlreadyFinished and LeaseLost.
        """
        if self.state in FINISHED:
            raise TrialAlreadyFinished(f"trial {self.number} is {self.state.value} and can't be released")
        self.check_lease(epoch)
        return replace(self, state=TrialState.WAITING, worker="", attempt=max(self.attempt - 1, 0))

    def check_lease(self, epoch: int) -> None:
        """Raises LeaseLost unless the trial runs under this epoch, and TrialAlreadyFinished when it has finished."""
        if self.state in FINISHED:
            raise TrialAlreadyFinished(f"trial {self.number} is {self.state.value}")
        if self.state is not TrialState.RUNNING or epoch != self.epoch:
            raise LeaseLost(
                f"trial {self.number} is {self.state.value} under lease epoch {self.epoch}, got epoch {epoch}"
            )

    def _has(self, values: Mapping[str, Value], variants: Mapping[str, Mapping[str, Value]]) -> bool:
        """Whether just these were told: every value is there, and no variant that is not among them.

        What the trial and its variants have beside them was measured or computed later.
        """
        return variants.keys() == self.variants.keys() and all(
            _numbers(told).items() <= _numbers(own).items()
            for told, own in [
                (values, self.values),
                *((told, self.variants[name]) for name, told in variants.items()),
            ]
        )


@dataclass(frozen=True, slots=True)
class Observation:
    """A trial as the optimizer sees it, or a cost probe, whose number is below 0 and whose state is infeasible.

    losses: per objective, to be minimised; nan for one that is not there yet, empty where none is. variances: of the
    losses, where a standard error was told or the objective's noise is given, else 0. margins: per limit of the
    problem, above 0 where it is broken; nan while that is not known, empty where none is. failure: why it failed.
    """

    number: int
    state: TrialState
    params: Params
    losses: tuple[float, ...] = ()
    variances: tuple[float, ...] = ()
    margins: tuple[float, ...] = ()
    failure: FailureKind | None = None

    @classmethod
    def of(
        cls,
        problem: Problem,
        number: int,
        state: TrialState,
        params: Params,
        values: Mapping[str, Value],
        failure: FailureKind | None = None,
        baseline: Mapping[str, float] | None = None,
    ) -> Observation:
        """A trial of the problem. values: its own, of no variant. baseline: the baseline trial's values.

        Of a trial that is not complete only known metrics say what they would in the end; but the margins of a
        refused one are of all that was told, for that decided its refusal.
        """
        every = values
        if state is not TrialState.COMPLETE and number >= 0:
            values = {key: value for key, value in values.items() if problem.is_known(key)}
        decisive = every if state is TrialState.INFEASIBLE else values
        told = [(objective, derived_value(objective.metric, values)) for objective in problem.objectives]
        numbers = {key: value.value for key, value in decisive.items()} if problem.limits else {}
        margins = [limit.margin(numbers, baseline) for limit in problem.limits] if numbers else []
        has_loss = any(value is not None for _, value in told)
        return cls(
            number,
            state,
            params,
            losses=tuple(math.nan if one is None else objective.loss(one.value) for objective, one in told)
            if has_loss
            else (),
            variances=tuple(0.0 if one is None else _variance(objective, one) for objective, one in told)
            if has_loss
            else (),
            margins=tuple(math.nan if one is None else one for one in margins)
            if any(one is not None for one in margins)
            else (),
            failure=failure if state is TrialState.FAILED else None,
        )


History = Collection[Observation]
"""Every trial of a study: complete, infeasible, failed, and pending (waiting or running); and its cost probes."""


def _variance(objective: Objective, value: Value) -> float:
    """Of the loss. On a log10 scale by the delta method: (d log10(v) / dv * stderr)^2 = (stderr / (v ln 10))^2."""
    stderr = objective.noise if value.stderr is None else value.stderr
    if not stderr:
        return 0.0
    scaled = stderr / (value.value * math.log(10.0)) if objective.log else stderr
    return scaled * scaled


def check_step(step: int) -> int:
    """A report's step. Raises InvalidValue."""
    if not 0 <= step < 2**53:
        raise InvalidValue(f"step must be in [0, 2^53), got {step}")
    return step


def _numbers(values: Mapping[str, Value]) -> dict[str, tuple[float, float | None]]:
    return {name: (value.value, value.stderr) for name, value in values.items()}


def _spell(values: Mapping[str, Value]) -> str:
    return "{" + ", ".join(f"{name}: {value.value}" for name, value in values.items()) + "}"
