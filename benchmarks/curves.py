"""Pictures of what was reached after how many trials: a median per optimizer, and a band between the quartiles."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.comparison import OURS, rows
from benchmarks.recorded import Row
from benchmarks.studies import Record
from benchmarks.tasks import Task, task

Array = np.ndarray[Any, np.dtype[np.float64]]

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 596, 34, 360
"""The edges of the plot in the picture; names stand to the right of it."""
COLOURS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#7a5195",
    "#8c6d31",
    "#444444",
    "#999999",
)
"""Okabe and Ito's palette, which people of any colour vision can tell apart, and a few more."""
LEAST_REGRET = 1e-6
"""Recorded runs have seven digits: a lower regret is drawn as this."""
_FONT = 'font-family="sans-serif" font-size="12"'
SKIPPED = 3
"""The heights of so many first trials may leave the picture, so that the rest is seen."""


@dataclass(frozen=True)
class Axis:
    """The vertical axis, from its lowest tick to its highest."""

    ticks: tuple[float, ...]
    log: bool

    @classmethod
    def holding(cls, values: Array, *, log: bool) -> Axis:
        """An axis of powers of ten, or of round numbers, that holds the values (n,)."""
        low, high = float(values.min()), float(values.max())
        if log:
            first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
            return cls(tuple(10.0**power for power in range(first, max(last, first + 1) + 1)), log)
        rough = (high - low or abs(high) or 1.0) / 4
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
        count = math.ceil(high / step) - math.floor(low / step)
        return cls(tuple(step * (math.floor(low / step) + place) for place in range(max(count, 1) + 1)), log)

    def height(self, value: float) -> float:
        """Where a value is in the picture; what is beyond the axis is at its end."""
        scale = math.log10 if self.log else float
        low, high = scale(self.ticks[0]), scale(self.ticks[-1])
        place = (scale(value) - low) / (high - low)
        return BOTTOM - min(max(place, 0.0), 1.0) * (BOTTOM - TOP)


def draw(records: Sequence[Record], folder: Path) -> list[Path]:
    """An SVG picture in the folder for each problem of each set."""
    drawn = []
    for (name, problem), group in groupby(records, key=lambda one: (one["set"], one["problem"])):
        drawn.append(folder / f"{name}-{problem}.svg")
        drawn[-1].write_text(picture(task(problem), rows(name, list(group))), encoding="utf-8")
    return drawn


def picture(about: Task, compared: Sequence[Row]) -> str:
    """The SVG: regret on a log scale where the lowest loss is known, else the loss or the hypervolume."""
    log = about.optimum is not None and about.reference is None
    shown = [row for row in compared if row.judged or not row.recorded]
    quartiles = [_quartiles(row, about.optimum if log else None) for row in shown]
    ends = np.concatenate([one[:, SKIPPED:].ravel() for one in quartiles])
    axis = Axis.holding(ends, log=log)
    trials = quartiles[0].shape[1]
    measure = "regret" if log else "hypervolume" if about.reference else "loss"
    names = _apart([axis.height(float(one[1, -1])) for one in quartiles])
    marks = [
        _optimizer(row, one, axis, colour, name)
        for row, one, colour, name in zip(shown, quartiles, _colours(len(shown)), names, strict=True)
    ]
    title = f"{about.name}: {measure}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {_FONT} role="img">',
            f"<title>{escape(title)} after each trial</title>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
            _words(LEFT, 20, f"{title}, medians and quartiles"),
            *(_across(axis.height(tick), f"{tick:.6g}") for tick in axis.ticks),
            *(
                _words(_x(at, trials), BOTTOM + 17, str(at), anchor="middle")
                for at in np.unique(np.linspace(0, trials, 6).round().astype(int)).tolist()
            ),
            _words((LEFT + RIGHT) / 2, BOTTOM + 34, "trials", anchor="middle"),
            *reversed(marks),
            "</svg>\n",
        ]
    )


def _quartiles(row: Row, optimum: float | None) -> Array:
    """The quartiles, median between, over the seeds. -> (3, n)"""
    curves = np.array(list(row.curves.values()))
    if optimum is not None:
        curves = np.maximum(curves - optimum, LEAST_REGRET)
    return np.asarray(np.quantile(curves, [0.25, 0.5, 0.75], axis=0))


def _optimizer(row: Row, quartiles: Array, axis: Axis, colour: str, name: float) -> str:
    """Band, median and name of one optimizer. What is recorded is dashed; ours stands out."""
    low, middle, high = (_points(one, axis) for one in quartiles)
    ours = row.name == OURS and not row.recorded
    dashes = ' stroke-dasharray="5 3"' if row.recorded else ""
    words = _words(RIGHT + 8, name + 4, row.name if row.recorded else f"{row.name} (ours)", colour=colour)
    return (
        f'<polygon points="{" ".join([*low, *reversed(high)])}" fill="{colour}" opacity="{0.2 if ours else 0.06}"/>'
        f'<polyline points="{" ".join(middle)}" fill="none" stroke="{colour}" '
        f'stroke-width="{2.6 if ours else 1.3}"{dashes}/>{words}'
    )


def _points(values: Array, axis: Axis) -> list[str]:
    return [f"{_x(at, len(values)):.1f},{axis.height(float(one)):.1f}" for at, one in enumerate(values, start=1)]


def _x(trial: int, trials: int) -> float:
    return LEFT + trial / trials * (RIGHT - LEFT)


def _across(height: float, label: str) -> str:
    line = f'<line x1="{LEFT}" x2="{RIGHT}" y1="{height:.1f}" y2="{height:.1f}" stroke="#ddd"/>'
    return line + _words(LEFT - 6, height + 4, label, anchor="end")


def _words(x: float, y: float, words: str, *, anchor: str = "start", colour: str = "#222") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(words)}</text>'


def _colours(count: int) -> Iterable[str]:
    return (COLOURS[place % len(COLOURS)] for place in range(count))


def _apart(heights: Sequence[float], least: float = 14.0) -> list[float]:
    """The heights of names, in the order that came, moved down until none covers another, and up where they sink."""
    order = np.argsort(heights, kind="stable")
    placed = np.array(heights, float)
    for above, below in pairwise(order):
        placed[below] = max(placed[below], placed[above] + least)
    return [float(one) for one in placed - max(float(placed.max()) - BOTTOM, 0.0)]
