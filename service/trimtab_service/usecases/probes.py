"""Probes: costs of configurations that nobody trains, which teach the surrogates what would fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from trimtab_service.domain.errors import Invalid, InvalidParams, SpaceExhausted, UnknownMetric
from trimtab_service.domain.metric import Value
from trimtab_service.domain.space import Params
from trimtab_service.domain.study import Algorithm, Problem
from trimtab_service.optimizer.suggest import fallback_proposals
from trimtab_service.usecases.contracts import fence
from trimtab_service.usecases.insight import compute
from trimtab_service.usecases.once import Answer, Once
from trimtab_service.usecases.rooms import Caller, Rooms, again_when_raced

MOST = 1_000
"""Probes of one request."""


@dataclass(frozen=True, slots=True)
class Added:
    """added: how many probes came with this request. total: how many the study has now."""

    added: int
    total: int


def points(rooms: Rooms, caller: Caller, ref: str, count: int, once: Once) -> Answer:
    """Params to probe: quasi-random, allowed, each once; others after probes were added.

    Raises SpaceExhausted when there are none, and ComputeUnavailable.
    """
    with rooms.store.begin(caller.project_id) as tx:
        if (answer := once.saved(tx)) is not None:
            return answer
        once.forget(tx)
        study = tx.study(ref)
        first = tx.probe_count(study)
    problem = replace(study.problem, algorithm=Algorithm.SOBOL, options={})
    found = compute(rooms, fallback_proposals, problem, (), range(first, first + count))
    if not found.items:
        raise SpaceExhausted(f"no configuration of study {study.name!r} is left to be probed")
    with rooms.store.begin(caller.project_id) as tx:
        if (answer := once.saved(tx)) is not None:
            return answer
        return once.save(tx, [proposal.params for proposal in found.items])


@again_when_raced
def add(rooms: Rooms, caller: Caller, ref: str, probes: Sequence[Mapping[str, Any]], once: Once) -> Answer:
    """Keep the costs of these params, all or none. Raises Invalid that names the one at fault."""
    with rooms.store.begin(caller.project_id) as tx:
        if (answer := once.saved(tx)) is not None:
            return answer
        study = tx.study(ref)
        checked = [_checked(study.problem, place, probe) for place, probe in enumerate(probes)]
        fence(tx, study, *(values for _, values in checked))
        return once.save(tx, Added(len(checked), tx.add_probes(study, checked)))


def _checked(problem: Problem, place: int, probe: Mapping[str, Any]) -> tuple[Params, dict[str, Value]]:
    try:
        params = problem.space.check(probe["params"])
        values = problem.values(probe["values"], complete=False)
    except Invalid as error:
        raise type(error)(f"probe {place}: {error.detail}", **error.extras) from error
    if not problem.allowed(params):
        raise InvalidParams(f"probe {place}: expected params that the space constraints allow, got {params!r}")
    trained = [name for name in problem.objective_names if name in values and not problem.is_known(name)]
    if trained or not values:
        raise UnknownMetric(
            f"probe {place}: expected values that are known before training, of {list(problem.known_metrics)!r} or "
            f"other costs, got {trained or list(values)!r}; declare them as known_metrics=[…] of the study"
        )
    return params, values
