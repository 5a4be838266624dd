"""What a study's surrogates say: predictions, importances, how far they can be trusted, and what they show.

All numbers are in the metrics' own units, and the larger is the larger metric whatever the direction, unless a
docstring says otherwise. Every interval is the central one of LEVEL, unless a docstring names another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trimtab_service.domain.parameter import Choice
from trimtab_service.domain.space import Params

LEVEL = 0.95
"""How probable it is that a value lies in its interval."""
PREDICTED_LEVEL = 0.8
"""The same for a predicted best and for a trade-off."""


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed of one number: mean, standard deviation, median, and the interval from lower to upper."""

    mean: float
    sd: float
    median: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Beliefs:
    """The same of a row of numbers."""

    mean: list[float]
    sd: list[float]
    median: list[float]
    lower: list[float]
    upper: list[float]

    def __getitem__(self, place: int) -> Belief:
        return Belief(self.mean[place], self.sd[place], self.median[place], self.lower[place], self.upper[place])


# --- Predictions ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Prediction:
    """What each objective is believed to be at params, free of the noise of one evaluation."""

    params: Params
    metrics: Mapping[str, Belief]


@dataclass(frozen=True, slots=True)
class Predictions:
    """One prediction for each params asked for. trials: how many told trials they rest on."""

    trials: int
    items: list[Prediction]


# --- Importances ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Importance:
    """The Sobol indices of a parameter: shares of the loss's variance, as the surrogate sees it over the whole space.

    first: what the parameter explains alone. total: what would be left if all others were known, with all that it
    does together with others. Intervals hold what functions drawn from the posterior say.
    """

    first: float
    first_lower: float
    first_upper: float
    total: float
    total_lower: float
    total_upper: float


@dataclass(frozen=True, slots=True)
class Importances:
    """Metric -> parameter, in the order of the space -> importance. A parameter with nothing to choose has 0.

    trials: how many told trials they rest on.
    """

    trials: int
    metrics: Mapping[str, Mapping[str, Importance]]


# --- Whether to trust -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A told value beside what the surrogate expected of it from all the others, noise included.

    numbers: the trials of these params; told: their mean. residual: (told - expected) / standard deviation, in what
    the surrogate sees, above 0 where the value is worse than expected. log_density: of the value there (Rasmussen &
    Williams 2006, Eq. 5.10). pit: the probability that was given to values as good or better.
    """

    numbers: list[int]
    told: float
    expected: Belief
    residual: float
    log_density: float
    pit: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many told values lie in their central interval of this level.

    at_least, at_most: what chance allows (99 %) where intervals are right.
    """

    level: float
    inside: int
    at_least: int
    at_most: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """Whether an objective's surrogate can be trusted, from holding out each told value in turn.

    verdict: trusted, overconfident, underconfident, uninformative, or too_few. score: the share of the variance of
    held-out values that was foreseen (Q²), 1 at best, 0 or less when their mean says as much. sentence: the same for
    people. pit_counts: in ten equal parts of [0, 1], flat where intervals are right.
    """

    verdict: str
    score: float
    sentence: str
    coverage: list[Coverage]
    pit_counts: list[int]
    mean_log_density: float
    held_out: list[HeldOut]


@dataclass(frozen=True, slots=True)
class Calibrations:
    """Metric -> calibration."""

    metrics: Mapping[str, Calibration]


# --- What surrogates show -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class View:
    """What to show of the surrogates: nothing more, a slice along one parameter, or a contour over two.

    base: params to hold, of trial base_trial if of any; None for the best trial's. points: per parameter. paths:
    functions to draw, with this seed.
    """

    parameters: tuple[str, ...] = ()
    base: Params | None = None
    base_trial: int | None = None
    points: int = 101
    paths: int = 0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted surrogate. length_scales: per parameter, in units of its range; short ones matter.

    scale, noise: variances of the objective and of one evaluation, in what the surrogate sees. warp: how a loss
    becomes that. fit: map, kept from an earlier fit, or prior where none was possible and reason says why.
    """

    length_scales: Mapping[str, float]
    scale: float
    noise: float
    warp: Mapping[str, float]
    fit: str
    reason: str
    evaluations: int
    rows: int
    failures: int


@dataclass(frozen=True, slots=True)
class ActiveBound:
    """The best trials press against an end of a parameter, and the surrogate expects nothing better inside.

    end: low or high. value: the end. trials: those of the best that lie there; of: how many the best are.
    """

    parameter: str
    end: str
    value: Choice
    trials: list[int]
    of: int
    sentence: str


@dataclass(frozen=True, slots=True)
class ToldPoint:
    """A told trial as it lies on a picture. x, y: its values of the parameters shown. values: metric -> value."""

    number: int
    x: Choice
    y: Choice | None
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Curve:
    """One objective along a slice. paths: functions drawn from the posterior.

    acquisition: the expected improvement on the incumbent, in what the surrogate sees; null with several objectives.
    """

    belief: Beliefs
    paths: list[list[float]]
    acquisition: list[float] | None


@dataclass(frozen=True, slots=True)
class Slice:
    """The posterior along one parameter, all others as in base. x: its values, in order."""

    parameter: str
    base: Params
    base_trial: int | None
    x: list[Choice]
    metrics: Mapping[str, Curve]
    told: list[ToldPoint]


@dataclass(frozen=True, slots=True)
class Surface:
    """One objective over two parameters: rows along the second, columns along the first."""

    mean: list[list[float]]
    sd: list[list[float]]
    median: list[list[float]]


@dataclass(frozen=True, slots=True)
class Contour:
    """The posterior over two parameters, all others as in base."""

    parameter: str
    second: str
    base: Params
    base_trial: int | None
    x: list[Choice]
    y: list[Choice]
    metrics: Mapping[str, Surface]
    told: list[ToldPoint]


@dataclass(frozen=True, slots=True)
class Picture:
    """The surrogates of a study: how each was fitted, which bounds are active, and a slice or contour if asked for.

    trials: the told trials that they rest on.
    """

    trials: list[int]
    metrics: Mapping[str, Fitted]
    bounds: list[ActiveBound]
    slice: Slice | None
    contour: Contour | None


# --- Why a trial was suggested --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Expectation:
    """What was expected of a trial's objective when it was proposed.

    objective: of the objective itself. told_interval: lower and upper of what one evaluation would tell, with its
    noise. told: what came, and inside: whether it lies in that interval; both null until then.
    incumbent: the best value told under all limits, to improve on. expected_improvement: on it, 0 at least, in the
    metric's unit. probability_of_improvement: that the objective is better than it. All three are null while nothing
    told keeps all limits.
    """

    objective: Belief
    told_interval: tuple[float, float]
    told: float | None
    inside: bool | None
    incumbent: float | None
    expected_improvement: float | None
    probability_of_improvement: float | None


@dataclass(frozen=True, slots=True)
class Chance:
    """How probable it was that a limit holds. holds: whether it does; null while that is not known."""

    probability: float
    holds: bool | None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A trial that had been told. distance: in length scales of the surrogates."""

    number: int
    distance: float
    params: Params
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class SuggestionCard:
    """Why a trial was suggested, and what was expected of it then.

    why: in a sentence, and if it was refused or failed, that as well. expected: metric -> expectation; null where no
    surrogate proposed it. limits: limit -> its chance; probability_of_result: that the trial works out; both null
    where no surrogate proposed it, the latter also while too few trials have failed. nearest: the nearest trials that
    had been told. rested_on: the told trials that the surrogates saw. fitted: metric -> the surrogate.
    """

    number: int
    source: str
    reason: str
    why: str
    params: Params
    expected: Mapping[str, Expectation] | None
    limits: Mapping[str, Chance] | None
    probability_of_result: float | None
    nearest: list[Neighbour]
    rested_on: list[int]
    fitted: Mapping[str, Fitted]


# --- What is attainable under limits --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Interval:
    """What one evaluation is expected to tell, its noise included: median and central interval of PREDICTED_LEVEL."""

    median: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class PredictedBest:
    """The params that the surrogates expect to be best under the limits. Nobody measured them: predicted is true.

    metrics: of every objective and every metric asked for. probability_feasible: that all limits hold there; where
    no params reach the least that is asked for, these are the likeliest. nearest: the nearest told trial, by the
    surrogates' length scales. trials: how many told trials it rests on.
    """

    objective: str
    params: Params
    metrics: Mapping[str, Interval]
    probability_feasible: float
    nearest: Neighbour
    trials: int
    predicted: bool = True


@dataclass(frozen=True, slots=True)
class TradeOff:
    """The best of one metric under each budget of another, both in their own units, free of noise.

    budgets: from the strictest to the loosest: at most so much of `against`, or at least so much where it is
    maximised. measured, numbers: the best told value within each budget and its trial; null where none is. median,
    lower, upper: what functions drawn from the surrogates attain, PREDICTED_LEVEL between lower and upper; null where
    most drawn functions attain nothing. None of them gets worse from one budget to the next.
    shadow_price: how much better the median of `of` becomes per unit by which the budget is loosened. Never below 0:
    a unit of budget raises a maximised metric by it, and lowers a minimised one. Null where there is no median.
    """

    of: str
    against: str
    budgets: list[float]
    measured: list[float | None]
    numbers: list[int | None]
    median: list[float | None]
    lower: list[float | None]
    upper: list[float | None]
    shadow_price: list[float | None]
    trials: int
