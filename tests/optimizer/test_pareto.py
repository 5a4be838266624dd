"""Fronts, hypervolumes and boxes against known answers, brute force and each other."""

from __future__ import annotations

import itertools
import time

import moocore
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab_service.optimizer.pareto import hypervolume, infer_reference, knee, non_dominated, open_boxes, thin

quick = settings(max_examples=60, deadline=None)


@st.composite
def losses(draw: st.DrawFn, most: int = 9) -> np.ndarray:
    """Whole numbers, so that ties and duplicates are common and volumes can be counted."""
    objectives = draw(st.integers(1, 4))
    row = st.tuples(*[st.integers(0, 5)] * objectives)
    return np.array(draw(st.lists(row, min_size=1, max_size=most)), dtype=float)


def dominated_cells(values: np.ndarray, side: int) -> int:
    """The hypervolume within (side, side, …) of whole losses, by counting unit cells."""
    cells = itertools.product(range(side), repeat=values.shape[1])
    return sum(bool(np.any(np.all(values <= np.array(cell), axis=1))) for cell in cells)


@quick
@given(losses())
def test_the_front_is_what_no_other_row_dominates(values: np.ndarray) -> None:
    expected = [not any(np.all(other <= row) and np.any(other < row) for other in values) for row in values]
    assert non_dominated(values).tolist() == expected


@pytest.mark.parametrize("objectives", [3, 4])
def test_a_front_of_ten_thousand_is_told_within_a_second(objectives: int) -> None:
    losses = np.random.default_rng(0).random((10_000, objectives))
    losses /= np.linalg.norm(losses, axis=1, keepdims=True)
    begun = time.process_time()
    assert non_dominated(losses).all()
    assert time.process_time() - begun < 1.0


def test_equal_rows_of_the_front_all_stay() -> None:
    assert non_dominated([[1, 2], [1, 2], [2, 1], [2, 2]]).tolist() == [True, True, True, False]
    assert non_dominated(np.empty((0, 2))).tolist() == []


@pytest.mark.parametrize(
    ("values", "reference", "volume"),
    [
        ([[3.0], [2.0]], [5.0], 3.0),
        ([[1, 3], [2, 2], [3, 1]], [4, 4], 6.0),
        ([[1, 3], [2, 2], [3, 1], [3, 3], [2, 2]], [4, 4], 6.0),
        ([[0, 0, 0]], [1, 2, 3], 6.0),
        ([[0, 1, 1], [1, 0, 1], [1, 1, 0]], [2, 2, 2], 4.0),
        ([[0, 0, 0, 0], [0, 0, 0, 0]], [2, 2, 2, 2], 16.0),
        ([[5, 5]], [4, 4], 0.0),
        ([[4, 0]], [4, 4], 0.0),
        (np.empty((0, 3)), [1, 1, 1], 0.0),
    ],
)
def test_known_hypervolumes(values: object, reference: list[float], volume: float) -> None:
    assert hypervolume(values, reference) == pytest.approx(volume, abs=1e-12)


@quick
@given(losses())
def test_hypervolume_agrees_with_counting_cells(values: np.ndarray) -> None:
    assert hypervolume(values, np.full(values.shape[1], 4.0)) == pytest.approx(dominated_cells(values, 4), abs=1e-9)


@quick
@given(losses())
def test_hypervolume_agrees_with_moocore(values: np.ndarray) -> None:
    if values.shape[1] == 1:
        return  # moocore begins at two objectives
    reference = np.full(values.shape[1], 4.5)
    assert hypervolume(values, reference) == pytest.approx(moocore.hypervolume(values, ref=reference), abs=1e-9)


@pytest.mark.parametrize(("objectives", "size"), [(2, 500), (3, 200), (4, 60)])
def test_hypervolume_of_long_fronts_agrees_with_moocore(objectives: int, size: int) -> None:
    rng = np.random.default_rng(size)
    for bend in (0.5, 1.0, 2.0):  # convex, straight and concave fronts, some of each beyond the reference
        front = rng.dirichlet(np.ones(objectives), size) ** (1.0 / bend) * 10.0 ** rng.integers(-3, 4, objectives)
        reference = np.quantile(front, 0.9, axis=0)
        expected = moocore.hypervolume(front, ref=reference)
        assert hypervolume(front, reference) == pytest.approx(expected, rel=1e-12)


@quick
@given(losses())
def test_the_front_agrees_with_moocore(values: np.ndarray) -> None:
    if values.shape[1] > 1:
        expected = moocore.is_nondominated(values, keep_weakly=True)
        assert non_dominated(values).tolist() == expected.tolist()


def test_hypervolume_of_a_large_front_in_four_objectives_agrees_with_sampling() -> None:
    rng = np.random.default_rng(0)
    front = np.abs(rng.standard_normal((40, 4)))
    front /= np.linalg.norm(front, axis=1, keepdims=True)
    samples = rng.random((50_000, 4)) * 1.1
    share = np.mean([bool(np.any(np.all(front <= row, axis=1))) for row in samples])
    volume = 1.1**4
    sd = volume * np.sqrt(share * (1 - share) / 50_000)
    assert abs(hypervolume(front, [1.1] * 4) - volume * share) < 4 * sd


def test_more_than_four_objectives_are_refused() -> None:
    with pytest.raises(ValueError, match="1 to 4 objectives, got 5"):
        hypervolume([[0.0] * 5], [1.0] * 5)


@quick
@given(losses())
def test_open_boxes_are_disjoint_and_fill_what_the_front_leaves(values: np.ndarray) -> None:
    side, objectives = 4, values.shape[1]
    lower, upper = open_boxes(values, np.full(objectives, float(side)))
    for cell in itertools.product(range(-1, side), repeat=objectives):
        middle = np.array(cell) + 0.5
        inside = int(np.count_nonzero(np.all((lower < middle) & (middle < upper), axis=1)))
        assert inside == (0 if np.any(np.all(values <= middle, axis=1)) else 1)
    assert np.all(lower < upper)


@quick
@given(losses(most=6), st.tuples(*[st.floats(-1, 5)] * 4))
def test_the_gain_of_a_point_is_its_share_of_the_boxes(values: np.ndarray, at: tuple[float, ...]) -> None:
    """The identity on which the expected improvement of hypervolume rests."""
    objectives = values.shape[1]
    reference, point = np.full(objectives, 4.0), np.array(at[:objectives])
    lower, upper = open_boxes(values, reference)
    gain = np.sum(np.prod(np.maximum(upper - np.maximum(lower, point), 0.0), axis=1))
    before, after = hypervolume(values, reference), hypervolume(np.vstack([values, point]), reference)
    assert after - before == pytest.approx(gain, abs=1e-9)


def test_boxes_grow_slowly_with_the_front() -> None:
    rng = np.random.default_rng(1)
    for objectives, most in ((2, 31), (3, 130), (4, 1_000)):
        front = np.abs(rng.standard_normal((30, objectives)))
        front /= np.linalg.norm(front, axis=1, keepdims=True)
        assert len(open_boxes(front, [1.2] * objectives)[0]) <= most


def test_a_reference_is_inferred_from_the_nadir_of_the_front() -> None:
    np.testing.assert_allclose(infer_reference([[0, 10], [5, 0], [9, 20]]), [5.5, 11.0])
    one_point = infer_reference([[3.0, -40.0]])
    assert np.all(one_point > [3.0, -40.0])
    flat = infer_reference([[1.0, 2.0], [1.0, 5.0], [3.0, 5.0]])
    np.testing.assert_allclose(flat, [1.2, 2.3])


def test_a_reference_is_finite_and_no_better_than_the_front_whatever_the_losses() -> None:
    huge = np.array([[1.7e308, -1.7e308], [-1.7e308, 1.7e308]])
    for losses in (huge, huge[:1], -huge[:1], np.vstack([huge, huge * 0.5])):
        reference = infer_reference(losses)
        assert np.all(np.isfinite(reference))
        assert np.all(reference >= losses[non_dominated(losses)].max(axis=0))


def test_a_hypervolume_of_huge_losses_is_exact_as_long_as_floats_hold_it() -> None:
    front = np.array([[1.0, 3.0], [2.0, 1.0]])
    assert hypervolume(front * [5e307, 0.1], [1.5e308, 0.4]) == pytest.approx(2e307)
    assert hypervolume([[-1.5e308, 0.0]], [1.5e308, 0.25]) == pytest.approx(7.5e307)
    assert hypervolume([[-1.5e308, 0.0, 0.0, 0.0]], [1.5e308, 0.1, 0.5, 1.0]) == pytest.approx(1.5e307)
    assert hypervolume([[0.0, 0.0, 1.0], [1.0, 1.0, 1.0]], [1e308, 1e308, 1e308]) == np.inf


def test_a_thinned_front_keeps_its_ends_and_spreads() -> None:
    x = np.linspace(0.0, 1.0, 101)
    kept = thin(np.stack([x, 1.0 - x], axis=1), 5)
    np.testing.assert_allclose(kept[:, 0], [0.0, 0.25, 0.5, 0.75, 1.0])
    assert len(thin(kept, 10)) == 5


def test_the_knee_of_a_bent_front_is_its_corner() -> None:
    assert knee([[0.0, 10.0], [1.0, 1.0], [10.0, 0.0], [2.0, 2.0]]) == 1
    # the circle's nearest point to the origin, whatever the units and however many are dominated
    angles = np.linspace(np.pi, 1.5 * np.pi, 41)
    arc = 1.0 + np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert knee(arc) == 20
    assert knee(np.vstack([arc + 0.01, arc]) * [1e-9, 1e12]) == 61


def test_the_knee_in_three_objectives_lies_farthest_before_the_plane_through_the_ends() -> None:
    ends = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    inner = np.array([[0.5, 0.5, 0.5], [0.3, 0.4, 0.35], [0.6, 0.2, 0.4]])
    values = np.vstack([ends, inner])
    normal = np.linalg.solve(ends, np.ones(3))
    assert knee(values) == 3 + int(np.argmin(inner @ normal))


@quick
@given(losses(most=12), st.tuples(*[st.floats(0.1, 10.0)] * 4))
def test_a_knee_is_on_the_front_and_minds_no_units(values: np.ndarray, units: tuple[float, ...]) -> None:
    found = knee(values)
    if found is not None:
        assert non_dominated(values)[found]
        assert values.shape[1] > 1
    powers = 2.0 ** np.rint(np.array(units[: values.shape[1]]))
    assert knee(values * powers) == found


def test_weights_turn_the_knee_towards_what_matters() -> None:
    x = np.linspace(0.0, 1.0, 101)
    front = np.stack([x, (1.0 - np.sqrt(x)) ** 2], axis=1)
    even, first, second = knee(front), knee(front, [4.0, 1.0]), knee(front, [1.0, 4.0])
    assert even == 25
    assert first is not None
    assert second is not None
    assert first < even < second


def test_a_front_without_a_bulge_has_no_knee() -> None:
    x = np.linspace(0.0, 1.0, 11)
    assert knee(np.stack([x, 1.0 - x], axis=1)) is None
    assert knee(np.stack([x, np.sqrt(1.0 - x**2)], axis=1)) is None
    assert knee([[1.0, 2.0], [2.0, 1.0]]) is None
    assert knee([[1.0], [2.0], [3.0]]) is None
    assert knee(np.empty((0, 2))) is None
    assert knee([[1.0, 1.0]] * 5) is None
