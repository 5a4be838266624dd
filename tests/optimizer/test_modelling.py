"""From a history to one surrogate per objective."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from tests.optimizer.spaces import SQUARE, a_problem, bowl, failed, open_trial, told
from trimtab_service.domain.space import Params
from trimtab_service.domain.trial import FailureKind, Observation, TrialState
from trimtab_service.optimizer.encoding import Encoding
from trimtab_service.optimizer.modelling import Model, Past, model
from trimtab_service.optimizer.priors import Prior
from trimtab_service.optimizer.warping import Warp

PROBLEM = a_problem(SQUARE)
ENCODING = Encoding.of(PROBLEM.space)


def at(x: float, y: float) -> Params:
    return {"x": x, "y": y}


def a_history(n: int = 12, variance: float = 0.0) -> tuple[Observation, ...]:
    drawn = np.random.default_rng(0).random((n, 2)).tolist()
    return tuple(told(i, at(*xy), bowl(at(*xy)), variances=(variance,)) for i, xy in enumerate(drawn))


def modelled(history: tuple[Observation, ...]) -> Model:
    (one,) = model(PROBLEM, ENCODING, Past.of(ENCODING, 1, history), {})
    return one


def test_trials_are_told_pending_or_failed() -> None:
    history = (
        told(0, at(0.1, 0.1), 1.0),
        open_trial(1, at(0.2, 0.2)),
        failed(2, at(0.3, 0.3)),
        Observation(3, TrialState.WAITING, at(0.4, 0.4)),
        Observation(4, TrialState.INFEASIBLE, at(0.5, 0.5)),
        Observation(5, TrialState.STOPPED, at(0.6, 0.6)),
        Observation(6, TrialState.STOPPED, at(0.7, 0.7), (2.0,), (0.0,)),
        told(7, at(0.8, 0.8), math.inf),
        replace(failed(8, at(0.9, 0.9)), failure=FailureKind.INFRASTRUCTURE),
    )
    past = Past.of(ENCODING, 1, history)
    assert past.told[:, 0].tolist() == [0.1, 0.7]
    assert past.pending[:, 0].tolist() == [0.2, 0.4]
    assert past.failed[:, 0].tolist() == [0.3, 0.6, 0.8]  # neither what was refused nor what its worker lost
    assert (past.numbers, past.failed_numbers) == ((0, 6), (2, 5, 7))
    assert (len(past.keys), len(past.spent)) == (9, 7)
    assert Past.of(ENCODING, 1, history[::-1]).told.tolist() == past.told.tolist()


def test_a_fit_says_how_it_went_and_what_it_rests_on() -> None:
    history = (*a_history(), failed(12, at(0.9, 0.1)), open_trial(13, at(0.1, 0.9)))
    past = Past.of(ENCODING, 1, history)
    state = modelled(history).to_state(ENCODING, past)
    assert json.loads(json.dumps(state)) == state
    assert state["trials"] == list(range(13))
    assert state["diagnostics"]["fit"] == "map"
    assert (state["diagnostics"]["rows"], state["diagnostics"]["failures"]) == (13, 1)
    assert Warp.from_state(state["warp"]) == modelled(history).warp


def test_a_failed_trial_counts_as_worse_than_any_told() -> None:
    one = modelled((*a_history(), failed(12, at(0.9, 0.1))))
    z = one.surrogate.data.z
    assert z[-1] == pytest.approx(z[:-1].max() + 0.5)
    without = modelled(a_history())
    assert one.surrogate.predict(np.array([[0.9, 0.1]]))[0] > without.surrogate.predict(np.array([[0.9, 0.1]]))[0]


def test_told_variances_reach_the_model_in_its_own_unit() -> None:
    one = modelled(a_history(variance=0.01))
    losses = np.array([observation.losses[0] for observation in a_history()])
    np.testing.assert_allclose(one.surrogate.data.extra, 0.01 * one.warp.slope(losses) ** 2)


def test_a_variance_without_bound_says_nothing_and_breaks_nothing() -> None:
    history = (*a_history(), told(12, at(0.5, 0.5), 40.0, variances=(math.inf,)))
    one = modelled(history)
    assert one.diagnostics["fit"] == "map"
    assert one.surrogate.data.extra[-1] == 1e6


@pytest.mark.parametrize("size", [1e-160, 1e-200, 1e-310])
@pytest.mark.parametrize("variance", [0.0, 1e-300, 1e-3, 1e300])
def test_tiny_losses_are_modelled_whatever_their_variances(size: float, variance: float) -> None:
    history = [told(i, at(i / 12, 0.5), (i % 5) * size, variances=(variance,)) for i in range(12)]
    one = modelled(tuple(history))
    assert one.diagnostics["fit"] == "map"
    assert np.all(np.isfinite(one.surrogate.data.extra))
    assert np.ptp(one.surrogate.data.z) > 1.0


def test_when_the_fit_fails_the_prior_is_used_and_says_so() -> None:
    one = modelled((*a_history(), told(12, at(0.5, 0.5), 0.2, variances=(math.nan,))))
    assert one.diagnostics["fit"] == "prior"
    assert "not finite" in one.diagnostics["reason"]
    np.testing.assert_array_equal(one.surrogate.predict(np.eye(2))[0], 0.0)


def test_a_fit_that_failed_is_tried_again_at_the_next_ask_of_a_long_study_too() -> None:
    history = a_history(200)
    broken = Past.of(ENCODING, 1, (*history[:-1], told(199, at(0.5, 0.5), 0.2, variances=(math.nan,))))
    (prior,) = model(PROBLEM, ENCODING, broken, {})
    (again,) = model(PROBLEM, ENCODING, Past.of(ENCODING, 1, history), {"loss": prior.to_state(ENCODING, broken)})
    assert (prior.diagnostics["fit"], again.diagnostics["fit"]) == ("prior", "map")


def test_the_next_fit_starts_from_the_state_of_the_last() -> None:
    history = a_history(30)
    past = Past.of(ENCODING, 1, history)
    (cold,) = model(PROBLEM, ENCODING, past, {})
    state = json.loads(json.dumps({"loss": cold.to_state(ENCODING, past)}))
    (warm,) = model(PROBLEM, ENCODING, past, state)
    assert warm.diagnostics["evaluations"] < cold.diagnostics["evaluations"]
    other_space = {"loss": {**state["loss"], "theta": {"log_scale": 0.0}}}
    (again,) = model(PROBLEM, ENCODING, past, other_space)
    np.testing.assert_array_equal(again.surrogate.theta, cold.surrogate.theta)


def test_a_long_past_is_reduced_to_its_best_their_surroundings_and_some_others() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.random((1_000, 2)).tolist()
    history = [told(i, at(*xy), bowl(at(*xy))) for i, xy in enumerate(drawn)]
    history += [failed(1_000 + i, at(*xy)) for i, xy in enumerate(rng.random((100, 2)).tolist())]
    past = Past.of(ENCODING, 1, tuple(history))
    kept = past.active(ENCODING, np.ones(ENCODING.width))
    assert (len(kept.told), len(kept.failed), len(kept.numbers), len(kept.failed_numbers)) == (300, 60, 300, 60)
    assert set(np.argsort(past.losses[:, 0])[:120]) <= set(kept.numbers)
    assert kept.failed_numbers == tuple(range(1_040, 1_100))
    assert kept.keys == past.keys
    corner = np.count_nonzero(np.all(kept.told > [0.5, 0.0], axis=1) & np.all(kept.told < [1.0, 0.5], axis=1))
    assert corner > 5  # far from the best
    np.testing.assert_array_equal(kept.losses, past.losses[list(kept.numbers)])
    short = Past.of(ENCODING, 1, tuple(history[:300]))
    assert short.active(ENCODING, np.ones(ENCODING.width)) is short


def test_the_front_is_kept_in_a_reduced_past() -> None:
    angles = np.random.default_rng(0).random(100) * math.pi / 2
    front = [told(i, at(a / 2, 0.2), -math.cos(a), -math.sin(a)) for i, a in enumerate(angles)]
    rest = [told(100 + i, at(i / 400, 0.9), -0.1, -0.1 + i * 1e-6) for i in range(400)]
    past = Past.of(ENCODING, 2, tuple(front + rest))
    assert set(range(100)) <= set(past.active(ENCODING, np.ones(ENCODING.width)).numbers)


def test_of_a_long_past_what_keeps_the_limits_is_modelled_before_what_is_good() -> None:
    drawn = np.random.default_rng(0).random((1_000, 2)).tolist()
    history = [replace(told(i, at(*xy), -float(i < 900)), margins=(1.0,)) for i, xy in enumerate(drawn)]
    keeping = [replace(one, margins=(-1.0,)) for one in history[900:]]
    unknown = [replace(one, margins=(math.nan,)) for one in history[:100]]
    past = Past.of(ENCODING, 1, (*unknown, *history[100:900], *keeping), 1)
    assert set(range(900, 1_000)) <= set(past.active(ENCODING, np.ones(ENCODING.width)).numbers)


def test_where_no_row_keeps_all_limits_those_that_miss_by_least_are_modelled() -> None:
    drawn = np.random.default_rng(0).random((1_000, 2)).tolist()
    history = [replace(told(i, at(*xy), float(i)), margins=(-1.0, 1_000.0 - i)) for i, xy in enumerate(drawn)]
    kept = Past.of(ENCODING, 1, tuple(history), 2).active(ENCODING, np.ones(ENCODING.width))
    assert set(range(880, 1_000)) <= set(kept.numbers)


def test_equal_losses_make_a_model_that_only_knows_where_it_has_been() -> None:
    history = tuple(told(i, at(i / 10, i / 10), 0.5) for i in range(8))
    one = modelled(history)
    np.testing.assert_array_equal(one.surrogate.theta, Prior.of_numbers(2).start())
    near, far = one.surrogate.predict(np.array([[0.3, 0.3], [0.0, 1.0]]))[1]
    assert near < far
