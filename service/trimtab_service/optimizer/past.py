"""What is known before a proposal, and the part of a long history that is modelled.

n told and f failed configurations as levels (see encoding), k known in part, D columns of a point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trimtab_service.domain.space import Params
from trimtab_service.optimizer.encoding import Encoding, Floats
from trimtab_service.optimizer.observed import Observed, Partial
from trimtab_service.optimizer.pareto import non_dominated

__all__ = ["Past"]

ACTIVE = 300
"""At most so many told trials are modelled, so that an ask stays fast however long the study."""
ACTIVE_FAILED = 60
ACTIVE_PARTIAL = 200
_SHARES = (0.4, 0.8, 1.0)
"""Of the active ones: the best up to the first share, the nearest to the best up to the second, any for the rest."""
_OF_PARTIAL = (0.5, 1.0)
"""Of what is known in part: the nearest to a limit, and any."""


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
        key = frozenset(encoding.keys(levels))
        return replace(self, pending=np.vstack([self.pending, levels]), keys=self.keys | key, spent=self.spent | key)

    def active(self, encoding: Encoding, length_scales: Floats) -> Past:
        """The past with what is modelled, 300 told, 60 failed, 200 known in part; all keys and pending ones are kept.

        Of the told 40 % are the best, first those that keep every limit, 40 % the nearest to the best in units of
        the length scales, (D,), and 20 % any; of the failed the latest; of those known in part half are the nearest
        to a limit, the others any.
        """
        few = len(self.told) <= ACTIVE and len(self.failed) <= ACTIVE_FAILED
        if few and len(self.partial) <= ACTIVE_PARTIAL:
            return self
        chosen = np.arange(len(self.told))
        if len(self.told) > ACTIVE:
            best = _by_merit(self.losses, self.margins)
            points = encoding.points(self.told) / length_scales
            near = np.argsort(np.sum((points - points[best[0]]) ** 2, axis=1), kind="stable")
            chosen = _merged([best, near, _in_any_order(np.array(self.numbers))], ACTIVE, _SHARES)
        return replace(
            self,
            told=self.told[chosen],
            losses=self.losses[chosen],
            variances=self.variances[chosen],
            margins=self.margins[chosen],
            partial=_active_partial(self.partial),
            failed=self.failed[-ACTIVE_FAILED:],
            numbers=tuple(self.numbers[place] for place in chosen),
            failed_numbers=self.failed_numbers[-ACTIVE_FAILED:],
            total=self.count,
        )


def _active_partial(partial: Partial) -> Partial:
    if len(partial) <= ACTIVE_PARTIAL:
        return partial
    away = np.where(np.isfinite(partial.margins), np.abs(partial.margins), np.inf)
    near = np.argsort(away.min(axis=1, initial=np.inf), kind="stable")
    return partial[_merged([near, _in_any_order(partial.numbers)], ACTIVE_PARTIAL, _OF_PARTIAL)]


def _in_any_order(numbers: NDArray[np.int64]) -> NDArray[np.intp]:
    """Places in an order in which a trial that comes early stays so while the study grows. (n,) -> (n,)

    Knuth's multiplicative hash.
    """
    return np.argsort(numbers * 2_654_435_761 % 2**32, kind="stable")


def _by_merit(losses: Floats, margins: Floats) -> NDArray[np.intp]:
    """Places from best to worst: what keeps every limit first; its front, then by the mean rank over the objectives.

    Where none keeps all, by the largest margin before that, and last what is not known. (n, m), (n, c) -> (n,)
    """
    ranks = np.argsort(np.argsort(losses, axis=0, kind="stable"), axis=0, kind="stable").mean(axis=1)
    keeps = np.all(margins <= 0.0, axis=1)  # nan is not known to
    front = np.zeros(len(losses), dtype=bool)
    if np.any(keeps):
        front[keeps] = non_dominated(losses[keeps])
        front[~keeps] = non_dominated(losses[~keeps])
        return np.lexsort((ranks, ~front, ~keeps))
    return np.lexsort((ranks, ~non_dominated(losses), margins.max(axis=1)))


def _merged(orders: Sequence[NDArray[np.intp]], most: int, shares: Sequence[float]) -> NDArray[np.intp]:
    """The first of each order that are not there yet, until there are as many as its share says; sorted."""
    found: dict[int, None] = {}
    for order, share in zip(orders, shares, strict=True):
        for place in order:
            if len(found) >= round(most * share):
                break
            found[int(place)] = None
    return np.array(sorted(found), dtype=np.intp)
