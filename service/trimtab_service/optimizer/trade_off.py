"""What a budget buys: the best of one metric under each budget of another, measured and as the surrogates see it.

Functions are drawn from both surrogates, and from that of every limit, jointly over many configurations; each draw's
best under every budget is exact, so it never gets worse as the budget is loosened, nor do the quantiles of the draws.
n: told trials.  k: configurations.  S: functions.  b: budgets.  Losses are minimised; see posterior for values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trimtab_service.domain.errors import NoSurrogate
from trimtab_service.domain.insight import PREDICTED_LEVEL, TradeOff
from trimtab_service.domain.study import Problem
from trimtab_service.domain.trial import History, Observation, TrialState
from trimtab_service.optimizer.available import Available
from trimtab_service.optimizer.borders import borders
from trimtab_service.optimizer.encoding import Floats
from trimtab_service.optimizer.pareto import non_dominated
from trimtab_service.optimizer.posterior import Posterior, Scale
from trimtab_service.optimizer.space_constraints import SpaceConstraints
from trimtab_service.optimizer.spread import around, spread
from trimtab_service.optimizer.surrogate import Surrogate

__all__ = ["trade_off"]

_FUNCTIONS = 256
_ANYWHERE, _NEAR = 512, 256
"""Configurations all over the space, and around those on the told front."""
_WIDE = 10.0
"""Budgets are even on a log scale where the told values span more than this factor."""


def trade_off(
    problem: Problem,
    history: History,
    surrogates: Mapping[str, Mapping[str, Any]],
    of: str,
    against: str,
    points: int,
) -> TradeOff:
    """The trade-off of two metrics, which are the problem's objectives.

    points: how many budgets, from the least that was told to the most. Only trials that keep every limit are counted
    as measured. Raises NoSurrogate where too few trials were told both.
    """
    complete = [one for one in history if _counts(problem, one)]
    if len(complete) < 2:
        raise NoSurrogate(
            f"a trade-off needs 2 complete trials that told {of} and {against} and keep the limits, this study has "
            f"{len(complete)}"
        )
    places = [problem.objective_names.index(name) for name in (of, against)]
    losses = np.array([[one.losses[place] for place in places] for one in complete])
    posterior = Posterior.of(problem, history, surrogates)
    scale, cost = (posterior.scales[place] for place in places)
    budgets = _budgets(cost, losses[:, 1], points)
    best, numbers = _measured(losses, [one.number for one in complete], cost, budgets)
    drawn = _attained(posterior, places, budgets)
    half = (1.0 - PREDICTED_LEVEL) / 2.0
    good, median, bad = (_values(scale, _quantile(drawn, share)) for share in (half, 0.5, 1.0 - half))
    lower, upper = (bad, good) if scale.objective.is_maximized else (good, bad)
    return TradeOff(
        of=of,
        against=against,
        budgets=budgets.tolist(),
        measured=_values(scale, best),
        numbers=numbers,
        median=median,
        lower=lower,
        upper=upper,
        shadow_price=_prices(median, budgets),
        trials=len(posterior.past.told),
    )


def _counts(problem: Problem, one: Observation) -> bool:
    """Whether a trial is complete, was told all objectives, and keeps every limit."""
    told = one.state is TrialState.COMPLETE and len(one.losses) > 0 and bool(np.all(np.isfinite(one.losses)))
    return told and (not problem.limits or (len(one.margins) > 0 and all(margin <= 0.0 for margin in one.margins)))


def _budgets(cost: Scale, losses: Floats, points: int) -> Floats:
    """From the strictest told value to the loosest, in the metric's unit. losses: (n,) -> (b,)"""
    told = cost.values(np.array([losses.min(), losses.max()]))
    if told.min() > 0 and told.max() > _WIDE * told.min():
        return np.geomspace(told[0], told[1], points)
    return np.linspace(told[0], told[1], points)


def _loss(cost: Scale, budgets: Floats) -> Floats:
    """Budgets as losses, a hair looser, so that a value that was told is within itself. (b,) -> (b,)"""
    losses: Floats = np.array([cost.objective.loss(float(budget)) for budget in budgets])
    return losses + 1e-12 * np.maximum(np.abs(losses), 1.0)


def _measured(
    losses: Floats, numbers: Sequence[int], cost: Scale, budgets: Floats
) -> tuple[Floats, list[int | None]]:
    """The least loss within each budget, inf where nothing is, and whose it is. losses: (n, 2) -> (b,), b numbers"""
    within = losses[None, :, 1] <= _loss(cost, budgets)[:, None]
    least = np.where(within, losses[None, :, 0], np.inf)
    first = np.argmin(least, axis=1)
    best: Floats = least[np.arange(len(budgets)), first]
    found = [numbers[place] if np.isfinite(loss) else None for place, loss in zip(first, best, strict=True)]
    return best, found


def _attained(posterior: Posterior, places: Sequence[int], budgets: Floats) -> Floats:
    """The least loss that each draw has within each budget and all limits, inf where none is. -> (S, b)"""
    points = posterior.encoding.points(_configurations(posterior, places))
    rng = np.random.default_rng([posterior.problem.seed, len(posterior.past.told)])

    def draw(surrogate: Surrogate) -> Floats:
        return surrogate.sample(points, rng.standard_normal((len(points), _FUNCTIONS))).T

    drawn = [posterior.scales[place].losses(draw(posterior.models[place].surrogate)) for place in places]
    for limit in borders(posterior.problem, posterior.encoding, posterior.past, {})[: len(posterior.problem.limits)]:
        if limit.surrogate is not None:
            drawn[0] = np.where(draw(limit.surrogate) <= 0.0, drawn[0], np.inf)
    order = np.argsort(drawn[1], axis=1, kind="stable")
    costs = np.take_along_axis(drawn[1], order, axis=1)
    least = np.minimum.accumulate(np.take_along_axis(drawn[0], order, axis=1), axis=1)
    found = np.full((_FUNCTIONS, len(budgets)), np.inf)
    limits = _loss(posterior.scales[places[1]], budgets)
    for row in range(_FUNCTIONS):
        within = np.searchsorted(costs[row], limits, side="right")
        found[row] = np.where(within > 0, least[row, np.maximum(within - 1, 0)], np.inf)
    return found


def _configurations(posterior: Posterior, places: Sequence[int]) -> Floats:
    """The told ones, some all over the space and some around the told front, that are allowed. -> (k, p)"""
    encoding, past, problem = posterior.encoding, posterior.past, posterior.problem
    available = Available(encoding, frozenset(), SpaceConstraints.of(encoding, problem.space_constraints))
    rng = np.random.default_rng([problem.seed, len(past.told), 1])
    front = past.told[non_dominated(past.losses[:, places])]
    return np.vstack([past.told, spread(available, rng, _ANYWHERE), around(available, rng, front, _NEAR)])


def _quantile(drawn: Floats, share: float) -> Floats:
    """By column, of losses that may be inf: no mean of two, so that inf stays apart. (S, b) -> (b,)"""
    ordered = np.sort(drawn, axis=0)
    found: Floats = ordered[min(int(share * len(ordered)), len(ordered) - 1)]
    return found


def _values(scale: Scale, losses: Floats) -> list[float | None]:
    """Losses as values of the metric; None for inf."""
    values = scale.values(np.where(np.isfinite(losses), losses, 0.0)).tolist()
    return [value if np.isfinite(loss) else None for value, loss in zip(values, losses, strict=True)]


def _prices(median: Sequence[float | None], budgets: Floats) -> list[float | None]:
    """How much better the median becomes per unit from each budget to the next; of the last, from the one before."""
    steps = [
        None if here is None or there is None else abs(there - here) / abs(further - budget)
        for here, there, budget, further in zip(median, median[1:], budgets, budgets[1:], strict=False)
        if further != budget
    ]
    return [*steps, steps[-1] if steps else None] if len(steps) == len(median) - 1 else [None] * len(median)
