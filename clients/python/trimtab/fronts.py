"""What a study found, as the server says it: fronts, picks, rankings, trade-offs. They print as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trimtab import tables
from trimtab.printed import Printed, Rows

if TYPE_CHECKING:
    from trimtab.trial import Trial


def row(trial: Trial, objectives: Iterable[str], **more: Any) -> dict[str, Any]:
    """A trial's number, variant, objectives and params, for a table."""
    values = trial.values
    shown = {"trial": trial.number, **({"variant": trial.variant} if trial.variant else {}), **more}
    shown |= {metric: values.get(metric) for metric in objectives}
    return {**trial.params, **shown} if set(shown) & set(trial.params) else {**shown, **trial.params}


@dataclass(frozen=True, slots=True, repr=False)
class Front(Printed, Sequence["Trial"]):
    """The feasible trials, and variants of their models, that no other beats in every objective.

    hypervolume: of what they beat, from the reference; None where it was not computed. reference: metric -> the worst
    value worth having. inferred: the reference was made from the front, since some objective has none. knee: the one
    beyond which little more of one objective costs much of another; None where there is none.
    """

    trials: tuple[Trial, ...]
    objectives: tuple[str, ...]
    hypervolume: float | None
    reference: dict[str, float] | None
    inferred: bool
    knee: Trial | None

    def __getitem__(self, place: Any) -> Any:
        return self.trials[place]

    def __len__(self) -> int:
        return len(self.trials)

    def _title(self) -> str:
        title = f"Pareto front of {', '.join(self.objectives)}: {len(self)} of them"
        if self.hypervolume is not None:
            title += f", hypervolume {tables.cell(self.hypervolume)} from {tables.setting(self.reference)}"
            title += " (inferred)" if self.inferred else ""
        return title

    def _rows(self) -> Rows:
        return [
            row(trial, self.objectives) | ({"knee": "here" if trial is self.knee else ""} if self.knee else {})
            for trial in self.trials
        ]


@dataclass(frozen=True, slots=True, repr=False)
class Hypervolume(Printed):
    """How the hypervolume grew: after each trial of `numbers` it was so much, from the reference."""

    numbers: tuple[int, ...]
    values: tuple[float, ...]
    reference: dict[str, float] | None
    inferred: bool

    def __float__(self) -> float:
        return self.values[-1] if self.values else 0.0

    def _title(self) -> str:
        reference = f"{tables.setting(self.reference)}{' (inferred)' if self.inferred else ''}"
        return f"Hypervolume {float(self):.6g} after {len(self.numbers)} trials, from {reference}"

    def _rows(self) -> Rows:
        """Where it grew, the latest last."""
        before = (0.0, *self.values)
        return [
            {"trial": number, "hypervolume": value, "grew by": value - earlier}
            for number, value, earlier in zip(self.numbers, self.values, before, strict=False)
            if value > earlier
        ]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another one on the front. changes: metric -> its value less the picked one's. sentence: what it would buy."""

    trial: Trial
    changes: dict[str, float]
    sentence: str


@dataclass(frozen=True, slots=True, repr=False)
class Pick(Printed):
    """The model to take. sentence: why. neighbours: what the next ones on the front would buy, and cost."""

    trial: Trial
    by: str
    sentence: str
    neighbours: tuple[Neighbour, ...]

    def _title(self) -> str:
        return "\n".join([self.sentence, *(one.sentence for one in self.neighbours)])

    def _rows(self) -> Rows:
        names = dict.fromkeys([self.by, *(metric for one in self.neighbours for metric in one.changes)])
        return [row(trial, names) for trial in (self.trial, *(one.trial for one in self.neighbours))]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A trial and its reward."""

    trial: Trial
    reward: float


@dataclass(frozen=True, slots=True, repr=False)
class Ranking(Printed, Sequence[Ranked]):
    """The feasible trials by a reward, the highest first. warning: what the reward does not promise; else empty.

    unranked: how many lack a value that the reward needs.
    """

    items: tuple[Ranked, ...]
    objectives: tuple[str, ...]
    unranked: int
    warning: str

    def __getitem__(self, place: Any) -> Any:
        return self.items[place]

    def __len__(self) -> int:
        return len(self.items)

    def _title(self) -> str:
        left = f", {self.unranked} lack a value" if self.unranked else ""
        return "\n".join([f"Ranking of {len(self)}{left}", *([self.warning] if self.warning else [])])

    def _rows(self) -> Rows:
        return [row(one.trial, self.objectives, reward=one.reward) for one in self.items]


@dataclass(frozen=True, slots=True)
class Interval:
    """What one evaluation is expected to tell: median, and an 80 % interval from lower to upper."""

    median: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True, repr=False)
class PredictedBest(Printed):
    """The params that the surrogates expect to be best under the limits. Nobody measured them.

    metrics: metric -> what to expect. probability_feasible: that all limits hold. nearest: the nearest told trial, as
    the server says it. trials: how many told trials it rests on.
    """

    objective: str
    params: dict[str, Any]
    metrics: dict[str, Interval]
    probability_feasible: float
    nearest: dict[str, Any] | None
    trials: int

    def _title(self) -> str:
        nearest = f"; the nearest told is trial {self.nearest['number']}" if self.nearest else ""
        return (
            f"Predicted best {self.objective}, not measured: from {self.trials} trials, within the limits with "
            f"probability {self.probability_feasible:.0%}{nearest}\n{tables.setting(self.params)}"
        )

    def _rows(self) -> Rows:
        return [
            {"metric": metric, "expected": one.median, "at least": one.lower, "at most": one.upper}
            for metric, one in self.metrics.items()
        ]


@dataclass(frozen=True, slots=True, repr=False)
class TradeOff(Printed):
    """The best of one metric under each budget of another; never worse under a looser budget.

    budgets: from the strictest to the loosest. measured, numbers: the best told value within each and its trial, None
    where none fits. median, lower, upper: what the surrogates expect to be attainable, an 80 % interval; None where
    nothing is. shadow_price: how much better the median becomes per unit of budget.
    """

    of: str
    against: str
    budgets: tuple[float, ...]
    measured: tuple[float | None, ...]
    numbers: tuple[int | None, ...]
    median: tuple[float | None, ...]
    lower: tuple[float | None, ...]
    upper: tuple[float | None, ...]
    shadow_price: tuple[float | None, ...]
    trials: int

    def _title(self) -> str:
        return f"The best {self.of} under a budget of {self.against}, from {self.trials} trials"

    def _rows(self) -> Rows:
        columns = (self.budgets, self.measured, self.numbers, self.median, self.lower, self.upper, self.shadow_price)
        names = (self.against, "measured", "trial", "attainable", "at least", "at most", "price of a unit")
        return [dict(zip(names, one, strict=True)) for one in zip(*columns, strict=True)]


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker that has failed. last_failures: {"kind", "message"} of those since its last success.

    paused_until: when it gets trials again, as the server's text; None while it is not paused.
    """

    name: str
    straight_failures: int
    last_failures: tuple[dict[str, str], ...]
    paused_until: str | None

    @property
    def paused(self) -> bool:
        """Whether it gets no trials for now."""
        return self.paused_until is not None

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Worker:
        """The worker of the server's answer."""
        return cls(
            str(record["name"]),
            int(record["straight_failures"]),
            tuple(dict(one) for one in record["last_failures"]),
            record["paused_until"],
        )


@dataclass(frozen=True, slots=True, repr=False)
class Workers(Printed, Sequence[Worker]):
    """The workers of a study that have failed, by name."""

    items: tuple[Worker, ...]

    def __getitem__(self, place: Any) -> Any:
        return self.items[place]

    def __len__(self) -> int:
        return len(self.items)

    def _title(self) -> str:
        return f"Workers that have failed: {len(self)}, paused: {sum(one.paused for one in self.items)}"

    def _rows(self) -> Rows:
        return [
            {
                "worker": one.name,
                "straight failures": one.straight_failures,
                "kinds": ", ".join(failure["kind"] for failure in one.last_failures),
                "paused until": one.paused_until or "",
            }
            for one in self.items
        ]
