"""The frame of a chart: two axes, their ticks and names, and where a point falls between them.

The picture is small in its own units, and text keeps its size on a phone through the style sheet.
"""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from trimtab_service.dashboard.figures.axis import Axis
from trimtab_service.dashboard.figures.svg import Attribute, picture, tag

WIDTH, HEIGHT = 520.0, 340.0
LEFT, RIGHT, TOP, BOTTOM = 62.0, 16.0, 34.0, 56.0


@dataclass(frozen=True, slots=True)
class Frame:
    """A chart's axes. x_name, y_name: what is written on them."""

    x: Axis
    y: Axis
    x_name: str
    y_name: str

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a point falls, in the picture's units."""
        across = LEFT + self.x.place(x) * (WIDTH - LEFT - RIGHT)
        down = HEIGHT - BOTTOM - self.y.place(y) * (HEIGHT - TOP - BOTTOM)
        return across, down

    def holds(self, x: float, y: float) -> bool:
        """Whether a point lies within the chart."""
        return self.x.holds(x) and self.y.holds(y)

    def draw(self, *marks: str, says: str, **attributes: Attribute) -> Markup:
        """The chart with these marks on it."""
        return picture(
            self._grid(),
            tag("g", *marks, class_="marks") if marks else Markup(""),
            self._names(),
            width=WIDTH,
            height=HEIGHT,
            says=says,
            **{"class_": "chart", **attributes},
        )

    def _grid(self) -> Markup:
        floor, right = HEIGHT - BOTTOM, WIDTH - RIGHT
        lines: list[Markup] = []
        for value, text in self.y.ticks():
            down = floor - self.y.place(value) * (floor - TOP)
            lines.append(tag("line", class_="grid", x1=LEFT, y1=down, x2=right, y2=down))
            lines.append(tag("text", text, class_="tick", x=LEFT - 8, y=down, dy="0.35em", text_anchor="end"))
        for value, text in self.x.ticks(5):
            across = LEFT + self.x.place(value) * (right - LEFT)
            lines.append(tag("line", class_="stub", x1=across, y1=floor, x2=across, y2=floor + 4))
            lines.append(tag("text", text, class_="tick", x=across, y=floor + 8, dy="0.8em", text_anchor="middle"))
        lines.append(tag("line", class_="base", x1=LEFT, y1=floor, x2=right, y2=floor))
        return tag("g", *lines, aria_hidden="true")

    def _names(self) -> Markup:
        return tag(
            "g",
            tag("text", self.y_name, class_="axis", x=4, y=16),
            tag("text", self.x_name, class_="axis", x=WIDTH - RIGHT, y=HEIGHT - 8, text_anchor="end"),
            aria_hidden="true",
        )
