"""Counting, numbering and shuffling the configurations of a space."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.optimizer.spaces import SMALL, every_configuration, spaces, spell
from trimtab_service.domain.space import Space
from trimtab_service.optimizer.available import Available
from trimtab_service.optimizer.configurations import Configurations, shuffled
from trimtab_service.optimizer.encoding import Encoding


def every(space: Space) -> Configurations:
    return Configurations.every(Encoding.of(space))


@settings(max_examples=80, deadline=None)
@given(spaces(discrete=True, most=5))
def test_each_distinct_configuration_has_one_number(space: Space) -> None:
    configurations = every(space)
    for number, row in enumerate(configurations.all()):
        np.testing.assert_array_equal(row, configurations.levels(number))
    expected = {spell(params) for params in every_configuration(space)}
    found = [spell(configurations.encoding.params(row)) for row in configurations.all()]
    assert configurations.count == len(found) == len(expected)
    assert set(found) == expected


def test_twenty_thousand_configurations_are_listed_in_milliseconds() -> None:
    spec: dict[str, dict[str, object]] = {f"p{n}": {"type": "int", "low": 1, "high": 9} for n in range(4)}
    spec["flag"] = {"type": "categorical", "choices": [False, True]}
    spec["size"] = {"type": "int", "low": 1, "high": 2, "when": {"flag": [True]}}
    configurations = every(Space.from_spec(spec))
    begun = time.process_time()
    rows = configurations.all()
    assert time.process_time() - begun < 0.1
    assert len(np.unique(rows, axis=0)) == len(rows) == configurations.count == 9**4 * 3
    for number in (0, 1, 2, 9_999, 19_682):
        np.testing.assert_array_equal(rows[number], configurations.levels(number))


def test_absent_parameters_do_not_multiply() -> None:
    assert every(Space.from_spec(SMALL)).count == 15


def test_a_chain_of_conditions_is_counted_branch_by_branch() -> None:
    spec: dict[str, dict[str, object]] = {"l1": {"type": "categorical", "choices": ["stop", "conv"]}}
    for depth in range(2, 6):
        spec[f"l{depth}"] = {
            "type": "categorical",
            "choices": ["stop", "conv"],
            "when": {f"l{depth - 1}": ["conv"]},
        }
    assert every(Space.from_spec(spec)).count == 6  # stop at one of five layers, or never


def test_many_switches_with_a_parameter_each_are_counted_at_once() -> None:
    spec: dict[str, dict[str, object]] = {
        f"use_{n}": {"type": "categorical", "choices": [False, True]} for n in range(60)
    }
    for n in range(60):
        spec[f"size_{n}"] = {"type": "int", "low": 1, "high": 4, "when": {f"use_{n}": [True]}}
    begun = time.perf_counter()
    assert every(Space.from_spec(spec)).count == 5**60
    assert time.perf_counter() - begun < 2.0


def test_a_child_with_many_parents_is_counted() -> None:
    spec: dict[str, dict[str, object]] = {
        f"flag_{n}": {"type": "categorical", "choices": [False, True]} for n in range(40)
    }
    spec["rare"] = {"type": "int", "low": 1, "high": 10, "when": {f"flag_{n}": [True] for n in range(40)}}
    assert every(Space.from_spec(spec)).count == 2**40 - 1 + 10


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 16, 17, 100, 257])
def test_the_shuffle_is_a_permutation(count: int) -> None:
    order = [shuffled(number, count, [3, 1]) for number in range(count)]
    assert sorted(order) == list(range(count))


def test_the_shuffle_depends_on_the_seed_and_moves_things_about() -> None:
    orders = [tuple(shuffled(number, 100, [seed]) for number in range(100)) for seed in range(10)]
    assert len(set(orders)) == 10
    assert all(sum(a == b for a, b in enumerate(order)) < 15 for order in orders)


@settings(max_examples=30, deadline=None)
@given(st.integers(10**12, 10**60), st.integers(0, 2**63 - 1))
def test_the_shuffle_of_a_huge_range_stays_in_it_and_does_not_repeat(count: int, seed: int) -> None:
    found = [shuffled(number, count, [seed]) for number in range(20)]
    assert len(set(found)) == 20
    assert all(0 <= number < count for number in found)


def test_unused_configurations_leave_out_those_taken() -> None:
    configurations = every(Space.from_spec(SMALL))
    rows = list(configurations.unused(Available(configurations.encoding), [0]))
    taken = set(configurations.encoding.keys(configurations.all()[:9]))
    left = list(configurations.unused(Available(configurations.encoding, taken), [0]))
    assert (len(rows), len(left)) == (15, 6)
    around = [*rows[9:], *rows[:9]]  # from the ninth on, since nine are taken, and round
    kept = [tuple(row) for row in around if configurations.encoding.keys(row[None, :])[0] not in taken]
    assert [tuple(row) for row in left] == kept


def test_a_grid_of_a_million_is_gone_on_with_at_once_when_its_first_ten_thousand_are_taken() -> None:
    space = Space.from_spec({f"p{n}": {"type": "int", "low": 1, "high": 10} for n in range(6)})
    configurations = every(space)
    first = np.array(list(itertools.islice(configurations.unused(Available(configurations.encoding), [5]), 10_000)))
    taken = set(configurations.encoding.keys(first))
    begun = time.process_time()
    row = next(configurations.unused(Available(configurations.encoding, taken), [5]))
    assert time.process_time() - begun < 0.1
    assert configurations.encoding.keys(row[None, :])[0] not in taken


def test_a_million_million_configurations_are_walked_without_listing_them() -> None:
    space = Space.from_spec({f"p{n}": {"type": "int", "low": 1, "high": 10} for n in range(12)})
    configurations = every(space)
    begun = time.perf_counter()
    rows = list(itertools.islice(configurations.unused(Available(configurations.encoding), [5]), 200))
    assert configurations.count == 10**12
    assert len({row.tobytes() for row in rows}) == 200
    assert time.perf_counter() - begun < 2.0


def test_a_parameter_of_many_values_is_numbered_around_those_that_a_condition_names() -> None:
    space = Space.from_spec(
        {
            "n": {"type": "int", "low": 1, "high": 2**53},
            "few": {"type": "int", "low": 1, "high": 3, "when": {"n": [1, 5, 2**53]}},
            "flag": {"type": "categorical", "choices": [False, True], "when": {"n": 5}},
        }
    )
    configurations = every(space)
    assert configurations.count == (2**53 - 3) + 3 + 3 + 6
    chosen = [*range(12), *range(configurations.count - 12, configurations.count)]
    found = [configurations.encoding.params(configurations.levels(number)) for number in chosen]
    assert len({spell(params) for params in found}) == 24
    assert all(space.check(params) == params for params in found)
    assert {params["n"] for params in found} >= {1, 2, 3, 4, 5, 2**53}
