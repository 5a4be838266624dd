"""How each algorithm proposes: grid, random, Sobol, and the Gaussian process after its initial design."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trimtab_service.domain.proposal import Proposal, Proposals
from trimtab_service.domain.study import Algorithm, Problem
from trimtab_service.domain.trial import History, Source
from trimtab_service.optimizer import designs
from trimtab_service.optimizer.available import Available
from trimtab_service.optimizer.borders import Border, known_borders
from trimtab_service.optimizer.encoding import Encoding, Floats
from trimtab_service.optimizer.modelling import active
from trimtab_service.optimizer.models import Models
from trimtab_service.optimizer.past import Past
from trimtab_service.optimizer.promising import promising, reach_of
from trimtab_service.optimizer.space_constraints import SpaceConstraints

__all__ = ["fallback_proposals", "suggest"]

_FEWEST = 2
"""A model needs so many told trials."""
_DRAWS = 64
"""So many random points are looked at besides, where costs are known."""
_EVEN = 0.5
"""What is expected to keep its limits does so with at least this probability."""


def suggest(
    problem: Problem, history: History, surrogates: Mapping[str, Mapping[str, Any]], numbers: Sequence[int]
) -> Proposals:
    """One proposal per trial number, each made knowing the ones before; fewer, perhaps none, when none are left.

    A pure function: equal arguments give equal proposals, bit for bit (with one BLAS thread).
    history: in any order, told, failed and pending trials. surrogates: states kept from an earlier answer, or {}.
    """
    encoding = Encoding.of(problem.space)
    past = Past.of(encoding, len(problem.objectives), history, len(problem.limits))
    if problem.algorithm is Algorithm.GRID:
        return _grid(problem, _new(problem, encoding, past), len(numbers), Source.GRID)
    seen: Past | None = None  # what is modelled, where a model is asked
    known: tuple[Border, ...] | None = None  # of costs, where the design is still to be drawn
    items: list[Proposal] = []
    for number in numbers:
        available = _new(problem, encoding, past)
        if problem.algorithm is Algorithm.RANDOM:
            source, levels = Source.RANDOM, designs.random(available, number, problem.seed)
        elif problem.algorithm is Algorithm.SOBOL:
            source, levels = Source.SOBOL, designs.sobol(available, number, problem.seed)
        elif _is_initial(problem, encoding, past):
            if known is None:
                known = known_borders(problem, encoding, active(problem, encoding, past, surrogates))
            source, levels = Source.INITIAL, _initial(problem, available, known, number)
            if levels is None and problem.options.get("repeats"):
                levels = _initial(problem, _again(problem, encoding, past), known, number)
        else:
            if seen is None:
                seen, reach = active(problem, encoding, past, surrogates), reach_of(past, encoding.dims)
                models = Models.of(problem, encoding, seen, surrogates)
            available = _again(problem, encoding, past) if problem.options.get("repeats") else available
            source, levels = Source.GP, promising(available, seen, models, number, reach)
        if levels is None:
            break
        items.append(Proposal(encoding.params(levels[0]), source))
        past = past.awaiting(encoding, items[-1].params)
        seen = seen and seen.awaiting(encoding, items[-1].params)
    if seen is None:
        return Proposals(tuple(items), {})
    return Proposals(tuple(items), models.to_states(seen))


def fallback_proposals(problem: Problem, history: History, numbers: Sequence[int]) -> Proposals:
    """Quasi-random points for when no proposal could be computed, or the next points of a grid; no model is asked.

    None repeats the history or another, but a told one where the option repeats allows it and no other is left; fewer
    than numbers, perhaps none, when none are left.
    """
    encoding = Encoding.of(problem.space)
    past = Past.of(encoding, len(problem.objectives), history, len(problem.limits))
    if problem.algorithm is Algorithm.GRID:
        return _grid(problem, _new(problem, encoding, past), len(numbers), Source.FALLBACK)
    items: list[Proposal] = []
    for number in numbers:
        levels = designs.fallback(_new(problem, encoding, past), number, problem.seed)
        if levels is None and problem.options.get("repeats"):
            levels = designs.fallback(_again(problem, encoding, past), number, problem.seed)
        if levels is None:
            break
        items.append(Proposal(encoding.params(levels[0]), Source.FALLBACK))
        past = past.awaiting(encoding, items[-1].params)
    return Proposals(tuple(items), {})


def _new(problem: Problem, encoding: Encoding, past: Past) -> Available:
    """What no trial has had yet."""
    return Available(encoding, past.keys, SpaceConstraints.of(encoding, problem.space_constraints))


def _again(problem: Problem, encoding: Encoding, past: Past) -> Available:
    """The same and what was told: all but what has failed, was refused or is pending."""
    return Available(encoding, past.spent, SpaceConstraints.of(encoding, problem.space_constraints))


def _grid(problem: Problem, available: Available, count: int, source: Source) -> Proposals:
    left = designs.grid(available, problem.options.get("points") or {}, problem.seed)
    rows = [levels for levels, _ in zip(left, range(count), strict=False)]
    return Proposals(tuple(Proposal(available.encoding.params(levels[0]), source) for levels in rows), {})


# --- The Gaussian process -------------------------------------------------------------------------------------------


def _is_initial(problem: Problem, encoding: Encoding, past: Past) -> bool:
    """Whether space-filling points come first. Told and pending trials count, failed ones don't."""
    if encoding.dims == 0:
        return True
    wanted = designs.initial_size(encoding, problem.options.get("n_initial"))
    return len(past.told) + len(past.pending) < wanted or len(past.told) < _FEWEST


def _initial(problem: Problem, available: Available, known: Sequence[Border], number: int) -> Floats | None:
    """The centre of the space first, then points of a Sobol sequence.

    known: surrogates of limits that have learned enough. The first of those and of random points that they expect to
    keep their limits then, or else the likeliest.
    """
    encoding = available.encoding
    if known and len(levels := _places(available, problem.seed, number)):
        chances = np.prod([border.probability(encoding.points(levels)) for border in known], axis=0)
        chosen = int(np.argmax(np.minimum(chances, _EVEN)))
        return levels[chosen : chosen + 1]
    centre = available.encoding.centre()
    return centre if available(centre)[0] else designs.sobol(available, number, problem.seed)


def _places(available: Available, seed: int, number: int) -> Floats:
    """The centre, the trial's Sobol point and random ones, as far as they are available. -> (k, p), perhaps k = 0"""
    encoding = available.encoding
    fresh = np.random.default_rng([seed, number, designs.Purpose.RANDOM])
    drawn = designs.draw(encoding, number, seed, designs.Purpose.SOBOL)
    levels = np.vstack([encoding.centre(), drawn, encoding.spread(fresh.random((_DRAWS, encoding.dims)))])
    return levels[available(levels)]
