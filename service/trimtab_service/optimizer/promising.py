"""Where the Gaussian processes promise most: over the best feasible result, or over the front of feasible ones.

n told and q pending trials, k points, D columns, m objectives.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trimtab_service.domain.metric import Objective
from trimtab_service.optimizer import designs
from trimtab_service.optimizer import surrogate as gp
from trimtab_service.optimizer.acquisition import MEASURES
from trimtab_service.optimizer.available import Available, Mask
from trimtab_service.optimizer.designs import Purpose
from trimtab_service.optimizer.encoding import Floats
from trimtab_service.optimizer.maximize import maximize
from trimtab_service.optimizer.modelling import Model
from trimtab_service.optimizer.models import Models
from trimtab_service.optimizer.pareto import non_dominated, open_boxes, thin
from trimtab_service.optimizer.past import Past
from trimtab_service.optimizer.scores import (
    Acquisition,
    ImprovementOfFront,
    ImprovementOnBest,
    SampledImprovementOfFront,
    Sum,
)

__all__ = ["incumbent", "modelled_reference", "promising", "reach_of"]

_FRONT = {2: 128, 3: 100, 4: 30}
"""At most so many points of a front are kept, by number of objectives: the boxes between them would be too many.
Above four objectives there are no boxes."""
_INCUMBENTS = 5
_LONG = 1_500
"""With more told trials than this, half of the candidates lie around the incumbent."""


def promising(available: Available, past: Past, models: Models, number: int, reach: float) -> Floats | None:
    """Where the acquisition is highest, among configurations that are available. past: what is modelled.

    While no told trial keeps every limit, what counts is the probability that they hold.
    """
    encoding, seed = available.encoding, models.problem.seed
    pending = encoding.points(past.pending)
    feasible = models.holding(encoding.points(past.told), past.margins)
    must_hold = tuple(one.believing(pending) for one in models.scores)
    if not np.any(feasible):
        acquisition: Acquisition = Sum(must_hold)
        incumbents = past.told[np.argsort(-Sum(models.scores)(encoding.points(past.told)), kind="stable")]
        incumbents = incumbents[:_INCUMBENTS]
    else:
        over = _over_best if len(models.objectives) == 1 else _over_front
        acquisition, incumbents = over(past, models, feasible, number)
        if must_hold:
            acquisition = Sum((acquisition, *must_hold))
    found = maximize(
        available,
        acquisition,
        pending=pending,
        incumbents=incumbents,
        scales=models.length_scales,
        reach=reach,
        rng=np.random.default_rng([seed, number, Purpose.CANDIDATES]),
    )
    return designs.unused(available, number, seed) if found is None else found


def _over_best(past: Past, models: Models, feasible: Mask, number: int) -> tuple[Acquisition, Floats]:
    """What the acquisition says, over the best feasible result; and feasible configurations, the likely best first.

    Where something must hold, expected improvement counts by its logarithm, as probabilities do.
    """
    problem, encoding, (one,) = models.problem, models.encoding, models.objectives
    points, pending = encoding.points(past.told[feasible]), encoding.points(past.pending)
    asked = problem.options.get("acquisition") or "log_ei"
    acquisition = ImprovementOnBest.of(
        one.surrogate,
        incumbent(models, past, feasible),
        pending,
        np.random.default_rng([problem.seed, number, Purpose.FANTASIES]),
        MEASURES["log_ei" if asked == "ei" and models.scores else asked],
        models.holding(pending) if models.limits else None,
    )
    means = one.surrogate.predict(points)[0]
    return acquisition, past.told[feasible][np.argsort(means, kind="stable")[:_INCUMBENTS]]


def incumbent(models: Models, past: Past, feasible: Mask, place: int = 0) -> float:
    """z of the best feasible result of one objective, where repeats count by their average.

    What is known in part is no result: a surrogate may have seen refused trials and cost probes.
    """
    one = models.objectives[place]
    if np.all(feasible) and len(past.partial) == 0:
        return one.surrogate.incumbent
    X = models.encoding.points(past.told[feasible])
    z = one.warp.apply(past.losses[feasible, place])
    return float(gp.rows(X, z, np.zeros(len(z))).z.min())


def reach_of(past: Past, dims: int) -> float:
    """How far from the incumbent half of the candidates lie in a long study, as a share of the range; 1: anywhere.

    A trust region that halves with each max(4, d) trials in a row that improved nothing, and opens again when it is
    smaller than 2^-7. Eriksson et al. 2019, section 2, for one region, without doubling after successes.
    past: all of it, for the latest trials need not be modelled. A trial improved if it joined the front of those that
    are known to keep every limit; while there is none, nothing has stopped improving, and the region is open.
    """
    if past.count <= _LONG:
        return 1.0
    keeps = np.flatnonzero(np.all(past.margins <= 0.0, axis=1))
    if len(keeps) == 0:
        return 1.0
    losses = past.losses[keeps]
    _, first = np.unique(losses, axis=0, return_index=True)  # one that equals an earlier one improved nothing
    since = past.numbers[-1] - past.numbers[int(keeps[first[non_dominated(losses[first])].max()])]
    return 0.8 * 0.5 ** (since // max(4, dims) % 8)


def _over_front(past: Past, models: Models, feasible: Mask, number: int) -> tuple[Acquisition, Floats]:
    """Improvement of the front of posterior means of told and pending trials that are feasible, from the reference.

    Measured in what the models see: where an objective's warp is not a straight line, so is the hypervolume warped.
    Where no reference is given, every other trial's is near the front, to fill what the others have extended.
    Above four objectives improvement is estimated in random directions, which are stretched by the weights.
    """
    objectives, encoding = models.problem.objectives, models.encoding
    seen = np.vstack([past.told, past.pending])
    points, pending = encoding.points(seen), encoding.points(past.pending)
    means = np.stack([one.surrogate.predict(points)[0] for one in models.objectives], axis=1)
    reference = modelled_reference(objectives, models.objectives, means)
    holding = np.append(feasible, models.holding(pending))
    on_front = np.zeros(len(seen), dtype=bool)
    on_front[holding] = non_dominated(means[holding])
    inferred = all(objective.reference is None for objective in objectives)
    if len(objectives) not in _FRONT or (inferred and number % 2 == 0):
        reference = _nearer(reference, means[on_front])
    front = means[on_front & np.all(means < reference, axis=1)]
    believing = tuple(one.surrogate.believing(pending) for one in models.objectives)
    if len(objectives) in _FRONT:
        boxes = open_boxes(thin(front, _FRONT[len(objectives)]), reference)
        return ImprovementOfFront(believing, boxes), seen[on_front]
    weights = np.array([objective.weight for objective in objectives])
    rng = np.random.default_rng([models.problem.seed, number, Purpose.DIRECTIONS])
    return SampledImprovementOfFront.of(believing, front, reference, weights, rng), seen[on_front]


def _nearer(reference: Floats, front: Floats) -> Floats:
    """A tenth of the front's range beyond its worst, where that is nearer; as it is while the front is short."""
    if len(front) < len(reference):
        return reference
    nearer: Floats = np.minimum(reference, front.max(axis=0) + 0.1 * np.ptp(front, axis=0))
    return nearer


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
