"""The suggestion card: why a trial was proposed, and what the surrogates expected of it then.

The surrogates are fitted anew to what had been told when the trial was proposed, so the same history gives the same
card; the fit may have ended elsewhere then, for it went on from an earlier θ, and only the latest θ is kept. When a
cost probe or a late metric came is not told either: they count as there before.
z: what a surrogate sees, Normal(μ, s²) at the trial's params.  best: the incumbent. Pending trials are left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from trimtab_service.domain.errors import NoSurrogate
from trimtab_service.domain.insight import Chance, Expectation, Neighbour, SuggestionCard
from trimtab_service.domain.study import Problem
from trimtab_service.domain.trial import History, Observation, Source, Trial, TrialState
from trimtab_service.optimizer.acquisition import probability_of_improvement
from trimtab_service.optimizer.available import Mask
from trimtab_service.optimizer.borders import FAILURES, borders
from trimtab_service.optimizer.encoding import Encoding, Floats
from trimtab_service.optimizer.modelling import Model, Past
from trimtab_service.optimizer.models import Models
from trimtab_service.optimizer.pareto import non_dominated
from trimtab_service.optimizer.posterior import Posterior, Scale, below, told_values
from trimtab_service.optimizer.promising import incumbent

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
    then = None if posterior is None else _Then.of(posterior, trial)
    return SuggestionCard(
        number=trial.number,
        source=trial.source.value,
        reason=trial.reason,
        why=(why if then is None else then.why()) + _what_became(problem, history, trial),
        params=trial.params,
        expected=None if then is None else then.expected,
        limits=None if then is None else then.chances(_margins(history, trial.number)),
        probability_of_result=None if then is None else then.probabilities.get(FAILURES),
        nearest=_nearest(problem, known, trial, posterior),
        rested_on=[] if posterior is None else list(posterior.past.numbers),
        fitted={} if posterior is None else posterior.fitted(),
    )


def _known_before(history: History, number: int, finished: frozenset[int]) -> History:
    """What the optimizer had been given for a trial: those with a lower number, pending unless they had finished.

    Probes have the lowest ones.
    """
    return tuple(
        one if one.number < 0 or one.number in finished else Observation(one.number, TrialState.RUNNING, one.params)
        for one in history
        if one.number < number
    )


def _margins(history: History, number: int) -> tuple[float, ...]:
    """The trial's margins as far as they are known."""
    return next((one.margins for one in history if one.number == number), ())


def _what_became(problem: Problem, history: History, trial: Trial) -> str:
    """A sentence on a trial that was refused or failed."""
    if trial.state is TrialState.FAILED and trial.failure is not None:
        return f" It failed: {trial.failure.kind.value}."
    if trial.state is not TrialState.INFEASIBLE:
        return ""
    margins = _margins(history, trial.number)
    broken = [limit.text for limit, margin in zip(problem.limits, margins, strict=False) if margin > 0]
    return " It was refused before training" + (f": {' and '.join(broken)} would not hold." if broken else ".")


@dataclass(frozen=True, slots=True)
class _Then:
    """What was believed of a trial when it was proposed.

    feasible: which told trials keep all limits.  here: (1, D), the trial's point.  expected: by metric.
    probabilities: by border, that it holds.
    """

    posterior: Posterior
    models: Models
    feasible: Mask
    here: Floats
    expected: Mapping[str, Expectation]
    probabilities: Mapping[str, float]

    @classmethod
    def of(cls, posterior: Posterior, trial: Trial) -> _Then:
        """What the posterior, and the borders fitted to the same past, say of a trial."""
        problem, encoding, past = posterior.problem, posterior.encoding, posterior.past
        models = Models(problem, encoding, posterior.models, borders(problem, encoding, past, {}))
        feasible = models.holding(encoding.points(past.told), past.margins)
        here = encoding.encode([trial.params])
        expected = {}
        for place, (metric, (one, scale)) in enumerate(posterior.by_metric().items()):
            best = incumbent(models, past, feasible, place) if np.any(feasible) else None
            expected[metric] = _expectation(one, scale, here, trial, best)
        probabilities = {border.name: float(border.probability(here)[0]) for border in models.borders}
        return cls(posterior, models, feasible, here, expected, probabilities)

    def chances(self, margins: tuple[float, ...]) -> dict[str, Chance]:
        """Limit -> its chance. margins: as far as they are known by now."""
        names = [border.name for border in self.models.limits]
        known = margins or (math.nan,) * len(names)
        return {
            name: Chance(self.probabilities[name], None if math.isnan(margin) else margin <= 0.0)
            for name, margin in zip(names, known, strict=True)
        }

    def why(self) -> str:
        """The same in a sentence."""
        seen = f"The surrogates of {len(self.posterior.past.told)} told trials expected "
        seen += " and ".join(
            f"{metric} = {one.objective.median:.4g} ({one.objective.lower:.4g} to {one.objective.upper:.4g})"
            for metric, one in self.expected.items()
        )
        chances = [self._of_improvement()] if np.any(self.feasible) else []
        chances += [f"{self.probabilities[border.name]:.0%} that {border.name}" for border in self.models.borders]
        return f"{seen}, with a chance of {', and of '.join(chances)}."

    def _of_improvement(self) -> str:
        if len(self.expected) > 1:
            return f"{self._joins_front():.0%} that nothing known beats it in all"
        (one,) = self.expected.values()
        return f"{one.probability_of_improvement:.0%} to improve on {one.incumbent:.4g}"

    def _joins_front(self) -> float:
        """The probability that no told or pending trial within the limits has means as low in every objective.

        By 4,096 draws.
        """
        encoding, past, surrogates = self.posterior.encoding, self.posterior.past, self.posterior.models
        pending = encoding.points(past.pending)
        known = np.vstack([encoding.points(past.told)[self.feasible], pending[self.models.holding(pending)]])
        means = np.stack([one.surrogate.predict(known)[0] for one in surrogates], axis=1)
        front = means[non_dominated(means)]
        normal = np.random.default_rng(_SEED).standard_normal((_DRAWS, len(surrogates)))
        at = np.array([one.surrogate.predict(self.here) for one in surrogates])[:, :, 0]
        drawn = at[:, 0] + normal * np.sqrt(at[:, 1])
        beaten = np.any(np.all(front[None, :, :] <= drawn[:, None, :], axis=2), axis=1)
        return 1.0 - float(beaten.mean())


def _expectation(one: Model, scale: Scale, here: Floats, trial: Trial, best: float | None) -> Expectation:
    """here: (1, D), the trial's point. best: None where there is no incumbent."""
    mean, variance = one.surrogate.predict(here)
    told_as = scale.beliefs(mean, variance + one.surrogate.noise)[0]
    told = trial.values.get(scale.objective.metric)
    sd = math.sqrt(variance[0])
    return Expectation(
        objective=scale.beliefs(mean, variance)[0],
        told_interval=(told_as.lower, told_as.upper),
        told=None if told is None else told.value,
        inside=None if told is None else told_as.lower <= told.value <= told_as.upper,
        incumbent=None if best is None else _value(scale, best),
        expected_improvement=None if best is None else _improvement(scale, float(mean[0]), sd, best),
        probability_of_improvement=None
        if best is None
        else float(probability_of_improvement(mean, np.sqrt(variance), best)[0]),
    )


def _improvement(scale: Scale, mean: float, sd: float, best: float) -> float:
    """E|value(best) - value(z)| where z < best, by quadrature."""
    t, weights = below(np.array([(best - mean) / sd]))
    gains = np.abs(scale.values(scale.losses(mean + sd * t)) - _value(scale, best))
    return float(np.sum(weights * gains))


def _value(scale: Scale, z: float) -> float:
    return float(scale.values(scale.losses(np.array([z])))[0])


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
