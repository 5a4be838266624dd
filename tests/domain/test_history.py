"""A history packed in blocks is the history, whatever order it came in and however often it changed."""

from __future__ import annotations

import pickle

from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab_service.domain.history import SIZE, PackedHistory
from trimtab_service.domain.trial import FailureKind, Observation, TrialState

PARAMS = st.fixed_dictionaries(
    {"lr": st.floats(1e-5, 1.0), "act": st.sampled_from(["relu", "tanh"]), "big": st.just(2**53)}
)
NUMBERS = st.integers(-2 * SIZE, 4 * SIZE)
"""Those of cost probes are below 0."""


@st.composite
def observations(draw: st.DrawFn, number: int) -> Observation:
    state = draw(st.sampled_from(TrialState))
    losses = (draw(st.floats(allow_nan=False)),) if state is TrialState.COMPLETE else ()
    margins = tuple(draw(st.lists(st.floats(allow_nan=False), max_size=2)))
    failure = draw(st.sampled_from(FailureKind)) if state is TrialState.FAILED else None
    return Observation(number, state, draw(PARAMS), losses, (0.0,) * len(losses), margins, failure)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_packed_history_holds_the_latest_of_each_number_in_order(data: st.DataObject) -> None:
    packed = PackedHistory.of(())
    expected: dict[int, Observation] = {}
    for _ in range(data.draw(st.integers(0, 4))):
        some = [data.draw(observations(number)) for number in data.draw(st.lists(NUMBERS, max_size=8, unique=True))]
        packed = packed.changed(some)
        expected |= {one.number: one for one in some}
    assert list(packed) == [expected[number] for number in sorted(expected)]
    assert len(packed) == len(expected)
    assert list(pickle.loads(pickle.dumps(packed))) == list(packed)
    assert all(one in packed for one in expected.values())


def test_blocks_without_a_change_keep_their_bytes() -> None:
    before = PackedHistory.of(Observation(number, TrialState.RUNNING, {"x": 0.5}) for number in range(3 * SIZE))
    after = before.changed([Observation(SIZE, TrialState.FAILED, {"x": 0.5})])
    assert [before.blocks[place] is after.blocks[place] for place in range(3)] == [True, False, True]
    assert Observation(SIZE, TrialState.FAILED, {"x": 0.5}) in after
    assert Observation(SIZE, TrialState.FAILED, {"x": 0.5}) not in before


def test_ten_thousand_trials_of_six_parameters_take_less_than_a_hundred_bytes_each() -> None:
    params = {"lr": 0.01, "momentum": 0.9, "width": 64, "layers": 3, "activation": "relu", "dropout": 0.1}
    packed = PackedHistory.of(
        Observation(number, TrialState.COMPLETE, {**params, "lr": number / 1e4}, (number / 7,), (0.0,))
        for number in range(10_000)
    )
    assert len(pickle.dumps(packed)) < 1_000_000
