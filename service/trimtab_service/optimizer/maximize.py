"""Finds where the acquisition is highest in a mixed space, among the configurations that are available.

S: starts.  p, D: see encoding.  Levels say which configurations are tried; points are what the acquisition sees.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import qmc

from trimtab_service.optimizer.ascent import climb
from trimtab_service.optimizer.available import Available, Mask
from trimtab_service.optimizer.configurations import Configurations
from trimtab_service.optimizer.encoding import Axis, Encoding, Floats
from trimtab_service.optimizer.repair import repaired
from trimtab_service.optimizer.scores import Acquisition

__all__ = ["maximize"]

SMALL_SPACE = 2_048
"""Up to so many configurations are all scored."""
_SOBOL = 256
_LOCAL = 96
_STARTS = 4
_SWEEPS = 5
_OTHER_CHOICES = 16
"""A categorical with more choices than this has a random few of them looked at per sweep."""
_STEPS = (1.0, 2.0)
_FEWEST = 0.25
"""Where space constraints allow a smaller share of the candidates than this, more are drawn and some are repaired."""
_MORE = 512
_REPAIRED = 12
_PULLS = 0.5 ** np.arange(1, 7)
"""A climb that ends where nothing is allowed is taken back to these parts of its way."""
_WALKS = 2
"""Where space constraints refuse something near the incumbents, variations of the best found are tried so often."""
_APART = 1e-3
"""A point this close to a pending one in every column, in units of the range, would teach nothing new."""
_NEVER = -1e300
"""The score of what is not available or not a number."""


@dataclass(frozen=True, slots=True)
class _Search:
    available: Available
    acquisition: Acquisition
    pending: Floats
    scales: Floats
    rng: np.random.Generator

    @property
    def encoding(self) -> Encoding:
        return self.available.encoding

    def scores(self, levels: Floats) -> Floats:
        """Scores of configurations; those not available, or next to a pending one, score never. (n, p) -> (n,)"""
        if len(levels) == 0:
            return np.empty(0)
        points = self.encoding.points(levels)
        scores = self.acquisition(points)
        return np.where(self.available(levels) & self._apart(points) & np.isfinite(scores), scores, _NEVER)

    def _apart(self, points: Floats) -> Mask:
        """Which points are not as good as pending. Discrete spaces have no such nearness. (n, D) -> (n,)"""
        if self.encoding.discrete or len(self.pending) == 0:
            return np.ones(len(points), dtype=bool)
        gaps: Mask = np.abs(points[:, None, :] - self.pending[None, :, :]).max(axis=2).min(axis=1) >= _APART
        return gaps


def maximize(
    available: Available,
    acquisition: Acquisition,
    *,
    incumbents: Floats,
    scales: Floats,
    rng: np.random.Generator,
    pending: Floats | None = None,
    reach: float = 1.0,
) -> Floats | None:
    """The levels of the best configuration found that is available; None when none was found. -> (1, p)

    incumbents: (i, p), good configurations to look around, the best first.  scales: (D,), length scales, per column.
    pending: (q, D), points to keep away from.  reach: how wide around the best incumbent half of the drawn candidates
    lie, as a share of a parameter's range.
    """
    encoding = available.encoding
    away = np.empty((0, encoding.width)) if pending is None else pending
    search = _Search(available, acquisition, away, scales, rng)
    if encoding.discrete:
        every = Configurations.every(encoding)
        if every.count <= SMALL_SPACE:
            return _best(search, every.all())
    drawn, around = _drawn(search, incumbents[:1], reach), _around(search, incumbents)
    tight = bool(available.constraints) and not available.constraints.allow(around).all()
    if available.constraints:
        drawn, around = _allowed(search, drawn, _MORE), _allowed(search, around)
    candidates = np.vstack([drawn, around])
    if len(candidates) == 0:
        return None
    scores = search.scores(candidates)
    starts = candidates[_starts(scores, local_from=len(drawn), rng=rng)]
    refined = _climbed(search, starts)
    if not all(axis.relaxed for axis in encoding.axes if axis.searched):
        for _ in range(2):
            polished, moved = _polished(search, refined)
            refined = _climbed(search, polished) if moved else polished
            if not moved:
                break
    if tight:
        refined = np.vstack([refined, _walked(search, refined)])
    return _best(search, np.vstack([refined, starts, candidates[np.argsort(-scores, kind="stable")[:32]]]))


def _best(search: _Search, levels: Floats) -> Floats | None:
    scores = search.scores(levels)
    best = int(np.argmax(scores))
    return levels[best : best + 1] if scores[best] > _NEVER else None


# --- Candidates ----------------------------------------------------------------------------------------------------


def _drawn(search: _Search, centre: Floats, reach: float) -> Floats:
    """Points of a Sobol sequence, the first half in the region around the centre. -> (_SOBOL, p)

    Every second point would not do: they lie in one half of the range of some parameter.
    """
    encoding = search.encoding
    uniforms = qmc.Sobol(max(encoding.dims, 1), scramble=True, rng=search.rng).random(_SOBOL)[:, : encoding.dims]
    drawn = encoding.spread_all(uniforms)
    if reach < 1.0 and len(centre):
        half = _SOBOL // 2
        there = encoding.active(centre)[0]  # what the centre does not have lies nowhere near it
        for column, axis in enumerate(encoding.axes):
            if there[column] and axis.searched and not axis.one_hot:
                low = np.clip(axis.units(centre[:, column]) - reach / 2.0, 0.0, 1.0 - reach)
                drawn[:half, column] = axis.nearest(low + reach * uniforms[:half, axis.group])
    return encoding.canonical(drawn)


def _around(search: _Search, incumbents: Floats) -> Floats:
    """Variations of the incumbents, of many sizes: the first half of them of the best one. -> (_LOCAL, p)"""
    encoding, rng = search.encoding, search.rng
    if len(incumbents) == 0:
        return np.empty((0, len(encoding.axes)))
    which = np.where(np.arange(_LOCAL) < _LOCAL // 2, 0, rng.integers(len(incumbents), size=_LOCAL))
    levels = incumbents[which].copy()
    sizes = 10.0 ** rng.uniform(-3.0, -0.5, size=_LOCAL)
    some = max(0.1, min(1.0, 20.0 / encoding.dims)) if encoding.dims else 0.0
    there = encoding.active(levels)
    for column, axis in enumerate(encoding.axes):
        if not axis.searched:
            continue
        fresh = axis.spread(rng.random(_LOCAL))
        if axis.relaxed:
            scale = min(float(search.scales[axis.columns.start]), 1.0)
            units = axis.units(levels[:, column]) + rng.standard_normal(_LOCAL) * sizes * scale
            chosen = rng.random(_LOCAL) < some
            near = axis.nearest(np.clip(units, 0.0, 1.0))
        else:
            chosen = rng.random(_LOCAL) < 2.0 / encoding.dims
            near = fresh
        levels[:, column] = np.where(chosen, near, levels[:, column])
        # a parameter that its parent's change brings in has no value to vary
        levels[:, column] = np.where(there[:, column], levels[:, column], fresh)
    return encoding.canonical(levels)


def _allowed(search: _Search, levels: Floats, more: int = 0) -> Floats:
    """Those that the space constraints allow; where few do, further draws and repaired ones as well.

    more: how many may be drawn.  (n, p) -> (k, p)
    """
    encoding, constraints = search.encoding, search.available.constraints
    wanted = int(_FEWEST * len(levels))
    found, others = _parted(search, levels)
    if len(found) < wanted and more:
        drawn, refused = _parted(search, encoding.spread(search.rng.random((more, encoding.dims))))
        found, others = np.vstack([found, drawn[: wanted - len(found)]]), np.vstack([others, refused])
    if len(found) < wanted:
        nearest = others[np.argsort(constraints.violation(others), kind="stable")[:_REPAIRED]]
        found = np.vstack([found, repaired(encoding, constraints, nearest, search.rng, _REPAIRED)])
    return found


def _parted(search: _Search, levels: Floats) -> tuple[Floats, Floats]:
    allowed = search.available.constraints.allow(levels)
    return levels[allowed], levels[~allowed]


def _starts(scores: Floats, *, local_from: int, rng: np.random.Generator) -> list[int]:
    """The best, the best local one, and others drawn with odds exp(z-score)."""
    chosen = [int(np.argmax(scores))]
    if local_from < len(scores):
        chosen.append(local_from + int(np.argmax(scores[local_from:])))
    alive = scores > _NEVER
    if np.count_nonzero(alive) > _STARTS:
        spread = float(np.std(scores[alive]))
        odds = np.where(alive, np.exp((scores - np.max(scores)) / spread if spread > 0 else 0.0), 0.0)
        odds[chosen] = 0.0
        if np.count_nonzero(odds) >= _STARTS:
            chosen += [int(i) for i in rng.choice(len(scores), _STARTS, replace=False, p=odds / odds.sum())]
    return list(dict.fromkeys(chosen))


# --- Refinement ----------------------------------------------------------------------------------------------------


def _climbed(search: _Search, levels: Floats) -> Floats:
    """The configurations after a climb over their continuous parameters, then rounded. (S, p) -> (S, p)"""
    encoding = search.encoding
    relaxed = [place for place, axis in enumerate(encoding.axes) if axis.searched and axis.relaxed]
    if not relaxed:
        return levels
    columns = np.array([encoding.axes[place].columns.start for place in relaxed])
    points, there = encoding.points(levels), encoding.active(levels)
    movable = there[:, relaxed]
    climbed = climb(search.acquisition, points, columns, movable, np.minimum(search.scales[columns], 1.0))
    found = _rounded(encoding, levels, climbed)
    if search.available.constraints:
        found = _pulled_back(search, levels, points, climbed, found)
    better = search.scores(found) > search.scores(levels)
    return np.where(better[:, None], found, levels)


def _rounded(encoding: Encoding, levels: Floats, points: Floats) -> Floats:
    """The configurations with the relaxed parameters of points. (S, p), (S, D) -> (S, p)"""
    found = levels.copy()
    for place, axis in enumerate(encoding.axes):
        if axis.searched and axis.relaxed:
            found[:, place] = axis.nearest(points[:, axis.columns.start])
    return encoding.canonical(found)


def _pulled_back(search: _Search, levels: Floats, start: Floats, end: Floats, found: Floats) -> Floats:
    """What was found, and where that is not allowed the best place on the straight way to it.

    levels: (S, p), of the starts.  start, end: (S, D), the points of a climb.  -> (S, p)
    """
    found = found.copy()
    for row in np.flatnonzero(~search.available.constraints.allow(found)):
        way = start[row] + _PULLS[:, None] * (end[row] - start[row])
        tried = _rounded(search.encoding, np.tile(levels[row], (len(way), 1)), way)
        found[row] = tried[int(np.argmax(search.scores(tried)))]
    return found


def _walked(search: _Search, levels: Floats) -> Floats:
    """The best of variations of the best, again and again: a climb ends where the constraints do, not beside them.

    (S, p) -> (_WALKS, p)
    """
    walked: list[Floats] = []
    best = levels[np.argsort(-search.scores(levels), kind="stable")]
    for _ in range(_WALKS):
        tried = np.vstack([best[:1], _allowed(search, _around(search, best[:1]))])
        best = tried[[int(np.argmax(search.scores(tried)))]]
        walked.append(best[0])
    return np.array(walked)


def _polished(search: _Search, levels: Floats) -> tuple[Floats, bool]:
    """The configurations after moves to their best neighbours, while that helps; and whether any has moved."""
    scores = search.scores(levels)
    moved = False
    for _ in range(_SWEEPS):
        neighbours = [_neighbours(search, row) for row in levels]
        owner = np.repeat(np.arange(len(levels)), [len(some) for some in neighbours])
        every = np.vstack(neighbours)
        theirs = search.scores(every)
        stuck = True
        levels = levels.copy()
        for row in range(len(levels)):
            mine = np.flatnonzero(owner == row)
            if len(mine) and theirs[mine].max() > scores[row]:
                best = mine[int(np.argmax(theirs[mine]))]
                levels[row], scores[row] = every[best], theirs[best]
                stuck, moved = False, True
        if stuck:
            break
    return levels, moved


def _neighbours(search: _Search, row: Floats) -> Floats:
    """Configurations that differ in one discrete parameter, and in what depends on it. (p,) -> (n, p)"""
    encoding = search.encoding
    there = encoding.active(row[None, :])[0]
    moves = [
        (column, level)
        for column, axis in enumerate(encoding.axes)
        if there[column] and axis.size > 1
        for level in _moves(axis, row[column], search.rng)
    ]
    found = np.tile(row, (len(moves), 1))
    for place, (column, level) in enumerate(moves):
        found[place, column] = level
    fresh = encoding.spread_all(search.rng.random((len(moves), encoding.dims)))
    return encoding.canonical(np.where(there, found, fresh))


def _moves(axis: Axis, level: float, rng: np.random.Generator) -> list[float]:
    if axis.one_hot:
        others = [float(other) for other in range(axis.size) if other != level]
        if len(others) > _OTHER_CHOICES:
            others = sorted(float(other) for other in rng.choice(others, _OTHER_CHOICES, replace=False))
        return others
    return [level + sign * step for step in _STEPS for sign in (-1.0, 1.0) if 0 <= level + sign * step < axis.size]
