"""Sizes and counts of operations follow from one another, on a device too."""

from __future__ import annotations

import pytest

from trimtab_service.domain.errors import InvalidStudy
from trimtab_service.domain.metric import Value, check_metric_key, join_key, split_key
from trimtab_service.domain.units import derived, derived_value, follows, is_cost


@pytest.mark.parametrize(
    ("key", "values", "expected"),
    [
        ("size_kb", {"size_bytes": 29_000}, 29.0),
        ("size_mb", {"size_bytes": 1_500_000}, 1.5),
        ("kib", {"size_bytes": 2_048}, 2.0),
        ("mib", {"kib": 2_048}, 2.0),
        ("size_bytes", {"size_kb": 29.5}, 29_500.0),
        ("flops", {"macs": 21}, 42.0),
        ("macs", {"flops": 42}, 21.0),
        ('macs["pi"]', {'flops["pi"]': 42, "flops": 2}, 21.0),
        ("size_kb", {"size_kb": 3, "size_bytes": 29_000}, 3),
        ("size_kb", {"kib": 1_000, "size_bytes": 29_000}, 29.0),
        ("latency_ms", {'latency_ms["pi"]': 3}, None),
        ('size_kb["pi"]', {"size_bytes": 3}, None),
        ("size_kb", {"macs": 3}, None),
        ("size_bytes", {"mib": 1e308}, None),
    ],
)
def test_a_value_follows_from_another_unit(key, values, expected):
    assert derived(key, values) == expected
    found = derived_value(key, {name: Value(float(one)) for name, one in values.items()})
    assert (None if found is None else found.value) == expected


def test_what_follows_keeps_the_standard_error_and_says_from_what_it_follows():
    contract = {"how": "counted", "convention": "1 MAC per multiply-accumulate", "counter": "x 1"}
    found = derived_value("flops", {"macs": Value(10.0, 0.5, contract)})
    assert found == Value(20.0, 1.0, {"how": "counted", "counter": "x 1", "derived_from": "macs"})


def test_a_key_follows_from_itself_and_from_its_other_units():
    assert follows("macs", ("flops",))
    assert follows("train_s", ("train_s",))
    assert not follows("macs", ("size_bytes", 'flops["pi"]'))


@pytest.mark.parametrize(
    ("key", "cost"),
    [("macs", True), ('latency_ms["pi"]', True), ("kib", True), ("accuracy", False), ("baseline", False)],
)
def test_a_cost_is_one_in_every_unit_and_on_every_device(key, cost):
    assert is_cost(key) is cost


@pytest.mark.parametrize("key", ["accuracy", 'latency_ms["pi-zero"]', 'top-1["2.x_y"]'])
def test_a_key_is_split_and_joined(key):
    assert join_key(*split_key(key)) == key
    assert check_metric_key(key) == key
    assert check_metric_key(key.replace('"', "'")) == key


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("x[pi]", 'spelled metric["device"]'),
        ("x[\"pi']", 'spelled metric["device"]'),
        ('x["a b"]', "a device's name"),
        ('x[""]', 'spelled metric["device"]'),
        ('["pi"]', "a metric's name"),
        ('number["pi"]', "can't be named 'number'"),
        ('x["a"]["b"]', 'spelled metric["device"]'),
        ("", "a metric's name"),
        (3, "a metric's name"),
    ],
)
def test_what_is_no_key_is_refused(key, says):
    with pytest.raises(InvalidStudy) as caught:
        check_metric_key(key)
    assert says in caught.value.detail
