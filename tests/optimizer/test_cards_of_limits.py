"""The card of a trial under limits: how probable each was, whether it holds, and what became of a refused trial."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr

from tests.optimizer.spaces import SQUARE, a_problem, bowl
from trimtab_service.domain.metric import Value
from trimtab_service.domain.study import Problem
from trimtab_service.domain.trial import Failure, FailureKind, Observation, Source, Trial, TrialState
from trimtab_service.optimizer.borders import FAILURES, borders
from trimtab_service.optimizer.cards import suggestion_card
from trimtab_service.optimizer.posterior import Posterior

PLACES = np.random.default_rng(0).random((40, 2)).tolist()
LIMIT = "size_kb <= 60"


def a_limited(**changes: Any) -> Problem:
    return a_problem(SQUARE, constraints=[LIMIT], **changes)


def at(number: int) -> dict[str, Any]:
    x, y = PLACES[number]
    return {"x": x, "y": y}


def size(number: int) -> float:
    return 100.0 * at(number)["x"]


def observed(problem: Problem, number: int, state: TrialState = TrialState.COMPLETE) -> Observation:
    values = {"loss": Value(2.0 + bowl(at(number))), "size_kb": Value(size(number))}
    if len(problem.objectives) > 1:
        values["b"] = Value(3.0 - at(number)["y"])
    return Observation.of(problem, number, state, at(number), {} if state is TrialState.FAILED else values)


def history(problem: Problem, n: int = 30) -> tuple[Observation, ...]:
    return tuple(observed(problem, number) for number in range(n))


def a_trial(number: int = 30, **changes: Any) -> Trial:
    return replace(Trial(number, at(number), TrialState.RUNNING, Source.GP), **changes)


def test_the_chance_of_a_limit_is_that_of_its_border() -> None:
    problem = a_limited()
    card = suggestion_card(problem, history(problem), a_trial(), frozenset(range(30)))
    posterior = Posterior.of(problem, history(problem), {})
    (border,) = borders(problem, posterior.encoding, posterior.past, {})
    assert border.surrogate is not None
    mean, variance = border.surrogate.predict(posterior.encoding.encode([at(30)]))
    assert card.limits is not None
    assert card.limits[LIMIT].probability == pytest.approx(ndtr(-mean[0] / math.sqrt(variance[0])), rel=1e-9)
    assert card.limits[LIMIT].holds is None
    assert card.probability_of_result is None
    assert f"{card.limits[LIMIT].probability:.0%} that {LIMIT}" in card.why


def test_the_incumbent_keeps_the_limit() -> None:
    problem = a_limited()
    kept = min(2.0 + bowl(at(number)) for number in range(30) if size(number) <= 60)
    bounded = a_problem(SQUARE, constraints=["size_kb >= 40"])
    large = min(2.0 + bowl(at(number)) for number in range(30) if size(number) >= 40)
    assert kept < large, "only under the second limit is the best of all out of the question"
    for one, best in ((problem, kept), (bounded, large)):
        card = suggestion_card(one, history(one), a_trial(), frozenset(range(30)))
        assert card.expected is not None
        assert card.expected["loss"].incumbent == pytest.approx(best)
        assert f"to improve on {best:.4g}" in card.why


def test_without_a_feasible_trial_there_is_nothing_to_improve_on() -> None:
    problem = a_problem(SQUARE, constraints=["size_kb <= 0.5"])
    card = suggestion_card(problem, history(problem), a_trial(), frozenset(range(30)))
    assert card.expected is not None
    one = card.expected["loss"]
    assert (one.incumbent, one.expected_improvement, one.probability_of_improvement) == (None, None, None)
    assert "improve" not in card.why
    assert "that size_kb <= 0.5" in card.why


OVER, WITHIN = (next(n for n in range(30, 40) if (size(n) <= 60) is kept) for kept in (False, True))


@pytest.mark.parametrize(("number", "holds"), [(OVER, False), (WITHIN, True)])
def test_what_came_of_the_limit_is_told(number: int, holds: bool) -> None:
    problem = a_limited()
    told = (*history(problem), observed(problem, number))
    card = suggestion_card(problem, told, a_trial(number, state=TrialState.COMPLETE), frozenset(range(30)))
    assert card.limits is not None
    assert card.limits[LIMIT].holds is holds


def test_a_refused_trial_says_what_refused_it() -> None:
    problem = a_limited(known_metrics=["size_kb"])
    known = (*history(problem), observed(problem, OVER, TrialState.INFEASIBLE))
    trial = a_trial(OVER, state=TrialState.INFEASIBLE, values={"size_kb": Value(size(OVER))})
    card = suggestion_card(problem, known, trial, frozenset(range(30)))
    assert card.why.endswith(f"It was refused before training: {LIMIT} would not hold.")
    assert card.limits is not None
    assert card.limits[LIMIT].holds is False
    assert card.limits[LIMIT].probability < 0.05, "the size is exact and nearly a straight line"
    designed = suggestion_card(problem, known, replace(trial, source=Source.INITIAL), frozenset())
    assert designed.limits is None
    assert designed.why.endswith(f"It was refused before training: {LIMIT} would not hold.")


def test_refusals_and_probes_before_it_are_known() -> None:
    """Both teach the border where no trial was trained; a refusal after it does not."""
    problem = a_limited(known_metrics=["size_kb"])
    few = history(problem, 3)
    known = (*few, *(observed(problem, number, TrialState.INFEASIBLE) for number in range(3, 30)))
    probes = tuple(replace(one, number=-1 - one.number) for one in known[3:])
    alone = suggestion_card(problem, few, a_trial(), frozenset(range(3)))
    taught = suggestion_card(problem, known, a_trial(), frozenset(range(30)))
    probed = suggestion_card(problem, (*few, *probes), a_trial(), frozenset(range(3)))
    later = suggestion_card(problem, (*few, replace(known[3], number=31)), a_trial(), frozenset(range(3)))
    assert alone.limits is not None
    assert taught.limits is not None
    assert probed.limits is not None
    assert later.limits == alone.limits
    right = 1.0 if size(30) <= 60 else 0.0
    for one in (taught, probed):
        assert abs(one.limits[LIMIT].probability - right) < 0.01
        assert one.rested_on == [0, 1, 2]
    assert abs(alone.limits[LIMIT].probability - right) > 0.01


def test_where_trials_fail_the_card_says_how_probable_a_result_was() -> None:
    problem = a_problem(SQUARE)
    bad = [number for number in range(30) if at(number)["y"] > 0.7]
    known = tuple(
        observed(problem, number, TrialState.FAILED if number in bad else TrialState.COMPLETE) for number in range(30)
    )
    posterior = Posterior.of(problem, known, {})
    (border,) = borders(problem, posterior.encoding, posterior.past, {})
    inside, outside = (Trial(30, {"x": 0.5, "y": y}, source=Source.GP) for y in (0.95, 0.2))
    for trial in (inside, outside):
        card = suggestion_card(problem, known, trial, frozenset(range(30)))
        (expected,) = border.probability(posterior.encoding.encode([trial.params]))
        assert card.probability_of_result == pytest.approx(expected)
        assert f"{expected:.0%} that {FAILURES}" in card.why
        assert card.limits == {}
    assert border.probability(posterior.encoding.encode([inside.params]))[0] < 0.3
    assert border.probability(posterior.encoding.encode([outside.params]))[0] > 0.7
    failed = replace(inside, state=TrialState.FAILED, failure=Failure(FailureKind.OOM))
    assert suggestion_card(problem, known, failed, frozenset(range(30))).why.endswith(" It failed: oom.")


def test_of_several_objectives_the_front_is_that_of_feasible_trials() -> None:
    two = {"loss": "minimize", "b": "minimize"}
    problem = a_problem(SQUARE, constraints=["size_kb >= 40"], objectives=two)
    trial, rng = Trial(30, {"x": 0.45, "y": 0.75}, source=Source.GP), np.random.default_rng(5)
    card = suggestion_card(problem, history(problem), trial, frozenset(range(30)))
    posterior = Posterior.of(problem, history(problem), {})
    known = posterior.encoding.encode([at(number) for number in range(30)])
    here = posterior.encoding.encode([trial.params])
    beaten = np.ones((100_000, 30), dtype=bool)
    for one in posterior.models:
        mean, variance = one.surrogate.predict(here)
        drawn = mean + np.sqrt(variance) * rng.standard_normal(100_000)
        beaten &= one.surrogate.predict(known)[0][None, :] <= drawn[:, None]
    feasible = [number for number in range(30) if size(number) >= 40]
    chance = 1.0 - float(np.any(beaten[:, feasible], axis=1).mean())
    (told,) = re.findall(r"(\d+)% that nothing known beats it in all", card.why)
    assert int(told) == pytest.approx(100 * chance, abs=3.0)
    assert chance > 0.2
    assert np.all(np.any(beaten, axis=1)), "what breaks the limit beats it"
    assert card.expected is not None
    assert card.expected["b"].incumbent == pytest.approx(min(3.0 - at(number)["y"] for number in feasible), abs=1e-3)
