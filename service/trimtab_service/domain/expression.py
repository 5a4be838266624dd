"""The small expression language of `where`, limits, formulas and rewards.

    accuracy >= 0.95 and size_kb < 16
    0.001 < lr <= 0.1 or not depth in [3, 4]
    latency_ms["pi-zero"] <= 20
    width_1 * depth % 8 == 0
    mnas(accuracy, latency_ms, 80)

Python's own parser reads it; only what `grammar` knows is let through, and nothing is ever evaluated as code.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from trimtab_service.domain import grammar
from trimtab_service.domain.errors import Invalid, InvalidQuery, InvalidStudy
from trimtab_service.domain.grammar import Absent, Misread, Names
from trimtab_service.domain.margins import margin
from trimtab_service.domain.units import follows

MAX_LENGTH = 1_000
MAX_NODES = 200
_EXAMPLE = "expected a condition like 'accuracy >= 0.9' or a formula like 'accuracy - 0.1 * size_mb'"


@dataclass(frozen=True)
class Expression:
    """A condition or a formula, read. Two of the same text are equal.

    Names are looked up in a mapping of numbers, texts and bools; a size or a count of operations follows from another
    unit of it (`units`). A number that is not finite, as 1 / 0 or NaN, is absent.
    """

    text: str
    tree: ast.expr = field(repr=False, compare=False)

    @classmethod
    def parse(cls, text: object, *, refusal: type[Invalid] = InvalidQuery) -> Expression:
        """Read a condition or a formula. Raises the refusal, which says what is not understood."""
        if not isinstance(text, str):
            raise refusal(f"{_EXAMPLE} as text, got {text!r}")
        return _read(text, refusal)  # type: ignore[arg-type]  # a class can be hashed

    @classmethod
    def condition(cls, text: object, *, refusal: type[Invalid] = InvalidQuery) -> Expression:
        """Read a condition. Raises the refusal, also for a formula."""
        found = cls.parse(text, refusal=refusal)
        if not found.is_condition:
            raise refusal(f"expected a condition like 'accuracy >= 0.9', got {text!r}")
        return found

    @cached_property
    def is_condition(self) -> bool:
        """Whether it holds or not; else it has a value."""
        return isinstance(self.tree, ast.BoolOp | ast.Compare) or (
            isinstance(self.tree, ast.UnaryOp) and isinstance(self.tree.op, ast.Not)
        )

    @cached_property
    def names(self) -> frozenset[str]:
        """The keys that it names, name or name["device"]."""
        return frozenset(grammar.names_of(self.tree))

    @cached_property
    def parts(self) -> tuple[Expression, ...]:
        """The conditions that must all hold: those around a top-level `and`, and the comparisons of a chain."""
        match self.tree:
            case ast.BoolOp(op=ast.And(), values=values):
                return tuple(part for value in values for part in self._part(value).parts)
            case ast.Compare(ops=[_, _, *_]):
                return tuple(self._part(pair) for pair in grammar.pairs(self.tree))
        return (self,)

    def check_names(self, known: Collection[str], *, refusal: type[Invalid] = InvalidQuery) -> None:
        """Raises the refusal when a name is none of those known, also in another unit."""
        unknown = sorted(name for name in self.names if not follows(name, known))
        if unknown:
            raise refusal(f"{self.text!r}: expected names of {list(known)!r}, got {unknown!r}")

    def truth(self, names: Names) -> bool | None:
        """Whether the condition holds; None where that depends on an absent name."""
        return self._truth(names)

    def holds(self, names: Names, *, absent: bool = False) -> bool:
        """Whether the condition holds. absent: the answer where that depends on an absent name."""
        found = self._truth(names)
        return absent if found is None else found

    def selects(self, names: Names) -> bool:
        """Whether `where` keeps what has these names: a comparison with an absent one is false, also under `not`."""
        return bool(self._selection(names))

    def value(self, names: Names) -> float | None:
        """The formula's value; None where a name is absent or the result is not finite."""
        try:
            return self._number(names)
        except Absent:
            return None

    def margin(self, names: Names) -> float | None:
        """By how much the condition is missed: at most 0 exactly where it holds (see `margins`).

        None where a name is absent.
        """
        try:
            return self._margin(names)
        except Absent:
            return None

    def renamed(self, names: Mapping[str, str]) -> Expression:
        """The expression with other keys in the place of these."""
        if not self.names & set(names):
            return self
        tree = _Renaming(names).visit(copy.deepcopy(self.tree))
        return Expression(_spell(tree), tree)

    def _part(self, tree: ast.expr) -> Expression:
        return Expression(_spell(tree), tree)

    @cached_property
    def _truth(self) -> grammar.Condition:
        return grammar.condition(self._checked(condition=True), None)

    @cached_property
    def _selection(self) -> grammar.Condition:
        return grammar.condition(self._checked(condition=True), False)

    @cached_property
    def _margin(self) -> grammar.Number:
        return margin(self._checked(condition=True))

    @cached_property
    def _number(self) -> grammar.Number:
        return grammar.number(self._checked(condition=False))

    def _checked(self, *, condition: bool) -> ast.expr:
        if self.is_condition is not condition:
            raise InvalidQuery(f"expected a {'condition' if condition else 'formula'}, got {self.text!r}")
        return self.tree

    def __reduce__(self) -> tuple[Any, ...]:
        return Expression, (self.text, self.tree)


class _Renaming(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._renamed(node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        return self._renamed(node)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        node.args = [self.visit(one) for one in node.args]
        return node

    def _renamed(self, node: ast.Name | ast.Subscript) -> ast.expr:
        new = self.names.get(grammar.key_of(node))
        return node if new is None else grammar.node_of(new)


@lru_cache(maxsize=1_024)
def _read(text: str, refusal: type[Invalid]) -> Expression:
    if len(text) > MAX_LENGTH:
        raise refusal(f"an expression has at most {MAX_LENGTH} characters, got {len(text)}")
    text = text.strip()
    if "\\" in text:
        raise refusal(f"{_EXAMPLE}, without backslashes, got {text!r}")
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise refusal(f"{_EXAMPLE}, got {text!r}") from error
    if sum(1 for _ in ast.walk(tree)) > MAX_NODES:
        raise refusal(f"an expression has at most {MAX_NODES} parts, got {text[:60]!r}…")
    found = Expression(text, tree)
    try:
        found.names  # noqa: B018  # names and the tree are checked by being read
        found._truth if found.is_condition else found._number  # noqa: B018
    except Misread as error:
        got = ast.get_source_segment(text, error.node) or text
        raise refusal(f"{text!r}: expected {error}, got {got!r}") from error
    except InvalidStudy as error:  # of a metric's or a device's name
        raise refusal(f"{text!r}: {error.detail}") from error
    return found


def _spell(tree: ast.expr) -> str:
    """The text of a tree, with devices in double quotes as keys have them."""
    return re.sub(r"\['([^'\"]*)'\]", r'["\1"]', ast.unparse(tree))
