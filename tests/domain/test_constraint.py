"""Limits on metrics: read, split, relative to the baseline, and refused where they are none."""

from __future__ import annotations

import math
import pickle

import pytest

from trimtab_service.domain.constraint import Constraint
from trimtab_service.domain.errors import InvalidStudy


def test_a_limit_names_the_metrics_that_it_looks_at():
    limit = Constraint("max(latency_ms, latency_ms['pi']) <= 0.5 * baseline['macs'] / 1e6")
    assert limit.metrics == ("latency_ms", 'latency_ms["pi"]')
    assert limit.relative
    assert not Constraint("latency_ms <= 20").relative


def test_what_a_top_level_and_joins_are_limits_of_their_own():
    texts = [one.text for one in Constraint.of("10 < latency_ms <= 20 and (accuracy >= 0.9 or macs < 3)")]
    assert texts == ["10 < latency_ms", "latency_ms <= 20", "accuracy >= 0.9 or macs < 3"]


def test_a_margin_is_above_zero_exactly_where_the_limit_is_broken():
    limit = Constraint("size_kb <= 16")
    assert limit.margin({"size_bytes": 32_000.0}, None) == pytest.approx(math.log(2))
    assert limit.margin({"size_bytes": 16_000.0}, None) == 0
    assert limit.margin({"accuracy": 1.0}, None) is None


def test_the_baseline_is_the_first_trials_value_of_the_same_metric():
    limit = Constraint("accuracy >= 0.98 * baseline")
    assert limit.margin({"accuracy": 0.97}, {"accuracy": 0.9}) == pytest.approx(0.882 - 0.97)
    assert limit.margin({"accuracy": 0.8}, {"accuracy": 0.9}) == pytest.approx(0.082)
    assert limit.margin({"accuracy": 0.8}, None) is None
    assert limit.margin({"accuracy": 0.8}, {"macs": 1.0}) is None
    on_device = Constraint('latency_ms["pi"] <= baseline')
    assert on_device.margin({'latency_ms["pi"]': 6.0}, {'latency_ms["pi"]': 3.0, "latency_ms": 9.0}) == pytest.approx(
        math.log(2)
    )


def test_the_baselines_value_of_another_metric_is_named():
    limit = Constraint('macs <= 0.5 * baseline["flops"]')
    assert limit.margin({"macs": 10.0}, {"macs": 10.0}) == 0
    assert limit.margin({"macs": 20.0}, {"macs": 10.0}) == pytest.approx(math.log(2))
    device = Constraint("""macs <= baseline['latency_ms["pi"]']""")
    assert device.margin({"macs": 6.0}, {'latency_ms["pi"]': 3.0}) == pytest.approx(math.log(2))


def test_a_limit_can_look_at_other_metrics_and_so_does_its_baseline():
    limit = Constraint('latency_ms <= baseline["latency_ms"] and latency_ms <= 2 * baseline')
    mine = limit.renamed({"latency_ms": 'latency_ms["pi"]'})
    assert mine.metrics == ('latency_ms["pi"]',)
    values = {'latency_ms["pi"]': 3.0}
    assert mine.margin(values, {"latency_ms": 1.0}) is None
    assert mine.margin(values, values) == 0
    assert Constraint(mine.text) == mine


def test_a_bound_is_a_limit_of_any_metric_also_of_one_that_can_not_be_written():
    bound = Constraint.bound("top-1", -0.9, at_least=True)
    assert (bound.text, bound.metrics) == ("top-1 >= -0.9", ("top-1",))
    assert bound.margin({"top-1": -1.0}, None) == pytest.approx(0.1)
    assert bound.renamed({"top-1": 'top-1["pi"]'}).margin({'top-1["pi"]': -0.9}, None) == 0
    assert pickle.loads(pickle.dumps(bound)).margin({"top-1": -0.9}, None) == 0
    assert Constraint.bound('latency_ms["pi"]', 20) == Constraint('latency_ms["pi"] <= 20')


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("latency_ms", "expected a condition like 'accuracy >= 0.9', got 'latency_ms'"),
        ("1 < 2", "a constraint names a metric, got '1 < 2'"),
        ("1 < baseline", "a constraint names a metric"),
        ("depth == 3", "expected <, <=, > or >= between numbers"),
        ("depth in [1, 2]", "expected <, <=, > or >= between numbers"),
        ("kind < 'a'", "expected numbers around a comparison"),
        ("accuracy > True", "expected numbers around a comparison"),
        ("macs + flops <= baseline", 'expected baseline["flops"] or the like'),
        ("baseline['a b'] <= macs", "a metric's name"),
        ("number <= 3", "a metric can't be named 'number'"),
        ("latência <= 3", "a metric's name"),
        (3, "as text, got 3"),
    ],
)
def test_what_is_no_limit_is_refused(text, says):
    with pytest.raises(InvalidStudy) as caught:
        Constraint.of(text)
    assert says in caught.value.detail
