"""Limits on metrics, also relative to what the baseline trial has."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field

from trimtab_service.domain import grammar
from trimtab_service.domain.errors import InvalidStudy
from trimtab_service.domain.expression import Expression
from trimtab_service.domain.grammar import BASELINE
from trimtab_service.domain.metric import check_metric_key
from trimtab_service.domain.units import derived

_ORDERED = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


@dataclass(frozen=True)
class Constraint:
    """A limit that finished trials keep or break, as "latency_ms <= 20" or "accuracy >= 0.98 * baseline".

    `baseline` is the baseline trial's value of the limit's only metric, baseline["macs"] its value of another one.
    metrics: the keys it looks at, the baseline's apart.
    """

    text: str
    expression: Expression = field(default=None, repr=False, compare=False)  # type: ignore[assignment]  # read here
    metrics: tuple[str, ...] = field(init=False, repr=False, compare=False)
    _of_baseline: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.expression is None:
            object.__setattr__(self, "expression", Expression.condition(self.text, refusal=InvalidStudy))
        names = sorted(self.expression.names)
        metrics = tuple(name for name in names if grammar.of_baseline(name) is None)
        if not metrics:
            raise InvalidStudy(f"a constraint names a metric, got {self.text!r}")
        for metric in metrics:
            check_metric_key(metric)
        _check_ordered(self.expression.tree, self.text)
        if BASELINE in names and len(metrics) > 1:
            raise InvalidStudy(
                f'constraint {self.text!r}: expected {BASELINE}["{metrics[0]}"] or the like, since the limit is on '
                f"{list(metrics)!r}, got {BASELINE}"
            )
        of_baseline = {name: grammar.of_baseline(name) or metrics[0] for name in names if name not in metrics}
        object.__setattr__(self, "metrics", metrics)
        object.__setattr__(self, "_of_baseline", of_baseline)

    @classmethod
    def of(cls, text: object) -> tuple[Constraint, ...]:
        """The constraints of a condition: one for each that a top-level `and` joins. Raises InvalidStudy."""
        parts = Expression.condition(text, refusal=InvalidStudy).parts
        return tuple(cls(one.text, one) for one in parts)

    @classmethod
    def bound(cls, key: str, number: float, *, at_least: bool = False) -> Constraint:
        """The limit of one metric by a number: at most, unless it is at least."""
        operator, sign = (ast.GtE(), ">=") if at_least else (ast.LtE(), "<=")
        tree = ast.Compare(grammar.node_of(key), [operator], [grammar.constant(number)])
        text = f"{key} {sign} {number!r}"
        return cls(text, Expression(text, tree))

    @property
    def relative(self) -> bool:
        """Whether it depends on the baseline trial."""
        return bool(self._of_baseline)

    def margin(self, values: Mapping[str, float], baseline: Mapping[str, float] | None) -> float | None:
        """By how much it is broken: at most 0 exactly where it is kept; see `Expression.margin`.

        values: of the trial, by key. baseline: those of the baseline trial. None while a value is not there.
        """
        if not self._of_baseline:
            return self.expression.margin(values)
        if baseline is None:
            return None
        held = {name: derived(key, baseline) for name, key in self._of_baseline.items()}
        return self.expression.margin({**values, **held})

    def renamed(self, keys: Mapping[str, str]) -> Constraint:
        """The same limit on other metrics in the place of these, the baseline's too."""
        of_baseline = {grammar.baseline_key(old): grammar.baseline_key(new) for old, new in keys.items()}
        expression = self.expression.renamed({**keys, **of_baseline})
        return Constraint(expression.text, expression)


def _check_ordered(tree: ast.expr, text: str) -> None:
    """Raises InvalidStudy for a comparison that is no limit."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            for op in node.ops:
                if not isinstance(op, _ORDERED):
                    raise InvalidStudy(f"constraint {text!r}: expected <, <=, > or >= between numbers")
            for one in (node.left, *node.comparators):
                try:
                    grammar.number(one)
                except grammar.Misread as error:
                    raise InvalidStudy(f"constraint {text!r}: expected numbers around a comparison") from error
