"""Proposals that need no model."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.optimizer.spaces import NETWORK, SMALL, SQUARE, every_configuration, spaces, spell
from trimtab_service.domain.space import Params, Space
from trimtab_service.optimizer import designs
from trimtab_service.optimizer.available import Available
from trimtab_service.optimizer.designs import Purpose
from trimtab_service.optimizer.encoding import Encoding


def encoding_of(spec: dict[str, Any]) -> Encoding:
    return Encoding.of(Space.from_spec(spec))


def on_grid(encoding: Encoding, points: dict[str, int] | None = None, seed: int = 0) -> list[Params]:
    return [encoding.params(row[0]) for row in designs.grid(Available(encoding), points or {}, seed)]


@settings(max_examples=40, deadline=None)
@given(spaces(discrete=True, most=4))
def test_the_grid_is_every_configuration_of_a_small_discrete_space(space: Space) -> None:
    encoding = Encoding.of(space)
    expected = sorted(spell(params) for params in every_configuration(space))
    assert sorted(spell(params) for params in on_grid(encoding, dict.fromkeys(space.names, 100))) == expected


def test_a_float_takes_three_values_ends_included() -> None:
    encoding = encoding_of({"x": {"type": "float", "low": -1.0, "high": 2.0}})
    assert sorted(params["x"] for params in on_grid(encoding)) == [-1.0, 0.5, 2.0]


def test_a_float_on_a_log_scale_is_spaced_by_its_logarithm() -> None:
    encoding = encoding_of({"lr": {"type": "float", "low": 1e-5, "high": 1e-1, "log": True}})
    values = sorted(float(params["lr"]) for params in on_grid(encoding, {"lr": 5}))
    assert values == pytest.approx([1e-5, 1e-4, 1e-3, 1e-2, 1e-1])
    assert (values[0], values[-1]) == (1e-5, 1e-1)


def test_an_int_with_many_values_takes_as_many_as_points_says() -> None:
    encoding = encoding_of({"n": {"type": "int", "low": 1, "high": 101}, "k": {"type": "int", "low": 1, "high": 2}})
    assert {params["n"] for params in on_grid(encoding)} == {1, 51, 101}
    assert {params["n"] for params in on_grid(encoding, {"n": 5})} == {1, 26, 51, 76, 101}
    assert {params["k"] for params in on_grid(encoding, {"n": 5})} == {1, 2}


def test_an_int_on_a_log_scale_takes_each_value_once() -> None:
    encoding = encoding_of({"n": {"type": "int", "low": 1, "high": 16, "log": True}})
    assert sorted(params["n"] for params in on_grid(encoding)) == [1, 4, 16]
    assert sorted(params["n"] for params in on_grid(encoding, {"n": 9})) == sorted({1, 2, 3, 4, 6, 8, 11, 16})


def test_a_float_with_a_step_takes_all_its_values_unless_told_otherwise() -> None:
    encoding = encoding_of({"x": {"type": "float", "low": 0.0, "high": 1.0, "step": 0.25}})
    assert sorted(params["x"] for params in on_grid(encoding)) == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert sorted(params["x"] for params in on_grid(encoding, {"x": 2})) == [0.0, 1.0]


def test_the_grid_brings_in_what_depends_on_a_step_named_with_round_off() -> None:
    encoding = encoding_of(
        {
            "x": {"type": "float", "low": 0.0, "high": 1.0, "step": 0.1},
            "child": {"type": "int", "low": 0, "high": 1, "when": {"x": [0.1 * 3]}},
        }
    )
    found = on_grid(encoding)
    assert len(found) == len({spell(params) for params in found}) == 12
    assert sorted(params["child"] for params in found if params["x"] == 0.3) == [0, 1]


def test_a_truncated_grid_has_a_fair_share_of_every_value() -> None:
    encoding = encoding_of(NETWORK)
    shares = np.zeros(3)
    for seed in range(20):
        rows = itertools.islice(designs.grid(Available(encoding), {}, seed), 40)
        activations = [encoding.params(row[0])["activation"] for row in rows]
        shares += [activations.count(one) / 800 for one in ("relu", "tanh", "logistic")]
    np.testing.assert_allclose(shares, 1 / 3, atol=0.06)  # 3.6 standard deviations of 800 fair draws


def test_the_order_of_the_grid_is_its_seeds() -> None:
    encoding = encoding_of(SMALL)
    assert on_grid(encoding, seed=1) == on_grid(encoding, seed=1)
    assert on_grid(encoding, seed=1) != on_grid(encoding, seed=2)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_random_and_sobol_points_respect_conditions(data: st.DataObject) -> None:
    space = data.draw(spaces())
    encoding = Encoding.of(space)
    seed, number = data.draw(st.integers(0, 2**63 - 1)), data.draw(st.integers(0, 10_000))
    for design in (designs.random, designs.sobol):
        levels = design(Available(encoding), number, seed)
        assert levels is not None
        params = encoding.params(levels[0])
        assert space.check(params) == params


def test_sobol_points_of_successive_trials_fill_the_square_evenly() -> None:
    encoding = encoding_of(SQUARE)
    drawn = np.vstack([designs.draw(encoding, number, 3, Purpose.SOBOL) for number in range(64)])
    cells = np.floor(drawn * 8)
    assert len(np.unique(cells, axis=0)) == 64  # one in each cell of the 8 x 8 board: a (0, 6, 2)-net


def test_random_points_differ_by_trial_and_by_seed() -> None:
    encoding = encoding_of(SQUARE)
    drawn = {
        (number, seed): designs.random(Available(encoding), number, seed) for number in range(5) for seed in (0, 1)
    }
    assert len({levels.tobytes() for levels in drawn.values() if levels is not None}) == 10
    again = designs.random(Available(encoding), 3, 1)
    np.testing.assert_array_equal(drawn[3, 1], again)


@pytest.mark.parametrize("design", [designs.random, designs.sobol, designs.unused])
def test_every_configuration_of_a_small_space_is_drawn_once_then_none(design: Any) -> None:
    encoding = encoding_of(SMALL)
    taken: set[bytes] = set()
    for number in range(15):
        levels = design(Available(encoding, taken), number, 0)
        (key,) = encoding.keys(levels)
        assert key not in taken
        taken.add(key)
    assert design(Available(encoding, taken), 15, 0) is None


def test_a_space_with_a_continuous_parameter_is_never_used_up() -> None:
    encoding = encoding_of(
        {"x": {"type": "float", "low": 0, "high": 1}, "flag": {"type": "int", "low": 0, "high": 1}}
    )
    taken = {encoding.keys(encoding.levels([{"x": 0.5, "flag": flag}]))[0] for flag in (0, 1)}
    assert designs.unused(Available(encoding, taken), 0, 0) is not None


def test_the_initial_design_grows_with_the_dimension_up_to_ten() -> None:
    assert designs.initial_size(encoding_of(SQUARE), None) == 5
    assert designs.initial_size(encoding_of(NETWORK), None) == 10
    assert designs.initial_size(encoding_of(NETWORK), 4) == 4
