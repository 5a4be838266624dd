"""Draws what the demo found: the fronts and the growth of their hypervolume as SVG, and a page that shows both.

Knows no library: text in, text out. Colours follow the reader's light or dark setting; nothing is fetched.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", sans-serif'
STYLE = f"""
:root {{ --paper: #fbfaf7; --ink: #1a1e22; --soft: #5a626a; --rule: #e5e3dc; --axis: #c8c6bd;
  --gp: #17646f; --random: #a9541a; --grid: #7d59a8; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --paper: #13171a; --ink: #e4e8e9; --soft: #9aa4ab; --rule: #2a3136; --axis: #465057;
    --gp: #63bfcb; --random: #e39a5c; --grid: #b396da; }}
}}
svg {{ font-family: {FONT}; font-variant-numeric: tabular-nums; }}
svg .paper {{ fill: var(--paper); }}
svg text {{ fill: var(--soft); font-size: 13px; }}
svg .head {{ fill: var(--ink); font-size: 21px; font-weight: 650; letter-spacing: -0.01em; }}
svg .name {{ fill: var(--ink); font-weight: 600; }}
svg .rule {{ stroke: var(--rule); }}
svg .axis {{ stroke: var(--axis); }}
svg .limit {{ stroke: var(--soft); stroke-dasharray: 2 4; }}
svg .note {{ fill: var(--ink); }}
svg .halo {{ stroke: var(--paper); stroke-width: 4; stroke-linejoin: round; paint-order: stroke; }}
svg .steps {{ fill: none; stroke-width: 1.75; stroke-linejoin: round; }}
svg .gp {{ --colour: var(--gp); }} svg .random {{ --colour: var(--random); }} svg .grid {{ --colour: var(--grid); }}
svg .gp .steps {{ stroke-width: 2.75; }}
svg .steps {{ stroke: var(--colour); }}
svg .area {{ fill: var(--colour); opacity: 0.07; }}
svg .dot {{ fill: var(--colour); opacity: 0.32; }}
svg .best {{ fill: var(--colour); stroke: var(--paper); stroke-width: 1.5; }}
svg .ring {{ fill: none; stroke: var(--ink); stroke-width: 1.5; }}
"""
WIDTH, NARROW, LEFT, EDGE = 960, 390, 64, 18
"""Pixels: the figure's width, that on a phone, and where the data begin and end."""


@dataclass(frozen=True)
class Point:
    """One trained model."""

    number: int
    accuracy: float
    size_bytes: float
    label: str
    on_front: bool


@dataclass(frozen=True)
class Run:
    """What one algorithm found. kind: its class of colour; growth: hypervolume after 1, 2, … trials."""

    kind: str
    name: str
    points: tuple[Point, ...]
    hypervolume: float
    growth: tuple[float, ...]

    @property
    def front(self) -> list[Point]:
        """The points that no other dominates, smallest first."""
        return sorted((point for point in self.points if point.on_front), key=lambda point: point.size_bytes)


@dataclass(frozen=True)
class Scale:
    """Data to pixels: straight after a transform. low, high: data; start, end: pixels."""

    low: float
    high: float
    start: float
    end: float
    transform: Callable[[float], float] = float

    def __call__(self, value: float) -> float:
        low, high, here = self.transform(self.low), self.transform(self.high), self.transform(value)
        return round(self.start + (self.end - self.start) * (here - low) / (high - low), 1)


def nines(accuracy: float) -> float:
    """Accuracy as it is drawn: by the logarithm of the error rate, so that 98 to 99 % is as far as 80 to 90 %."""
    return -math.log10(max(1 - accuracy, 0.004))


def size(count: float) -> str:
    """Bytes for people, three digits, in units of 1,000."""
    for unit, name in ((1e6, "MB"), (1e3, "kB")):
        if count >= unit:
            return f"{float(f'{count / unit:.3g}'):g} {name}"
    return f"{count:g} B"


def best_within(points: Sequence[Point], limit: float) -> Point | None:
    """The most accurate point of at most so many bytes; the smaller of equals."""
    return max(
        (point for point in points if point.size_bytes <= limit),
        key=lambda point: (point.accuracy, -point.size_bytes),
        default=None,
    )


def front_svg(
    runs: Sequence[Run], limit: float, *, subtitle: str = "", alone: bool = True, width: int = WIDTH
) -> str:
    """All trials and the three fronts, accuracy over size. alone: a file with its legend, else part of a page."""
    top, bottom = (112, 548) if alone else (56, 476 if width == WIDTH else 396)
    height = bottom + 52
    sizes = [limit, *(point.size_bytes for run in runs for point in run.points)]
    across = Scale(min(sizes) / 1.25, max(sizes) * 1.25, LEFT, width - EDGE, math.log10)
    digits = (1, 2, 5) if width == WIDTH else (1, 3)
    up = Scale(-0.06, 0.992, bottom, top, nines)
    parts = [
        *_ticks_up(up, across, [(rate, f"{rate:.0%}") for rate in (0.1, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99)]),
        *_ticks_across(across, [(tick, size(tick)) for tick in _sizes(across.low, across.high, digits)], bottom),
        f'<text x="{EDGE}" y="{top - (9 if alone else 34)}">accuracy, spaced by the logarithm of the error</text>',
        f'<text x="{width - EDGE}" y="{height - 10}" text-anchor="end">size of the weights</text>',
        f'<line class="limit" x1="{across(limit)}" x2="{across(limit)}" y1="{top}" y2="{bottom}"/>',
        f'<text x="{across(limit)}" y="{top - 9}" text-anchor="middle">{size(limit)}</text>',
    ]
    for run in reversed(runs):  # the first one lies on top
        steps = _steps(run.front, across, up)
        parts.append(f'<g class="{run.kind}">')
        if run is runs[0] and steps:
            parts.append(f'<path class="area" d="{steps} V{bottom} Z"/>')
        parts += [_dot(run.kind, point, across, up) for point in run.points if not point.on_front]
        if steps:
            parts.append(f'<path class="steps" d="{steps}"/>')
        parts += [_dot(run.kind, point, across, up) for point in run.front] + ["</g>"]
    parts += _callout(best_within(runs[0].points, limit), limit, across, up)
    if alone:
        parts += [*_titles("Accuracy against size", subtitle), *_legend(runs)]
    return _svg(width, height, "Accuracy against size", parts, alone=alone)


def growth_svg(runs: Sequence[Run], *, width: int = WIDTH) -> str:
    """Hypervolume of each algorithm after each of its trials, as a part of a page."""
    height, top, bottom = 274, 18, 230
    trials = max(len(run.growth) for run in runs)
    ceiling = max((run.hypervolume for run in runs), default=0) * 1.06 or 1.0
    floor = _floor(runs)
    room = 118 if width == WIDTH else 84
    across, up = Scale(1, max(trials, 2), LEFT, width - EDGE - room), Scale(floor, ceiling, bottom, top)
    every = 10 if trials >= 20 else 2
    parts = [
        *_ticks_up(up, across, _even(floor, ceiling)),
        *_ticks_across(across, [(n, str(n)) for n in (1, *range(every, trials + 1, every))], bottom),
        f'<text x="{across.end}" y="{height - 8}" text-anchor="end">trials</text>',
    ]
    ends = _spread([up(max(run.growth[-1], floor)) if run.growth else bottom for run in runs], 18)
    for run, end in reversed(list(zip(runs, ends, strict=True))):
        if run.growth:
            path = " ".join(
                f"{'H' if n else 'M'}{across(n + 1)}{' V' if n else ' '}{up(max(volume, floor))}"
                for n, volume in enumerate(run.growth)
            )
            parts.append(f'<g class="{run.kind}"><path class="steps" d="{path}"/></g>')
            parts.append(
                f'<text x="{across.end + 10}" y="{end + 4.5:.1f}">'
                f'<tspan class="name" style="fill: var(--{run.kind})">{escape(run.name)}</tspan> '
                + (f"{run.growth[-1]:.3f}</text>" if width == WIDTH else "</text>")
            )
    return _svg(width, height, "Hypervolume after each trial", parts, alone=False)


def mark_svg(kind: str) -> str:
    """The mark of an algorithm for a line of text."""
    mark = _mark(kind, 7, 7, 5.5, "best")
    return f'<svg class="mark" viewBox="0 0 14 14" aria-hidden="true"><g class="{kind}">{mark}</g></svg>'


def _svg(width: int, height: int, title: str, parts: Sequence[str], *, alone: bool) -> str:
    """The figure. Within a page its margins are cut off, so that it lines up with the text around it."""
    name = 'xmlns="http://www.w3.org/2000/svg" ' if alone else f'class="{"wide" if width == WIDTH else "narrow"}" '
    box = f"0 0 {width} {height}" if alone else f"{EDGE} 0 {width - 2 * EDGE} {height}"
    return "\n".join(
        [
            f'<svg {name}viewBox="{box}" role="img" aria-label="{escape(title)}">',
            f"<style>{STYLE}</style>" if alone else "",
            f'<rect class="paper" width="{width}" height="{height}"/>',
            *parts,
            "</svg>",
        ]
    )


def _titles(title: str, subtitle: str) -> list[str]:
    return [
        f'<text class="head" x="{EDGE}" y="34">{escape(title)}</text>',
        f'<text x="{EDGE}" y="56">{escape(subtitle)}</text>',
    ]


def _legend(runs: Sequence[Run]) -> list[str]:
    """One column per algorithm: its mark and name, and below them its hypervolume."""
    column = 104
    left = WIDTH - EDGE - column * len(runs) + 16
    parts = [f'<text x="{left - 14}" y="56" text-anchor="end">hypervolume</text>']
    for place, run in enumerate(runs):
        x = left + column * place
        parts.append(
            f'<g class="{run.kind}">{_mark(run.kind, x + 6, 29.5, 5.5, "best")}</g>'
            f'<text class="name" x="{x + 18}" y="34">{escape(run.name)}</text>'
            f'<text x="{x + 18}" y="56">{run.hypervolume:.3f}</text>'
        )
    return parts


def _mark(kind: str, x: float, y: float, r: float, name: str) -> str:
    """Algorithms differ by shape as well as by colour."""
    match kind:
        case "random":
            return (
                f'<path class="{name}" d="M{x:.1f} {y - 1.2 * r:.1f} l{1.1 * r:.1f} {2 * r:.1f} h{-2.2 * r:.1f} z"/>'
            )
        case "grid":
            corner = f'x="{x - 0.85 * r:.1f}" y="{y - 0.85 * r:.1f}"'
            return f'<rect class="{name}" {corner} width="{1.7 * r:.1f}" height="{1.7 * r:.1f}"/>'
    return f'<circle class="{name}" cx="{x:.1f}" cy="{y:.1f}" r="{r}"/>'


def _dot(kind: str, point: Point, across: Scale, up: Scale) -> str:
    r, name = (5, "best") if point.on_front else (3.5, "dot")
    mark = _mark(kind, across(point.size_bytes), up(point.accuracy), r, name)
    return f"<g>{mark}<title>{escape(point.label)}</title></g>"


def _steps(front: Sequence[Point], across: Scale, up: Scale) -> str:
    """The staircase: from a point the same accuracy holds for every larger size, up to the next point."""
    if not front:
        return ""
    path = f"M{across(front[0].size_bytes)} {up.start}"
    for point in front:
        path += f" H{across(point.size_bytes)} V{up(point.accuracy)}"
    return f"{path} H{across.end}"


def _callout(point: Point | None, limit: float, across: Scale, up: Scale) -> list[str]:
    if point is None:
        return []
    x, y = across(point.size_bytes), up(point.accuracy)
    left = x >= LEFT + 140
    here = f'x="{x - 15}" text-anchor="end"' if left else f'x="{x + 2}"'
    y -= 0 if left else 16  # on the right the front may lie higher
    return [
        f'<circle class="ring" cx="{x}" cy="{up(point.accuracy)}" r="9.5"/>',
        f'<text class="note halo" {here} y="{y - 29}">{_strong(point)} in {size(point.size_bytes)}</text>',
        f'<text class="halo" {here} y="{y - 12}">best under {size(limit)}</text>',
    ]


def _floor(runs: Sequence[Run]) -> float:
    """Where the axis of hypervolume starts: what every run has after a quarter of its trials, rounded down."""
    early = [run.growth[len(run.growth) // 4] for run in runs if run.growth]
    return math.floor(min(early, default=0) * 4 * 0.999) / 4


def _even(low: float, high: float) -> list[tuple[float, str]]:
    """Ticks at 1, 2 or 5 times a power of ten, three to eight of them."""
    step = next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0) if (high - low) / step <= 8)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step)
    return [(place * step, f"{place * step:.2f}") for place in range(first, last + 1)]


def _strong(point: Point) -> str:
    return f'<tspan class="name">{point.accuracy:.1%}</tspan>'


def _sizes(low: float, high: float, digits: Sequence[int]) -> list[float]:
    """The digits times powers of ten within the limits."""
    ticks = [digit * 10.0**power for power in range(9) for digit in digits]
    return [tick for tick in ticks if low <= tick <= high]


def _ticks_up(up: Scale, across: Scale, ticks: Sequence[tuple[float, str]]) -> list[str]:
    return [
        f'<line class="rule" x1="{LEFT}" x2="{across.end}" y1="{up(value)}" y2="{up(value)}"/>'
        f'<text x="{LEFT - 10}" y="{up(value) + 4.5}" text-anchor="end">{text}</text>'
        for value, text in ticks
    ]


def _ticks_across(across: Scale, ticks: Sequence[tuple[float, str]], bottom: int) -> list[str]:
    return [f'<line class="axis" x1="{LEFT}" x2="{across.end}" y1="{bottom}" y2="{bottom}"/>'] + [
        f'<line class="axis" x1="{across(value)}" x2="{across(value)}" y1="{bottom}" y2="{bottom + 5}"/>'
        f'<text x="{across(value)}" y="{bottom + 21}" text-anchor="middle">{text}</text>'
        for value, text in ticks
    ]


def _spread(places: Sequence[float], apart: float) -> list[float]:
    """The places, moved so that none is closer than apart to another; order and middle stay about the same."""
    order = sorted(range(len(places)), key=lambda index: places[index])
    moved = list(places)
    for before, after in itertools.pairwise(order):
        moved[after] = max(moved[after], moved[before] + apart)
    return moved
