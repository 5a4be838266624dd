"""The front door to what the surrogates know: predictions, importances, calibration, pictures, suggestion cards,
predicted bests and trade-offs.

Naming these functions loads neither NumPy nor SciPy; calling them does. Each is a pure function of a problem, its
history and the surrogates' states, made to run in a process of its own, and raises NoSurrogate while there is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trimtab_service.domain.insight import (
    Calibrations,
    Importances,
    Picture,
    PredictedBest,
    Prediction,
    Predictions,
    SuggestionCard,
    TradeOff,
    View,
)
from trimtab_service.domain.space import Params
from trimtab_service.domain.study import Problem
from trimtab_service.domain.trial import History, Trial

__all__ = [
    "calibration",
    "importances",
    "picture",
    "predict",
    "predicted_best",
    "suggestion_card",
    "trade_off",
]

States = Mapping[str, Mapping[str, Any]]
"""Metric -> the state of its surrogate, where the fit starts from; {} for none."""


def predict(problem: Problem, history: History, surrogates: States, configurations: Sequence[Params]) -> Predictions:
    """What every objective is believed to be at params that lie in the space."""
    from trimtab_service.optimizer.posterior import Posterior

    posterior = Posterior.of(problem, history, surrogates)
    found = posterior.beliefs(posterior.encoding.levels(configurations))
    items = [
        Prediction(params, {metric: beliefs[place] for metric, beliefs in found.items()})
        for place, params in enumerate(configurations)
    ]
    return Predictions(len(posterior.past.told), items)


def importances(problem: Problem, history: History, surrogates: States) -> Importances:
    """How much each parameter matters for each objective."""
    from trimtab_service.optimizer.posterior import Posterior
    from trimtab_service.optimizer.sensitivity import importances as of

    posterior = Posterior.of(problem, history, surrogates)
    return Importances(len(posterior.past.told), of(posterior))


def calibration(problem: Problem, history: History, surrogates: States) -> Calibrations:
    """Whether the surrogate of each objective can be trusted."""
    from trimtab_service.optimizer.crossvalidation import calibrate
    from trimtab_service.optimizer.posterior import Posterior

    posterior = Posterior.of(problem, history, surrogates)
    return Calibrations({metric: calibrate(posterior, *of) for metric, of in posterior.by_metric().items()})


def picture(problem: Problem, history: History, surrogates: States, view: View) -> Picture:
    """The surrogates, their active bounds, and what the view shows of them."""
    from trimtab_service.optimizer.bounds import active_bounds
    from trimtab_service.optimizer.posterior import Posterior
    from trimtab_service.optimizer.slices import contour, slice_along

    posterior = Posterior.of(problem, history, surrogates)
    return Picture(
        trials=sorted(posterior.past.numbers),
        metrics=posterior.fitted(),
        bounds=active_bounds(posterior),
        slice=slice_along(posterior, view) if len(view.parameters) == 1 else None,
        contour=contour(posterior, view) if len(view.parameters) == 2 else None,
    )


def suggestion_card(
    problem: Problem, history: History, _surrogates: States, trial: Trial, finished: frozenset[int]
) -> SuggestionCard:
    """Why a trial was proposed, and what was expected of it. finished: numbers that had finished by then."""
    from trimtab_service.optimizer import cards

    return cards.suggestion_card(problem, history, trial, finished)


def predicted_best(problem: Problem, history: History, surrogates: States, objective: str) -> PredictedBest:
    """The configuration that is expected to be best of an objective and keeps all limits."""
    from trimtab_service.optimizer import predicted

    return predicted.best(problem, history, surrogates, objective)


def trade_off(problem: Problem, history: History, surrogates: States, of: str, against: str, points: int) -> TradeOff:
    """The best of one metric under each budget of another."""
    from trimtab_service.optimizer import trade_off as trade_offs

    return trade_offs.trade_off(problem, history, surrogates, of, against, points)
