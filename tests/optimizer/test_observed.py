"""A history read into arrays, from observations in any order or from blocks."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.optimizer.spaces import SMALL, configurations, spaces
from trimtab_service.domain.history import SIZE, PackedHistory
from trimtab_service.domain.space import Space
from trimtab_service.domain.trial import OPEN, Observation, TrialState
from trimtab_service.optimizer.encoding import Encoding
from trimtab_service.optimizer.observed import Observed

LOSSES = st.one_of(st.floats(-10, 10), st.just(float("inf")))


@st.composite
def histories(draw: st.DrawFn, space: Space, objectives: int) -> list[Observation]:
    numbers = draw(st.lists(st.integers(0, 3 * SIZE), max_size=10, unique=True))
    found = []
    for number in numbers:
        state = draw(st.sampled_from(TrialState))
        losses = tuple(draw(LOSSES) for _ in range(objectives)) if state is TrialState.COMPLETE else ()
        variances = draw(st.sampled_from([(), (0.5,) * objectives])) if losses else ()
        found.append(Observation(number, state, draw(configurations(space)), losses, variances))
    return found


def assert_same(one: Observed, other: Observed) -> None:
    for field in fields(Observed):
        left, right = getattr(one, field.name), getattr(other, field.name)
        if isinstance(left, np.ndarray):
            np.testing.assert_array_equal(left, right, strict=True)
        else:
            assert left == right


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_blocks_say_what_the_observations_say_in_any_order(data: st.DataObject) -> None:
    space, objectives = data.draw(spaces()), data.draw(st.integers(1, 3))
    history = data.draw(histories(space, objectives))
    encoding = Encoding.of(space)
    found = Observed.of(encoding, objectives, history)
    ordered = sorted(history, key=lambda one: one.number)
    told = [one for one in ordered if one.losses and all(np.isfinite(one.losses))]
    others = [one for one in ordered if one not in told]
    assert found.numbers == tuple(one.number for one in told)
    np.testing.assert_array_equal(found.told, encoding.levels([one.params for one in told]))
    np.testing.assert_array_equal(found.losses.ravel(), [loss for one in told for loss in one.losses])
    spread = [variance for one in told for variance in one.variances or (0.0,) * objectives]
    np.testing.assert_array_equal(found.variances.ravel(), spread)
    pending = [one.params for one in others if one.state in OPEN]
    np.testing.assert_array_equal(found.pending, encoding.levels(pending))
    assert found.failed_numbers == tuple(one.number for one in others if one.state not in OPEN)
    assert found.keys == set(encoding.keys(encoding.levels([one.params for one in history])))
    for _ in range(2):  # read, then remembered
        assert_same(Observed.of(encoding, objectives, PackedHistory.of(data.draw(st.permutations(history)))), found)


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
