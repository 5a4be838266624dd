"""How a study's surrogates look, and why a trial was suggested: as the server says it, printed as tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trimtab import wire
from trimtab.errors import InvalidQuery
from trimtab.insight import Belief, made, spell
from trimtab.printed import Printed, Rows

if TYPE_CHECKING:
    from trimtab.trial import Trial

MOST_ROWS = 25
"""Rows of a slice that are printed; all of them are in `slice`."""


@dataclass(frozen=True, slots=True, repr=False)
class Surrogate(Printed):
    """How the surrogates were fitted, which bounds are active, and a slice or a contour, if that was asked for.

    trials: the complete trials that they rest on. metrics: metric -> length scales per parameter, noise, warp, fit.
    bounds: ends of parameters that the best trials press against. slice, contour: as the server says them, or None.
    """

    trials: tuple[int, ...]
    metrics: dict[str, dict[str, Any]]
    bounds: list[dict[str, Any]]
    slice: dict[str, Any] | None
    contour: dict[str, Any] | None

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Surrogate:
        """The surrogates of the server's answer."""
        return made(cls, {**answer, "trials": tuple(answer["trials"])})

    def _title(self) -> str:
        shown = self.slice or self.contour
        title = f"Surrogate of {', '.join(self.metrics)}, from {len(self.trials)} complete trials"
        if shown is not None:
            over = " and ".join(shown[name] for name in ("parameter", "second") if name in shown)
            as_in = "the params given" if shown["base_trial"] is None else f"trial {shown['base_trial']}"
            title += f": along {over}, all else as in {as_in}"
        return "\n".join([title, *(bound["sentence"] for bound in self.bounds)])

    def _rows(self) -> Rows:
        if self.slice is not None:
            return _slice_rows(self.slice)
        if self.contour is not None:
            return _contour_rows(self.contour)
        names = dict.fromkeys(name for one in self.metrics.values() for name in one["length_scales"])
        rows: Rows = [
            {"length scale of": name, **{metric: one["length_scales"][name] for metric, one in self.metrics.items()}}
            for name in names
        ]
        return [*rows, {"length scale of": "noise", **{metric: one["noise"] for metric, one in self.metrics.items()}}]


@dataclass(frozen=True, slots=True, repr=False)
class SuggestionCard(Printed):
    """Why a trial was suggested, and what was expected of it then.

    expected: metric -> objective (mean, sd, median, lower, upper), told_interval, told, inside, incumbent,
    expected_improvement, probability_of_improvement, the last three None while nothing told kept all limits; None
    where no surrogate proposed it, and then `why` says so. limits: limit -> probability that it holds, and whether it
    does: holds. probability_of_result: that the trial works out. nearest: the nearest trials that had been told.
    rested_on: all that the surrogates saw.
    """

    number: int
    source: str
    reason: str
    why: str
    params: dict[str, Any]
    expected: dict[str, dict[str, Any]] | None
    limits: dict[str, dict[str, Any]] | None
    probability_of_result: float | None
    nearest: list[dict[str, Any]]
    rested_on: list[int]
    fitted: dict[str, dict[str, Any]]

    def _title(self) -> str:
        return f"Trial {self.number}, {self.source}. {self.why}" + (f" ({self.reason})" if self.reason else "")

    def _rows(self) -> Rows:
        rows: Rows = [
            {
                "metric": metric,
                "expected": spell(made(Belief, one["objective"])),
                "a result between": "{:.4g} and {:.4g}".format(*one["told_interval"]),
                "came": "nothing yet" if one["told"] is None else one["told"],
                "to improve on": "nothing yet" if one["incumbent"] is None else one["incumbent"],
                "chance": "" if one["incumbent"] is None else f"{one['probability_of_improvement']:.0%}",
            }
            for metric, one in (self.expected or {}).items()
        ]
        return rows or [
            {"nearest": f"trial {one['number']}", **one["values"], **one["params"]} for one in self.nearest
        ]


def view(
    parameter: str | None,
    second: str | None,
    base: Trial | Mapping[str, Any] | int | None,
    points: int | None,
    paths: int,
    seed: int | None,
) -> dict[str, Any]:
    """What the server is asked. Raises InvalidQuery for a base that is none."""
    query: dict[str, Any] = {
        "parameter": parameter,
        "second": second,
        "points": points,
        "paths": paths or None,
        "seed": seed,
    }
    match base:
        case None:
            return query
        case Mapping():
            return query | {"params": wire.encode(dict(base)).decode()}
    number = base if isinstance(base, int) and not isinstance(base, bool) else getattr(base, "number", None)
    if number is None:
        raise InvalidQuery(f"base: expected a trial, its number, or params, got {base!r}")
    return query | {"base": number}


def _slice_rows(shown: Mapping[str, Any]) -> Rows:
    step = -(-len(shown["x"]) // MOST_ROWS)
    return [
        {
            shown["parameter"]: x,
            **{
                metric: spell(Belief(**{name: row[place] for name, row in curve["belief"].items()}))
                for metric, curve in shown["metrics"].items()
            },
        }
        for place, x in enumerate(shown["x"])
        if place % step == 0
    ]


def _contour_rows(shown: Mapping[str, Any]) -> Rows:
    """The means of the first objective, every third or so."""
    metric, surface = next(iter(shown["metrics"].items()))
    columns, rows = (range(0, len(shown[axis]), -(-len(shown[axis]) // 9)) for axis in ("x", "y"))
    return [
        {
            f"mean {metric} at {shown['second']}": shown["y"][row],
            **{
                f"{shown['parameter']}={shown['x'][column]:.3g}"
                if isinstance(shown["x"][column], float)
                else f"{shown['parameter']}={shown['x'][column]}": surface["mean"][row][column]
                for column in columns
            },
        }
        for row in rows
    ]
