"""The best model under the limits: a finished trial or variant, or where none fits, the nearest one by name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from trimtab_service.domain.errors import InvalidQuery, NoCompleteTrial, NoFeasibleTrial
from trimtab_service.domain.study import Problem
from trimtab_service.store import Transaction
from trimtab_service.usecases.conditions import Condition, of_limit
from trimtab_service.usecases.front import Entry, conditions_of, entries_of
from trimtab_service.usecases.limits import plain
from trimtab_service.usecases.rooms import Caller, Rooms
from trimtab_service.usecases.standings import Standings, standings


def best(
    rooms: Rooms,
    caller: Caller,
    ref: str,
    *,
    where: Sequence[str] = (),
    device: str | None = None,
    objective: str | None = None,
) -> Entry:
    """The best of an objective, the first by default, among what keeps all limits; the earlier of equals.

    Raises NoCompleteTrial, NoFeasibleTrial that names the nearest, InvalidQuery and DeviceNotFound.
    """
    with rooms.store.read(caller.project_id) as tx:
        study = tx.study(ref)
        place = place_of(study.problem, objective)
        return best_of(tx, standings(rooms, tx, study), conditions_of(tx, study, where, device), place)


def place_of(problem: Problem, objective: str | None) -> int:
    """Which objective this is; the first for None. Raises InvalidQuery."""
    names = list(problem.objective_names)
    if objective is not None and objective not in names:
        raise InvalidQuery(f"expected an objective, of {names!r}, got {objective!r}")
    return 0 if objective is None else names.index(objective)


def best_of(tx: Transaction, all_of: Standings, conditions: Sequence[Condition], place: int) -> Entry:
    """The best of an objective among the rows for which the conditions hold. Raises as `best` does."""
    rows = all_of.front(conditions, [place])
    if not len(rows):
        raise _none(tx, all_of, conditions)
    (entry,) = entries_of(tx, all_of, rows[:1])
    return entry


def _none(tx: Transaction, all_of: Standings, conditions: Sequence[Condition]) -> NoCompleteTrial | NoFeasibleTrial:
    study = all_of.study
    if not len(all_of.numbers):
        return NoCompleteTrial(f"no trial of study {study.name!r} is complete yet")
    limits = (*(of_limit(limit, all_of.baseline) for limit in study.problem.limits), *conditions)
    if not limits:
        return NoCompleteTrial(f"no complete trial of study {study.name!r} has a value of the objective yet")
    nearest = _nearest(tx, all_of, limits)
    if nearest is None:
        untold = sorted({name for limit in limits for name in limit.names if all_of.untold(name)})
        why = f": none has told {', '.join(untold)}" if untold else ""
        return NoFeasibleTrial(
            f"no finished trial of study {study.name!r} is known to keep the limits{why}", nearest=None
        )
    missed = ", ".join(f"{text} by {excess:.3g}" for text, excess in nearest["misses"].items())
    name = f"trial {nearest['number']}" + (f" ({nearest['variant']})" if nearest["variant"] else "")
    return NoFeasibleTrial(
        f"no finished trial of study {study.name!r} keeps the limits; the nearest is {name}, which misses {missed} "
        "(relative to the limit)",
        nearest=nearest,
    )


def _nearest(tx: Transaction, all_of: Standings, limits: Sequence[Condition]) -> dict[str, Any] | None:
    """The row with the smallest sum of relative excesses over the broken limits; the earlier of equals.

    None where every row lacks a value that a limit needs.
    """
    names = sorted({name for limit in limits for name in limit.names})
    read = all_of.reader(names)
    best: tuple[float, int, Mapping[str, float]] = (math.inf, -1, {})
    for row in range(len(all_of.numbers)):
        values = read(row)
        misses = {limit.text: limit.excess(values) for limit in limits if not limit.holds(values)}
        if not misses:  # only an objective is still to come
            continue
        total = sum(misses.values())
        if total < best[0]:
            best = (total, row, misses)
    if best[1] < 0:
        return None
    (entry,) = entries_of(tx, all_of, [best[1]])
    return {
        "number": entry.trial.number,
        "variant": entry.variant,
        "params": dict(entry.trial.params),
        "values": plain(entry.trial.values),
        "misses": dict(best[2]),
    }
