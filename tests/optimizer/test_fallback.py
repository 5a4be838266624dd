"""What is proposed when no model could be asked in time."""

from __future__ import annotations

from typing import Any

import pytest

from tests.optimizer.spaces import SMALL, a_problem, every_configuration, open_trial, spell, told
from trimtab_service.domain.proposal import Proposals
from trimtab_service.domain.space import Space
from trimtab_service.domain.trial import History, Source
from trimtab_service.optimizer.suggest import fallback_proposals, suggest

EVERY_SMALL = every_configuration(Space.from_spec(SMALL))


def test_the_fallback_is_a_valid_point_of_its_own_for_each_trial() -> None:
    problem = a_problem()
    proposals = fallback_proposals(problem, (), range(8)).items
    assert {one.source for one in proposals} == {Source.FALLBACK}
    assert all(problem.space.check(one.params) == one.params for one in proposals)
    assert len({spell(one.params) for one in proposals}) == 8
    assert fallback_proposals(problem, (), [3]).items == proposals[3:4]


def test_the_fallback_of_a_grid_is_its_next_points_until_none_is_left() -> None:
    space: dict[str, Any] = {"n": {"type": "int", "low": 0, "high": 100}}
    problem = a_problem(space, algorithm="grid", options={"points": {"n": 5}})
    history: History = (told(0, {"n": 50}, 1.0), open_trial(1, {"n": 0}), told(2, {"n": 7}, 1.0))
    proposals = fallback_proposals(problem, history, [3, 4])
    assert {one.source for one in proposals.items} == {Source.FALLBACK}
    usual = suggest(problem, history, {}, [3, 4]).items
    assert [one.params for one in proposals.items] == [one.params for one in usual]
    history += tuple(open_trial(3 + place, one.params) for place, one in enumerate(proposals.items))
    (last,) = fallback_proposals(problem, history, [5, 6]).items
    assert {0, 50, last.params["n"]} | {one.params["n"] for one in proposals.items} == {0, 25, 50, 75, 100}
    assert fallback_proposals(problem, (*history, open_trial(5, last.params)), [6]) == Proposals((), {})


@pytest.mark.parametrize("algorithm", ["gp", "random", "sobol"])
def test_the_fallback_repeats_no_configuration_and_ends_with_the_space(algorithm: str) -> None:
    problem = a_problem(SMALL, algorithm=algorithm)
    history: History = tuple(open_trial(number, params) for number, params in enumerate(EVERY_SMALL[:9]))
    proposals = fallback_proposals(problem, history, range(9, 20)).items
    assert len(proposals) == 6
    assert {spell(one.params) for one in proposals} == {spell(params) for params in EVERY_SMALL[9:]}
    assert fallback_proposals(problem, history, [9]).items == proposals[:1]
