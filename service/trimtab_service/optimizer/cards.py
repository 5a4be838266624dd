"""The suggestion card: why a trial was proposed, and what the surrogates expected of it then.

The surrogates are fitted anew to what had been told when the trial was proposed, so the same history gives the same
card; the fit may have ended elsewhere then, for it went on from an earlier θ, and only the latest θ is kept.
z: what a surrogate sees, Normal(μ, s²) at the trial's params.  best: the incumbent. Pending trials are left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from trimtab_service.domain.errors import NoSurrogate
from trimtab_service.domain.insight import Expectation, Neighbour, SuggestionCard
from trimtab_service.domain.study import Problem
from trimtab_service.domain.trial import History, Observation, Source, Trial, TrialState
from trimtab_service.optimizer.acquisition import probability_of_improvement
from trimtab_service.optimizer.encoding import Encoding, Floats
from trimtab_service.optimizer.modelling import Model, Past
from trimtab_service.optimizer.pareto import non_dominated
from trimtab_service.optimizer.posterior import Posterior, Scale, below, told_values

__all__ = ["suggestion_card"]

WHY: Mapping[Source, str] = {
    Source.INITIAL: "It belongs to the initial design: points that fill the space before there is a surrogate.",
    Source.GRID: "It is the grid's next configuration, and no surrogate was asked.",
    Source.RANDOM: "It was drawn at random, and no surrogate was asked.",
    Source.SOBOL: "It is the next point of a Sobol sequence, and no surrogate was asked.",
    Source.FALLBACK: "It is a quasi-random point, since no proposal could be computed in time.",
    Source.USER: "Somebody chose it, and no surrogate was asked.",
}
NEAREST = 5
_DRAWS = 4_096
_SEED = 0


def suggestion_card(problem: Problem, history: History, trial: Trial, finished: frozenset[int]) -> SuggestionCard:
    """The card of a trial. history: of the whole study. finished: numbers that had finished when it was proposed."""
    known = _known_before(history, trial.number, finished)
    posterior, why = None, WHY.get(trial.source, "")
    if trial.source is Source.GP:
        try:
            posterior = Posterior.of(problem, known, {})
        except NoSurrogate as error:
            why = f"A surrogate proposed it, but it can't be told any more what it knew: {error.detail}."
    expected = None if posterior is None else _expectations(posterior, trial)
    if posterior is not None and expected is not None:
        why = _why(posterior, trial, expected)
    return SuggestionCard(
        number=trial.number,
        source=trial.source.value,
        reason=trial.reason,
        why=why,
        params=trial.params,
        expected=expected,
        nearest=_nearest(problem, known, trial, posterior),
        rested_on=[] if posterior is None else list(posterior.past.numbers),
        fitted={} if posterior is None else posterior.fitted(),
    )


def _known_before(history: History, number: int, finished: frozenset[int]) -> History:
    """What the optimizer had been given for a trial: those with a lower number, pending unless they had finished."""
    return tuple(
        one if one.number in finished else Observation(one.number, TrialState.RUNNING, one.params)
        for one in history
        if one.number < number
    )


def _expectations(posterior: Posterior, trial: Trial) -> dict[str, Expectation]:
    here = posterior.encoding.encode([trial.params])
    return {metric: _expectation(one, scale, here, trial) for metric, (one, scale) in posterior.by_metric().items()}


def _expectation(one: Model, scale: Scale, here: Floats, trial: Trial) -> Expectation:
    """here: (1, D), the trial's point."""
    mean, variance = one.surrogate.predict(here)
    best = one.surrogate.incumbent
    told_as = scale.beliefs(mean, variance + one.surrogate.noise)[0]
    told = trial.values.get(scale.objective.metric)
    sd = math.sqrt(variance[0])
    return Expectation(
        objective=scale.beliefs(mean, variance)[0],
        told_interval=(told_as.lower, told_as.upper),
        told=None if told is None else told.value,
        inside=None if told is None else told_as.lower <= told.value <= told_as.upper,
        incumbent=_value(scale, best),
        expected_improvement=_improvement(scale, float(mean[0]), sd, best),
        probability_of_improvement=float(probability_of_improvement(mean, np.sqrt(variance), best)[0]),
    )


def _improvement(scale: Scale, mean: float, sd: float, best: float) -> float:
    """E|value(best) - value(z)| where z < best, by quadrature."""
    t, weights = below(np.array([(best - mean) / sd]))
    gains = np.abs(scale.values(scale.losses(mean + sd * t)) - _value(scale, best))
    return float(np.sum(weights * gains))


def _value(scale: Scale, z: float) -> float:
    return float(scale.values(scale.losses(np.array([z])))[0])


def _why(posterior: Posterior, trial: Trial, expected: Mapping[str, Expectation]) -> str:
    seen = f"The surrogates of {len(posterior.past.told)} told trials expected "
    seen += " and ".join(
        f"{metric} = {one.objective.median:.4g} ({one.objective.lower:.4g} to {one.objective.upper:.4g})"
        for metric, one in expected.items()
    )
    if len(expected) > 1:
        return f"{seen}, with a chance of {_joins_front(posterior, trial):.0%} that nothing known beats it in all."
    (one,) = expected.values()
    return f"{seen}, with a chance of {one.probability_of_improvement:.0%} to improve on {one.incumbent:.4g}."


def _joins_front(posterior: Posterior, trial: Trial) -> float:
    """The probability that no told or pending trial's means are as low in every objective, by 4,096 draws."""
    here = posterior.encoding.encode([trial.params])
    known = posterior.encoding.points(np.vstack([posterior.past.told, posterior.past.pending]))
    means = np.stack([one.surrogate.predict(known)[0] for one in posterior.models], axis=1)
    front = means[non_dominated(means)]
    normal = np.random.default_rng(_SEED).standard_normal((_DRAWS, len(posterior.models)))
    at = np.array([one.surrogate.predict(here) for one in posterior.models])[:, :, 0]
    drawn = at[:, 0] + normal * np.sqrt(at[:, 1])
    beaten = np.any(np.all(front[None, :, :] <= drawn[:, None, :], axis=2), axis=1)
    return 1.0 - float(beaten.mean())


def _nearest(problem: Problem, known: History, trial: Trial, posterior: Posterior | None) -> list[Neighbour]:
    """The nearest told trials, by the surrogates' length scales, or in the unit cube where there are none."""
    encoding = Encoding.of(problem.space)
    past = Past.of(encoding, len(problem.objectives), known, len(problem.limits))
    away = encoding.points(past.told) - encoding.encode([trial.params])
    if posterior is not None:
        away = away / np.min([one.surrogate.length_scales for one in posterior.models], axis=0)
    distances = np.sqrt(np.sum(away**2, axis=1))
    nearest = np.argsort(distances, kind="stable")[:NEAREST]
    values = told_values(problem, past.losses[nearest])
    return [
        Neighbour(
            number=past.numbers[place],
            distance=float(distances[place]),
            params=encoding.params(past.told[place]),
            values=values[rank],
        )
        for rank, place in enumerate(nearest)
    ]
