"""The benchmarks' hypervolume against counted cells, and against the engine's."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.hypervolume import front_of, hypervolume
from trimtab_service.optimizer import pareto


@pytest.mark.parametrize(
    ("losses", "reference", "area"),
    [
        ([[1, 3], [2, 2], [3, 1]], (4, 4), 6.0),
        ([[1, 3], [2, 2], [3, 1], [3, 3], [2, 2]], (4, 4), 6.0),
        ([[5, 5]], (4, 4), 0.0),
        ([[4, 0]], (4, 4), 0.0),
        ([[0, 0]], (2, 3), 6.0),
    ],
)
def test_known_areas(losses: list[list[float]], reference: tuple[float, float], area: float) -> None:
    assert hypervolume(np.array(losses, float), reference) == area


def test_no_losses_have_no_area() -> None:
    assert hypervolume(np.empty((0, 2)), (1.0, 1.0)) == 0.0


def test_it_agrees_with_the_engines() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        losses = np.round(rng.random((12, 2)), 1)
        assert hypervolume(losses, (0.8, 0.9)) == pytest.approx(pareto.hypervolume(losses, [0.8, 0.9]), abs=1e-12)


def test_the_front_is_sorted_and_holds_no_point_twice() -> None:
    losses = np.array([[3, 1], [1, 3], [2, 2], [2, 2], [2, 3], [1, 4]], float)
    assert front_of(losses).tolist() == [[1, 3], [2, 2], [3, 1]]
