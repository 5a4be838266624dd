"""Probes are costs of params that nobody trains; points for them are allowed, distinct, and new after each batch."""

from __future__ import annotations

import pytest

from trimtab_service.compute import Closed
from trimtab_service.domain.errors import ComputeUnavailable, InvalidParams, SpaceExhausted, UnknownMetric
from trimtab_service.usecases import probes, studies

SPACE = {"a": {"type": "int", "low": 1, "high": 8}, "b": {"type": "int", "low": 1, "high": 8}}
PROBED = {"space": SPACE, "space_constraints": ["a * b <= 16"], "known_metrics": ["size_bytes"]}


@pytest.fixture
def points(rooms, caller, once):
    def run(count, key=None):
        return probes.points(rooms, caller, "s", count, once(key)).body["result"]

    return run


@pytest.fixture
def add(rooms, caller, once):
    def run(*given):
        return probes.add(rooms, caller, "s", [{"params": p, "values": v} for p, v in given], once()).body["result"]

    return run


def test_points_are_allowed_distinct_and_others_after_a_batch(study, points, add, rooms, caller):
    study(**PROBED)
    first = points(10)
    assert len({tuple(one.items()) for one in first}) == 10
    assert all(one["a"] * one["b"] <= 16 for one in first)
    assert points(10) == first
    added = add(*((one, {"size_bytes": one["a"] * one["b"]}) for one in first))
    assert (added.added, added.total) == (10, 10)
    assert points(10) != first
    assert add((first[0], {"size_bytes": 3, "macs": 5})).total == 11
    found = studies.get(rooms, caller, "s")
    assert (found.study.charged, found.study.next_number, dict(found.counts)) == (0, 0, {})


def test_a_space_has_no_more_points_than_configurations(study, points):
    study(space={"a": {"type": "int", "low": 1, "high": 5}}, algorithm="grid")
    assert sorted(one["a"] for one in points(100)) == [1, 2, 3, 4, 5]


def test_a_retry_gets_the_same_points(study, points, add):
    study(**PROBED)
    first = points(4, key="k")
    add(*((one, {"size_bytes": 1}) for one in first))
    assert points(4, key="k") == first


@pytest.mark.parametrize(
    ("params", "values", "error", "detail"),
    [
        ({"a": 9, "b": 1}, {"size_bytes": 1}, InvalidParams, "probe 1: a must be"),
        ({"a": 8, "b": 8}, {"size_bytes": 1}, InvalidParams, "probe 1: .*space constraints"),
        ({"a": 1, "b": 1}, {"loss": 1}, UnknownMetric, r"probe 1: .*known before training.*got \['loss'\]"),
        ({"a": 1, "b": 1}, {}, UnknownMetric, "probe 1"),
        ({"a": 1, "b": 1}, {"weight": 1}, UnknownMetric, "probe 1: .*'weight'"),
    ],
)
def test_a_probe_that_makes_no_sense_is_named_and_none_is_added(study, add, params, values, error, detail):
    study(**PROBED)
    with pytest.raises(error, match=detail):
        add(({"a": 1, "b": 2}, {"size_bytes": 2}), (params, values))
    assert add(({"a": 1, "b": 2}, {"size_bytes": 2})).total == 1


def test_a_server_that_is_ending_says_so(study, points, rooms):
    study(**PROBED)
    rooms.compute.failing = Closed()
    with pytest.raises(ComputeUnavailable):
        points(3)


def test_a_space_without_anything_left_says_so(study, points, monkeypatch):
    study(space={"a": {"type": "constant", "value": 1}})
    assert points(3) == [{"a": 1}]
    monkeypatch.setattr(probes, "fallback_proposals", lambda *_: type("None_", (), {"items": ()}))
    with pytest.raises(SpaceExhausted):
        points(3)
