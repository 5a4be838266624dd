"""Conditions on finished trials, from `where`, from a device or from the study: whether each holds, and by how much.

Most are a bound: a metric is at most or at least a number. Those are looked up in columns and indexes; others are
asked row by row.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trimtab_service.domain.constraint import Constraint
from trimtab_service.domain.errors import InvalidQuery
from trimtab_service.domain.expression import Expression
from trimtab_service.domain.metric import join_key
from trimtab_service.domain.study import Problem, Study
from trimtab_service.store import Transaction
from trimtab_service.usecases.history import NUMBER, parse_where
from trimtab_service.usecases.limits import baseline_values

_SENSES = {ast.LtE: (1, False), ast.Lt: (1, True), ast.GtE: (-1, False), ast.Gt: (-1, True)}
"""Comparison -> whether from above or below, and whether strictly."""


@dataclass(frozen=True, slots=True)
class Bound:
    """sense * value of the metric <= sense * limit: from above with sense 1, from below with -1."""

    key: str
    sense: int
    limit: float


@dataclass(frozen=True, slots=True)
class Condition:
    """holds: whether it does for a row's params and values; what is unknown does not.

    excess: how far a row is beyond it, relative to the limit where that is a number, inf where that can't be said.
    """

    text: str
    names: frozenset[str]
    bound: Bound | None
    holds: Callable[[Mapping[str, Any]], bool]
    excess: Callable[[Mapping[str, Any]], float]


def of_where(problem: Problem, texts: Sequence[str]) -> tuple[Condition, ...]:
    """The conditions of a question. Raises InvalidQuery."""
    return tuple(_of_where(problem, expression) for expression in parse_where(problem, texts))


def of_limit(limit: Constraint, baseline: Mapping[str, float] | None) -> Condition:
    """A limit of a study or of a device. baseline: the values of the baseline trial, if they are known."""

    def margin(row: Mapping[str, Any]) -> float:
        found = limit.margin(row, baseline)
        return math.inf if found is None else found

    bound = None if limit.relative else _bound(limit.expression)
    excess = (lambda row: max(margin(row), 0.0)) if bound is None else _excess(bound)
    return Condition(limit.text, frozenset(limit.metrics), bound, lambda row: margin(row) <= 0.0, excess)


def of_device(tx: Transaction, study: Study, name: str) -> tuple[Condition, ...]:
    """The limits of a device, as they apply to the study's metrics. Raises DeviceNotFound and InvalidQuery."""
    limits = device_limits(tx, study, name)
    baseline = baseline_values(tx, study, limits)
    return tuple(of_limit(limit, baseline) for limit in limits)


def device_limits(tx: Transaction, study: Study, name: str) -> tuple[Constraint, ...]:
    """The limits themselves. Raises DeviceNotFound, and InvalidQuery for a limit on one of the parameters."""
    limits = tx.device(name).constraints(tx.told_keys(study), tx.first_contracts(study))
    metrics = study.problem.metric_names
    params = sorted({key for one in limits for key in one.metrics if key in study.problem.space.names} - set(metrics))
    if params:
        raise InvalidQuery(
            f"expected limits on metrics, of device {name!r} got ones on {params!r}, which study {study.name!r} has "
            "as parameters: ask for those with where"
        )
    return limits


def _of_where(problem: Problem, expression: Expression) -> Condition:
    bound = _bound(expression)
    if bound is not None and (bound.key in problem.space.names or bound.key == NUMBER):
        bound = None
    excess = (lambda row: 0.0 if expression.selects(row) else math.inf) if bound is None else _excess(bound)
    return Condition(expression.text, expression.names, bound, expression.selects, excess)


def _excess(bound: Bound) -> Callable[[Mapping[str, Any]], float]:
    """Relative to the limit; at a limit of 0, as it is."""
    unit = abs(bound.limit) or 1.0
    return lambda row: max(bound.sense * (row[bound.key] - bound.limit) / unit, 0.0) if bound.key in row else math.inf


def _bound(expression: Expression) -> Bound | None:
    """The bound that a condition is, if it is one: a metric, <=, <, >= or >, and a number, in either order."""
    node = expression.tree
    if not isinstance(node, ast.Compare) or len(node.ops) != 1 or type(node.ops[0]) not in _SENSES:
        return None
    sense, strict = _SENSES[type(node.ops[0])]
    key, limit = _key(node.left), _number(node.comparators[0])
    if key is None:
        key, limit, sense = _key(node.comparators[0]), _number(node.left), -sense
    if key is None or limit is None:
        return None
    return Bound(key, sense, math.nextafter(limit, -sense * math.inf) if strict else limit)


def _key(node: ast.expr) -> str | None:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str(device))):
            return join_key(name, device)
    return None


def _number(node: ast.expr) -> float | None:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return float(value)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _number(operand)
            return None if inner is None else -inner
    return None
