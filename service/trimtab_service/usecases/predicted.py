"""The predicted best: what the surrogates expect to be best under limits, over all the space; nobody measured it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from trimtab_service.domain.constraint import Constraint
from trimtab_service.domain.errors import InvalidQuery
from trimtab_service.domain.insight import PredictedBest
from trimtab_service.domain.metric import Direction, Objective
from trimtab_service.domain.study import Problem, Study
from trimtab_service.optimizer import insight
from trimtab_service.store import Transaction
from trimtab_service.usecases.best import place_of
from trimtab_service.usecases.conditions import device_limits
from trimtab_service.usecases.history import NUMBER, parse_where
from trimtab_service.usecases.insight import answer_about
from trimtab_service.usecases.rooms import Caller, Rooms


def best(
    rooms: Rooms,
    caller: Caller,
    ref: str,
    *,
    where: Sequence[str] = (),
    device: str | None = None,
    objective: str | None = None,
) -> PredictedBest:
    """The params that are expected to be best of an objective, the first by default, with intervals.

    Raises InvalidQuery, DeviceNotFound, NoSurrogate and ComputeUnavailable.
    """

    def under_limits(tx: Transaction, study: Study) -> Problem:
        limits = () if device is None else device_limits(tx, study, device)
        return _under(study.problem, metric, where, limits)

    with rooms.store.read(caller.project_id) as tx:
        problem = tx.study(ref).problem
    metric = problem.objectives[place_of(problem, objective)].metric
    about = f"predicted best of {metric}, {device!r}, {list(where)!r}"
    return answer_about(rooms, caller, ref, about, insight.predicted_best, metric, problem=under_limits)


def _under(problem: Problem, metric: str, where: Sequence[str], limits: Sequence[Constraint]) -> Problem:
    """The problem about one metric, and the metrics with a limit, under further limits.

    Conditions on metrics are constraints, those on parameters space constraints.
    """
    more, space = list(limits), list(problem.space_constraints)
    for condition in parse_where(problem, where):
        chosen = condition.names & set(problem.space.names)
        if NUMBER in condition.names or (chosen and chosen != condition.names):
            raise InvalidQuery(
                f"expected a condition on metrics or one on parameters, to ask the surrogates, got {condition.text!r}"
            )
        if chosen:
            space.append(condition)
        else:
            more += Constraint.of(condition.text)
    limited = sorted({key for limit in (*problem.limits, *more) for key in limit.metrics} - {metric})
    others = [one for one in problem.objectives if one.metric in limited]
    known = {one.metric for one in others}
    others += [Objective(key, Direction.MINIMIZE) for key in limited if key not in known]
    return replace(problem.about(metric, *others, limits=more), space_constraints=tuple(space))
