"""The search for the highest acquisition in mixed spaces."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.optimizer.spaces import NETWORK, SMALL, spaces
from trimtab_service.domain.space import Params, Space
from trimtab_service.optimizer.available import Available
from trimtab_service.optimizer.encoding import Encoding
from trimtab_service.optimizer.maximize import maximize


class Nearness:
    """A score that is highest at one point."""

    def __init__(self, target: np.ndarray) -> None:
        self.target = target

    def __call__(self, points: np.ndarray) -> np.ndarray:
        return -np.sum((points - self.target) ** 2, axis=1)

    def with_gradient(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self(points), -2.0 * (points - self.target)


class Flat(Nearness):
    """A score that is the same everywhere."""

    def __call__(self, points: np.ndarray) -> np.ndarray:
        return np.zeros(len(points))

    def with_gradient(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros(len(points)), np.zeros_like(points)


def found(encoding: Encoding, score: Nearness, taken: frozenset[bytes] = frozenset(), seed: int = 0) -> Any:
    return maximize(
        Available(encoding, taken),
        score,
        incumbents=encoding.centre(),
        scales=np.full(encoding.width, 0.5),
        rng=np.random.default_rng(seed),
    )


TARGET: Params = {
    "layers": 2, "width_1": 101, "width_2": 7, "activation": "logistic", "lr": 2.5e-3, "alpha": 3e-5, "batch": 128,
}  # fmt: skip


def test_the_top_of_a_mixed_space_is_found() -> None:
    encoding = Encoding.of(Space.from_spec(NETWORK))
    levels = found(encoding, Nearness(encoding.encode([TARGET])))
    params = encoding.params(levels[0])
    assert {name: params[name] for name in TARGET if name not in ("lr", "alpha")} == {
        name: TARGET[name] for name in TARGET if name not in ("lr", "alpha")
    }
    assert (params["lr"], params["alpha"]) == pytest.approx((2.5e-3, 3e-5), rel=1e-2)


def test_the_top_of_a_continuous_space_is_climbed() -> None:
    encoding = Encoding.of(Space.from_spec({f"x{n}": {"type": "float", "low": 0, "high": 1} for n in range(5)}))
    target = np.array([[0.123, 0.456, 0.789, 0.0, 1.0]])
    np.testing.assert_allclose(found(encoding, Nearness(target)), target, atol=1e-4)


def test_the_top_under_another_branch_of_a_condition_is_found() -> None:
    target = {name: value for name, value in TARGET.items() if name != "width_2"} | {"layers": 1}
    encoding = Encoding.of(Space.from_spec(NETWORK))
    params = encoding.params(found(encoding, Nearness(encoding.encode([target])))[0])
    assert "width_2" not in params
    assert (params["layers"], params["width_1"], params["activation"]) == (1, 101, "logistic")


def test_a_small_discrete_space_is_searched_completely() -> None:
    encoding = Encoding.of(Space.from_spec(SMALL))
    target: Params = {"optimizer": "sgd", "momentum": 0.6, "depth": 3, "seed": 7}
    assert encoding.params(found(encoding, Nearness(encoding.encode([target])))[0]) == target


def test_a_large_discrete_space_is_searched_by_its_neighbours() -> None:
    encoding = Encoding.of(Space.from_spec({f"p{n}": {"type": "int", "low": 1, "high": 9} for n in range(8)}))
    target: Params = {f"p{n}": (n * 5) % 9 + 1 for n in range(8)}
    assert encoding.params(found(encoding, Nearness(encoding.encode([target])))[0]) == target


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_whatever_the_space_the_result_lies_in_it_and_is_not_taken(data: st.DataObject) -> None:
    space = data.draw(spaces())
    encoding = Encoding.of(space)
    taken: frozenset[bytes] = frozenset()
    for seed in range(3):
        levels = found(encoding, Flat(np.zeros(encoding.width)), taken, seed)
        if levels is None:
            assert encoding.discrete
            break
        (key,) = encoding.keys(levels)
        assert key not in taken
        params = encoding.params(levels[0])
        assert space.check(params) == params
        taken |= {key}


def test_the_top_is_passed_over_when_it_is_taken() -> None:
    encoding = Encoding.of(Space.from_spec(SMALL))
    target: Params = {"optimizer": "sgd", "momentum": 0.6, "depth": 3, "seed": 7}
    (key,) = encoding.keys(encoding.levels([target]))
    second = encoding.params(found(encoding, Nearness(encoding.encode([target])), frozenset({key}))[0])
    assert second["optimizer"] == "sgd"
    assert second != target


def test_nothing_is_found_in_an_exhausted_space() -> None:
    encoding = Encoding.of(Space.from_spec(SMALL))
    score = Nearness(np.zeros(encoding.width))
    taken: frozenset[bytes] = frozenset()
    for _ in range(15):
        taken |= set(encoding.keys(found(encoding, score, taken)))
    assert len(taken) == 15
    assert found(encoding, score, taken) is None


def test_scores_that_are_not_numbers_are_never_chosen() -> None:
    class Broken(Nearness):
        def __call__(self, points: np.ndarray) -> np.ndarray:
            return np.where(points[:, 0] > 0.5, np.nan, super().__call__(points))

    encoding = Encoding.of(Space.from_spec({"x": {"type": "float", "low": 0, "high": 1}}))
    assert found(encoding, Broken(np.array([[0.9]])))[0, 0] <= 0.5
