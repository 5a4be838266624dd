"""Conditions hold or not, formulas have values, and what is in neither language is refused."""

from __future__ import annotations

import math
import pickle

import pytest

from trimtab_service.domain.errors import InvalidQuery, InvalidSpace
from trimtab_service.domain.expression import Expression

NAMES = {
    "accuracy": 0.95,
    "size_bytes": 15_000,
    "lr": 0.01,
    "activation": "relu",
    "depth": 2,
    "bias": True,
    'latency_ms["pi-zero"]': 31.0,
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("accuracy >= 0.95", True),
        ("accuracy > 0.95", False),
        ("0.001 < lr <= 0.1", True),
        ("accuracy >= 0.9 and size_bytes < 16_000", True),
        ("size_kb <= 15", True),
        ("size_kb <= 14.9", False),
        ("kib < 15", True),
        ("activation == 'relu'", True),
        ("activation in ['tanh', 'relu'] and not depth == 3", True),
        ("accuracy < 0.5 or depth != 3", True),
        ("lr > -1", True),
        ("width >= 1", False),
        ("not width >= 1", True),
        ("activation > 3", False),
        ("bias == True", True),
        ('latency_ms["pi-zero"] <= 31', True),
        ("latency_ms['pi-zero'] < 31", False),
        ("latency_ms <= 100", False),
        ("1 + 1 == 2", True),
        ("depth * 4 % 3 == 2", True),
    ],
)
def test_where_selects_by_names_and_an_absent_one_makes_a_comparison_false(text, holds):
    assert Expression.condition(text).selects(NAMES) is holds


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("width >= 1", None),
        ("not width >= 1", None),
        ("width >= 1 and depth == 2", None),
        ("width >= 1 and depth == 3", False),
        ("width >= 1 or depth == 2", True),
        ("width >= 1 or depth == 3", None),
        ("not (width >= 1 and depth == 3)", True),
        ("depth < width < 1", None),
        ("3 < depth < width", False),
        ("1 / (depth - 2) > 0", None),
        ("activation > 3", None),
        ("min(width, depth) <= 2", None),
    ],
)
def test_what_depends_on_an_absent_name_is_unknown(text, truth):
    condition = Expression.condition(text)
    assert condition.truth(NAMES) is truth
    assert [condition.holds(NAMES, absent=absent) for absent in (True, False)] == (
        [True, False] if truth is None else [truth, truth]
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("accuracy - 0.1 * size_mb", 0.9485),
        ("-depth + +7", 5.0),
        ("7 // depth + 7 % depth + 2 ** 3 ** 2", 516.0),
        ("min(3, depth, 9) + max([depth, 5]) + sum(1, 2, 3)", 13.0),
        ("sum([0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])", 1.0),
        ("abs(-3) + sqrt(16) + log(exp(2)) + log2(8) + log10(100)", 14.0),
        ("floor(2.7) * 10 + ceil(2.1)", 23.0),
        ("bias * 64", 64.0),
        ('latency_ms["pi-zero"] / 2', 15.5),
        ("(-8) ** (1 / 3)", None),
        ("9 ** 9 ** 9", None),
        ("1e308 * 10", None),
        ("1e308 * 10 - 1e308 * 10", None),
        ("1 / 0", None),
        ("1 % 0", None),
        ("log(0)", None),
        ("sqrt(-1)", None),
        ("exp(1000)", None),
        ("width + 1", None),
        ("activation * 3", None),
    ],
)
def test_a_formula_has_a_finite_value_or_none(text, value):
    found = Expression.parse(text).value(NAMES)
    assert found == (None if value is None else pytest.approx(value, rel=1e-12))


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 10**400, None])
def test_a_number_that_is_not_finite_is_absent_from_a_formula(number):
    assert Expression.parse("x + 1").value({"x": number}) is None
    assert Expression.parse("x <= 1").margin({"x": number}) is None


def test_a_comparison_with_nan_is_unknown():
    assert Expression.parse("x <= 1").truth({"x": math.nan}) is None
    assert Expression.parse("x != 1").selects({"x": math.nan}) is False


# --- MnasNet's reward ----------------------------------------------------------------------------------------------


def reward(text: str, accuracy: float, latency: float) -> float | None:
    return Expression.parse(text).value({"accuracy": accuracy, "latency_ms": latency})


def test_the_soft_reward_has_the_published_values():
    soft = "mnas(accuracy, latency_ms, 78)"
    assert reward(soft, 1.0, 2 * 78) == pytest.approx(0.9526, abs=5e-5)
    assert reward(soft, 0.752, 78) == 0.752
    assert reward(soft, 0.7894, 2 * 78) == pytest.approx(0.752, abs=5e-5)
    assert reward("mnas(accuracy, latency_ms, 78, -0.07, -0.07)", 0.7, 50) == reward(soft, 0.7, 50)


def test_the_hard_reward_is_the_accuracy_within_the_target_and_falls_with_the_latency_beyond():
    hard = "mnas(accuracy, latency_ms, 78, 0, -1)"
    assert reward(hard, 0.752, 20) == 0.752
    assert reward(hard, 0.752, 78) == 0.752
    assert reward(hard, 0.752, 156) == pytest.approx(0.376)


def test_a_reward_needs_a_latency_and_a_target_above_zero():
    assert reward("mnas(accuracy, latency_ms, 78)", 0.7, 0.0) is None
    assert reward("mnas(accuracy, latency_ms, 0)", 0.7, 10.0) is None
    assert reward("mnas(accuracy, latency_ms, -78)", 0.7, -10.0) is None


# --- What is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        *("", "accuracy", "accuracy >", "1 + 1", "__import__('os')", "accuracy.real > 1", "f(x) > 1", "x[0] > 1"),
        *("lambda: 1", "a is b", "x > 1j", "x := 3", "(x := 3) > 1", "a > b" * 600, " and ".join(["a > 1"] * 150)),
        *("(" * 300, "x > 1\x00", "not accuracy", "x > None", "x > ...", "x > b'a'", "x > f'{x}'", "x > 1e999"),
        *("x > " + "9" * 400, "x == 'a' + 'b'", "x == 'a' * 9", "-'a' < x", "x < [1] * 9", "x in {1, 2}"),
        "x in {1: 2}",
        *("[x > 1 for x in y]", "all(x > 1 for x in y)", "x if y else z", "x > (yield)", "await x", "*x > 1", "x, y"),
        *("x['a']['b'] > 1", "x[y] > 1", "x[0:1] > 1", "x[''] > 1", "x['a b'] > 1", "x['é'] > 1", "'a'['b'] > 1"),
        *("__class__ > 1", "x['__class__'] > 1", "min().real > 1", "min > 1 > min()", "max([]) > 1"),
        *("log(x=1) > 1", "min(*x) > 1", "mnas(1, 2) > 1", "mnas(1, 2, 3, 4, 5, 6) > 1", "print(x) > 1"),
        *("sqrt(1, 2) > 1", "eval('1') > 1"),
        *("~x > 1", "x @ y > 1", "x << 99 > 1", "x | y > 1", "x & 1 == 0", "import os", "x = 1", "x > 1; y > 1"),
        *("x > 'a\\x41'", "x\n> 1", "not " * 250 + "x > 1", "-" * 900 + "1 > x", "[" * 150 + "]" * 150 + " > 1"),
    ],
)  # fmt: skip
def test_what_is_no_condition_is_refused(text):
    with pytest.raises(InvalidQuery):
        Expression.condition(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("accuracy", "expected a condition like 'accuracy >= 0.9', got 'accuracy'"),
        ("x.y > 1", "'x.y > 1': expected names without a dot, got 'x.y'"),
        ("f(x) > 1", "expected one of the functions ['min', 'max', 'sum'"),
        ("x is y", "expected <, <=, >, >=, ==, !=, in or not in, got 'x is y'"),
        ("x[0] > 1", """expected a name or name["device"], got 'x[0]'"""),
        ("x['a b'] > 1", "a device's name is a letter or digit"),
        ("x > 1 and y", "expected a condition like 'accuracy >= 0.9', got 'y'"),
        ("x > 1e999", "expected finite numbers"),
        ("max() > 1", "expected max(…) of at least one number, got 'max()'"),
        ("log(1, 2) > 1", "expected log(…) of one number, got 'log(1, 2)'"),
        (3, "as text, got 3"),
    ],
)
def test_a_refusal_says_what_was_expected_and_what_came(text, says):
    with pytest.raises(InvalidQuery) as caught:
        Expression.condition(text)
    assert says in caught.value.detail


def test_the_reader_names_the_error_that_it_wants():
    with pytest.raises(InvalidSpace, match="expected a condition"):
        Expression.condition("width", refusal=InvalidSpace)
    with pytest.raises(InvalidSpace):
        Expression.parse("width +", refusal=InvalidSpace)


def test_a_condition_has_no_value_and_a_formula_does_not_hold():
    assert Expression.parse("x > 1").is_condition
    assert not Expression.parse("x + 1").is_condition
    with pytest.raises(InvalidQuery, match="expected a formula, got 'x > 1'"):
        Expression.parse("x > 1").value({})
    for ask in ("truth", "holds", "selects", "margin"):
        with pytest.raises(InvalidQuery, match=r"expected a condition, got 'x \+ 1'"):
            getattr(Expression.parse("x + 1"), ask)({})


def test_unknown_names_are_refused_with_those_that_are_known():
    with pytest.raises(InvalidQuery, match=r"expected names of \['accuracy'\], got \['acc'\]"):
        Expression.parse("acc > 1").check_names(("accuracy",))
    Expression.parse("size_kb > 1 and macs > 1").check_names(("size_bytes", "flops"))


# --- What it is made of --------------------------------------------------------------------------------------------


def test_names_are_keys_and_functions_are_none():
    text = """min([a, lat['pi']]) + sum(b, c) + d * abs(-e) < baseline["macs"] and 'text' in f"""
    assert Expression.parse(text).names == {"a", 'lat["pi"]', "b", "c", "d", "e", 'baseline["macs"]', "f"}


def test_the_parts_of_a_condition_are_those_that_must_all_hold():
    condition = Expression.parse("a <= 1 and (b <= 2 and 3 < c <= 4) and (d < 1 or e < 1)")
    assert [one.text for one in condition.parts] == ["a <= 1", "b <= 2", "3 < c", "c <= 4", "d < 1 or e < 1"]
    alone = Expression.parse("a <= 64_000")
    assert alone.parts == (alone,)


def test_names_can_be_put_in_the_place_of_others():
    before = Expression.parse("max(lat, abs(lat)) * 2 <= macs")
    after = before.renamed({"lat": 'lat["pi"]'})
    assert after.text == 'max(lat["pi"], abs(lat["pi"])) * 2 <= macs'
    assert after.names == {'lat["pi"]', "macs"}
    assert before.names == {"lat", "macs"}
    assert before.renamed({"other": "x"}) is before
    assert Expression.parse(after.text).holds({'lat["pi"]': 2.0, "macs": 4.0})


def test_an_expression_is_told_by_its_text_and_can_be_sent_elsewhere():
    one = Expression.parse(" accuracy >= 0.9 ")
    assert one == Expression.parse("accuracy >= 0.9") != Expression.parse("accuracy >= 0.90")
    assert one.selects({"accuracy": 0.95})  # has been compiled
    sent = pickle.loads(pickle.dumps(one))
    assert sent == one
    assert sent.selects({"accuracy": 0.95})
