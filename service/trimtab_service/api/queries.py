"""What stands behind the question mark: pages of studies and trials, and questions about fronts."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from trimtab_service.api.schemas import Line
from trimtab_service.domain.errors import InvalidQuery
from trimtab_service.domain.trial import TrialState


class Query(BaseModel):
    """The parameters behind the question mark."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StudiesQuery(Query):
    """Which studies."""

    state: Literal["active", "paused", "finished", "archived"] | None = None
    cursor: Line | None = Field(default=None, description="next_cursor of the page before.")
    limit: int = Field(default=50, ge=1, le=200)


class TrialsQuery(Query):
    """Which trials, and in which order and form."""

    state: Line = Field(default="", description="One or several states, with commas: complete,failed")
    where: list[Line] = Field(default=[], max_length=20, description="Conditions that must all hold: accuracy >= 0.9")
    order: Line = Field(default="number", description="number, finished_at or a metric; with - in front: descending.")
    cursor: Line | None = Field(default=None, description="next_cursor of the page before.")
    limit: int = Field(default=100, ge=1, le=1_000)
    format: Literal["json", "csv"] = Field(default="json", description="csv gives all trials at once, without pages.")

    @property
    def states(self) -> tuple[TrialState, ...]:
        """The states, none for all. Raises InvalidQuery."""
        try:
            return tuple(TrialState(one.strip()) for one in self.state.split(",") if one.strip())
        except ValueError as error:
            known = [state.value for state in TrialState]
            raise InvalidQuery(f"state must be some of {known!r}, got {self.state!r}") from error


class FrontQuery(Query):
    """Which trials a front is over."""

    where: list[Line] = Field(default=[], max_length=20, description="Conditions that must all hold.")
    device: Line | None = Field(default=None, description="A device, whose limits must hold too.")


class BestQuery(FrontQuery):
    """Which trial is the best."""

    objective: Line | None = Field(default=None, description="What it is best of; else the first objective.")
    predicted: bool = Field(default=False, description="Ask the surrogates, over the whole space.")


class PickQuery(FrontQuery):
    """Which model to take."""

    by: Line | None = Field(default=None, description="The objective to be best of; else the first.")


class RankQuery(Query):
    """How to rank stored trials."""

    reward: Line = Field(description="An expression, more is better: mnas(accuracy, latency_ms, 80, -0.07, -0.07)")
    where: list[Line] = Field(default=[], max_length=20, description="Conditions that must all hold.")
    limit: int = Field(default=10, ge=1, le=1_000)


class TradeOffQuery(Query):
    """What the best of one metric is under each budget of another."""

    of: Line = Field(description="The metric whose best is asked for: an objective.")
    against: Line = Field(description="The metric that is the budget.")
    points: int = Field(default=20, ge=2, le=100, description="How many budgets.")
