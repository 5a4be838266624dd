"""A suggestion card says what was known when the trial was proposed, in the metric's own unit, and no more."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.optimizer.spaces import SQUARE, a_problem, bowl, failed, open_trial, told
from trimtab_service.domain.metric import Value
from trimtab_service.domain.study import Problem
from trimtab_service.domain.trial import Observation, Source, Trial, TrialState
from trimtab_service.optimizer.cards import suggestion_card
from trimtab_service.optimizer.posterior import Posterior
from trimtab_service.optimizer.suggest import suggest

PLACES = np.random.default_rng(0).random((30, 2)).tolist()


def at(number: int) -> dict[str, Any]:
    x, y = PLACES[number]
    return {"x": x, "y": y}


def history(problem: Problem, n: int = 30) -> tuple[Observation, ...]:
    return tuple(told(i, at(i), *(one.loss(2.0 + bowl(at(i))) for one in problem.objectives)) for i in range(n))


def a_trial(number: int = 20, **changes: Any) -> Trial:
    return replace(Trial(number, at(number), TrialState.RUNNING, Source.GP), **changes)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("log", [False, True])
def test_the_expectation_is_what_draws_from_the_posterior_say(direction: str, log: bool) -> None:
    problem = a_problem(SQUARE, objectives={"m": {"direction": direction, "log": log}})
    card = suggestion_card(problem, history(problem), a_trial(), frozenset(range(12)))
    assert card.expected is not None
    found = card.expected["m"]
    known = (*history(problem, 12), *(open_trial(number, at(number)) for number in range(12, 20)))
    posterior = Posterior.of(problem, known, {})
    (one,), (scale,) = posterior.models, posterior.scales
    assert card.rested_on == list(range(12))
    mean, variance = one.surrogate.predict(posterior.encoding.encode([at(20)]))
    z = mean[0] + math.sqrt(variance[0]) * np.random.default_rng(1).standard_normal(400_000)
    best = one.warp.apply(posterior.past.losses[:, 0]).min()
    values, incumbent = scale.values(scale.losses(z)), scale.values(scale.losses(np.array([best])))[0]
    better = (lambda v: incumbent - v) if direction == "minimize" else (lambda v: v - incumbent)
    gains = np.maximum(better(values), 0.0)
    error = gains.std() / math.sqrt(len(gains))
    assert found.incumbent == pytest.approx(incumbent)
    assert found.incumbent == pytest.approx(
        (min if direction == "minimize" else max)(2.0 + bowl(at(i)) for i in range(12))
    )
    assert found.expected_improvement == pytest.approx(gains.mean(), abs=5 * error + 1e-12)
    assert found.probability_of_improvement == pytest.approx(np.mean(gains > 0), abs=0.005)
    assert found.objective.mean == pytest.approx(values.mean(), abs=5 * values.std() / 600)
    noisy = z + math.exp(0.5 * one.surrogate.theta[-1]) * np.random.default_rng(2).standard_normal(len(z))
    low, high = np.quantile(scale.values(scale.losses(noisy)), [0.025, 0.975])
    width = high - low
    assert found.told_interval == (pytest.approx(low, abs=0.02 * width), pytest.approx(high, abs=0.02 * width))


def test_what_was_told_later_changes_nothing() -> None:
    problem = a_problem(SQUARE)
    before = suggestion_card(problem, history(problem, 21), a_trial(), frozenset(range(12)))
    after = suggestion_card(problem, history(problem), a_trial(), frozenset(range(12)))
    failures = (*history(problem, 25), *(failed(number, at(number)) for number in range(25, 30)))
    assert before == after == suggestion_card(problem, failures, a_trial(), frozenset(range(12)))
    assert before.expected is not None
    assert (before.expected["loss"].told, before.expected["loss"].inside) == (None, None)


def test_what_came_stands_beside_what_was_expected() -> None:
    problem = a_problem(SQUARE)
    value = 2.0 + bowl(at(20))
    right, wrong = (
        suggestion_card(
            problem, history(problem), a_trial(values={"loss": Value(one)}), frozenset(range(20))
        ).expected
        for one in (value, 9.0)
    )
    assert right is not None
    assert wrong is not None
    assert (right["loss"].told, right["loss"].inside) == (value, True)
    assert (wrong["loss"].told, wrong["loss"].inside) == (9.0, False)


@pytest.mark.parametrize("source", [source for source in Source if source is not Source.GP])
def test_what_no_surrogate_proposed_says_why_nothing_was_expected(source: Source) -> None:
    problem = a_problem(SQUARE)
    trial = a_trial(source=source, reason="no result within 10 s" if source is Source.FALLBACK else "")
    card = suggestion_card(problem, history(problem), trial, frozenset(range(12)))
    assert (card.expected, card.rested_on, card.fitted) == (None, [], {})
    assert len(card.why) > 20
    assert (card.source, card.reason) == (source.value, trial.reason)


def test_the_nearest_told_trials_come_with_their_values() -> None:
    problem = a_problem(SQUARE, objectives={"m": {"direction": "maximize", "log": True}})
    told_before = frozenset({1, 4, 7, 8, 11, 15, 16})
    card = suggestion_card(problem, history(problem), a_trial(source=Source.SOBOL), told_before)
    away = {number: math.dist(PLACES[number], PLACES[20]) for number in told_before}
    assert [one.number for one in card.nearest] == sorted(away, key=lambda number: away[number])[:5]
    for one in card.nearest:
        assert one.distance == pytest.approx(away[one.number])
        assert one.params == pytest.approx(at(one.number))
        assert one.values == pytest.approx({"m": 2.0 + bowl(at(one.number))})


def test_distances_of_a_modelled_trial_are_in_its_length_scales() -> None:
    problem = a_problem(SQUARE)
    card = suggestion_card(problem, history(problem), a_trial(), frozenset(range(20)))
    ell = card.fitted["loss"].length_scales
    near = card.nearest[0]
    expected = math.hypot(*((near.params[name] - at(20)[name]) / ell[name] for name in ("x", "y")))
    assert near.distance == pytest.approx(expected)


def test_with_several_objectives_the_chance_is_that_nothing_known_beats_it() -> None:
    problem = a_problem(SQUARE, objectives={"a": "minimize", "b": "maximize"})

    def rows(good: float) -> tuple[Observation, ...]:
        return tuple(told(i, at(i), bowl(at(i)), -bowl(at(i)) + good) for i in range(20))

    card = suggestion_card(problem, rows(0.0), a_trial(), frozenset(range(20)))
    assert card.expected is not None
    assert set(card.expected) == {"a", "b"}
    assert "that nothing known beats it in all" in card.why
    assert card == suggestion_card(problem, rows(0.0), a_trial(), frozenset(range(20)))


def test_a_card_that_can_not_be_computed_any_more_says_so() -> None:
    card = suggestion_card(a_problem(SQUARE), history(a_problem(SQUARE)), a_trial(), frozenset({3}))
    assert card.expected is None
    assert "a surrogate needs 2 complete trials, this study has 1" in card.why


def test_a_card_stands_near_what_the_ask_believed() -> None:
    """The ask's fit goes on from the one before, the card's begins anew."""
    problem, told_so_far, states, away = a_problem(SQUARE), [], {}, []
    for number in range(25):
        found = suggest(problem, tuple(told_so_far), states, [number])
        proposal = found.items[0]
        if proposal.source is Source.GP:
            then = Posterior.of(problem, tuple(told_so_far), states)
            believed = then.beliefs(then.encoding.levels([proposal.params]))["loss"][0]
            trial = Trial(number, proposal.params, source=Source.GP)
            card = suggestion_card(problem, tuple(told_so_far), trial, frozenset(range(number)))
            assert card.expected is not None
            away.append(abs(card.expected["loss"].objective.mean - believed.mean) / believed.sd)
        states |= found.surrogates
        told_so_far.append(told(number, proposal.params, bowl(proposal.params)))
    print(f"median {np.median(away):.3f}, most {max(away):.3f} standard deviations over {len(away)} cards")
    assert len(away) == 20
    assert max(away) < 1.0
