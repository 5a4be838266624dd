"""Turns the tree of an expression into functions of names, once, so that asking them is quick.

What none of these functions knows is not in the language. All arithmetic is done in floats, so nothing grows huge.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from trimtab_service.domain.metric import check_device_name, check_metric_key, join_key, split_key
from trimtab_service.domain.parameter import finite
from trimtab_service.domain.units import relatives

Names = Mapping[str, Any]
"""Name -> float, int, text or bool; NaN counts as absent."""
Number = Callable[[Names], float]
Term = Callable[[Names], Any]
Condition = Callable[[Names], bool | None]

BASELINE = "baseline"
SOFT = -0.07
"""The exponent of MnasNet's soft reward (Tan et al. 2018, section 3.1)."""


class Absent(Exception):  # a signal within the language, not an error
    """There is no such name, or no finite number."""


class Misread(Exception):  # becomes the error that the reader of the text wants
    """The tree is not in the language; the message says what was expected. node: where."""

    def __init__(self, expected: str, node: ast.expr) -> None:
        super().__init__(expected)
        self.node = node


class Comparison(NamedTuple):
    """An operator, what it does, and its opposite."""

    does: Callable[[Any, Any], Any]
    opposite: type[ast.cmpop]


COMPARISONS: dict[type[ast.cmpop], Comparison] = {
    ast.Lt: Comparison(operator.lt, ast.GtE),
    ast.LtE: Comparison(operator.le, ast.Gt),
    ast.Gt: Comparison(operator.gt, ast.LtE),
    ast.GtE: Comparison(operator.ge, ast.Lt),
    ast.Eq: Comparison(operator.eq, ast.NotEq),
    ast.NotEq: Comparison(operator.ne, ast.Eq),
    ast.In: Comparison(lambda item, items: item in items, ast.NotIn),
    ast.NotIn: Comparison(lambda item, items: item not in items, ast.In),
}
_ARITHMETIC: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: math.pow,
}


def mnas(accuracy: float, latency: float, target: float, alpha: float = SOFT, beta: float = SOFT) -> float:
    """MnasNet's reward (Tan et al. 2018, Eq. 2): accuracy · (latency / target)^w, w = alpha within target, else beta.

    Soft: alpha = beta = -0.07. Hard: alpha = 0, beta = -1.
    """
    if target <= 0 or latency <= 0:
        raise ValueError("a latency and its target are above 0")
    return accuracy * math.pow(latency / target, alpha if latency <= target else beta)


_OF_ONE: dict[str, Callable[[float], float]] = {
    "abs": abs,
    "sqrt": math.sqrt,
    "log": math.log,
    "log2": math.log2,
    "log10": math.log10,
    "exp": math.exp,
    "floor": math.floor,
    "ceil": math.ceil,
}
_OF_MANY: dict[str, Callable[[list[float]], float]] = {"min": min, "max": max, "sum": math.fsum}
_MNAS = "mnas"
FUNCTIONS = (*_OF_MANY, *_OF_ONE, _MNAS)


def names_of(node: ast.expr) -> Iterator[str]:
    """The keys that the tree names; those of functions are none."""
    match node:
        case ast.Name() | ast.Subscript():
            yield key_of(node)
        case ast.Call(args=inner) | ast.BoolOp(values=inner) | ast.List(elts=inner) | ast.Tuple(elts=inner):
            for one in inner:
                yield from names_of(one)
        case _:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    yield from names_of(child)


def key_of(node: ast.expr) -> str:
    """The key of a name or of name["device"]; of baseline["metric"] as it is written."""
    match node:
        case ast.Name(id=name) if not (name.startswith("__") and name.endswith("__")):
            return name
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str() as inner)):
            if name == BASELINE:
                return baseline_key(check_metric_key(inner))
            return join_key(name, check_device_name(inner))
    raise Misread('a name or name["device"]', node)


def baseline_key(metric: str) -> str:
    """The key of the baseline trial's value of a metric."""
    return f'{BASELINE}["{metric}"]'


def of_baseline(key: str) -> str | None:
    """The metric that a key names of the baseline trial, "" for the limit's own; None for a key of another kind."""
    if key == BASELINE:
        return ""
    return key[len(BASELINE) + 2 : -2] if key.startswith(f'{BASELINE}["') else None


def node_of(key: str) -> ast.expr:
    """The tree of a key, also of one whose metric can't be written in an expression."""
    metric, device = (BASELINE, of_baseline(key)) if of_baseline(key) else split_key(key)
    name = ast.Name(metric, ast.Load())
    return ast.Subscript(name, ast.Constant(device), ast.Load()) if device else name


def constant(value: float) -> ast.expr:
    """The tree of a number."""
    return ast.UnaryOp(ast.USub(), ast.Constant(-value)) if value < 0 else ast.Constant(value)


def pairs(node: ast.Compare) -> list[ast.Compare]:
    """The comparisons of a chain: a < b <= c is a < b and b <= c."""
    terms = [node.left, *node.comparators]
    return [ast.Compare(terms[at], [op], [terms[at + 1]]) for at, op in enumerate(node.ops)]


def condition(node: ast.expr, unknown: bool | None) -> Condition:
    """What says whether the condition holds. unknown: what a comparison with an absent name gives."""
    match node:
        case ast.BoolOp(op=op, values=values):
            return _junction([condition(value, unknown) for value in values], decisive=isinstance(op, ast.Or))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _negation(condition(operand, unknown))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            if type(op) not in COMPARISONS:
                raise Misread("<, <=, >, >=, ==, !=, in or not in", node)
            return _comparison(term(left), COMPARISONS[type(op)].does, term(right), unknown)
        case ast.Compare():
            return _junction([condition(pair, unknown) for pair in pairs(node)], decisive=False)
    raise Misread("a condition like 'accuracy >= 0.9'", node)


def term(node: ast.expr) -> Term:
    """What gives one side of a comparison, as it is: a number, text, a bool or a list. It raises Absent."""
    match node:
        case ast.Name() | ast.Subscript():
            return _held(key_of(node))
        case ast.Constant(value=bool() | str() as value):
            return lambda names: value
        case ast.List(elts=items) | ast.Tuple(elts=items):
            terms = [term(item) for item in items]
            return lambda names: [one(names) for one in terms]
    return number(node)


def number(node: ast.expr) -> Number:
    """What gives the number, finite; a bool counts as 0 or 1. It raises Absent."""
    match node:
        case ast.Name() | ast.Subscript():
            return _figure(_held(key_of(node)))
        case ast.Constant(value=int() | float() as given) if finite(given) is not None:
            fixed = float(given)
            return lambda names: fixed
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = number(operand)
            return lambda names: -inner(names)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return number(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            return _function(_ARITHMETIC[type(op)], [number(left), number(right)])
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
            return _call(name, arguments, node)
        case ast.Call():
            raise Misread(f"one of the functions {list(FUNCTIONS)!r} without keywords", node)
        case ast.Attribute():
            raise Misread("names without a dot", node)
    raise Misread('finite numbers, names, name["device"], + - * / // % ** and functions', node)


def _call(name: str, arguments: list[ast.expr], node: ast.expr) -> Number:
    if name in _OF_MANY:
        match arguments:
            case [ast.List(elts=items) | ast.Tuple(elts=items)] if items:
                return _function(lambda *them: _OF_MANY[name](list(them)), [number(item) for item in items])
            case [] | [ast.List() | ast.Tuple()]:
                raise Misread(f"{name}(…) of at least one number", node)
        return _function(lambda *them: _OF_MANY[name](list(them)), [number(one) for one in arguments])
    if name == _MNAS:
        if not 3 <= len(arguments) <= 5:
            raise Misread("mnas(accuracy, latency, target, alpha, beta), the last two perhaps left out", node)
        return _function(mnas, [number(one) for one in arguments])
    if len(arguments) != 1:
        raise Misread(f"{name}(…) of one number", node)
    return _function(_OF_ONE[name], [number(arguments[0])])


def _held(key: str) -> Term:
    others = tuple(relatives(key))

    def held(names: Names) -> Any:
        found = names.get(key)
        if found is None:
            for other, n, d in others:
                known = finite(names.get(other))
                if known is not None:
                    found = finite(known * n / d)
                    break
        if found is None or found != found:  # NaN
            raise Absent
        return found

    return held


def _figure(held: Term) -> Number:
    def figure(names: Names) -> float:
        found = held(names)
        if isinstance(found, int | float):
            try:
                found = float(found)
            except OverflowError:
                raise Absent from None
            if math.isfinite(found):
                return found
        raise Absent

    return figure


def _function(does: Callable[..., float], arguments: list[Number]) -> Number:
    def function(names: Names) -> float:
        try:
            found = float(does(*[one(names) for one in arguments]))
        except (ArithmeticError, ValueError):
            raise Absent from None
        if math.isfinite(found):
            return found
        raise Absent

    return function


def _comparison(left: Term, does: Callable[[Any, Any], Any], right: Term, unknown: bool | None) -> Condition:
    def comparison(names: Names) -> bool | None:
        try:
            return bool(does(left(names), right(names)))
        except (Absent, TypeError):  # there is no order between text and numbers
            return unknown

    return comparison


def _negation(inner: Condition) -> Condition:
    def negation(names: Names) -> bool | None:
        found = inner(names)
        return None if found is None else not found

    return negation


def _junction(parts: list[Condition], *, decisive: bool) -> Condition:
    """And, or with decisive=True or. What is unknown stays so unless another part decides (Kleene's logic)."""

    def junction(names: Names) -> bool | None:
        result: bool | None = not decisive
        for part in parts:
            found = part(names)
            if found is decisive:
                return decisive
            if found is None:
                result = None
        return result

    return junction
