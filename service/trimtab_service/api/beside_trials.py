"""What is beside trials, on the wire: devices, cost probes, measure jobs and workers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, WithJsonSchema, field_validator

from trimtab_service.api.answers import FailureOut, Shape
from trimtab_service.api.schemas import MAX_BATCH, LeaseRequest, Line, Params, Values, Wire, Worker, check_size
from trimtab_service.domain.device import Device
from trimtab_service.usecases.measure import Leased, MeasureJob
from trimtab_service.usecases.probes import MOST, Added
from trimtab_service.usecases.workers import WorkerRow

_LIMITS: dict[str, Any] = {
    "type": "object",
    "description": "Metric -> at most so much; under limits: a list of conditions.",
    "additionalProperties": {"anyOf": [{"type": "number"}, {"type": "array", "items": {"type": "string"}}]},
}
_VALUE: dict[str, Any] = {
    "anyOf": [
        {"type": "number"},
        {
            "type": "object",
            "properties": {
                "value": {"type": "number"},
                "stderr": {"type": ["number", "null"], "minimum": 0},
                "contract": {"type": ["object", "null"]},
            },
            "required": ["value"],
        },
    ]
}


class DeviceRequest(Wire):
    """A device: named limits on metrics."""

    name: str
    limits: Annotated[dict[str, Any], WithJsonSchema(_LIMITS)]
    replace: bool = Field(default=False, description="Put these limits in the place of other ones.")


class DeviceOut(Shape):
    """A device."""

    name: str
    limits: dict[str, Any]

    @classmethod
    def of(cls, device: Device) -> DeviceOut:
        """The shape of a device."""
        return cls(name=device.name, limits=dict(device.limits))


class DevicesOut(Shape):
    """All devices, by name."""

    items: list[DeviceOut]


class ProbePointsRequest(Wire):
    """How many params to probe."""

    count: int = Field(default=100, ge=1, le=MOST)


class ProbePointsOut(Shape):
    """Params whose costs nobody has told yet."""

    points: list[dict[str, str | bool | int | float]]


class Probe(Wire):
    """The costs of params that nobody trains."""

    params: Params
    values: Values


class ProbesRequest(Wire):
    """Cost probes, all or none of which are added."""

    probes: list[Probe] = Field(min_length=1, max_length=MOST)


class ProbesOut(Shape):
    """added: how many came with this request. total: how many the study has now."""

    added: int
    total: int

    @classmethod
    def of(cls, added: Added) -> ProbesOut:
        """The shape of added probes."""
        return cls(added=added.added, total=added.total)


class MeasureAskRequest(Wire):
    """Which metric is measured on which device, and by whom. study: of one study only."""

    metric: Line
    device: Line = ""
    worker: Worker = ""
    count: int = Field(default=1, ge=1, le=MAX_BATCH)
    study: Line | None = None


class MeasureTellRequest(LeaseRequest):
    """The measured value: a number, or a number with its standard error and how it was measured."""

    value: Annotated[Any, WithJsonSchema(_VALUE)]

    @field_validator("value")
    @classmethod
    def _bounded(cls, value: Any) -> Any:
        return check_size("a value with its contract", value)


class LeasedJobOut(Shape):
    """A measure job that was just handed out, with what is known of its trial. epoch: its own lease's."""

    id: int
    study: str
    number: int
    params: dict[str, str | bool | int | float]
    values: dict[str, float]
    metric: str
    device: str
    artifact: str
    epoch: int
    lease_seconds: float

    @classmethod
    def of(cls, leased: Leased, lease_seconds: float) -> LeasedJobOut:
        """The shape of a job that was handed out."""
        job, trial = leased.job, leased.trial
        return cls(
            id=job.id,
            study=leased.study,
            number=trial.number,
            params=dict(trial.params),
            values={key: value.value for key, value in trial.values.items()},
            metric=job.metric,
            device=job.device,
            artifact=trial.artifact,
            epoch=job.epoch,
            lease_seconds=lease_seconds,
        )


class LeasedJobsOut(Shape):
    """Measure jobs that were handed out: perhaps fewer than were asked for, perhaps none."""

    jobs: list[LeasedJobOut]

    @classmethod
    def of(cls, jobs: Sequence[Leased], lease_seconds: float) -> LeasedJobsOut:
        """The shape of jobs that were handed out."""
        return cls(jobs=[LeasedJobOut.of(job, lease_seconds) for job in jobs])


class JobOut(Shape):
    """A measure job as it stands."""

    id: int
    metric: str
    device: str
    state: str
    worker: str
    attempt: int
    epoch: int
    failure: FailureOut | None

    @classmethod
    def of(cls, job: MeasureJob) -> JobOut:
        """The shape of a job."""
        failure = job.failure
        return cls(
            id=job.id,
            metric=job.metric,
            device=job.device,
            state=job.state.value,
            worker=job.worker,
            attempt=job.attempt,
            epoch=job.epoch,
            failure=None if failure is None else FailureOut(kind=failure.kind.value, message=failure.message),
        )


class WorkerRequest(Wire):
    """Which worker."""

    worker: Worker


class WorkerOut(Shape):
    """A worker that has failed. paused_until: when it may ask again; null while it is not paused."""

    name: str
    straight_failures: int
    last_failures: list[dict[str, Any]]
    paused_until: datetime | None

    @classmethod
    def of(cls, worker: WorkerRow) -> WorkerOut:
        """The shape of a worker."""
        return cls(
            name=worker.name,
            straight_failures=worker.straight_failures,
            last_failures=list(worker.last_failures),
            paused_until=worker.paused_until if worker.paused else None,
        )


class WorkersOut(Shape):
    """The workers of a study, by name."""

    items: list[WorkerOut]
