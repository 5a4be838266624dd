"""The trade-off: the best of one metric under each budget of another, measured and as the surrogates see it."""

from __future__ import annotations

from trimtab_service.domain.errors import InvalidQuery
from trimtab_service.domain.insight import TradeOff
from trimtab_service.optimizer import insight
from trimtab_service.usecases.insight import answer_about
from trimtab_service.usecases.rooms import Caller, Rooms


def trade_off(rooms: Rooms, caller: Caller, ref: str, of: str, against: str, points: int) -> TradeOff:
    """What each budget of `against` buys of `of`. Raises InvalidQuery, NoSurrogate and ComputeUnavailable."""
    if of == against:
        raise InvalidQuery(f"expected two different metrics, got {of!r} twice")
    return answer_about(
        rooms,
        caller,
        ref,
        f"trade-off {of!r} {against!r} {points}",
        insight.trade_off,
        of,
        against,
        points,
        problem=lambda _tx, study: study.problem.about(of, against),
    )
