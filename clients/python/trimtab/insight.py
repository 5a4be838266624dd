"""What the server's surrogates say, as small frozen objects that print as tables, and as HTML in notebooks."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from trimtab import wire
from trimtab.errors import InvalidParams
from trimtab.printed import Printed, Rows

T = TypeVar("T")

MAX_URL = 6_000
"""Bytes that the params of one request may take in its URL; proxies allow 8,000 for all of it."""
MAX_CONFIGURATIONS = 100
"""Params that the server takes in one request."""


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed of one number: mean, standard deviation, median, and a 95 % interval from lower to upper."""

    mean: float
    sd: float
    median: float
    lower: float
    upper: float


# --- Predictions ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Prediction(Mapping[str, Belief]):
    """Metric -> what it is believed to be at params, free of the noise of one evaluation."""

    params: dict[str, Any]
    metrics: dict[str, Belief]

    def __getitem__(self, metric: str) -> Belief:
        return self.metrics[metric]

    def __iter__(self) -> Iterator[str]:
        return iter(self.metrics)

    def __len__(self) -> int:
        return len(self.metrics)


@dataclass(frozen=True, slots=True, repr=False)
class Predictions(Printed, Sequence[Prediction]):
    """One prediction for each params asked for, in their order. trials: how many complete trials they rest on."""

    trials: int
    items: tuple[Prediction, ...]

    def __getitem__(self, place: Any) -> Any:
        return self.items[place]

    def __len__(self) -> int:
        return len(self.items)

    def _title(self) -> str:
        return f"Predictions, from {self.trials} complete trials: mean ± standard deviation (95 % interval)"

    def _rows(self) -> Rows:
        present = dict.fromkeys(name for one in self.items for name in one.params)
        return [
            {name: one.params.get(name, "") for name in present}
            | {metric: spell(belief) for metric, belief in one.items()}
            for one in self.items
        ]


def batches(configurations: Iterable[Mapping[str, Any]]) -> Iterator[list[str]]:
    """Params as JSON texts, as many at a time as fit a URL. Raises InvalidParams."""
    if isinstance(configurations, Mapping | str) or not isinstance(configurations, Iterable):
        raise InvalidParams(f"expected a list of params, [{{name: value}}, …], got {configurations!r}")
    batch: list[str] = []
    size = 0
    for place, params in enumerate(configurations):
        text = wire.encode(wire.mapping(f"params {place}", params, InvalidParams)).decode()
        taken = len(urllib.parse.quote_plus(text)) + len("params=&")
        if batch and (size + taken > MAX_URL or len(batch) == MAX_CONFIGURATIONS):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += taken
    if batch:
        yield batch


def predictions(answers: Sequence[Mapping[str, Any]]) -> Predictions:
    """The answers of all batches as one."""
    return Predictions(
        trials=max((int(answer["trials"]) for answer in answers), default=0),
        items=tuple(
            Prediction(
                dict(one["params"]), {metric: made(Belief, belief) for metric, belief in one["metrics"].items()}
            )
            for answer in answers
            for one in answer["items"]
        ),
    )


# --- Importances ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Importance:
    """Sobol indices of a parameter: the share of the variance that it explains alone, and with all others."""

    first: float
    first_lower: float
    first_upper: float
    total: float
    total_lower: float
    total_upper: float


@dataclass(frozen=True, slots=True, repr=False)
class Importances(Printed, Mapping[str, dict[str, Importance]]):
    """Metric -> parameter -> importance, over the whole search space. trials: how many complete ones they rest on."""

    trials: int
    metrics: dict[str, dict[str, Importance]]

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Importances:
        """The importances of the server's answer."""
        metrics = {
            metric: {name: made(Importance, one) for name, one in parameters.items()}
            for metric, parameters in answer["metrics"].items()
        }
        return cls(int(answer["trials"]), metrics)

    def __getitem__(self, metric: str) -> dict[str, Importance]:
        return self.metrics[metric]

    def __iter__(self) -> Iterator[str]:
        return iter(self.metrics)

    def __len__(self) -> int:
        return len(self.metrics)

    def _title(self) -> str:
        shown = "total share of the variance (first share), interval of the total"
        return f"Importances, from {self.trials} complete trials: {shown}"

    def _rows(self) -> Rows:
        names = {name for parameters in self.metrics.values() for name in parameters}
        weight = {name: max(one[name].total for one in self.metrics.values()) for name in names}
        order = sorted(next(iter(self.metrics.values())), key=lambda name: -weight[name])
        return [
            {
                "parameter": name,
                **{
                    metric: f"{one[name].total:.0%} ({one[name].first:.0%}), "
                    f"{one[name].total_lower:.0%} to {one[name].total_upper:.0%}"
                    for metric, one in self.metrics.items()
                },
            }
            for name in order
        ]


# --- Whether to trust -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, repr=False)
class Calibration(Printed):
    """Whether one objective's surrogate can be trusted: each told value held out, and expected from all others.

    verdict: trusted, overconfident, underconfident, uninformative or too_few. score: the share of the variance of
    held-out values that was foreseen. coverage, pit_counts, held_out: the figures behind it, as the server says them.
    """

    metric: str
    verdict: str
    score: float
    sentence: str
    coverage: list[dict[str, Any]]
    pit_counts: list[int]
    mean_log_density: float
    held_out: list[dict[str, Any]]

    def _title(self) -> str:
        return self.sentence

    def _rows(self) -> Rows:
        return [
            {
                "interval": f"{one['level']:.0%}",
                "inside": f"{one['inside']} of {len(self.held_out)}",
                "expected": f"{one['at_least']} to {one['at_most']}",
            }
            for one in self.coverage
        ]


@dataclass(frozen=True, slots=True, repr=False)
class Calibrations(Mapping[str, Calibration]):
    """Metric -> calibration of its surrogate."""

    metrics: dict[str, Calibration]

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Calibrations:
        """The calibrations of the server's answer."""
        return cls(
            {metric: made(Calibration, {**one, "metric": metric}) for metric, one in answer["metrics"].items()}
        )

    def __getitem__(self, metric: str) -> Calibration:
        return self.metrics[metric]

    def __iter__(self) -> Iterator[str]:
        return iter(self.metrics)

    def __len__(self) -> int:
        return len(self.metrics)

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.metrics.values()))

    def _repr_html_(self) -> str:
        return "".join(one._repr_html_() for one in self.metrics.values())


def made(cls: type[T], record: Mapping[str, Any]) -> T:
    """An object of the fields that it knows of a record: a newer server may say more."""
    return cls(**{field.name: record[field.name] for field in fields(cls)})  # type: ignore[arg-type]  # a dataclass


def spell(belief: Belief) -> str:
    """ "0.943 ± 0.012 (0.919 to 0.966)"."""
    return f"{belief.mean:.4g} ± {belief.sd:.2g} ({belief.lower:.4g} to {belief.upper:.4g})"
