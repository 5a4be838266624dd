"""A margin says by how much a condition is missed, and its sign never contradicts the condition."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trimtab_service.domain.expression import Expression

NAMES = {"accuracy": 0.9, "latency_ms": 40.0, "size_bytes": 16_000, "depth": 3, "kind": "a", "bits": 8}


@pytest.mark.parametrize(
    ("text", "margin"),
    [
        ("accuracy >= 0.95", 0.05),
        ("0.95 <= accuracy", 0.05),
        ("accuracy < 1", -0.1),
        ("latency_ms <= 20", math.log(2)),
        ("20 >= latency_ms", math.log(2)),
        ("latency_ms <= 80", -math.log(2)),
        ("latency_ms >= 80", math.log(2)),
        ("size_kb <= 32", -math.log(2)),
        ("latency_ms * 2 <= 40 * 4", -math.log(2)),
        ("latency_ms - 40 <= 1", math.log(1e-6)),  # the floor of a cost of nothing
        ("latency_ms <= 0", 40.0),  # no logarithm of such a limit
        ("latency_ms <= depth * 20", -20.0),  # the limit is another for each trial
        ("accuracy + latency_ms <= 41", -0.1),  # accuracy is no cost
        ("accuracy >= 0.95 and latency_ms <= 20", math.log(2)),
        ("accuracy >= 0.95 or latency_ms <= 20", 0.05),
        ("not (accuracy < 0.95 or latency_ms > 80)", 0.05),
        ("not accuracy >= 0.8", 0.1),
        ("0.8 < accuracy < 0.95", -0.05),
        ("not 0.8 < accuracy < 0.95", 0.05),
        ("depth == 5", 2.0),
        ("depth == 3", 0.0),
        ("depth != 5", -2.0),
        ("depth != 3", 1.0),
        ("bits in [2, 4, 32]", 4.0),
        ("bits not in [2, 4, 32]", -4.0),
        ("kind == 'b'", 1.0),
        ("kind != 'b'", -1.0),
        ("kind in ['a', 'b']", 0.0),
        ("kind < 'b'", 0.0),
        ("kind > 'b'", 1.0),
    ],
)
def test_a_margin_is_the_distance_from_the_limit(text, margin):
    assert Expression.condition(text).margin(NAMES) == pytest.approx(margin, rel=1e-9)


@pytest.mark.parametrize("text", ["accuracy < 0.9", "latency_ms < 40", "not accuracy <= 0.9", "latency_ms > 40"])
def test_what_is_missed_by_nothing_is_missed(text):
    margin = Expression.condition(text).margin(NAMES)
    assert margin is not None
    assert 0 < margin < 1e-300


@pytest.mark.parametrize(
    "text", ["width <= 3", "accuracy <= 1 and width <= 3", "depth <= 3 or width <= 3", "kind <= 3"]
)
def test_there_is_no_margin_where_a_name_is_absent(text):
    assert Expression.condition(text).margin(NAMES) is None


def test_a_margin_is_finite_however_far_the_limit_is():
    assert Expression.condition("x <= -1e308").margin({"x": 1e308}) == pytest.approx(1.797e308, rel=1e-3)
    assert Expression.condition("x >= -1e308").margin({"x": 1e308}) == pytest.approx(-1.797e308, rel=1e-3)
    assert Expression.condition("macs <= 5e-324").margin({"macs": 1e308}) == pytest.approx(
        math.log(1e308) - math.log(5e-324)
    )


numbers = st.sampled_from([0.0, -0.0, 1.0, 2.0, 5e-324, 1e308, -1e308, 0.1 + 0.2, 0.3]) | st.floats(
    allow_nan=False, allow_infinity=False
)
choices = st.sampled_from(["a", "b", True, False, 3, 2**53]) | numbers
comparisons = st.builds(
    "{} {} {}".format,
    st.sampled_from(["x", "y", "macs", "size_kb", "x + macs", "abs(y)", "1", "0.3", "'a'", "kind"]),
    st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
    st.sampled_from(["x", "y", "macs", "2", "0", "-1", "1e-300", "x * y", "'b'", "kind", "x < y"]),
)
memberships = st.builds(
    "{} {} [{}]".format,
    st.sampled_from(["x", "kind", "2", "'a'"]),
    st.sampled_from(["in", "not in"]),
    st.sampled_from(["1, 2", "x, 'a'", "'a', 'b'", "", "y"]),
)
conditions = st.recursive(
    comparisons | memberships,
    lambda inner: (
        inner.map("not ({})".format)
        | st.tuples(inner, inner).map(lambda two: "({}) and ({})".format(*two))
        | st.tuples(inner, inner).map(lambda two: "({}) or ({})".format(*two))
    ),
    max_leaves=5,
)


@settings(max_examples=500, deadline=None)
@given(conditions, st.fixed_dictionaries({"x": numbers, "y": numbers, "macs": numbers, "kind": choices}), numbers)
@example("macs <= 2", {"x": 0.0, "y": 0.0, "macs": math.nextafter(2.0, 3.0), "kind": "a"}, 0.0)
@example("not x == y", {"x": 5e-324, "y": 0.0, "macs": 0.0, "kind": "a"}, 0.0)
def test_the_sign_of_a_margin_agrees_with_the_condition(text, names, size):
    condition = Expression.condition(text)
    names = {**names, "size_bytes": size}
    margin = condition.margin(names)
    if margin is not None:
        assert math.isfinite(margin)
        assert condition.truth(names) is (margin <= 0)
        assert condition.selects(names) is (margin <= 0)
