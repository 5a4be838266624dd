"""Points of a chart: one circle per trial with a hover text, or one path for a great many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from trimtab_service.dashboard.figures.frame import Frame
from trimtab_service.dashboard.figures.svg import dots, tag

MOST_HOVERS = 300
"""Beyond so many points off the front, these are drawn as one path without hover texts."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A trial on the chart, and the text that shows when the pointer rests on it."""

    x: float
    y: float
    text: str


def cloud(frame: Frame, others: Sequence[Mark]) -> Markup:
    """The points off the front, as far as they lie within the frame."""
    inside = [mark for mark in others if frame.holds(mark.x, mark.y)]
    if len(inside) > MOST_HOVERS:
        return tag("path", class_="cloud", d=dots([frame.at(mark.x, mark.y) for mark in inside]))
    return tag("g", *(circle(frame, mark, "off-front", 3.5) for mark in inside))


def circle(frame: Frame, mark: Mark, kind: str, radius: float) -> Markup:
    """One point with its hover text. kind: its class."""
    x, y = frame.at(mark.x, mark.y)
    return tag("circle", tag("title", mark.text), class_=kind, cx=x, cy=y, r=radius)
