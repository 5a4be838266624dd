"""A problem: search space, objectives, limits, and the algorithm that works on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from trimtab_service.domain.constraint import Constraint
from trimtab_service.domain.errors import InvalidParams, InvalidQuery, InvalidSpace, InvalidStudy
from trimtab_service.domain.expression import Expression
from trimtab_service.domain.metric import COST_METRICS, Direction, Objective, Value, check_metric_key
from trimtab_service.domain.options import check_options
from trimtab_service.domain.space import Params, Space
from trimtab_service.domain.told import Told, formula_of
from trimtab_service.domain.units import follows, is_cost

MAX_OBJECTIVES = 10
MAX_LIMITS = 20
MAX_SPACE_CONSTRAINTS = 50


class Algorithm(StrEnum):
    """What proposes the next params."""

    GP = "gp"
    GRID = "grid"
    RANDOM = "random"
    SOBOL = "sobol"


@dataclass(frozen=True, slots=True)
class Problem:
    """All that the optimizer needs to know of a study.

    metrics: further metrics that trials may tell, beside the objectives, COST_METRICS and what the next four name.
    constraints: limits on metrics. space_constraints: conditions that params must meet to be proposed. known_metrics:
    those that are exact and there before training. late_metrics: those that may come after a trial was told.
    baseline: params of the first trial, which limits may refer to. limits: the constraints, then the objectives'
    thresholds.
    """

    space: Space
    objectives: tuple[Objective, ...]
    metrics: tuple[str, ...] = ()
    algorithm: Algorithm = Algorithm.GP
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    constraints: tuple[Constraint, ...] = ()
    space_constraints: tuple[Expression, ...] = ()
    known_metrics: tuple[str, ...] = ()
    late_metrics: tuple[str, ...] = ()
    baseline: Params | None = None
    limits: tuple[Constraint, ...] = field(init=False, repr=False, compare=False)
    told: Told = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 1 <= len(self.objectives) <= MAX_OBJECTIVES:
            raise InvalidStudy(f"a study has 1 to {MAX_OBJECTIVES} objectives, got {len(self.objectives)}")
        object.__setattr__(self, "metrics", _keys(self.metrics))
        object.__setattr__(self, "known_metrics", _keys(self.known_metrics))
        object.__setattr__(self, "late_metrics", _keys(self.late_metrics))
        for names in ((*self.objective_names, *self.metrics), self.known_metrics, self.late_metrics):
            if len(set(names)) != len(names):
                raise InvalidStudy(f"each metric is named once, got {list(names)!r}")
        both = [key for key in self.known_metrics if key in self.late_metrics]
        if both:
            raise InvalidStudy(
                f"known_metrics are there before training and late_metrics after it, got {both!r} in both"
            )
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**63:
            raise InvalidStudy(f"seed must be a whole number in [0, 2^63), got {self.seed!r}")
        check_options(self.options, algorithm=self.algorithm, objectives=len(self.objectives), space=self.space)
        object.__setattr__(self, "limits", (*self.constraints, *_thresholds(self.objectives)))
        object.__setattr__(self, "told", Told(self.objectives, self._declared(), self.late_metrics))
        self._check_names()
        self._check_baseline()

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Problem:
        """A problem from its JSON form (see `to_spec`); what is left out has its default. Raises Invalid."""
        objectives, options, baseline = spec.get("objectives"), spec.get("options"), spec.get("baseline")
        if not isinstance(objectives, Mapping):
            raise InvalidStudy(f"objectives must be {{metric: direction}}, got {objectives!r}")
        if not isinstance(options, Mapping | None):
            raise InvalidStudy(f"options must be {{option: value}}, got {options!r}")
        if not isinstance(baseline, Mapping | None):
            raise InvalidStudy(f"baseline must be params, {{parameter: value}}, got {baseline!r}")
        try:
            algorithm = Algorithm(spec.get("algorithm", "gp"))
        except ValueError as error:
            raise InvalidStudy(
                f"algorithm must be one of {[a.value for a in Algorithm]!r}, got {spec.get('algorithm')!r}"
            ) from error
        problem = cls(
            space=Space.from_spec(spec.get("space", {})),
            objectives=tuple(Objective.from_spec(name, one) for name, one in objectives.items()),
            metrics=_listed(spec, "metrics", "names"),
            algorithm=algorithm,
            options=dict(options or {}),
            seed=spec.get("seed", 0),
            constraints=tuple(
                one for text in _listed(spec, "constraints", "conditions") for one in Constraint.of(text)
            ),
            space_constraints=tuple(
                Expression.condition(text, refusal=InvalidSpace)
                for text in _listed(spec, "space_constraints", "conditions")
            ),
            known_metrics=_listed(spec, "known_metrics", "names"),
            late_metrics=_listed(spec, "late_metrics", "names"),
            baseline=None if baseline is None else dict(baseline),
        )
        problem._check_definition()
        return problem

    def to_spec(self) -> dict[str, Any]:
        """The JSON form, with every default written out."""
        return {
            "space": self.space.to_spec(),
            "objectives": {objective.metric: objective.to_spec() for objective in self.objectives},
            "metrics": list(self.metrics),
            "algorithm": self.algorithm.value,
            "options": dict(self.options),
            "seed": self.seed,
            "constraints": [one.text for one in self.constraints],
            "space_constraints": [one.text for one in self.space_constraints],
            "known_metrics": list(self.known_metrics),
            "late_metrics": list(self.late_metrics),
            "baseline": None if self.baseline is None else dict(self.baseline),
        }

    @property
    def objective_names(self) -> tuple[str, ...]:
        """The metrics that are optimised, in order."""
        return tuple(objective.metric for objective in self.objectives)

    @property
    def computed(self) -> frozenset[str]:
        """The objectives that are no told metrics but formulas of such."""
        return frozenset(one.metric for one in self.objectives if one.formula)

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Every metric that trials may tell, costs included, each once."""
        return tuple(dict.fromkeys((*self._declared(), *COST_METRICS)))

    def knows(self, name: str) -> bool:
        """Whether this is a parameter, or a metric that trials may tell, perhaps in another unit or of a device."""
        return name in self.space.names or self.told.knows(name)

    def allowed(self, params: Mapping[str, Any]) -> bool:
        """Whether params may be proposed. Where that depends on a parameter that is not present, they may."""
        return all(one.holds(params, absent=True) for one in self.space_constraints)

    def feasible(self, values: Mapping[str, float], baseline: Mapping[str, float] | None) -> bool | None:
        """Whether values keep every limit; None while that is not known. baseline: the baseline trial's values."""
        known = True
        for limit in self.limits:
            margin = limit.margin(values, baseline)
            if margin is None:
                known = False
            elif margin > 0:
                return False
        return True if known else None

    def broken(self, values: Mapping[str, float], baseline: Mapping[str, float] | None) -> tuple[str, ...]:
        """The texts of the limits that values break."""
        margins = ((limit, limit.margin(values, baseline)) for limit in self.limits)
        return tuple(limit.text for limit, margin in margins if margin is not None and margin > 0)

    def is_known(self, *keys: str) -> bool:
        """Whether all of these metrics are exact and there before training, or follow from such."""
        return all(follows(key, self.known_metrics) or self._all_in(key, self.known_metrics) for key in keys)

    def values(
        self, given: Mapping[str, object], *, complete: bool, before: Mapping[str, Value] | None = None
    ) -> dict[str, Value]:
        """The told values, checked, over those the trial has before; with what follows from them.

        complete: every objective must be there, unless it is late. Raises UnknownMetric, InvalidValue, MissingMetric.
        """
        return self.told.values(given, complete=complete, before=before or {})

    def variants(self, given: Mapping[str, object], values: Mapping[str, Value]) -> dict[str, dict[str, Value]]:
        """The told variants, checked: of each what differs from the trial's own values. Raises Invalid."""
        return self.told.variants(given, values)

    def about(self, *metrics: str | Objective, limits: Iterable[Constraint] = ()) -> Problem:
        """The problem with these objectives in the place of its own, none where none is given, and further limits.

        A metric that is no objective of it must be a cost, which is minimised. Raises InvalidQuery.
        """
        objectives = tuple(self._objective(one) for one in metrics) or self.objectives
        return replace(
            self,
            objectives=tuple(replace(one, threshold=None) for one in objectives),
            metrics=tuple(key for key in self._declared() if key not in {one.metric for one in objectives}),
            constraints=(*self.limits, *limits),
            options={key: value for key, value in self.options.items() if key != "acquisition"},
        )

    def _declared(self) -> tuple[str, ...]:
        """The objectives and every metric that the definition names, each once."""
        formulas = (key for one in self.objectives if one.formula for key in sorted(formula_of(one).names))
        limits = (key for one in self.constraints for key in one.metrics)
        named = (*self.objective_names, *self.metrics, *formulas, *limits, *self.known_metrics, *self.late_metrics)
        return tuple(dict.fromkeys(named))

    def _all_in(self, key: str, known: tuple[str, ...]) -> bool:
        """Whether the key is an objective's whose formula names known metrics only."""
        return any(
            one.metric == key and one.formula and all(follows(name, known) for name in formula_of(one).names)
            for one in self.objectives
        )

    def _objective(self, one: str | Objective) -> Objective:
        """The objective of this metric; a cost that is none is to be minimised. Raises InvalidQuery."""
        if isinstance(one, Objective):
            return one
        for objective in self.objectives:
            if objective.metric == one:
                return objective
        if not is_cost(one):
            raise InvalidQuery(f"expected an objective of {list(self.objective_names)!r} or a cost, got {one!r}")
        return Objective(one, Direction.MINIMIZE)

    def _check_definition(self) -> None:
        """Raises InvalidStudy and InvalidSpace for what a study can't be defined with."""
        if len(self.limits) > MAX_LIMITS:
            raise InvalidStudy(f"a study has at most {MAX_LIMITS} limits, got {len(self.limits)}")
        if len(self.space_constraints) > MAX_SPACE_CONSTRAINTS:
            raise InvalidSpace(
                f"a space has at most {MAX_SPACE_CONSTRAINTS} constraints, got {len(self.space_constraints)}"
            )
        relative = [limit.text for limit in self.limits if limit.relative]
        if relative and self.baseline is None:
            raise InvalidStudy(f"constraints {relative!r} need baseline={{parameter: value}} of the study")
        if self.baseline is not None and not self.allowed(self.baseline):
            broken = [one.text for one in self.space_constraints if not one.holds(self.baseline, absent=True)]
            raise InvalidStudy(f"baseline: expected params that may be proposed, got such as break {broken!r}")

    def _check_names(self) -> None:
        """Raises InvalidSpace and InvalidStudy for limits of names that are not theirs."""
        for one in self.space_constraints:
            one.check_names(self.space.names, refusal=InvalidSpace)
        for limit in self.constraints:
            params = sorted(
                set(limit.metrics) & set(self.space.names) - set(self.objective_names) - set(self.metrics)
            )
            if params:
                raise InvalidStudy(
                    f"constraint {limit.text!r}: {params!r} are parameters; a limit on them belongs to "
                    "space_constraints"
                )

    def _check_baseline(self) -> None:
        """The baseline, complete and in order. Raises InvalidStudy."""
        if self.baseline is None:
            return
        try:
            object.__setattr__(self, "baseline", self.space.check(self.baseline))
        except InvalidParams as error:
            raise InvalidStudy(f"baseline: {error.detail}") from error


def _thresholds(objectives: Iterable[Objective]) -> tuple[Constraint, ...]:
    """The objectives' thresholds as limits."""
    return tuple(
        Constraint.bound(one.metric, one.threshold, at_least=one.direction is Direction.MAXIMIZE)
        for one in objectives
        if one.threshold is not None
    )


def _keys(given: Iterable[object]) -> tuple[str, ...]:
    return tuple(check_metric_key(key) for key in given)


def _listed(spec: Mapping[str, Any], name: str, what: str) -> tuple[Any, ...]:
    given = spec.get(name)
    if not isinstance(given, list | tuple | None):
        raise InvalidStudy(f"{name} must be a list of {what}, got {given!r}")
    return tuple(given or ())
