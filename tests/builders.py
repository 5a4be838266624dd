"""Makes what tests need, with sensible values for everything that the test does not speak of."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

from sqlalchemy import insert

from trimtab_service.domain.constraint import Constraint
from trimtab_service.domain.expression import Expression
from trimtab_service.domain.metric import Direction, Objective, Value
from trimtab_service.domain.parameter import Categorical, Float, Int
from trimtab_service.domain.space import Params, Space
from trimtab_service.domain.study import Problem, Study
from trimtab_service.domain.trial import Failure, FailureKind, Source, Trial, TrialState
from trimtab_service.store import KeyRow, NewTrial, Store, Transaction
from trimtab_service.store.clock import now
from trimtab_service.store.tables import projects

_numbers = itertools.count(1)


def a_space() -> Space:
    """A float on a log scale, an int and a category."""
    return Space(
        (
            Float("lr", 1e-4, 1e-1, log=True),
            Int("width", 8, 128),
            Categorical("activation", ("relu", "tanh", "gelu")),
        )
    )


def some_params(place: int = 0) -> Params:
    """Params of `a_space`, others for each place."""
    return {
        "lr": 1e-4 * (1 + place % 999),
        "width": 8 + place % 121,
        "activation": ("relu", "tanh", "gelu")[place % 3],
    }


def a_problem(**changes: Any) -> Problem:
    """Maximise accuracy over `a_space`; changes are fields of Problem, limits as texts."""
    fields: dict[str, Any] = {"space": a_space(), "objectives": (Objective("accuracy", Direction.MAXIMIZE),)}
    return Problem(**{**fields, **_read(changes)})


def _read(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changes with texts of limits as what they say."""
    read = dict(changes)
    if "constraints" in read:
        read["constraints"] = tuple(limit for text in read["constraints"] for limit in Constraint.of(text))
    if "space_constraints" in read:
        read["space_constraints"] = tuple(Expression.condition(text) for text in read["space_constraints"])
    return read


def two_objectives() -> tuple[Objective, ...]:
    """Accuracy up, size down on a log scale."""
    return (Objective("accuracy", Direction.MAXIMIZE), Objective("size_bytes", Direction.MINIMIZE, log=True))


def a_study(where: Store | Transaction, **changes: Any) -> Study:
    """An active study; changes are those of `add_study`, and fields of the problem."""
    number = next(_numbers)
    fields: dict[str, Any] = {
        "public_id": f"st_{number:016x}",
        "name": f"study-{number}",
        "max_trials": None,
        "metadata": {},
        **changes,
    }
    of_study = {name: fields.pop(name) for name in ("public_id", "name", "max_trials", "metadata")}
    problem = fields.pop("problem", None) or a_problem()
    with _transaction(where) as tx:
        return tx.add_study(problem=replace(problem, **_read(fields)), **of_study)


def a_trial(
    where: Store | Transaction,
    study: Study,
    *,
    state: TrialState = TrialState.RUNNING,
    values: Mapping[str, float | Value] | None = None,
    params: Params | None = None,
    failure: Failure | None = None,
    worker: str = "worker-1",
    source: Source = Source.RANDOM,
    lease_seconds: float = 60.0,
) -> Trial:
    """A trial in this state, brought there as a worker would. A complete one tells 0.5 for each objective."""
    with _transaction(where) as tx:
        number = tx.take_numbers(study, 1, charged=False)
        assert number is not None
        first = TrialState.WAITING if state is TrialState.WAITING else TrialState.RUNNING
        (trial,) = tx.add_trials(
            study,
            [
                NewTrial(
                    number=number,
                    params=params or some_params(number),
                    source=source,
                    state=first,
                    worker="" if first is TrialState.WAITING else worker,
                    lease_seconds=None if first is TrialState.WAITING else lease_seconds,
                )
            ],
        )
        if state is first:
            return trial
        after = replace(
            trial,
            state=state,
            values=_values(study, state, values),
            failure=(failure or Failure(FailureKind.ERROR, "it broke")) if state is TrialState.FAILED else None,
        )
        assert tx.close_trial(study, trial, after)
        return tx.trial(study, number)


def a_project(store: Store) -> int:
    """Another project; its id."""
    with store.begin() as tx:
        added = tx.connection.execute(
            insert(projects).values(name=f"project-{next(_numbers)}", created_at=now()).returning(projects.c.id)
        )
        return int(added.scalar_one())


def a_key(store: Store, *, role: str = "admin", project_id: int = 1) -> KeyRow:
    """A key, by its row; nobody knows its secret."""
    number = next(_numbers)
    with store.begin(project_id) as tx:
        return tx.add_key(f"{number:08d}", number.to_bytes(32, "big"), role, "for a test")


def _values(study: Study, state: TrialState, given: Mapping[str, float | Value] | None) -> dict[str, Value]:
    if given is None:
        given = dict.fromkeys(study.problem.objective_names, 0.5) if state is TrialState.COMPLETE else {}
    return {name: one if isinstance(one, Value) else Value(one) for name, one in given.items()}


def _transaction(where: Store | Transaction) -> AbstractContextManager[Transaction]:
    return where.begin() if isinstance(where, Store) else nullcontext(where)
