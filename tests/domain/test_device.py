"""A device's limits, and which values of a trial they look at."""

from __future__ import annotations

import pytest

from trimtab_service.domain.contract import DECISIVE, differences
from trimtab_service.domain.device import MAX_LIMITS, Device
from trimtab_service.domain.errors import InvalidStudy

PI = Device("pi-zero", {"size_bytes": 64_000, "latency_ms": "< 20", "limits": ["accuracy >= 0.9 and macs <= 1e6"]})


def texts(device: Device, keys=(), contracts=None) -> list[str]:
    return [one.text for one in device.constraints(keys, contracts)]


def test_limits_are_at_most_a_number_or_conditions():
    assert texts(PI) == ["size_bytes <= 64000", "latency_ms < 20", "accuracy >= 0.9", "macs <= 1000000.0"]
    assert texts(Device("a", ["size_kb <= 64", "accuracy >= 0.98 * baseline"])) == [
        "size_kb <= 64",
        "accuracy >= 0.98 * baseline",
    ]
    assert Device("a", ["macs <= 3"]) == Device("a", {"limits": ["macs <= 3"]}) != Device("b", ["macs <= 3"])


def test_a_limit_looks_at_what_was_measured_on_the_device_where_there_is_any():
    keys = ("size_bytes", "latency_ms", 'latency_ms["pi-zero"]', 'accuracy["other"]')
    assert texts(PI, keys)[1] == 'latency_ms["pi-zero"] < 20'
    assert texts(PI, keys)[0::2] == texts(PI)[0::2]


def test_what_was_measured_on_another_device_says_nothing_of_this_one():
    elsewhere = {"latency_ms": {"device": "cpu: EPYC"}, "macs": {"device": "cpu: EPYC"}}
    (latency,) = (one for one in PI.constraints((), elsewhere) if "latency" in one.text)
    assert latency.margin({"latency_ms": 1.0}, None) is None
    assert texts(PI, (), elsewhere)[3] == "macs <= 1000000.0"  # operations are the same everywhere
    assert texts(PI, (), {"latency_ms": {"device": "pi-zero"}})[1] == "latency_ms < 20"
    assert texts(PI, (), {"latency_ms": {"how": "measured"}})[1] == "latency_ms < 20"


def test_a_limit_that_names_its_device_is_left_as_it_is():
    limit = 'latency_ms["phone"] <= 3'
    assert texts(Device("pi", [limit]), ('latency_ms["pi"]', 'latency_ms["phone"]["pi"]')) == [limit]


@pytest.mark.parametrize(
    ("name", "limits", "says"),
    [
        ("a b", {"macs": 1}, "a device's name is a letter or digit"),
        ("a", {}, "expected 1 to 20 limits, got 0"),
        ("a", {f"m{n}": "<= 1" for n in range(MAX_LIMITS + 1)}, "got 21"),
        ("a", {"macs": float("inf")}, "limit 'macs' must be a finite number, got inf"),
        ("a", {"macs": True}, "limit 'macs' must be a finite number, got True"),
        ("a", {"macs": None}, "got None"),
        ("a", {"a b": 1}, "a metric's name"),
        ("a", {"macs": "3"}, "'macs 3'"),
        ("a", {"limits": "macs <= 3"}, "is a list of conditions, got 'macs <= 3'"),
        ("a", ["macs"], "expected a condition"),
        ("a", 3, "a device's limits are {metric: at most} or a list of conditions, got 3"),
    ],
)
def test_a_device_that_makes_no_sense_is_refused(name, limits, says):
    with pytest.raises(InvalidStudy) as caught:
        Device(name, limits)
    assert says in caught.value.detail


@pytest.mark.parametrize("key", DECISIVE)
def test_figures_that_were_come_by_differently_differ(key):
    assert differences({key: "a", "note": 1}, {key: "b", "note": 2}) == {key: {"expected": "a", "got": "b"}}
    assert differences({key: [1, 3]}, {key: [1, 3]}) == {}


def test_what_only_one_contract_tells_keeps_nobody_from_comparing():
    assert differences({"device": "a", "threads": None}, {"threads": 2, "dtype": "int8"}) == {}
    assert differences({}, {"device": "a"}) == {}
