"""Writes SVG elements as text. All that goes in is escaped; nothing here carries a style attribute or a script."""

from __future__ import annotations

from markupsafe import Markup, escape

Attribute = str | float | None


def tag(name: str, *children: str, **attributes: Attribute) -> Markup:
    """One element. class_ is class, text_anchor is text-anchor; None leaves an attribute out."""
    written = Markup("").join(
        Markup(' {}="{}"').format(_name(key), _text(value)) for key, value in attributes.items() if value is not None
    )
    inner = Markup("").join(escape(child) for child in children)
    if not children:
        return Markup("<{}{}/>").format(name, written)
    return Markup("<{}{}>{}</{}>").format(name, written, inner, name)


def picture(*children: str, width: float, height: float, says: str, **attributes: Attribute) -> Markup:
    """A whole picture that scales with its box. says: what a screen reader reads instead."""
    return tag(
        "svg",
        *children,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label=says,
        **attributes,
    )


def path(points: list[tuple[float, float]]) -> str:
    """The d of a path through the points."""
    return "M" + "L".join(f"{_text(x)} {_text(y)}" for x, y in points)


def dots(points: list[tuple[float, float]]) -> str:
    """The d of a path that draws a dot at each point, given round line caps: a tenth of the text of circles."""
    return "".join(f"M{_text(x)} {_text(y)}h0" for x, y in points)


def _name(key: str) -> str:
    return key.rstrip("_") if key.endswith("_") else key.replace("_", "-")


def _text(value: Attribute) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
