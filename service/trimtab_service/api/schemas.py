"""What requests must look like on the wire. Unknown keys are refused, and so are bools in the place of numbers.

Rules about studies and trials are the domain's: here a params object is an object of texts, numbers and bools, and
whether it lies in the space is not known. What goes out is in answers.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, field_validator

from trimtab_service.api.strict_json import canonical
from trimtab_service.domain.errors import NotSupported

T = TypeVar("T")

MAX_METADATA = 64_000
"""Bytes of JSON that a study's metadata, or the contracts of one trial, may take."""
MAX_BATCH = 100
_SPACE: dict[str, Any] = {
    "type": "object",
    "description": "Parameter name -> definition, in order.",
    "additionalProperties": {
        "type": "object",
        "properties": {
            "type": {"enum": ["float", "int", "categorical", "constant"]},
            "low": {"type": "number"},
            "high": {"type": "number"},
            "log": {"type": "boolean"},
            "step": {"type": ["number", "null"]},
            "choices": {"type": "array"},
            "ordered": {"type": "boolean"},
            "value": {},
            "when": {"type": ["object", "null"], "description": "Parent parameter -> values of it."},
        },
        "required": ["type"],
    },
}
_OBJECTIVES: dict[str, Any] = {
    "type": "object",
    "description": "Metric -> direction, or direction with log, reference, threshold, weight, noise, formula.",
    "additionalProperties": {
        "anyOf": [
            {"enum": ["minimize", "maximize", "min", "max"]},
            {
                "type": "object",
                "properties": {
                    "direction": {"enum": ["minimize", "maximize", "min", "max"]},
                    "log": {"type": "boolean"},
                    "reference": {"type": ["number", "null"]},
                    "threshold": {"type": ["number", "null"], "description": "The worst acceptable value."},
                    "weight": {"type": "number", "exclusiveMinimum": 0},
                    "noise": {"type": ["number", "null"], "minimum": 0, "description": "0: exact."},
                    "formula": {"type": ["string", "null"], "description": "Computed from other metrics."},
                },
                "required": ["direction"],
            },
        ]
    },
}
_PARAMS: dict[str, Any] = {
    "type": "object",
    "description": "Parameter name -> value, of the parameters that are present.",
    "additionalProperties": {"type": ["string", "number", "boolean"]},
}
_VALUES: dict[str, Any] = {
    "type": "object",
    "description": "Metric -> number, or number with its standard error and how it was measured.",
    "additionalProperties": {
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
    },
}

Later = Annotated[Any, Field(default=None, description="Not built yet: refused with not_supported unless empty.")]
Params = Annotated[dict[str, Any], WithJsonSchema(_PARAMS)]
Values = Annotated[dict[str, Any], WithJsonSchema(_VALUES)]
Epoch = Annotated[int, Field(ge=0, lt=2**31, description="The lease epoch under which the trial was handed out.")]
Variants = Annotated[dict[str, Values], Field(max_length=100)]
"""Variant's name -> its own values."""
Texts = Annotated[list[Annotated[str, Field(max_length=1_000)]] | None, Field(max_length=200)]
Worker = Annotated[str, Field(max_length=200, description="Who asks: a name of your choice.")]
Line = Annotated[str, Field(max_length=1_000, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""Text of one line."""
Artifact = Annotated[Line, Field(description="Where the trained model lies: a link that only workers understand.")]


class Wire(BaseModel):
    """A request's body."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class StudyCreate(Wire):
    """A study's definition."""

    name: str
    space: Annotated[dict[str, dict[str, Any]], WithJsonSchema(_SPACE)]
    objectives: Annotated[dict[str, str | dict[str, Any]], WithJsonSchema(_OBJECTIVES)]
    metrics: list[str] = Field(default=[], max_length=200, description="Further metrics that trials may tell.")
    algorithm: str = "gp"
    options: dict[str, Any] = {}
    seed: int = 0
    max_trials: int | None = None
    metadata: dict[str, Any] = {}
    exist_ok: bool = Field(
        default=False, description="Answer the study of this name when its definition is the same."
    )
    constraints: Texts = Field(default=None, description="Limits on metrics: latency_ms <= 20")
    space_constraints: Texts = Field(default=None, description="Limits on parameters: width * depth <= 512")
    known_metrics: Texts = Field(default=None, description="Exact before training: told by preflight.")
    late_metrics: Texts = Field(default=None, description="May come after the tell, from measure jobs.")
    baseline: Params | None = Field(default=None, description="Params of trial 0, which relative limits refer to.")
    stopping: Later
    devices: Later

    @field_validator("metadata")
    @classmethod
    def _bounded(cls, metadata: dict[str, Any]) -> dict[str, Any]:
        return check_size("metadata", metadata)

    def definition(self) -> dict[str, Any]:
        """The definition for the use case. Raises NotSupported for parts that are not built yet."""
        refused = [] if _is_empty(self.devices) else ["devices"]
        if not _is_empty(self.stopping) and self.stopping != {"rule": None}:
            refused.append("stopping")
        _check_built(refused)
        definition = self.model_dump(exclude={"devices", "stopping"})
        return {name: one for name, one in definition.items() if one is not None or name == "max_trials"}


class StudyPatch(Wire):
    """Changes to a study; what is absent stays as it is."""

    state: Literal["active", "paused", "finished", "archived"] = "active"
    max_trials: int | None = None
    metadata: dict[str, Any] = {}
    space: Later

    @field_validator("metadata")
    @classmethod
    def _bounded(cls, metadata: dict[str, Any]) -> dict[str, Any]:
        return check_size("metadata", metadata)

    def changes(self) -> dict[str, Any]:
        """What was given. Raises NotSupported for a changed space."""
        _check_built([] if _is_empty(self.space) else ["space"])
        return self.model_dump(exclude_unset=True, exclude={"space"})


class AskRequest(Wire):
    """How many trials, and for whom."""

    count: int = Field(default=1, ge=1, le=MAX_BATCH)
    worker: Worker = ""


class LeaseRequest(Wire):
    """The lease that the request is made under."""

    epoch: Epoch


class TellRequest(LeaseRequest):
    """A trial's result: a value for every objective, and for any other metric.

    What preflight told need not be told again, and late metrics may come later.
    """

    values: Values
    variants: Variants = Field(default={}, description="Variants of the trained model, each with its own values.")
    artifact: Artifact = ""

    @field_validator("values", "variants")
    @classmethod
    def _bounded(cls, values: dict[str, Any]) -> dict[str, Any]:
        return check_size("values with their contracts", values)


class PreflightRequest(LeaseRequest):
    """What is known of a trial's costs before its training."""

    values: Values

    @field_validator("values")
    @classmethod
    def _bounded(cls, values: dict[str, Any]) -> dict[str, Any]:
        return check_size("values with their contracts", values)


class ReportRequest(LeaseRequest):
    """Intermediate values of a running trial."""

    step: int
    values: dict[str, float]


class Failure(Wire):
    """Why a trial has no result."""

    kind: Literal["oom", "nan", "timeout", "error", "infrastructure"]
    message: str = ""


class FailRequest(LeaseRequest, Failure):
    """A trial that ended without a result; infrastructure means it is handed out again."""


class EnqueueRequest(Wire):
    """Params to be tried next."""

    params: Params


class AddedTrial(Wire):
    """A trial that was finished elsewhere."""

    params: Params
    values: Values = {}
    variants: Variants = {}
    artifact: Artifact = ""
    state: Literal["complete", "failed"] = "complete"
    failure: Failure | None = None

    @field_validator("values", "variants")
    @classmethod
    def _bounded(cls, values: dict[str, Any]) -> dict[str, Any]:
        return check_size("values with their contracts", values)


class AddTrialsRequest(Wire):
    """Trials that were finished elsewhere, all or none of which are added."""

    trials: list[AddedTrial] = Field(min_length=1, max_length=MAX_BATCH)


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, list | dict | str) and not value)


def _check_built(refused: Sequence[str]) -> None:
    if refused:
        raise NotSupported(f"{', '.join(refused)}: not built yet; leave it out")


def check_size(what: str, value: T) -> T:
    """The value, if its JSON is not too long. Raises ValueError."""
    size = len(canonical(value))
    if size > MAX_METADATA:
        raise ValueError(f"{what} of at most {MAX_METADATA} bytes as JSON, not {size}")
    return value
