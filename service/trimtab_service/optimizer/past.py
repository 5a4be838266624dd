"""What is known before a proposal, and the part of a long history that is modelled.

n told and f failed configurations as levels (see encoding), D columns of a point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trimtab_service.domain.space import Params
from trimtab_service.optimizer.encoding import Encoding, Floats
from trimtab_service.optimizer.observed import Observed
from trimtab_service.optimizer.pareto import non_dominated

__all__ = ["Past"]

ACTIVE = 300
"""At most so many told trials are modelled, so that an ask stays fast however long the study."""
ACTIVE_FAILED = 60
_SHARES = (0.4, 0.8, 1.0)
"""Of the active ones: the best up to the first share, the nearest to the best up to the second, any for the rest."""


@dataclass(frozen=True, slots=True)
class Past(Observed):
    """What is known before a proposal. Made by `Past.of`. total: trials told, with those that `active` left out."""

    total: int = 0

    @property
    def count(self) -> int:
        """How many trials were told."""
        return max(self.total, len(self.told))

    def awaiting(self, encoding: Encoding, params: Params) -> Past:
        """The past with one more pending configuration, as it will read when it comes back as a trial."""
        levels = encoding.levels([params])
        return replace(
            self, pending=np.vstack([self.pending, levels]), keys=self.keys | frozenset(encoding.keys(levels))
        )

    def active(self, encoding: Encoding, length_scales: Floats) -> Past:
        """The past with the trials that are modelled, 300 told and 60 failed; all keys and pending ones are kept.

        Of the told 40 % are the best, 40 % the nearest to the best in units of the length scales, (D,), and 20 % any;
        of the failed the latest.
        """
        if len(self.told) <= ACTIVE and len(self.failed) <= ACTIVE_FAILED:
            return self
        chosen = np.arange(len(self.told))
        if len(self.told) > ACTIVE:
            best = _by_merit(self.losses)
            points = encoding.points(self.told) / length_scales
            near = np.argsort(np.sum((points - points[best[0]]) ** 2, axis=1), kind="stable")
            # Knuth's multiplicative hash: a trial that is among "any" stays there while the study grows
            any_order = np.argsort(np.array(self.numbers) * 2_654_435_761 % 2**32, kind="stable")
            chosen = _merged([best, near, any_order], [round(ACTIVE * share) for share in _SHARES])
        return replace(
            self,
            told=self.told[chosen],
            losses=self.losses[chosen],
            variances=self.variances[chosen],
            failed=self.failed[-ACTIVE_FAILED:],
            numbers=tuple(self.numbers[place] for place in chosen),
            failed_numbers=self.failed_numbers[-ACTIVE_FAILED:],
            total=self.count,
        )


def _by_merit(losses: Floats) -> NDArray[np.intp]:
    """Places from best to worst: the front first, then by the mean rank over the objectives. (n, m) -> (n,)"""
    ranks = np.argsort(np.argsort(losses, axis=0, kind="stable"), axis=0, kind="stable").mean(axis=1)
    return np.lexsort((ranks, ~non_dominated(losses)))


def _merged(orders: Sequence[NDArray[np.intp]], sizes: Sequence[int]) -> NDArray[np.intp]:
    """The first of each order that are not there yet, until there are as many as its size says; sorted."""
    found: dict[int, None] = {}
    for order, size in zip(orders, sizes, strict=True):
        for place in order:
            if len(found) >= size:
                break
            found[int(place)] = None
    return np.array(sorted(found), dtype=np.intp)
