"""The front door to what the surrogates know: predictions, importances, calibration, pictures, suggestion cards.

Naming these functions loads neither NumPy nor SciPy; calling them does. Each is a pure function of a problem, its
history and the surrogates' states, made to run in a process of its own, and raises NoSurrogate while there is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trimtab_service.domain.insight import Calibrations, Importances, Prediction, Predictions
from trimtab_service.domain.space import Params
from trimtab_service.domain.study import Problem
from trimtab_service.domain.trial import History

__all__ = ["calibration", "importances", "predict"]

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
    return Calibrations(
        {
            metric: calibrate(posterior, one, scale, posterior.past.losses[:, place])
            for place, (metric, (one, scale)) in enumerate(posterior.by_metric().items())
        }
    )
