"""What answers look like on the wire, and how studies and trials are shaped into them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from trimtab_service.domain.page import Page
from trimtab_service.domain.trial import Trial, TrialState
from trimtab_service.usecases.history import TrialView
from trimtab_service.usecases.limits import Judge, plain
from trimtab_service.usecases.preflight import Verdict
from trimtab_service.usecases.studies import StudyView


class Shape(BaseModel):
    """An answer's body."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def to_json(self) -> dict[str, Any]:
        """The body as it is sent, and stored under an Idempotency-Key."""
        return self.model_dump(mode="json")


class StudyOut(Shape):
    """A study as it stands. charged: trials handed out against max_trials. counts: trials per state."""

    id: str
    name: str
    state: str
    space: dict[str, dict[str, Any]]
    objectives: dict[str, dict[str, Any]]
    metrics: list[str]
    constraints: list[str]
    space_constraints: list[str]
    known_metrics: list[str]
    late_metrics: list[str]
    baseline: dict[str, Any] | None
    algorithm: str
    options: dict[str, Any]
    seed: int
    max_trials: int | None
    metadata: dict[str, Any]
    charged: int
    counts: dict[str, int]
    created_at: datetime

    @classmethod
    def of(cls, view: StudyView) -> StudyOut:
        """The shape of a study."""
        study = view.study
        return cls(
            **study.problem.to_spec(),
            id=study.public_id,
            name=study.name,
            state=study.state.value,
            max_trials=study.max_trials,
            metadata=dict(study.metadata),
            charged=study.charged,
            counts={state.value: view.counts.get(state, 0) for state in TrialState},
            created_at=study.created_at,
        )


class StudyPage(Shape):
    """Some studies; next_cursor asks for those after them, and is null at the end."""

    items: list[StudyOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page[StudyView]) -> StudyPage:
        """The shape of a page."""
        return cls(items=[StudyOut.of(view) for view in page.items], next_cursor=page.next_cursor)


class FailureOut(Shape):
    """Why a trial has no result."""

    kind: str
    message: str


class TrialOut(Shape):
    """A trial. epoch: the lease it was last handed out under. reason: why a quasi-random fallback was proposed.

    feasible: whether it keeps the study's limits, null while that is not known. broken: those that it does not keep.
    """

    study: str
    number: int
    state: str
    params: dict[str, str | bool | int | float]
    values: dict[str, float]
    stderrs: dict[str, float] = Field(description="Standard errors, of the metrics that came with one.")
    variant: str = Field(description="Of a front's items: the variant whose values these are, else empty.")
    variants: dict[str, dict[str, float]] = Field(description="Variant -> its own values.")
    feasible: bool | None
    broken: list[str]
    artifact: str = Field(description="Where the trained model lies, as its worker told it.")
    failure: FailureOut | None
    epoch: int
    attempt: int
    worker: str
    source: str
    reason: str
    created_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, judge: Judge, trial: Trial, variant: str = "") -> TrialOut:
        """The shape of a trial of the judge's study. variant: whose values it has."""
        return cls(**_trial_fields(judge, trial, variant))


class LeasedTrialOut(TrialOut):
    """A trial that was just handed out."""

    lease_seconds: float = Field(description="The lease ends after this long without a heartbeat.")


class TrialsOut(Shape):
    """Trials that were added."""

    trials: list[TrialOut]

    @classmethod
    def of(cls, judge: Judge, trials: Sequence[Trial]) -> TrialsOut:
        """The shape of added trials."""
        return cls(trials=[TrialOut.of(judge, trial) for trial in trials])


class LeasedTrialsOut(Shape):
    """Trials that were handed out: perhaps fewer than were asked for."""

    trials: list[LeasedTrialOut]

    @classmethod
    def of(cls, judge: Judge, trials: Sequence[Trial], lease_seconds: float) -> LeasedTrialsOut:
        """The shape of trials that were handed out."""
        return cls(
            trials=[LeasedTrialOut(**_trial_fields(judge, trial), lease_seconds=lease_seconds) for trial in trials]
        )


class TrialPage(Shape):
    """Some trials; next_cursor asks for those after them, and is null at the end."""

    items: list[TrialOut]
    next_cursor: str | None

    @classmethod
    def of(cls, judge: Judge, page: Page[Trial]) -> TrialPage:
        """The shape of a page."""
        return cls(items=[TrialOut.of(judge, trial) for trial in page.items], next_cursor=page.next_cursor)


class ReportLine(Shape):
    """What was reported at a step."""

    step: int
    values: dict[str, float]


class TrialDetail(TrialOut):
    """A trial with everything that is known of it: how its values were measured, and its intermediate values."""

    contracts: dict[str, dict[str, Any]]
    reports: list[ReportLine]

    @classmethod
    def of_view(cls, judge: Judge, view: TrialView) -> TrialDetail:
        """The shape of a trial in detail."""
        return cls(
            **_trial_fields(judge, view.trial),
            contracts={name: dict(value.contract) for name, value in view.trial.values.items() if value.contract},
            reports=[ReportLine(step=step, values=values) for step, values in view.reports],
        )


class VerdictOut(Shape):
    """What preflight says. ok: the training may begin. broken: the limits that the costs are over."""

    ok: bool
    broken: list[str]
    trial: TrialOut

    @classmethod
    def of(cls, judge: Judge, verdict: Verdict) -> VerdictOut:
        """The shape of a verdict."""
        return cls(ok=verdict.ok, broken=list(verdict.broken), trial=TrialOut.of(judge, verdict.trial))


class LeaseOut(Shape):
    """How long the lease lasts from now on."""

    lease_seconds: float


class AdviceOut(Shape):
    """The stopping rule's advice."""

    should_stop: bool


class Health(Shape):
    """The server runs."""

    status: str
    version: str


class Problem(BaseModel):
    """An error. code: what went wrong, in a word that never changes. detail: what was expected and what came."""

    model_config = ConfigDict(extra="allow", frozen=True)

    type: str
    title: str
    status: int
    code: str
    detail: str


def _trial_fields(judge: Judge, trial: Trial, variant: str = "") -> Mapping[str, Any]:
    failure, values = trial.failure, plain(trial.values)
    return {
        "study": judge.study,
        "number": trial.number,
        "state": trial.state.value,
        "params": trial.params,
        "values": values,
        "stderrs": {name: value.stderr for name, value in trial.values.items() if value.stderr is not None},
        "variant": variant,
        "variants": {name: plain(own) for name, own in trial.variants.items()},
        "feasible": judge.feasible(trial, values),
        "broken": judge.broken(trial, values),
        "artifact": trial.artifact,
        "failure": None if failure is None else FailureOut(kind=failure.kind.value, message=failure.message),
        "epoch": trial.epoch,
        "attempt": trial.attempt,
        "worker": trial.worker,
        "source": trial.source.value,
        "reason": trial.reason,
        "created_at": trial.created_at,
        "started_at": trial.started_at,
        "finished_at": trial.finished_at,
    }
