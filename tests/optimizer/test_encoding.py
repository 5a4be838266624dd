"""Params and points of the unit cube."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.optimizer.spaces import NETWORK, configurations, spaces
from trimtab_service.domain.space import Params, Space
from trimtab_service.optimizer.encoding import Encoding

quick = settings(max_examples=60, deadline=None)


def encoding_of(spec: dict[str, dict[str, object]]) -> Encoding:
    return Encoding.of(Space.from_spec(spec))


def same(left: Params, right: Params) -> bool:
    """Equal to the type; floats within round-off of their size."""
    return list(left) == list(right) and all(
        type(left[name]) is type(right[name])
        and (
            math.isclose(left[name], right[name], rel_tol=1e-9, abs_tol=1e-9)
            if isinstance(left[name], float)
            else left[name] == right[name]
        )
        for name in left
    )


@quick
@given(st.data())
def test_decoding_undoes_encoding(data: st.DataObject) -> None:
    space = data.draw(spaces())
    params = data.draw(configurations(space))
    encoding = Encoding.of(space)
    (back,) = encoding.decode(encoding.encode([params]))
    assert same(back, params)


@quick
@given(st.data())
def test_discrete_configurations_come_back_bit_for_bit(data: st.DataObject) -> None:
    space = data.draw(spaces(discrete=True))
    params = data.draw(configurations(space))
    encoding = Encoding.of(space)
    assert encoding.decode(encoding.encode([params])) == [params]
    assert encoding.params(encoding.levels([params])[0]) == params


@quick
@given(st.data())
def test_a_decoded_configuration_has_the_key_of_the_one_encoded(data: st.DataObject) -> None:
    space = data.draw(spaces())
    params = data.draw(configurations(space))
    encoding = Encoding.of(space)
    levels = encoding.levels([params])
    again = encoding.levels([encoding.params(levels[0])])
    assert encoding.keys(levels) == encoding.keys(again)


@quick
@given(st.data())
def test_different_discrete_configurations_have_different_keys(data: st.DataObject) -> None:
    space = data.draw(spaces(discrete=True))
    one, other = data.draw(configurations(space)), data.draw(configurations(space))
    encoding = Encoding.of(space)
    keys = encoding.keys(encoding.levels([one, other]))
    assert (keys[0] == keys[1]) == (repr(one) == repr(other))


@quick
@given(st.data())
def test_every_point_of_the_cube_is_a_valid_configuration(data: st.DataObject) -> None:
    space = data.draw(spaces())
    encoding = Encoding.of(space)
    uniforms = np.array([[data.draw(st.floats(0.0, 1.0, exclude_max=True)) for _ in range(encoding.dims)]])
    levels = encoding.spread(uniforms.reshape(1, encoding.dims))
    params = encoding.params(levels[0])
    assert space.check(params) == params
    points = encoding.points(levels)
    assert points.shape == (1, encoding.width)
    assert np.all((points >= 0.0) & (points <= 1.0))


@quick
@given(st.data())
def test_points_and_levels_are_two_forms_of_the_same(data: st.DataObject) -> None:
    space = data.draw(spaces())
    encoding = Encoding.of(space)
    rng = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    levels = encoding.spread(rng.random((8, encoding.dims)))
    np.testing.assert_allclose(encoding.levels_of_points(encoding.points(levels)), levels, atol=1e-12)


def test_a_log_scale_puts_the_geometric_mean_in_the_middle() -> None:
    encoding = encoding_of({"lr": {"type": "float", "low": 1e-4, "high": 1e-2, "log": True}})
    assert encoding.encode([{"lr": 1e-3}])[0, 0] == pytest.approx(0.5)
    assert encoding.decode(np.array([[0.0], [1.0]])) == [{"lr": 1e-4}, {"lr": 1e-2}]


def test_the_values_of_an_int_have_equal_shares_of_the_line() -> None:
    encoding = encoding_of({"depth": {"type": "int", "low": 1, "high": 4}})
    assert encoding.encode([{"depth": depth} for depth in (1, 2, 3, 4)])[:, 0].tolist() == [
        0.125,
        0.375,
        0.625,
        0.875,
    ]
    fine = (np.arange(400.0)[:, None] + 0.5) / 400
    depths = [params["depth"] for params in encoding.decode(fine)]
    assert [depths.count(depth) for depth in (1, 2, 3, 4)] == [100, 100, 100, 100]


def test_an_int_on_a_log_scale_is_spaced_by_its_logarithm() -> None:
    encoding = encoding_of({"width": {"type": "int", "low": 1, "high": 1024, "log": True}})
    at = encoding.encode([{"width": width} for width in (8, 16, 32, 64)])[:, 0]
    np.testing.assert_allclose(np.diff(at), np.diff(at)[0])
    assert encoding.decode(encoding.encode([{"width": 1}, {"width": 777}])) == [{"width": 1}, {"width": 777}]


def test_ordered_choices_lie_at_their_rank() -> None:
    encoding = encoding_of({"bits": {"type": "categorical", "choices": [2, 4, 8], "ordered": True}})
    assert encoding.encode([{"bits": 2}, {"bits": 4}, {"bits": 8}])[:, 0].tolist() == [0.0, 0.5, 1.0]


def test_two_different_choices_are_at_squared_distance_one() -> None:
    encoding = encoding_of({"activation": {"type": "categorical", "choices": ["relu", "tanh", "gelu"]}})
    relu, tanh, gelu = encoding.encode([{"activation": one} for one in ("relu", "tanh", "gelu")])
    assert [np.sum((a - b) ** 2) for a, b in ((relu, tanh), (relu, gelu), (tanh, gelu))] == pytest.approx([1, 1, 1])
    assert encoding.groups.tolist() == [0, 0, 0]
    assert encoding.names == ("activation",)


def test_true_and_one_are_different_choices() -> None:
    encoding = encoding_of({"flag": {"type": "categorical", "choices": [True, 1, "1"]}})
    given_params: list[Params] = [{"flag": True}, {"flag": 1}, {"flag": "1"}]
    assert [(type(p["flag"]), p["flag"]) for p in encoding.decode(encoding.encode(given_params))] == [
        (bool, True),
        (int, 1),
        (str, "1"),
    ]


def test_constants_and_single_choices_take_no_column_but_are_handed_out() -> None:
    encoding = encoding_of(
        {
            "seed": {"type": "constant", "value": 7},
            "only": {"type": "categorical", "choices": ["one"]},
            "lr": {"type": "float", "low": 0, "high": 1},
        }
    )
    assert (encoding.dims, encoding.width) == (1, 1)
    assert encoding.decode(np.array([[0.25]])) == [{"seed": 7, "only": "one", "lr": 0.25}]


def test_an_absent_parameter_lies_in_the_middle() -> None:
    encoding = encoding_of(
        {
            "kind": {"type": "categorical", "choices": ["linear", "conv"]},
            "width": {"type": "int", "low": 1, "high": 9, "when": {"kind": ["conv"]}},
            "pad": {"type": "categorical", "choices": ["a", "b", "c", "d"], "when": {"kind": ["conv"]}},
        }
    )
    (point,) = encoding.encode([{"kind": "linear"}])
    assert point[2] == 0.5
    np.testing.assert_allclose(point[3:], 0.25 / math.sqrt(2))


def test_a_parameter_under_a_number_has_a_column_that_says_whether_it_is_there() -> None:
    encoding = Encoding.of(Space.from_spec(NETWORK))
    with_two: Params = {
        "layers": 2, "width_1": 8, "width_2": 16, "activation": "relu", "lr": 0.1, "alpha": 0.1, "batch": 32,
    }  # fmt: skip
    with_one = {name: value for name, value in with_two.items() if name != "width_2"} | {"layers": 1}
    two, one = encoding.encode([with_two, with_one])
    column = encoding.axes[2].activity
    assert column is not None
    assert (one[column], two[column]) == (0.0, 1 / math.sqrt(2))
    assert encoding.groups[column] == encoding.axes[2].group


def test_values_of_absent_parameters_make_no_difference() -> None:
    encoding = Encoding.of(Space.from_spec(NETWORK))
    levels = np.tile(encoding.centre(), (2, 1))
    levels[:, 0] = 0.0  # one layer
    levels[1, 2] = 17.0  # a width of the layer that is not there
    assert len(set(encoding.keys(levels))) == 1
    np.testing.assert_array_equal(*encoding.points(levels))


def test_a_condition_on_a_value_of_a_float_can_hold() -> None:
    space = Space.from_spec(
        {
            "dropout": {"type": "float", "low": 0.0, "high": 0.7},
            "seed": {"type": "int", "low": 0, "high": 3, "when": {"dropout": [0.1]}},
        }
    )
    encoding = Encoding.of(space)
    params = space.check({"dropout": 0.1, "seed": 2})
    assert encoding.decode(encoding.encode([params])) == [params]


def test_the_centre_is_the_middle_of_numbers_and_the_first_of_choices() -> None:
    encoding = Encoding.of(Space.from_spec(NETWORK))
    params = encoding.params(encoding.centre()[0])
    assert params["activation"] == "relu"
    assert params["batch"] == 64
    assert params["lr"] == pytest.approx(math.sqrt(1e-4 * 0.3))


def test_the_widest_ints_keep_every_digit() -> None:
    encoding = encoding_of({"n": {"type": "int", "low": 0, "high": 2**53}})
    for n in (0, 1, 2**53 - 1, 2**53, 2**52 + 1):
        assert encoding.params(encoding.levels([{"n": n}])[0]) == {"n": n}
    one, other = encoding.keys(encoding.levels([{"n": 2**53 - 1}, {"n": 2**53 - 2}]))
    assert one != other
