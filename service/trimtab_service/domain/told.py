"""What a trial may tell of its metrics: checked, completed by what follows from it, and by formulas."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from trimtab_service.domain.errors import InvalidStudy, InvalidValue, MissingMetric, UnknownMetric
from trimtab_service.domain.expression import Expression
from trimtab_service.domain.metric import (
    COST_METRICS,
    Objective,
    Value,
    check_metric_key,
    split_key,
)
from trimtab_service.domain.units import derived_value, follows

MAX_VARIANTS = 50
_T = TypeVar("_T", Value, float)
_VARIANT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._%+-]{0,98}[A-Za-z0-9._%+-])?")


@dataclass(frozen=True, slots=True)
class Told:
    """The rules of told values. declared: every metric that the study names; costs are known as well."""

    objectives: tuple[Objective, ...]
    declared: tuple[str, ...]
    late: tuple[str, ...]

    def __post_init__(self) -> None:
        computed = self._computed
        for one in self.objectives:
            if one.formula and computed & formula_of(one).names:
                raise InvalidStudy(
                    f"objective {one.metric!r}: a formula names told metrics, not the computed {sorted(computed)!r}, "
                    f"got {one.formula!r}"
                )

    def values(self, given: Mapping[str, object], *, complete: bool, before: Mapping[str, Value]) -> dict[str, Value]:
        """The values, checked, over those from before, and what follows from them all.

        complete: every objective must be there, unless it is late. Raises UnknownMetric, InvalidValue, MissingMetric.
        """
        checked = self._checked(given)
        # what followed before from a value that is told anew follows anew
        values = {key: one for key, one in before.items() if not follows(key, tuple(checked))} | checked
        self._complete(values)
        for objective in self.objectives:
            told = values.get(objective.metric)
            if told is None and complete:
                self._check_late(objective, given, values)
            if told is not None and objective.log and told.value <= 0:
                raise InvalidValue(
                    f"metric {objective.metric!r} is on a log scale, so it must be above 0, got {told.value}"
                )
        return values

    def variants(self, given: Mapping[str, object], values: Mapping[str, Value]) -> dict[str, dict[str, Value]]:
        """The variants, checked: of each what was told of it and what follows. values: the trial's own.

        Raises UnknownMetric and InvalidValue.
        """
        if len(given) > MAX_VARIANTS:
            raise InvalidValue(f"a trial has at most {MAX_VARIANTS} variants, got {len(given)}")
        found: dict[str, dict[str, Value]] = {}
        for name, told in given.items():
            if not _VARIANT.fullmatch(name):
                raise InvalidValue(
                    "a variant's name is a letter or digit and then up to 99 letters, digits, spaces, '.', '_', '-', "
                    f"'+' or '%', got {name!r}"
                )
            if not isinstance(told, Mapping) or not told:
                raise InvalidValue(f"variant {name!r}: expected {{metric: value}}, got {told!r}")
            found[name] = self.variant(name, self._checked(told), values)
        return found

    def variant(self, name: str, told: Mapping[str, Value], values: Mapping[str, Value]) -> dict[str, Value]:
        """What was told of this variant, checked before, and what follows. values: the trial's own.

        Raises InvalidValue.
        """
        merged = as_variant(values, told, self._computed)
        self._complete(merged)
        for objective in self.objectives:
            one = merged.get(objective.metric)
            if one is not None and objective.log and one.value <= 0:
                raise InvalidValue(
                    f"variant {name!r}: {objective.metric!r} is on a log scale, so it must be above 0, "
                    f"got {one.value}"
                )
        return {key: one for key, one in merged.items() if values.get(key) is not one}

    @property
    def _computed(self) -> frozenset[str]:
        return frozenset(one.metric for one in self.objectives if one.formula)

    def knows(self, key: str) -> bool:
        """Whether a trial may tell this metric."""
        return _is_of(key, (*self.declared, *COST_METRICS))

    def _checked(self, given: Mapping[str, object]) -> dict[str, Value]:
        """Raises UnknownMetric and InvalidValue."""
        unknown = [key for key in given if not self.knows(key)]
        if unknown:
            names = [one.metric for one in self.objectives]
            metrics = [key for key in self.declared if key not in names]
            raise UnknownMetric(
                f"expected objectives {names!r}, declared metrics {metrics!r} or costs {list(COST_METRICS)!r}, "
                f"got {unknown!r}; declare others as metrics=[…] of the study"
            )
        computed = [one.metric for one in self.objectives if one.formula and one.metric in given]
        if computed:
            raise InvalidValue(f"expected no value of {computed!r}: their formulas give them")
        return {check_metric_key(key): Value.of(key, one) for key, one in given.items()}

    def _complete(self, values: dict[str, Value]) -> None:
        """Put in what follows: declared metrics from another unit, objectives from their formulas."""
        for key in self.declared:
            if key not in values and (found := derived_value(key, values)) is not None:
                values[key] = found
        numbers = {key: one.value for key, one in values.items()}
        for objective in self.objectives:
            if objective.formula:
                number = formula_of(objective).value(numbers)
                if number is None:
                    values.pop(objective.metric, None)
                else:
                    values[objective.metric] = Value(number, None, {"formula": objective.formula})

    def _check_late(self, objective: Objective, given: Mapping[str, object], values: Mapping[str, Value]) -> None:
        """Raises MissingMetric unless the objective, which has no value, can still get one from late metrics."""
        needed = sorted(formula_of(objective).names) if objective.formula else [objective.metric]
        open_ones = [name for name in needed if not follows(name, values)]
        missing = [name for name in open_ones if not follows(name, self.late)]
        if open_ones and not missing:
            return
        if objective.formula:
            raise MissingMetric(
                f"objective {objective.metric!r} is {objective.formula!r}: expected values of {needed!r} that give a "
                f"finite number, got {list(given)!r}"
            )
        raise MissingMetric(
            f"expected a value for each of {[one.metric for one in self.objectives]!r}, got {list(given)!r}: "
            f"{objective.metric!r} is missing"
        )


def as_variant(own: Mapping[str, _T], told: Mapping[str, _T], computed: Collection[str]) -> dict[str, _T]:
    """A variant's values: what was told of it over the trial's own, as far as that holds for the variant too.

    The trial's figure in another unit than the variant's does not, nor what formulas gave for it. computed: the
    objectives with formulas.
    """
    kept = {key: one for key, one in own.items() if key in told or not (key in computed or follows(key, told))}
    return {**kept, **told}


@lru_cache(maxsize=256)
def formula_of(objective: Objective) -> Expression:
    """The objective's formula, read. Raises InvalidStudy."""
    found = Expression.parse(objective.formula, refusal=InvalidStudy)
    if found.is_condition or not found.names:
        raise InvalidStudy(
            f"objective {objective.metric!r}: formula must be a value of metrics like 'accuracy - 0.1 * size_mb', "
            f"got {objective.formula!r}"
        )
    for name in found.names:
        check_metric_key(name)
    return found


def _is_of(key: str, known: tuple[str, ...]) -> bool:
    """Whether a key is one of these metrics, in another unit perhaps, and perhaps on a device."""
    if follows(key, known):
        return True
    try:
        metric, device = split_key(check_metric_key(key))
    except InvalidStudy:
        return False
    return bool(device) and follows(metric, known)
