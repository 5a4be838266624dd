"""Rank: stored trials by a reward, such as MnasNet's, without new trials."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from trimtab_service.domain.errors import InvalidQuery
from trimtab_service.domain.expression import Expression
from trimtab_service.usecases.conditions import of_where
from trimtab_service.usecases.front import Entry, entries_of
from trimtab_service.usecases.history import check_names
from trimtab_service.usecases.rooms import Caller, Rooms
from trimtab_service.usecases.standings import standings

_ALPHA = 3
"""Place of the exponent inside the target, in mnas(accuracy, latency, target, alpha, beta)."""
SOFT = (
    "a soft reward trades accuracy for latency on both sides of the target: what ranks first may lie over it or stay "
    "below it; alpha=0 and beta=-1 keep to the target, and a limit is kept by a constraint"
)


@dataclass(frozen=True, slots=True)
class Ranked:
    """An entry and its reward."""

    entry: Entry
    reward: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """The highest rewards first, the earlier of equals. warning: what the reward does not promise; else empty.

    unranked: how many trials and variants lack a value that the reward needs.
    """

    items: tuple[Ranked, ...]
    unranked: int
    warning: str


def rank(rooms: Rooms, caller: Caller, ref: str, reward: str, where: Sequence[str] = (), limit: int = 10) -> Ranking:
    """The trials and variants that keep the study's limits, by their reward. Raises InvalidQuery."""
    expression = Expression.parse(reward)
    if expression.is_condition:
        raise InvalidQuery(f"expected a reward, a number that is better the higher it is, got {reward!r}")
    with rooms.store.read(caller.project_id) as tx:
        study = tx.study(ref)
        check_names(study.problem, expression)
        all_of = standings(rooms, tx, study)
        rows = all_of.fitting(of_where(study.problem, where)).tolist()
        read = all_of.reader(expression.names)
        rewards = {row: found for row in rows if (found := expression.value(read(row))) is not None}
        first = sorted(rewards, key=lambda row: (-rewards[row], row))[:limit]
        entries = entries_of(tx, all_of, first)
    items = tuple(Ranked(entry, rewards[row]) for row, entry in zip(first, entries, strict=True))
    return Ranking(items, len(rows) - len(rewards), SOFT if _is_soft(expression) else "")


def _is_soft(expression: Expression) -> bool:
    """Whether a MnasNet reward in it depends on the latency inside the target too (Tan et al. 2018, Eq. 2 and 3)."""
    calls = [node for node in ast.walk(expression.tree) if isinstance(node, ast.Call)]
    return any(
        isinstance(call.func, ast.Name)
        and call.func.id == "mnas"
        and (len(call.args) <= _ALPHA or not _is_zero(call.args[_ALPHA]))
        for call in calls
    )


def _is_zero(node: ast.expr) -> bool:
    match node:
        case ast.UnaryOp(operand=operand):
            return _is_zero(operand)
        case ast.Constant(value=value):
            return value == 0
    return False
