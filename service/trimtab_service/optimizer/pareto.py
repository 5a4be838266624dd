"""Fronts, hypervolume and the boxes that the region not yet dominated falls into. Every objective is minimised.

losses: (n, m) of n trials and m objectives.  front: (k, m), losses that no others dominate.
reference: (m,), the worst losses worth having: hypervolume is the volume dominated by the front within it.
"""

from __future__ import annotations

import math
from bisect import bisect_right

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trimtab_service.optimizer.encoding import Floats

__all__ = ["Boxes", "hypervolume", "infer_reference", "knee", "non_dominated", "open_boxes", "thin"]

Boxes = tuple[Floats, Floats]
"""Lower and upper corners of boxes, each (b, m); a lower corner may be -inf."""

_LARGEST = float(np.finfo(float).max)
_LARGE = 1e75
"""Losses beyond this are scaled down before differences of up to four objectives are multiplied."""

_STRAIGHT = 1e-9
"""A bulge smaller than this share of the front's range is round-off."""

_Box = tuple[tuple[float, float], ...]


def non_dominated(losses: ArrayLike) -> NDArray[np.bool_]:
    """Which rows no other row dominates: no worse in all and better in one. Equal rows all stay. -> (n,)"""
    values = np.asarray(losses, dtype=float)
    if len(values) == 0:
        return np.zeros(0, dtype=bool)
    order = np.lexsort(values.T[::-1])  # a row can only be dominated by one that sorts before it
    rows = values[order]
    first = np.append(True, np.any(rows[1:] != rows[:-1], axis=1))  # of equal rows, which stand or fall together
    left, place = np.flatnonzero(first), 0
    if values.shape[1] <= 2:  # then the least of the last objective so far tells
        last = rows[left, -1]
        left = left[np.append(True, last[1:] < np.minimum.accumulate(last)[:-1])]
        place = len(left)
    others = rows[left, 1:].T.copy()  # by the first objective they are sorted
    while place < len(left):
        dominated = np.all(others[:, place + 1 :] >= others[:, place, None], axis=0)
        place += 1
        if dominated.any():
            kept = np.append(np.ones(place, dtype=bool), ~dominated)
            left, others = left[kept], others[:, kept]
    front = np.zeros(len(values), dtype=bool)
    front[order] = np.isin(np.maximum.accumulate(np.where(first, np.arange(len(rows)), 0)), left)
    return front


def infer_reference(losses: ArrayLike) -> Floats:
    """A reference when none is given: the front's worst losses plus 10 % of its range (Ishibuchi et al. 2011).

    An objective in which the front has no range takes 10 % of the range of all losses, or of their size. Always
    finite. -> (m,)
    """
    values = np.asarray(losses, dtype=float)
    front = values[non_dominated(values)]
    nadir = front.max(axis=0)
    with np.errstate(over="ignore"):  # what overflows is cut to the largest float
        spread = nadir - front.min(axis=0)
        spread = np.where(spread > 0, spread, values.max(axis=0) - values.min(axis=0))
        spread = np.where(spread > 0, spread, np.maximum(np.abs(nadir), 1.0))
        reference: Floats = np.minimum(nadir + 0.1 * np.minimum(spread, _LARGEST), _LARGEST)
    return reference


def hypervolume(losses: ArrayLike, reference: ArrayLike) -> float:
    """The volume dominated by the losses within the reference, exactly, for 1 to 4 objectives; inf beyond floats.

    Raises ValueError when there are more objectives, or another number of them than the reference has.
    """
    corner = np.asarray(reference, dtype=float)
    values = np.asarray(losses, dtype=float).reshape(-1, len(corner))
    if not 1 <= len(corner) <= 4:
        raise ValueError(f"hypervolume takes 1 to 4 objectives, got {len(corner)}")
    values = values[np.all(values < corner, axis=1)]
    values = np.unique(values[non_dominated(values)], axis=0)
    sizes = np.max(np.abs(np.vstack([values, corner])), axis=0)
    # powers of two, so that nothing is rounded
    units = np.where(sizes > _LARGE, 2.0 ** (np.frexp(sizes)[1] - 1.0), 1.0)
    volume = _volume([tuple(row) for row in (values / units).tolist()], tuple((corner / units).tolist()))
    return math.prod(units.tolist(), start=volume)


def _volume(points: list[tuple[float, ...]], corner: tuple[float, ...]) -> float:
    """Slices along the last objective; at two objectives (or fewer) a staircase."""
    if not points:
        return 0.0
    if len(corner) == 1:
        return corner[0] - min(point[0] for point in points)
    points = sorted(points, key=lambda point: point[-1])
    if len(corner) <= 3:
        return _sweep(points, corner)
    total = 0.0
    for place, point in enumerate(points):
        above = points[place + 1][-1] if place + 1 < len(points) else corner[-1]
        if above > point[-1]:
            total += (above - point[-1]) * _volume([other[:-1] for other in points[: place + 1]], corner[:-1])
    return total


def _sweep(points: list[tuple[float, ...]], corner: tuple[float, ...]) -> float:
    """Volume for 2 or 3 objectives. points: sorted by the last objective.

    Sweeps along the last objective and keeps the staircase of the first two (at 2 objectives: of the first, in 1-d).
    """
    if len(corner) == 2:
        total, lowest = 0.0, corner[0]
        for first, second in points:
            if first < lowest:
                total += (lowest - first) * (corner[1] - second)
                lowest = first
        return total
    xs: list[float] = []  # ascending
    ys: list[float] = []  # descending
    total = area = 0.0
    height = points[0][2]
    for x, y, z in points:
        total += area * (z - height)
        height = z
        area += _add_step(xs, ys, x, y, corner)
    return total + area * (corner[2] - height)


def _add_step(xs: list[float], ys: list[float], x: float, y: float, corner: tuple[float, ...]) -> float:
    """Put (x, y) into the staircase, drop what it dominates, and give the area gained."""
    place = bisect_right(xs, x)
    roof = ys[place - 1] if place else corner[1]
    if y >= roof:
        return 0.0
    end, gained, left = place, 0.0, x
    while end < len(xs) and ys[end] >= y:
        gained += (xs[end] - left) * (roof - y)
        left, roof = xs[end], ys[end]
        end += 1
    gained += ((xs[end] if end < len(xs) else corner[0]) - left) * (roof - y)
    xs[place:end], ys[place:end] = [x], [y]  # a step at the same x is left with no width
    return gained


def open_boxes(front: ArrayLike, reference: ArrayLike) -> Boxes:
    """Disjoint boxes that fill the region below the reference that the front does not dominate.

    Sorted strips at two objectives; at three and four, slices along the last objective in which a box that stays the
    same from slice to slice is kept in one piece.
    """
    corner = np.asarray(reference, dtype=float)
    values = np.asarray(front, dtype=float).reshape(-1, len(corner))
    values = values[np.all(values < corner, axis=1)]
    values = values[non_dominated(values)]
    boxes = sorted(_boxes([tuple(row) for row in values.tolist()], tuple(corner.tolist())))
    edges = np.array(boxes, dtype=float).reshape(len(boxes), len(corner), 2)
    return edges[:, :, 0], edges[:, :, 1]


def _boxes(points: list[tuple[float, ...]], corner: tuple[float, ...]) -> list[_Box]:
    if len(corner) == 1:
        return [((-np.inf, min([point[0] for point in points] + [corner[0]])),)]
    points = sorted(points, key=lambda point: point[-1])
    if len(corner) == 3:
        return _swept(points, corner)
    done: list[_Box] = []
    begun: dict[_Box, float] = dict.fromkeys(_boxes([], corner[:-1]), -np.inf)
    place = 0
    while place < len(points):
        height = points[place][-1]
        while place < len(points) and points[place][-1] == height:
            place += 1
        here = _boxes([point[:-1] for point in points[:place]], corner[:-1])
        kept = set(here)
        done += [(*box, (start, height)) for box, start in begun.items() if box not in kept]
        begun = {box: begun.get(box, height) for box in here}
    done += [(*box, (start, corner[-1])) for box, start in begun.items()]
    return done


def _swept(points: list[tuple[float, ...]], corner: tuple[float, ...]) -> list[_Box]:
    """The boxes at three objectives, from the staircase of the first two that is swept along the third.

    A stair reaches from its x to the next one's, below its y; a point cuts only those stairs that it changes. points:
    sorted by the third objective.
    """
    xs, ys, begun = [-math.inf], [corner[1]], [-math.inf]
    done: list[_Box] = []

    def close(first: int, last: int, height: float) -> None:
        ends = [*xs[first + 1 : last + 1], corner[0]]
        stairs = zip(xs[first:last], ends, ys[first:last], begun[first:last], strict=False)
        done.extend(((x, end), (-math.inf, y), (start, height)) for x, end, y, start in stairs if start < height)

    for x, y, z in points:
        first = bisect_right(xs, x) - 1
        if y >= ys[first]:
            continue
        last = first + 1
        while last < len(xs) and ys[last] >= y:
            last += 1
        close(first, last, z)
        left = [xs[first]] if xs[first] < x else []  # what the point leaves of the stair that it lies on
        xs[first:last], ys[first:last] = [*left, x], [*ys[first : first + len(left)], y]
        begun[first:last] = [z] * (len(left) + 1)
    close(0, len(xs), corner[2])
    return done


def thin(front: Floats, most: int) -> Floats:
    """At most so many points of a front: the best in each objective, then each time the farthest from those kept.

    Distances are taken in units of the front's range.
    """
    if len(front) <= most:
        return front
    spread = np.ptp(front, axis=0)
    scaled = (front - front.min(axis=0)) / np.where(spread > 0, spread, 1.0)
    kept = list(dict.fromkeys(int(place) for place in np.argmin(scaled, axis=0)))[:most]
    distance = np.min([np.sum((scaled - scaled[place]) ** 2, axis=1) for place in kept], axis=0)
    while len(kept) < most:
        kept.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.sum((scaled - scaled[kept[-1]]) ** 2, axis=1))
    thinned: Floats = front[np.sort(kept)]
    return thinned


def knee(losses: ArrayLike, weights: ArrayLike | None = None) -> int | None:
    """The row farthest before the hyperplane through the best rows of each objective; None where there is none.

    Beyond it a little more of one costs much of another. Das 1999, On characterizing the "knee" of the Pareto curve;
    in units of the front's range. A front that is straight or bends the other way has no knee, nor has one objective.
    weights: (m,), above 0, how much each objective matters: they turn the hyperplane.
    """
    values = np.asarray(losses, dtype=float)
    front = np.flatnonzero(non_dominated(values))
    objectives = values.shape[1]
    if objectives < 2 or len(front) < 3:
        return None
    scaled = values[front] / np.maximum(np.abs(values[front]).max(axis=0), math.ulp(0.0))  # no difference overflows
    scaled -= scaled.min(axis=0)
    scaled /= np.where(scaled.max(axis=0) > 0.0, scaled.max(axis=0), 1.0)
    # of rows that are equally good in one objective, the best in the others
    ends = [int(np.lexsort((*scaled.T[::-1], scaled.sum(axis=1), scaled[:, j]))[0]) for j in range(objectives)]
    normal = _normal(scaled[ends]) * (np.ones(objectives) if weights is None else np.asarray(weights, dtype=float))
    height = scaled @ normal
    lowest = int(np.argmin(height))
    return int(front[lowest]) if height[lowest] < height[ends].min() - _STRAIGHT * normal.sum() else None


def _normal(ends: Floats) -> Floats:
    """a of the hyperplane a'f = 1 through the rows, (m, m) -> (m,); all alike where it does not face the origin."""
    found: Floats = np.ones(len(ends))
    if np.linalg.matrix_rank(ends) == len(ends):
        solved = np.asarray(np.linalg.solve(ends, found), dtype=float)
        found = solved if np.all(solved > 0.0) else found
    return found
