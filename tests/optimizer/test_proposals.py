"""On random spaces with conditions, any history and constraints: proposals are valid and new, until none is left."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.optimizer.spaces import configurations, every_configuration, spaces, spell
from trimtab_service.domain.history import PackedHistory
from trimtab_service.domain.parameter import Categorical, Constant, Float, Int
from trimtab_service.domain.space import Params, Space
from trimtab_service.domain.study import Problem
from trimtab_service.domain.trial import History, Observation, TrialState
from trimtab_service.optimizer.suggest import fallback_proposals, suggest

MOST = 400
"""Spaces of so many configurations at most are counted out."""
STATES = (TrialState.COMPLETE, TrialState.COMPLETE, TrialState.FAILED, TrialState.RUNNING, TrialState.WAITING)


@st.composite
def constraints(draw: st.DrawFn, space: Space) -> list[str]:
    """Up to two space constraints that leave at least half of each parameter's range, or one of its values."""
    found = []
    for parameter in draw(st.lists(st.sampled_from(space.parameters), max_size=2, unique_by=lambda one: one.name)):
        match parameter:
            case Float(step=None):
                found.append(f"{parameter.name} <= {(parameter.low + parameter.high) / 2!r}")
            case Categorical(choices=choices):
                found.append(
                    f"{parameter.name} in {draw(st.lists(st.sampled_from(choices), min_size=1, max_size=3))!r}"
                )
            case Constant(value=value):
                found.append(f"{parameter.name} == {value!r}")
            case _:
                least, most = sorted(draw(st.tuples(*[st.integers(0, 9)] * 2)))
                found.append(f"{least} <= {parameter.name} <= {most} or {parameter.name} == {parameter.low!r}")
    return found


@st.composite
def problems(draw: st.DrawFn, algorithm: str, *, discrete: bool) -> Problem:
    space = draw(spaces(discrete=discrete, most=4))
    objectives = dict.fromkeys(["a", "b"][: draw(st.integers(1, 2))], "minimize")
    options: dict[str, Any] = {}
    if algorithm == "grid":
        numbers = [one.name for one in space.parameters if isinstance(one, Float | Int)]
        options = {"points": dict.fromkeys(numbers, 100)}
    elif algorithm == "gp":
        options = {"n_initial": draw(st.sampled_from([1, 1, 3])), "repeats": draw(st.booleans())}
    spec = {
        "space": space.to_spec(),
        "objectives": objectives,
        "algorithm": algorithm,
        "options": options,
        "seed": draw(st.integers(0, 2**63 - 1)),
        "space_constraints": draw(constraints(space)),
    }
    return Problem.from_spec(spec)


@st.composite
def histories(draw: st.DrawFn, problem: Problem) -> History:
    tried = draw(st.lists(configurations(problem.space), max_size=12))
    loss = st.floats(-1e3, 1e3)
    found = []
    for number, params in enumerate(tried):
        state = draw(st.sampled_from(STATES))
        losses = tuple(draw(loss) for _ in problem.objectives) if state is TrialState.COMPLETE else ()
        found.append(Observation(number, state, params, losses, (0.0,) * len(losses)))
    shuffled = draw(st.permutations(found))
    return PackedHistory.of(shuffled) if draw(st.booleans()) else shuffled


def barred(problem: Problem, history: History) -> set[str]:
    """What may not be proposed."""
    repeats = problem.options.get("repeats")
    return {spell(one.params) for one in history if not (repeats and one.state is TrialState.COMPLETE)}


def left_in(problem: Problem, history: History) -> set[str] | None:
    """What may still be proposed; None where that is too much to count."""
    if problem.space.cardinality > MOST:
        return None
    allowed = [one for one in every_configuration(problem.space) if problem.allowed(one)]
    return set(map(spell, allowed)) - barred(problem, history)


def check(problem: Problem, history: History, batch: int, proposed: list[Params]) -> None:
    for params in proposed:
        assert problem.space.check(params) == params
        assert list(params) == list(problem.space.check(params))
        assert problem.allowed(params)
    spelled = [spell(params) for params in proposed]
    assert len(set(spelled)) == len(spelled)
    assert not barred(problem, history) & set(spelled)
    left = left_in(problem, history)
    assert len(proposed) == (batch if left is None else min(batch, len(left)))


@pytest.mark.parametrize("discrete", [True, False], ids=["discrete", "mixed"])
@pytest.mark.parametrize("algorithm", ["gp", "grid", "random", "sobol"])
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_proposals_are_valid_and_new_and_end_when_none_is_left(
    algorithm: str, discrete: bool, data: st.DataObject
) -> None:
    problem = data.draw(problems(algorithm, discrete=(discrete and algorithm != "grid") or algorithm == "grid"))
    history = data.draw(histories(problem))
    batch = data.draw(st.integers(1, 3))
    numbers = range(len(history), len(history) + batch)
    answer = suggest(problem, history, {}, numbers)
    check(problem, history, batch, [one.params for one in answer.items])
    spare = fallback_proposals(problem, history, numbers)
    check(problem, history, batch, [one.params for one in spare.items])


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_small_space_is_worked_through_to_its_last_configuration(data: st.DataObject) -> None:
    problem = data.draw(problems("gp", discrete=True).filter(lambda one: one.space.cardinality <= 60))
    problem = replace(problem, options={**problem.options, "repeats": False})
    left = left_in(problem, ())
    assert left is not None
    history: list[Observation] = []
    states: dict[str, Any] = {}
    while items := (answer := suggest(problem, tuple(history), states, range(len(history), len(history) + 4))).items:
        states = answer.surrogates or states
        for place, one in enumerate(items):
            losses = tuple(float(len(spell(one.params)) + place) for _ in problem.objectives)
            history.append(Observation(len(history), TrialState.COMPLETE, one.params, losses, (0.0,) * len(losses)))
    assert sorted(spell(one.params) for one in history) == sorted(left)
