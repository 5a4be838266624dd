"""How the best value, or the hypervolume, grew from trial to trial: a line of steps."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from trimtab_service.dashboard.figures.frame import HEIGHT, Frame
from trimtab_service.dashboard.figures.marks import Mark, circle, cloud
from trimtab_service.dashboard.figures.svg import path, tag

MOST_KNEES = 60
"""Beyond so many steps, none is marked with a dot of its own."""


def so_far(frame: Frame, steps: Sequence[Mark], last: float, others: Sequence[Mark], *, says: str) -> Markup:
    """The chart. steps: where the value changed, by x; last: the x that the line goes on to; others: each trial's."""
    marks = [cloud(frame, others)]
    if steps:
        marks.append(tag("path", class_="step-line", d=path(_stairs(frame, steps, last))))
    if len(steps) <= MOST_KNEES:
        marks += [circle(frame, step, "on-front", 4.0) for step in steps if frame.holds(step.x, step.y)]
    return frame.draw(*marks, says=says)


def _stairs(frame: Frame, steps: Sequence[Mark], last: float) -> list[tuple[float, float]]:
    """The corners of the line, in the picture's units, kept within it."""
    corners: list[tuple[float, float]] = []
    for step in steps:
        x, y = frame.at(step.x, step.y)
        y = min(max(y, -HEIGHT), 2 * HEIGHT)
        if corners:
            corners.append((x, corners[-1][1]))
        corners.append((x, y))
    corners.append((frame.at(last, steps[-1].y)[0], corners[-1][1]))
    return corners
