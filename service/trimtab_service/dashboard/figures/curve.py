"""How a metric went while one trial was trained: a line through what was reported."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from trimtab_service.dashboard.figures.frame import Frame
from trimtab_service.dashboard.figures.marks import Mark, circle
from trimtab_service.dashboard.figures.svg import path, tag

MOST_DOTS = 60
"""Beyond so many reports, none is marked with a dot of its own."""


def curve(frame: Frame, points: Sequence[Mark], *, says: str) -> Markup:
    """The chart of at least one point, in their order."""
    marks = [tag("path", class_="step-line", d=path([frame.at(one.x, one.y) for one in points]))]
    if len(points) <= MOST_DOTS:
        marks += [circle(frame, one, "on-front", 3.5) for one in points]
    return frame.draw(*marks, says=says)
