"""A history read into arrays, from observations in any order or from blocks."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.optimizer.spaces import SMALL, configurations, spaces
from trimtab_service.domain.history import SIZE, PackedHistory
from trimtab_service.domain.space import Space
from trimtab_service.domain.trial import OPEN, FailureKind, Observation, TrialState
from trimtab_service.optimizer.encoding import Encoding
from trimtab_service.optimizer.observed import Observed, Partial

LOSSES = st.one_of(st.floats(-10, 10), st.just(math.inf), st.just(math.nan))
LIMITS = 2


@st.composite
def histories(draw: st.DrawFn, space: Space, objectives: int) -> list[Observation]:
    """Trials that may know some of their losses and margins in any state, and probes."""
    numbers = draw(st.lists(st.integers(-SIZE, 3 * SIZE), max_size=10, unique=True))
    found = []
    for number in numbers:
        state = draw(st.sampled_from(TrialState)) if number >= 0 else TrialState.INFEASIBLE
        losses = draw(st.one_of(st.just(()), st.tuples(*[LOSSES] * objectives)))
        variances = draw(st.sampled_from([(), (0.5,) * objectives])) if losses else ()
        margins = draw(st.sampled_from([(), (-1.0, math.nan), (1.0, 0.0)]))
        failure = draw(st.sampled_from(FailureKind)) if state is TrialState.FAILED else None
        found.append(Observation(number, state, draw(configurations(space)), losses, variances, margins, failure))
    return found


def group(one: Observation, objectives: int) -> str:
    """Told, pending, failed, or none of them."""
    losses = one.losses or (math.nan,) * objectives
    if one.number < 0 or one.state is TrialState.INFEASIBLE:
        return "refused"
    if one.state in OPEN:
        return "pending"
    if one.state is not TrialState.FAILED and all(map(math.isfinite, losses)):
        return "told"
    if one.state is TrialState.COMPLETE and not any(map(math.isinf, losses)):
        return "pending"
    return "lost" if one.failure is FailureKind.INFRASTRUCTURE else "failed"


def assert_equal(one: Partial, other: Partial) -> None:
    for field in fields(Partial):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name), strict=True)


def assert_same(one: Observed, other: Observed) -> None:
    for field in fields(Observed):
        left, right = getattr(one, field.name), getattr(other, field.name)
        if isinstance(left, Partial):
            assert_equal(left, right)
        elif isinstance(left, np.ndarray):
            np.testing.assert_array_equal(left, right, strict=True)
        else:
            assert left == right


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_blocks_say_what_the_observations_say_in_any_order(data: st.DataObject) -> None:
    space, objectives = data.draw(spaces()), data.draw(st.integers(1, 3))
    history = data.draw(histories(space, objectives))
    encoding = Encoding.of(space)
    found = Observed.of(encoding, objectives, history, LIMITS)
    ordered = sorted(history, key=lambda one: one.number)
    told, pending, failed = (
        [one for one in ordered if group(one, objectives) == name] for name in ("told", "pending", "failed")
    )
    assert found.numbers == tuple(one.number for one in told)
    np.testing.assert_array_equal(found.told, encoding.levels([one.params for one in told]))
    np.testing.assert_array_equal(found.losses.ravel(), [loss for one in told for loss in one.losses])
    spread = [variance for one in told for variance in one.variances or (0.0,) * objectives]
    np.testing.assert_array_equal(found.variances.ravel(), spread)
    margins = [margin for one in told for margin in one.margins or (math.nan,) * LIMITS]
    np.testing.assert_array_equal(found.margins.ravel(), margins)
    np.testing.assert_array_equal(found.pending, encoding.levels([one.params for one in pending]))
    np.testing.assert_array_equal(found.failed, encoding.levels([one.params for one in failed]))
    assert found.failed_numbers == tuple(one.number for one in failed)
    real = [one for one in ordered if one.number >= 0]
    assert found.keys == set(encoding.keys(encoding.levels([one.params for one in real])))
    spent = [one.params for one in real if one not in told]
    assert found.spent == set(encoding.keys(encoding.levels(spent)))
    partial = [
        one
        for one in ordered
        if one not in told and (any(map(math.isfinite, one.losses)) or any(map(math.isfinite, one.margins)))
    ]
    assert found.partial.numbers.tolist() == [one.number for one in partial]
    np.testing.assert_array_equal(found.partial.levels, encoding.levels([one.params for one in partial]))
    losses = [loss for one in partial for loss in one.losses or (math.nan,) * objectives]
    np.testing.assert_array_equal(found.partial.losses.ravel(), losses)
    margins = [margin for one in partial for margin in one.margins or (math.nan,) * LIMITS]
    np.testing.assert_array_equal(found.partial.margins.ravel(), margins)
    for _ in range(2):  # read, then remembered
        packed = PackedHistory.of(data.draw(st.permutations(history)))
        assert_same(Observed.of(encoding, objectives, packed, LIMITS), found)


def test_a_failed_trial_of_which_every_objective_is_known_is_failed() -> None:
    history = [Observation(0, TrialState.FAILED, {"n": 3}, (1.0,), (0.0,), (), FailureKind.OOM)]
    found = Observed.of(Encoding.of(Space.from_spec({"n": {"type": "int", "low": 0, "high": 9}})), 1, history)
    assert (found.numbers, found.failed_numbers, found.partial.numbers.tolist()) == ((), (0,), [0])


def test_what_was_remembered_of_one_space_is_not_taken_for_another() -> None:
    packed = PackedHistory.of([Observation(0, TrialState.COMPLETE, {"n": 3}, (1.0,), (0.0,))])
    levels = [
        Observed.of(Encoding.of(Space.from_spec({"n": {"type": "int", "low": low, "high": 9}})), 1, packed).told[0, 0]
        for low in (0, 1, 0)
    ]
    assert levels == [3.0, 2.0, 3.0]


def test_an_empty_history_has_arrays_of_the_right_width() -> None:
    encoding = Encoding.of(Space.from_spec(SMALL))
    for history in ((), PackedHistory.of(())):
        found = Observed.of(encoding, 2, history)
        assert (found.told.shape, found.losses.shape, found.pending.shape) == ((0, 4), (0, 2), (0, 4))
        assert found.keys == frozenset()
