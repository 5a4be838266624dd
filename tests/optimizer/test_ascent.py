"""The climb over continuous columns."""

from __future__ import annotations

import numpy as np

from trimtab_service.optimizer.ascent import climb

CENTRE = np.array([0.3, 0.7, 1.4])


class Hill:
    """A concave quadratic of unequal curvatures, turned so that its axes are not the columns'."""

    def __init__(self) -> None:
        turn = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
        self.H = turn @ np.diag([1.0, 10.0, 100.0]) @ turn.T
        self.calls = 0

    def with_gradient(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.calls += 1
        away = points[:, :3] - CENTRE
        return -0.5 * np.einsum("si,ij,sj->s", away, self.H, away), np.pad(-away @ self.H, ((0, 0), (0, 1)))


def climbed(hill: Hill, points: np.ndarray, movable: np.ndarray | None = None) -> np.ndarray:
    free = np.ones((len(points), 3), dtype=bool) if movable is None else movable
    return climb(hill, points, np.arange(3), free, np.full(3, 0.5))


def test_the_climb_ends_at_the_constrained_top() -> None:
    hill = Hill()
    found = climbed(hill, np.random.default_rng(1).random((5, 4)))
    # with column 2 held at its bound, the other two solve the remaining linear system
    rest = CENTRE[:2] - np.linalg.solve(hill.H[:2, :2], hill.H[:2, 2] * (1.0 - CENTRE[2]))
    np.testing.assert_allclose(found[:, 2], 1.0)
    np.testing.assert_allclose(found[:, :2], np.tile(rest, (5, 1)), atol=0.02)
    assert hill.calls < 80


def test_other_columns_and_absent_ones_stay() -> None:
    points = np.random.default_rng(2).random((3, 4))
    movable = np.array([[True, True, False]] * 3)
    found = climbed(Hill(), points, movable)
    np.testing.assert_array_equal(found[:, 2:], points[:, 2:])
    assert np.all(found[:, :2] != points[:, :2])


def test_no_start_ends_lower_than_it_began() -> None:
    hill = Hill()
    points = np.random.default_rng(3).random((20, 4))
    before, after = hill.with_gradient(points)[0], hill.with_gradient(climbed(hill, points))[0]
    assert np.all(after >= before)


def test_scores_that_are_not_numbers_are_not_climbed() -> None:
    class Broken(Hill):
        def with_gradient(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            value, gradient = super().with_gradient(points)
            return np.where(points[:, 0] > 0.5, np.nan, value), gradient

    points = np.array([[0.9, 0.2, 0.2, 0.0], [0.1, 0.2, 0.2, 0.0]])
    found = climbed(Broken(), points)
    np.testing.assert_array_equal(found[0], points[0])
    assert np.any(found[1] != points[1])
    assert found[1, 0] <= 0.5
