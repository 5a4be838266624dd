"""Latencies looked up in a table instead of measured, and what a latency may cost in accuracy.

A slot is a place in a network where one of several operations stands; a table holds what each takes there.
F: (slot, operation) -> ms, the table.  p: (slot, operation) -> probability; the p of a slot sum to 1.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from trimtab.costs.cost import Cost, client_version
from trimtab.errors import TrimtabError

Entry = float | Mapping[str, float]
"""Milliseconds, or {"mean": ms, "var": ms², "count": n} of n measurements; "var" and "count" may be left out."""
Table = Mapping[str, Mapping[str, Entry]]
"""{slot: {operation: entry}}. An operation that does nothing is one of 0 ms."""
Choice = Mapping[str, str]
"""One architecture: {slot: operation}."""
Probabilities = Mapping[str, Mapping[str, float]]
"""{slot: {operation: probability}}; an operation that is left out has probability 0."""
Point = tuple[float, float]
"""(accuracy, latency) of one model."""

_ROUNDING = 1e-6
"""How far the probabilities of a slot may sum off 1: single precision rounds."""


class InvalidFigure(TrimtabError, ValueError):
    """A latency or an accuracy is a finite number that is not negative."""

    code = "invalid_figure"


class InvalidChoice(TrimtabError, ValueError):
    """A choice names every slot of the table, with probabilities that sum to 1."""

    code = "invalid_choice"


class UnknownOperation(TrimtabError, KeyError):
    """The table has no such slot, or no such operation in it."""

    code = "unknown_operation"
    __str__ = Exception.__str__  # a KeyError would show it in quotes


class NothingFits(TrimtabError, LookupError):
    """No model is within the limit; extras["nearest"] is the (accuracy, latency) that comes nearest."""

    code = "nothing_fits"


class Latency(NamedTuple):
    """ms: what it takes. stderr_ms: how unsure the table's means make that; None where the table does not say."""

    ms: float
    stderr_ms: float | None


def expected(table: Table, probabilities: Probabilities, *, fixed: float = 0.0) -> Latency:
    """What a distribution over architectures takes in the mean: fixed + Σ_i Σ_j p_ij F(o_ij).

    Cai, Zhu & Han 2018 (arXiv 1812.00332), "Making latency differentiable". fixed: ms of what is always there.

    The standard error is that of the entries' means, sqrt(var / count) each. Entries that are the same object are one
    measurement, whose error counts as often as it is used; different ones are independent.

    >>> expected({"block": {"conv3x3": 2.0, "conv5x5": 3.0, "skip": 0.0}}, {"block": {"conv3x3": 0.5, "skip": 0.5}})
    Latency(ms=1.0, stderr_ms=None)

    Raises InvalidFigure, InvalidChoice and UnknownOperation.
    """
    total = _number("fixed", fixed)
    used: dict[int, tuple[Entry, float]] = {}
    for slot, operation, share in _shares(table, probabilities):
        entry = table[slot][operation]
        total += share * _mean(slot, operation, entry)
        used[id(entry)] = entry, share + used.get(id(entry), (entry, 0.0))[1]
    variances = [_variance(entry, share) for entry, share in used.values()]
    return Latency(total, None if None in variances else math.sqrt(math.fsum(filter(None, variances))))


def gradient(table: Table) -> dict[str, dict[str, float]]:
    """The gradient of `expected` by every p_ij: {slot: {operation: F(o_ij)}}, the same for all p.

    With logits a_ij and p = softmax(a), that by a_ij is p_ij (F(o_ij) - Σ_k p_ik F(o_ik)). Raises InvalidFigure.
    """
    return {
        slot: {operation: _mean(slot, operation, entry) for operation, entry in entries.items()}
        for slot, entries in table.items()
    }


def uniform(table: Table) -> dict[str, dict[str, float]]:
    """The probabilities with which every operation of a slot is as likely as the others."""
    return {slot: dict.fromkeys(entries, 1 / (len(entries) or 1)) for slot, entries in table.items()}


def lookup(table: Table, choice: Choice, *, fixed: float = 0.0) -> Latency:
    """What one architecture takes by the table: `expected` without chance. Raises what that raises."""
    return expected(table, {slot: {operation: 1.0} for slot, operation in choice.items()}, fixed=fixed)


def cost(table: Table, choice: Choice, *, name: str, fixed: float = 0.0, **depends_on: Any) -> Cost:
    """The cost of one architecture: latency_ms, with a contract that says that it was looked up and not measured.

    name: of the table. depends_on: what its measurements depend on, such as device and threads, as JSON. Even of the
    same device a looked-up latency is another figure than a measured one: it leaves out what lies between operations.
    Raises what `lookup` raises.
    """
    found = lookup(table, choice, fixed=fixed)
    contract = {
        "how": "looked up",
        "convention": "sum over the operations of their mean latencies in the table",
        "counter": "trimtab.costs.latency",
        "version": client_version(),
        "table": name,
        "operations": len(choice),
        "fixed_ms": fixed,
        **depends_on,
    }
    stderr = {} if found.stderr_ms is None else {"latency_ms": found.stderr_ms}
    return Cost(latency_ms=found.ms, stderr=stderr, contract={"latency_ms": contract})


def reward(accuracy: float, latency: float, target: float, *, alpha: float = -0.07, beta: float = -0.07) -> float:
    """accuracy · (latency / target)^w, w = alpha within the target and beta beyond it; larger is better.

    Tan et al. 2018 (arXiv 1807.11626), Eq. (2) and (3). alpha = beta = -0.07 is their soft constraint, under which
    twice the latency must buy 5 % more accuracy; alpha = 0, beta = -1 the hard one, under which nothing is gained by
    being faster than the target.

    >>> round(reward(0.752, 80, 80), 4), round(reward(0.7894, 160, 80), 4)
    (0.752, 0.752)
    >>> reward(0.752, 40, 80, alpha=0, beta=-1), reward(0.752, 160, 80, alpha=0, beta=-1)
    (0.752, 0.376)

    The target is a wish, not a limit: by the soft reward the best model may take longer, or may give up accuracy to
    be faster than anybody asked for. For a limit use a constraint, or `best_under`. Raises InvalidFigure.
    """
    score = _number("accuracy", accuracy)
    ratio = _positive("latency", latency) / _positive("target", target)
    return score * math.pow(ratio, alpha if ratio <= 1 else beta)


def rewards(points: Iterable[Point], target: float, *, alpha: float = -0.07, beta: float = -0.07) -> list[float]:
    """The `reward` of each (accuracy, latency): scores a finished study anew, for another target or exponent."""
    return [reward(accuracy, latency, target, alpha=alpha, beta=beta) for accuracy, latency in points]


def best_under(points: Iterable[Point], limit: float) -> Point:
    """The most accurate (accuracy, latency) of at most so much latency; of equals, the faster one.

    >>> best_under([(80.1, 143), (78.7, 79), (76.9, 58)], 80)
    (78.7, 79)

    Raises NothingFits, which names the nearest, and InvalidFigure.
    """
    most = _number("limit", limit)
    known = [(accuracy, latency) for accuracy, latency in points if _number("latency", latency) >= 0]
    fitting = [one for one in known if one[1] <= most]
    if fitting:
        return max(fitting, key=lambda one: (one[0], -one[1]))
    if not known:
        raise NothingFits(f"expected points, some of them of at most {limit:g} ms, got none at all")
    nearest = min(known, key=lambda one: (one[1], -one[0]))
    raise NothingFits(
        f"none of {len(known)} takes at most {limit:g} ms; the nearest takes {nearest[1]:g} ms, with an accuracy of "
        f"{nearest[0]:g}",
        extras={"nearest": nearest},
    )


def _shares(table: Table, probabilities: Probabilities) -> list[tuple[str, str, float]]:
    """(slot, operation, probability) of all that has one, checked against the table."""
    for slot in probabilities:
        if slot not in table:
            raise UnknownOperation(f"the table has no slot {slot!r}{_near(slot, table)}")
    missing = [slot for slot in table if slot not in probabilities]
    if missing:
        raise InvalidChoice(f"expected an operation for every slot of the table, got none for {missing!r}")
    found = []
    for slot, shares in probabilities.items():
        if not isinstance(shares, Mapping):
            raise InvalidChoice(f"expected {{operation: probability}} in slot {slot!r}, got {shares!r}")
        for operation in shares:
            if operation not in table[slot]:
                hint = _near(operation, table[slot])
                raise UnknownOperation(f"slot {slot!r} of the table has no operation {operation!r}{hint}")
        own = {one: _number(f"probability of {one!r} in slot {slot!r}", share) for one, share in shares.items()}
        whole = math.fsum(own.values())
        if abs(whole - 1) > _ROUNDING:
            raise InvalidChoice(f"expected the probabilities of slot {slot!r} to sum to 1, got {whole:.6g}")
        found += [(slot, operation, share) for operation, share in own.items() if share]
    return found


def _mean(slot: str, operation: str, entry: Entry) -> float:
    return _number(f"{operation!r} in slot {slot!r}", entry.get("mean") if isinstance(entry, Mapping) else entry)


def _variance(entry: Entry, share: float) -> float | None:
    """Of the entry's mean, used so often; None when the table does not say. What takes 0 ms takes just that."""
    if not isinstance(entry, Mapping):
        return None if entry else 0.0
    if "var" not in entry or "count" not in entry:
        return None
    return share**2 * _number("var", entry["var"]) / _positive("count", entry["count"])


def _number(what: str, value: object) -> float:
    """The number, when it is finite and not below 0. Raises InvalidFigure."""
    try:
        number = math.nan if isinstance(value, str | bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number < math.inf:
        raise InvalidFigure(f"{what}: expected a finite number of at least 0, got {value!r}")
    return number


def _positive(what: str, value: object) -> float:
    number = _number(what, value)
    if not number:
        raise InvalidFigure(f"{what}: expected a number above 0, got {value!r}")
    return number


def _near(name: object, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(str(name), names, n=1)
    return f": did you mean {near[0]!r}?" if near else f"; it has {names!r}"
