"""The trade-off: one point per trial over two objectives, and the front as a line that nothing lies beyond."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from trimtab_service.dashboard.figures.frame import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Frame
from trimtab_service.dashboard.figures.marks import Mark, circle, cloud
from trimtab_service.dashboard.figures.svg import path, tag


def trade_off(
    frame: Frame, others: Sequence[Mark], front: Sequence[Mark], *, better: tuple[bool, bool] | None, says: str
) -> Markup:
    """The chart. better: whether up is better on x and on y, for the line of the front; None leaves the line out."""
    marks = [cloud(frame, others)]
    if better is not None and front:
        marks.append(tag("path", class_="front-line", d=path(staircase(frame, front, better))))
        marks.append(_arrow(better))
    marks += [circle(frame, mark, "on-front", 4.5) for mark in front if frame.holds(mark.x, mark.y)]
    return frame.draw(*marks, says=says)


def staircase(frame: Frame, front: Sequence[Mark], better: tuple[bool, bool]) -> list[tuple[float, float]]:
    """The corners, in the picture's units, of the border of what the front beats: from edge to edge of the chart."""
    up_x, up_y = better
    corners: list[tuple[float, float]] = []
    for mark in sorted(front, key=lambda mark: (mark.x, mark.y)):
        x, y = frame.at(mark.x, mark.y)
        if corners:
            last_x, last_y = corners[-1]
            # the corner has the worse of both: on the picture, y grows downwards
            corner = (min(last_x, x) if up_x else max(last_x, x), max(last_y, y) if up_y else min(last_y, y))
            corners += [corner, (x, y)]
        else:
            corners.append((x, y))
    worst_x = LEFT if up_x else WIDTH - RIGHT
    worst_y = HEIGHT - BOTTOM if up_y else TOP
    toward_y = (corners[-1] if up_x else corners[0])[0], worst_y
    toward_x = worst_x, (corners[0] if up_x else corners[-1])[1]
    return [toward_x, *corners, toward_y] if up_x else [toward_y, *corners, toward_x]


def _arrow(better: tuple[bool, bool]) -> Markup:
    """The word "better" and which way that is, above the chart, where no point lies."""
    up_x, up_y = better
    words = ("better ", "↗" if up_y else "↘") if up_x else ("↖" if up_y else "↙", " better")
    return tag(
        "text",
        "".join(words),
        class_="hint",
        x=WIDTH - RIGHT,
        y=16,
        text_anchor="end",
        aria_hidden="true",
    )
