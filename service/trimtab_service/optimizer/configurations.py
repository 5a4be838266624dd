"""Counts and numbers the distinct configurations of a space without listing them, and walks them in a shuffled order.

Absent parameters have no value, so configurations that differ only there are one. Each configuration has a number in
[0, count), unfolded into levels digit by digit, as in a number system whose digits depend on those before.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from trimtab_service.optimizer.available import Available
from trimtab_service.optimizer.encoding import Encoding, Floats

__all__ = ["LISTED", "Choices", "Configurations", "shuffled"]

LISTED = 20_000
"""Up to so many configurations are listed; more are unfolded from their numbers one by one."""
_ROUNDS = 6
_CHUNK = 64
_REFUSED = 20_000
"""So many configurations in a row that the space constraints refuse end a walk, which else might never end."""

Choices = range | tuple[float, ...]
"""Levels of one axis, ascending: a range where all values are meant, so that 2^53 of them need no list."""

_Dead = frozenset[int]
"""Axes that can't be there any more, given the levels chosen so far."""


@dataclass(frozen=True, slots=True)
class _Rest:
    """The choices without those at some places (ascending)."""

    choices: Choices
    skipped: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.choices) - len(self.skipped)

    def __getitem__(self, place: int) -> float:
        for skipped in self.skipped:
            if skipped > place:
                break
            place += 1
        return self.choices[place]


@dataclass(frozen=True, slots=True)
class _Branch:
    """Levels of one axis that have the same consequence: the children they rule out."""

    levels: _Rest | tuple[float, ...]
    rules_out: _Dead


@dataclass(frozen=True)
class Configurations:
    """All configurations of a space whose parameters take the given levels. choices: per axis, the levels allowed."""

    encoding: Encoding
    choices: tuple[Choices, ...]
    _order: tuple[int, ...] = field(init=False)
    _branches: tuple[tuple[_Branch, ...], ...] = field(init=False)
    _children: tuple[_Dead, ...] = field(init=False)
    _counts: dict[tuple[int, _Dead], int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        axes = self.encoding.axes
        children = tuple(
            frozenset(c for c, child in enumerate(axes) if any(parent == a for parent, _ in child.parents))
            for a in range(len(axes))
        )
        object.__setattr__(self, "_children", children)
        object.__setattr__(self, "_order", _parents_first(self.encoding, children))
        object.__setattr__(self, "_branches", tuple(self._branch(a) for a in range(len(axes))))

    @classmethod
    def every(cls, encoding: Encoding) -> Configurations:
        """All configurations of a space without continuous parameters."""
        return cls(encoding, tuple(range(axis.size) for axis in encoding.axes))

    @property
    def count(self) -> int:
        """How many distinct configurations there are."""
        return self._count(0, frozenset())

    def levels(self, number: int) -> Floats:
        """The levels of one configuration. number: in [0, count). -> (p,)"""
        found = np.zeros(len(self.choices))
        dead: _Dead = frozenset()
        for place, axis in enumerate(self._order):
            if axis in dead:
                dead = (dead - {axis}) | self._children[axis]
                continue
            for branch in self._branches[axis]:
                after = self._count(place + 1, dead | branch.rules_out)
                if number < after * len(branch.levels):
                    digit, number = divmod(number, after)
                    found[axis] = branch.levels[digit]
                    dead |= branch.rules_out
                    break
                number -= after * len(branch.levels)
        return found

    def all(self) -> Floats:
        """The levels of every configuration, by number. Only for small counts. -> (count, p)"""
        return self._rows(0, frozenset(), {})

    def unused(self, available: Available, seed: Sequence[int]) -> Iterator[Floats]:
        """The configurations that are available, in the order shuffled by seed. Each -> (p,)

        The walk begins after as many as are taken, which are mostly the first ones, and goes round. It is complete
        unless the space constraints refuse 20,000 in a row.
        """
        refused = 0
        for rows in self._shuffled_rows(len(available.taken), seed):
            untaken = available.untaken(rows)
            found = available.allowed(rows, untaken)
            yield from rows[found]
            refused = 0 if found.any() else refused + int(np.count_nonzero(untaken))
            if refused >= _REFUSED:
                return

    def _shuffled_rows(self, first: int, seed: Sequence[int]) -> Iterator[Floats]:
        """All configurations from the first-th on, some at a time: listed where they are few. Each -> (some, p)"""
        few = self.count <= LISTED
        every = self.all()[np.random.default_rng(seed).permutation(self.count)] if few else None
        for start in range(first, first + self.count, _CHUNK):
            numbers = [number % self.count for number in range(start, min(start + _CHUNK, first + self.count))]
            if every is not None:
                yield every[numbers]
            else:
                yield np.array([self.levels(shuffled(number, self.count, seed)) for number in numbers])

    def _rows(self, place: int, dead: _Dead, known: dict[tuple[int, _Dead], Floats]) -> Floats:
        """All ways to go on from the place-th axis of the order, the axes before it at 0. -> (ways, p)"""
        if place == len(self._order):
            return np.zeros((1, len(self.choices)))
        if (place, dead) not in known:
            axis = self._order[place]
            if axis in dead:
                known[place, dead] = self._rows(place + 1, (dead - {axis}) | self._children[axis], known)
            else:
                parts = []
                for branch in self._branches[axis]:
                    after = self._rows(place + 1, dead | branch.rules_out, known)
                    rows = np.tile(after, (len(branch.levels), 1))
                    rows[:, axis] = np.repeat(
                        [branch.levels[digit] for digit in range(len(branch.levels))], len(after)
                    )
                    parts.append(rows)
                known[place, dead] = np.vstack(parts)
        return known[place, dead]

    def _branch(self, axis: int) -> tuple[_Branch, ...]:
        """The levels that a child's condition names, by what they rule out, and the rest, which rule out all."""
        choices = self.choices[axis]
        named = sorted({float(level) for child in self._children[axis] for level in self._allowed(child, axis)})
        places = tuple(place for place in (_place(choices, level) for level in named) if place is not None)
        rest = _Rest(choices, places)
        branches = [_Branch(rest, self._children[axis])] if len(rest) else []
        groups: dict[_Dead, list[float]] = {}
        for place in places:
            level = choices[place]
            rules_out = frozenset(child for child in self._children[axis] if level not in self._allowed(child, axis))
            groups.setdefault(rules_out, []).append(float(level))
        branches += [_Branch(tuple(levels), rules_out) for rules_out, levels in groups.items()]
        return tuple(sorted(branches, key=lambda branch: branch.levels[0]))

    def _allowed(self, child: int, parent: int) -> Floats:
        return next(levels for axis, levels in self.encoding.axes[child].parents if axis == parent)

    def _count(self, place: int, dead: _Dead) -> int:
        """How many ways there are to go on from the place-th axis of the order."""
        if place == len(self._order):
            return 1
        found = self._counts.get((place, dead))
        if found is None:
            axis = self._order[place]
            if axis in dead:
                found = self._count(place + 1, (dead - {axis}) | self._children[axis])
            else:
                found = sum(
                    len(branch.levels) * self._count(place + 1, dead | branch.rules_out)
                    for branch in self._branches[axis]
                )
            self._counts[place, dead] = found
        return found


def _place(choices: Choices, level: float) -> int | None:
    """Where a level lies among the choices."""
    place = bisect_left(choices, level)
    return place if place < len(choices) and choices[place] == level else None


def shuffled(number: int, count: int, seed: Sequence[int]) -> int:
    """The place of a number in a permutation of range(count) that the seed picks, without storing the permutation.

    A balanced Feistel network over the next power of four; results beyond count are sent through again.
    """
    half = max(1, ((count - 1).bit_length() + 1) // 2)
    key = hashlib.blake2b(repr(tuple(seed)).encode(), digest_size=32).digest()
    while True:
        left, right = number >> half, number & ((1 << half) - 1)
        for turn in range(_ROUNDS):
            left, right = right, left ^ _mixed(turn, right, half, key)
        number = left << half | right
        if number < count:
            return number


def _mixed(turn: int, number: int, bits: int, key: bytes) -> int:
    size = (bits + 7) // 8
    digest = hashlib.blake2b(bytes([turn]) + number.to_bytes(size, "little"), digest_size=min(size + 1, 64), key=key)
    return int.from_bytes(digest.digest(), "little") & ((1 << bits) - 1)


def _parents_first(encoding: Encoding, children: Sequence[_Dead]) -> tuple[int, ...]:
    """An order of the axes in which each child follows its last parent closely, so that few are open at a time."""
    order: list[int] = []

    def visit(axis: int) -> None:
        order.append(axis)
        for child in sorted(children[axis]):
            if child not in order and all(parent in order for parent, _ in encoding.axes[child].parents):
                visit(child)

    for axis, one in enumerate(encoding.axes):
        if axis not in order and not one.parents:
            visit(axis)
    return tuple(order)
