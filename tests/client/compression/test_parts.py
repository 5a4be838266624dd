"""Pruning, relative positions, shared values and even grids, each by itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from sklearn.svm import SVC

from trimtab import compress
from trimtab.compression import positions, pruning, sharing
from trimtab.compression.levels import Codebook, Grid
from trimtab.costs import UnsupportedModel

FLOATS = st.floats(-100, 100, width=32)


def test_the_largest_magnitudes_of_each_layer_are_kept() -> None:
    weights = {"a": np.array([[0.1, -3, 2, 0.2]]), "b": np.array([[-30.0, 10, 20, 40]])}
    kept = pruning.masks(weights, 0.5, "layer")
    assert kept["a"].tolist() == [[False, True, True, False]]
    assert kept["b"].tolist() == [[True, False, False, True]]


def test_the_largest_magnitudes_of_the_model_are_kept_and_one_of_each_layer() -> None:
    weights = {"a": np.array([[0.1, -3, 2, 0.2]]), "b": np.array([[-30.0, 10, 20, 40]])}
    kept = pruning.masks(weights, 0.5, "model")
    assert kept["a"].tolist() == [[False, True, False, False]]
    assert kept["b"].all()


@given(npst.arrays(np.float32, st.integers(1, 50), elements=FLOATS), st.floats(0, 0.99))
def test_the_share_is_exact_even_among_equal_magnitudes(flat, prune) -> None:
    mask = pruning.masks({"w": flat}, prune, "layer")["w"]
    assert mask.sum() == max(1, round((1 - prune) * flat.size))
    assert np.abs(flat[mask]).min() >= np.abs(flat[~mask]).max(initial=0)


@given(st.lists(st.booleans(), min_size=1, max_size=400).filter(any), st.integers(1, 6))
def test_relative_positions_come_back(mask, bits) -> None:
    kept = np.flatnonzero(mask)
    gaps, real = positions.relative(kept, bits)
    assert gaps.max() < 2**bits
    assert np.array_equal(positions.absolute(gaps)[real], kept)
    fillers = sum(int(gap) // 2**bits for gap in np.diff(kept, prepend=-1) - 1)
    assert len(gaps) == len(kept) + fillers >= len(kept)
    assert not np.asarray(mask)[positions.absolute(gaps)[~real]].any()


def test_a_gap_that_overflows_takes_a_filler_as_in_the_papers_figure() -> None:
    gaps, real = positions.relative(np.array([1, 4, 15]), 3)  # 3 bits: at most 7 zeros in between
    assert gaps.tolist() == [1, 2, 7, 2]
    assert real.tolist() == [True, True, False, True]


def plain_lloyd(values, clusters):
    """Lloyd's algorithm as in the books, with every distance."""
    middle = np.linspace(values.min(), values.max(), clusters)
    for _ in range(200):
        nearest = np.abs(values[:, None] - middle).argmin(axis=1)
        moved = [values[nearest == one].mean() if (nearest == one).any() else middle[one] for one in range(clusters)]
        if np.allclose(moved, middle, atol=1e-12):
            break
        middle = np.array(moved)
    return middle


@pytest.mark.parametrize("clusters", [1, 2, 5, 16])
def test_centroids_agree_with_plain_lloyd(clusters) -> None:
    values = np.random.default_rng(3).normal(size=400)
    assert sharing.centroids(values, clusters) == pytest.approx(plain_lloyd(values, clusters), abs=1e-9)


@given(npst.arrays(np.float64, st.integers(1, 60), elements=st.floats(-10, 10)), st.integers(1, 8))
def test_every_value_takes_the_nearest_centroid(values, clusters) -> None:
    middle = sharing.centroids(values, clusters)
    chosen = np.abs(values - middle[sharing.nearest(values, middle)])
    assert np.allclose(chosen, np.abs(values[:, None] - middle).min(axis=1), atol=1e-12)


def test_a_codebook_of_a_pruned_layer_holds_zero_exactly() -> None:
    values = np.random.default_rng(0).normal(size=100)
    book = Codebook.fit(values, 8, with_zero=True)
    assert book.alphabet == 8
    assert book.restore(book.zeros(np.arange(3)), np.arange(3)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("width", [2, 4, 8, 16])
def test_a_grid_is_right_to_half_a_step_and_exact_at_zero(symmetric, axis, width) -> None:
    layer = np.random.default_rng(1).normal(0.3, 1, (5, 40)).astype(np.float32)
    layer[0, 0] = 0
    grid = Grid.fit(layer, width, axis=axis, symmetric=symmetric)
    where = np.arange(layer.size)
    back = grid.restore(grid.assign(layer.ravel(), where), where).reshape(layer.shape)
    scales = grid.scales if axis is None else np.expand_dims(grid.scales, 1 - axis)
    assert np.all(np.abs(back - layer) <= scales * (0.5 if symmetric else 1.0) + 1e-6)
    assert back[0, 0] == 0
    assert len(grid.scales) == (1 if axis is None else layer.shape[axis])


def test_a_symmetric_grid_is_symmetric() -> None:
    grid = Grid.fit(np.array([[-1.0, 2.0]]), 4, axis=None, symmetric=True)
    values = grid.restore(np.arange(1, 16), np.arange(15))
    assert values.tolist() == (-values[::-1]).tolist()
    assert values[-1] == 2


def test_a_layer_of_zeros_has_a_grid_too() -> None:
    grid = Grid.fit(np.zeros((2, 2)), 4, axis=0, symmetric=False)
    assert grid.restore(grid.assign(np.zeros(4), np.arange(4)), np.arange(4)).tolist() == [0, 0, 0, 0]


def test_a_grid_of_one_bit_keeps_the_sign_of_the_largest_weight() -> None:
    for sign in (1, -1):
        layer = sign * np.array([[1.0, 2, 3]])
        grid = Grid.fit(layer, 1, axis=None, symmetric=True)
        where = np.arange(3)
        assert grid.restore(grid.assign(layer.ravel(), where), where).tolist() == [0, 3 * sign, 3 * sign]


def test_a_grid_of_weights_that_float32_rounds_to_0_is_0() -> None:
    grid = Grid.fit(np.array([[1e-50, -2e-50]]), 4, axis=None, symmetric=True)
    where = np.arange(2)
    assert grid.restore(grid.assign(np.array([1e-50, -2e-50]), where), where).tolist() == [0, 0]


def test_shared_values_near_the_end_of_float32_do_not_overflow() -> None:
    middle = np.array([-3.4e38, 3.2e38, 3.4e38], np.float32)
    assert sharing.nearest(middle, middle).tolist() == [0, 1, 2]


def test_a_centroid_lies_within_its_cluster_whatever_an_outlier_does_to_the_sums() -> None:
    values = np.append(np.linspace(1, 2, 100), -1e25)
    middle = sharing.centroids(values, 2)
    assert middle[0] == -1e25
    assert 1 <= middle[1] <= 2


def test_a_codebook_that_retraining_put_out_of_order_still_finds_the_nearest() -> None:
    book = Codebook(np.array([3, 1, 2], np.float32))
    assert book.assign(np.array([0.9, 2.1, 3.3]), np.arange(3)).tolist() == [1, 2, 0]


def test_weights_that_were_all_0_move_when_they_are_retrained() -> None:
    moved = compress(np.zeros((4, 4)), bits=2, retrain=lambda weights, stage: {"weights": weights["weights"] + 1})
    assert (moved.restored == 1).all()


def test_a_machine_whose_coefficients_follow_from_its_vectors_is_refused() -> None:
    with pytest.raises(UnsupportedModel, match="SVC"):
        compress(SVC(kernel="linear").fit([[0.0], [1.0]], [0, 1]), bits=2)
