"""By how much a condition is kept or missed: at most 0 exactly where it holds.

A comparison a <= b has the margin a - b. Where the one side is of costs alone and the other is above 0 and does not
change from trial to trial, it is ln(a / b), so that twice the limit is as far from it as half of it. `and` has the
largest of its parts' margins, `or` the smallest. `not` is carried down to the comparisons.
"""

from __future__ import annotations

import ast
import math
import sys
from collections.abc import Callable
from typing import Any

from trimtab_service.domain.grammar import (
    COMPARISONS,
    Absent,
    Misread,
    Names,
    Number,
    Term,
    names_of,
    number,
    of_baseline,
    pairs,
    term,
)
from trimtab_service.domain.units import is_cost

_LEAST = math.ulp(0.0)
"""The margin of a limit that is missed by nothing, as 3 < 3 is."""
_FLOOR = 1e-6
"""A cost counts as at least this share of its limit, so that its logarithm is finite."""
_STEP = 1.0
"""Between texts there is no distance: they are equal or a step apart."""


def margin(node: ast.expr, *, negated: bool = False) -> Number:
    """What gives the margin of a condition that `grammar.condition` can read. It raises Absent."""
    match node:
        case ast.BoolOp(op=op, values=values):
            return _extreme([margin(value, negated=negated) for value in values], isinstance(op, ast.And) != negated)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return margin(operand, negated=not negated)
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            kind = COMPARISONS[type(op)].opposite if negated else type(op)
            return _comparison(left, kind, right)
        case ast.Compare():
            return _extreme([margin(pair, negated=negated) for pair in pairs(node)], not negated)
    raise Misread("a condition like 'accuracy >= 0.9'", node)


def _comparison(left: ast.expr, kind: type[ast.cmpop], right: ast.expr) -> Number:
    does = COMPARISONS[kind].does
    if kind in (ast.Gt, ast.GtE):
        return _limit(right, left, does=lambda low, high: does(high, low))
    if kind in (ast.Lt, ast.LtE):
        return _limit(left, right, does=does)
    apart = _nearest if kind in (ast.In, ast.NotIn) else _distance
    return _sameness(term(left), term(right), does, apart, wanted=kind in (ast.Eq, ast.In))


def _limit(low: ast.expr, high: ast.expr, *, does: Callable[[Any, Any], Any]) -> Number:
    """Of low <= high, or low < high."""
    try:
        lower, upper = number(low), number(high)
    except Misread:  # text or lists, which are in order or not
        return _sameness(term(low), term(high), does, lambda one, other: _STEP, wanted=True)
    log_of = "low" if _is_cost(low) and _is_constant(high) else "high" if _is_cost(high) and _is_constant(low) else ""

    def limit(names: Names) -> float:
        one, other = lower(names), upper(names)
        far = one - other
        if log_of == "low" and other > 0:
            far = _log(one, other) - math.log(other)
        elif log_of == "high" and one > 0:
            far = math.log(one) - _log(other, one)
        return _signed(far, does(one, other))

    return limit


def _sameness(
    left: Term,
    right: Term,
    does: Callable[[Any, Any], Any],
    apart: Callable[[Any, Any], float],
    *,
    wanted: bool,
) -> Number:
    """Of what holds or not. wanted: to hold is the nearest there is, so the distance counts where it does not."""

    def sameness(names: Names) -> float:
        one, other = left(names), right(names)
        try:
            holds = bool(does(one, other))
        except TypeError:
            raise Absent from None
        if wanted:
            return 0.0 if holds else _signed(apart(one, other), holds)
        return _signed(-apart(one, other), holds) if holds else _STEP

    return sameness


def _extreme(parts: list[Number], largest: bool) -> Number:
    choose: Callable[[list[float]], float] = max if largest else min
    return lambda names: choose([part(names) for part in parts])


def _signed(far: float, holds: object) -> float:
    """The number, finite, with the sign that agrees with whether the condition holds."""
    return max(min(far, 0.0), -sys.float_info.max) if holds else min(max(far, _LEAST), sys.float_info.max)


def _log(cost: float, limit: float) -> float:
    return math.log(max(cost, limit * _FLOOR, _LEAST))


def _distance(one: Any, other: Any) -> float:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return abs(float(one) - float(other))
    return _STEP


def _nearest(one: Any, items: Any) -> float:
    if isinstance(items, list):
        return min((_distance(one, item) for item in items), default=_STEP)
    return _STEP


def _is_cost(node: ast.expr) -> bool:
    names = set(names_of(node))
    return bool(names) and all(is_cost(name) for name in names)


def _is_constant(node: ast.expr) -> bool:
    return all(of_baseline(name) is not None for name in names_of(node))
