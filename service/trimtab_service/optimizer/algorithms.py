"""How each algorithm proposes: grid, random, Sobol, and the Gaussian process with its initial design."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trimtab_service.domain.metric import Objective
from trimtab_service.domain.proposal import Proposal, Proposals
from trimtab_service.domain.study import Algorithm, Problem
from trimtab_service.domain.trial import History, Source
from trimtab_service.optimizer import designs
from trimtab_service.optimizer.acquisition import MEASURES
from trimtab_service.optimizer.available import Available
from trimtab_service.optimizer.designs import Purpose
from trimtab_service.optimizer.encoding import Encoding, Floats
from trimtab_service.optimizer.maximize import maximize
from trimtab_service.optimizer.modelling import Model, Past, active, model
from trimtab_service.optimizer.pareto import non_dominated, open_boxes, thin
from trimtab_service.optimizer.scores import Acquisition, ImprovementOfFront, ImprovementOnBest
from trimtab_service.optimizer.space_constraints import SpaceConstraints

__all__ = ["fallback_proposals", "modelled_reference", "suggest"]

_FEWEST = 2
"""A model needs so many told trials."""
_FRONT = {2: 500, 3: 100, 4: 30}
"""At most so many points of a front are kept, by number of objectives: the boxes between them would be too many."""
_INCUMBENTS = 5
_LONG = 1_500
"""With more told trials than this, half of the candidates lie around the incumbent."""


def suggest(
    problem: Problem, history: History, surrogates: Mapping[str, Mapping[str, Any]], numbers: Sequence[int]
) -> Proposals:
    """One proposal per trial number, each made knowing the ones before; fewer, perhaps none, when none are left.

    A pure function: equal arguments give equal proposals, bit for bit (with one BLAS thread).
    history: in any order, told, failed and pending trials. surrogates: states kept from an earlier answer, or {}.
    """
    encoding = Encoding.of(problem.space)
    past = Past.of(encoding, len(problem.objectives), history)
    if problem.algorithm is Algorithm.GRID:
        return _grid(problem, _new(problem, encoding, past), len(numbers), Source.GRID)
    seen: Past | None = None  # what is modelled, where a model is asked
    items: list[Proposal] = []
    for number in numbers:
        available = _new(problem, encoding, past)
        if problem.algorithm is Algorithm.RANDOM:
            source, levels = Source.RANDOM, designs.random(available, number, problem.seed)
        elif problem.algorithm is Algorithm.SOBOL:
            source, levels = Source.SOBOL, designs.sobol(available, number, problem.seed)
        elif _is_initial(problem, encoding, past):
            source, levels = Source.INITIAL, _initial(problem, available, number)
            if levels is None and problem.options.get("repeats"):
                levels = _initial(problem, _again(problem, encoding, past), number)
        else:
            if seen is None:
                seen, reach = active(problem, encoding, past, surrogates), _reach(past, encoding.dims)
                models = model(problem, encoding, seen, surrogates)
            available = _again(problem, encoding, past) if problem.options.get("repeats") else available
            source, levels = Source.GP, _promising(problem, available, seen, models, number, reach)
        if levels is None:
            break
        items.append(Proposal(encoding.params(levels[0]), source))
        past = past.awaiting(encoding, items[-1].params)
        seen = seen and seen.awaiting(encoding, items[-1].params)
    if seen is None:
        return Proposals(tuple(items), {})
    states = {
        objective.metric: one.to_state(encoding, seen)
        for objective, one in zip(problem.objectives, models, strict=True)
    }
    return Proposals(tuple(items), states)


def fallback_proposals(problem: Problem, history: History, numbers: Sequence[int]) -> Proposals:
    """Quasi-random points for when no proposal could be computed, or the next points of a grid; no model is asked.

    None repeats the history or another, but a told one where the option repeats allows it and no other is left; fewer
    than numbers, perhaps none, when none are left.
    """
    encoding = Encoding.of(problem.space)
    past = Past.of(encoding, len(problem.objectives), history)
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
    """The same and what was told: all but what has failed or is pending."""
    taken = frozenset(encoding.keys(np.vstack([past.failed, past.pending])))
    return Available(encoding, taken, SpaceConstraints.of(encoding, problem.space_constraints))


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


def _initial(problem: Problem, available: Available, number: int) -> Floats | None:
    """The centre of the space first, then points of a Sobol sequence."""
    centre = available.encoding.centre()
    return centre if available(centre)[0] else designs.sobol(available, number, problem.seed)


def _promising(
    problem: Problem, available: Available, past: Past, models: Sequence[Model], number: int, reach: float
) -> Floats | None:
    """Where the acquisition is highest, among configurations that are available."""
    encoding = available.encoding
    if len(models) == 1:
        acquisition, incumbents = _over_best(problem, encoding, past, models[0], number)
    else:
        acquisition, incumbents = _over_front(problem.objectives, encoding, past, models)
    found = maximize(
        available,
        acquisition,
        pending=encoding.points(past.pending),
        incumbents=incumbents,
        scales=np.min([one.surrogate.length_scales for one in models], axis=0),
        reach=reach,
        rng=np.random.default_rng([problem.seed, number, Purpose.CANDIDATES]),
    )
    return designs.unused(available, number, problem.seed) if found is None else found


def _over_best(
    problem: Problem, encoding: Encoding, past: Past, one: Model, number: int
) -> tuple[Acquisition, Floats]:
    """What the option acquisition says, over the best told result; and told configurations, the likely best first."""
    acquisition = ImprovementOnBest.of(
        one.surrogate,
        one.surrogate.incumbent,
        encoding.points(past.pending),
        np.random.default_rng([problem.seed, number, Purpose.FANTASIES]),
        MEASURES[problem.options.get("acquisition") or "log_ei"],
    )
    means = one.surrogate.predict(encoding.points(past.told))[0]
    return acquisition, past.told[np.argsort(means, kind="stable")[:_INCUMBENTS]]


def _reach(past: Past, dims: int) -> float:
    """How far from the incumbent half of the candidates lie in a long study, as a share of the range; 1: anywhere.

    A trust region that halves with each max(4, d) trials in a row that improved nothing, and opens again when it is
    smaller than 2^-7. Eriksson et al. 2019, section 2, for one region, without doubling after successes.
    past: all of it, for the latest trials need not be modelled. A trial improved if it joined the front.
    """
    if past.count <= _LONG:
        return 1.0
    _, first = np.unique(past.losses, axis=0, return_index=True)  # one that equals an earlier one improved nothing
    since = past.numbers[-1] - past.numbers[int(first[non_dominated(past.losses[first])].max())]
    return 0.8 * 0.5 ** (since // max(4, dims) % 8)


def _over_front(
    objectives: Sequence[Objective], encoding: Encoding, past: Past, models: Sequence[Model]
) -> tuple[Acquisition, Floats]:
    """Improvement of the front of posterior means of told and pending trials, measured from the reference.

    Measured in what the models see: where an objective's warp is not a straight line, so is the hypervolume warped.
    """
    seen = np.vstack([past.told, past.pending])
    points, pending = encoding.points(seen), encoding.points(past.pending)
    means = np.stack([one.surrogate.predict(points)[0] for one in models], axis=1)
    reference = modelled_reference(objectives, models, means)
    on_front = non_dominated(means)
    front = thin(means[on_front & np.all(means < reference, axis=1)], _FRONT[len(models)])
    believing = tuple(one.surrogate.believing(pending) for one in models)
    return ImprovementOfFront(believing, open_boxes(front, reference)), seen[on_front]


def modelled_reference(objectives: Sequence[Objective], models: Sequence[Model], means: Floats) -> Floats:
    """The objectives' references as the models see losses; inferred from the means where none is given. -> (m,)

    means: (n, m), of told and pending trials. Where none is given it lies a tenth of their range beyond the worst of
    all: measured from the worst of a front that is still short, what extends it would be out of sight.
    """
    worst = means.max(axis=0)
    spread = worst - means.min(axis=0)
    reference: Floats = worst + 0.1 * np.where(spread > 0.0, spread, 1.0)
    for place, (objective, one) in enumerate(zip(objectives, models, strict=True)):
        if objective.reference is not None:
            worst = np.array([objective.loss(objective.reference)])
            reference[place] = one.warp.apply(worst, winsorise=False)[0]
    return reference
