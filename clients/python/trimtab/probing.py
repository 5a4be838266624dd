"""Teaches a study what models cost without training any: asks for params, prices them, and sends the prices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Integral
from typing import TYPE_CHECKING, Any

from trimtab import wire
from trimtab.displays import display
from trimtab.errors import Invalid, InvalidValue, StudyFinished

if TYPE_CHECKING:
    from trimtab.study import Study

BATCH = 50
"""Params that are asked for and sent at once: so many prices are lost at most."""


def probe(study: Study, cost_function: Callable[[dict[str, Any]], Any], n: int, progress: bool | None) -> int:
    """See `Study.probe`."""
    if not isinstance(n, Integral) or isinstance(n, bool) or n < 1:
        raise Invalid(f"n must be a whole number of at least 1, got {n!r}")
    make = display(progress)
    line = None if make is None else make(f"{study.name} probes", int(n))
    sent = 0
    try:
        while sent < n and (points := _points(study, min(BATCH, int(n) - sent))):
            probes = [{"params": params, "values": _values(params, cost_function(dict(params)))} for params in points]
            added = int(study.send("POST", "probes", body={"probes": probes}, once=True)["added"])
            sent += added
            if line is not None:
                line.show(f"{sent}/{n}", f"{added} probes sent", advance=added)
    finally:
        if line is not None:
            line.close()
    return sent


def _points(study: Study, count: int) -> list[dict[str, Any]]:
    """Params to be priced; none when the space has no more."""
    try:
        points: list[dict[str, Any]] = study.send("POST", "probes/ask", body={"count": count}, once=True)["points"]
    except StudyFinished as error:
        if error.code != "space_exhausted":
            raise
        return []
    return points


def _values(params: Mapping[str, Any], cost: Any) -> dict[str, Any]:
    try:
        told = wire.metrics(cost)
    except InvalidValue as error:
        raise InvalidValue(f"the cost function of {dict(params)!r}: {error.detail}") from error
    odd = wire.not_finite(told)
    if odd:
        raise InvalidValue(f"the cost function of {dict(params)!r}: expected finite numbers, but {', '.join(odd)}")
    return told
