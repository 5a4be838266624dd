"""Whether the space constraints leave anything to propose, and which of them is the hardest to keep."""

from __future__ import annotations

import numpy as np

from trimtab_service.domain.study import Problem
from trimtab_service.optimizer.configurations import LISTED, Configurations
from trimtab_service.optimizer.encoding import Encoding, Floats
from trimtab_service.optimizer.repair import repaired
from trimtab_service.optimizer.space_constraints import SpaceConstraints

__all__ = ["why_unsatisfiable"]

_DRAWN = 4_096
_REPAIRED = 64
"""So many of the draws, the least far from being allowed, are repaired."""
_SEED = 0


def why_unsatisfiable(problem: Problem) -> str | None:
    """Why no params keep every space constraint; None where some do.

    A discrete space of up to 20,000 configurations is looked through. Of a larger one 4,096 are drawn, and the
    nearest are moved towards what is allowed: what is said then is that none was found.
    """
    encoding = Encoding.of(problem.space)
    constraints = SpaceConstraints.of(encoding, problem.space_constraints)
    if not constraints:
        return None
    rng = np.random.default_rng(_SEED)
    levels, looked = _looked_at(encoding, rng)
    if constraints.allow(levels).any():
        return None
    if looked is None:
        nearest = levels[np.argsort(constraints.violation(levels), kind="stable")[:_REPAIRED]]
        if len(repaired(encoding, constraints, nearest, rng, 1)):
            return None
        looked = f"among {_DRAWN:,} that were drawn, and {_REPAIRED} of them moved towards what is allowed, none"
    return f"no params keep all of space_constraints: {looked} does; {_hardest(constraints, levels)}"


def _looked_at(encoding: Encoding, rng: np.random.Generator) -> tuple[Floats, str | None]:
    """Configurations, and the words for it where they are all there are."""
    if encoding.discrete:
        every = Configurations.every(encoding)
        if every.count <= LISTED:
            return every.all(), f"of the {every.count:,} configurations of the space none"
    return encoding.spread(rng.random((_DRAWN, encoding.dims))), None


def _hardest(constraints: SpaceConstraints, levels: Floats) -> str:
    """The constraint that the fewest configurations keep, or how many keep each where all can be kept alone."""
    kept = [int(np.sum(one.violation(levels, one.encoding.active(levels)) == 0.0)) for one in constraints.items]
    least = int(np.argmin(kept))
    text = constraints.items[least].expression.text
    if len(kept) == 1 or kept[least] == 0:
        return f"{text!r} is kept by {kept[least]:,} of the {len(levels):,} looked at"
    return f"each is kept by some, {text!r} by the fewest, {kept[least]:,} of {len(levels):,}, but never all together"
