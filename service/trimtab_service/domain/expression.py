"""The small expression language of `where`: comparisons of metrics and params with numbers or text, and / or / not.

    accuracy >= 0.95 and size_bytes < 16_000
    0.001 < lr <= 0.1
    activation == "relu" or not depth in [3, 4]

Python's own parser reads it; only the node kinds named here are let through, and nothing is ever evaluated as code.
A comparison with a name that the trial has no value for is false.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from trimtab_service.domain.errors import InvalidQuery

MAX_LENGTH = 1_000
MAX_NODES = 200
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda item, items: item in items,
    ast.NotIn: lambda item, items: item not in items,
}
_SIZES = {"size_kb": 1_000, "size_mb": 1_000_000, "kib": 1_024, "mib": 1_048_576}
"""Other units of size_bytes, accepted wherever a limit is written."""


class _Absent(Exception):  # a signal within this file, not an error
    """The trial has no value of that name."""


@dataclass(frozen=True, slots=True)
class Where:
    """A parsed condition on trials."""

    text: str
    tree: ast.expr
    names: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> Where:
        """Read a condition. Raises InvalidQuery that says what is not understood."""
        if len(text) > MAX_LENGTH:
            raise InvalidQuery(f"a condition has at most {MAX_LENGTH} characters, got {len(text)}")
        try:
            tree = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise InvalidQuery(f"expected a condition like 'accuracy >= 0.9', got {text!r}") from error
        if sum(1 for _ in ast.walk(tree)) > MAX_NODES:
            raise InvalidQuery(f"a condition has at most {MAX_NODES} parts, got {text[:60]!r}…")
        names: set[str] = set()
        _check(tree, names, text)
        return cls(text, tree, frozenset(names))

    def check_names(self, known: tuple[str, ...]) -> None:
        """Raises InvalidQuery when a name is none of those known."""
        unknown = sorted(self.names - set(known) - set(_SIZES))
        if unknown:
            raise InvalidQuery(f"{self.text!r}: expected names of {list(known)!r}, got {unknown!r}")

    def holds(self, names: Mapping[str, Any]) -> bool:
        """Whether the condition holds for these names."""
        return _holds(self.tree, names)


def _check(node: ast.expr, names: set[str], text: str) -> None:
    match node:
        case ast.BoolOp(values=values):
            for value in values:
                _check(value, names, text)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            _check(operand, names, text)
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            for op in ops:
                if type(op) not in _COMPARE:
                    raise InvalidQuery(f"{text!r}: expected <, <=, >, >=, ==, !=, in or not in")
            for term in (left, *comparators):
                _check_term(term, names, text)
        case _:
            raise InvalidQuery(f"expected a condition like 'accuracy >= 0.9', got {text!r}")


def _check_term(node: ast.expr, names: set[str], text: str) -> None:
    match node:
        case ast.Name(id=name):
            names.add(name)
        case ast.Constant(value=bool() | int() | float() | str()):
            pass
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=ast.Constant(value=int() | float())):
            pass
        case ast.List(elts=items) | ast.Tuple(elts=items):
            for item in items:
                _check_term(item, names, text)
        case _:
            raise InvalidQuery(f"{text!r}: expected names, numbers, text or lists of them around a comparison")


def _holds(node: ast.expr, names: Mapping[str, Any]) -> bool:
    match node:
        case ast.BoolOp(op=ast.And(), values=values):
            return all(_holds(value, names) for value in values)
        case ast.BoolOp(values=values):
            return any(_holds(value, names) for value in values)
        case ast.UnaryOp(operand=operand):
            return not _holds(operand, names)
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            try:
                terms = [_term(term, names) for term in (left, *comparators)]
                return all(_COMPARE[type(op)](terms[place], terms[place + 1]) for place, op in enumerate(ops))
            except (_Absent, TypeError):
                return False
    raise InvalidQuery(f"not a condition: {ast.dump(node)}")


def _term(node: ast.expr, names: Mapping[str, Any]) -> Any:
    match node:
        case ast.Name(id=name) if name in names:
            return names[name]
        case ast.Name(id=name) if name in _SIZES and "size_bytes" in names:
            return names["size_bytes"] / _SIZES[name]
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.UnaryOp(operand=ast.Constant(value=value)):
            return value
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_term(item, names) for item in items]
    raise _Absent
