"""Conditions hold or not, and what is no condition is refused."""

import pytest

from trimtab_service.domain.errors import InvalidQuery
from trimtab_service.domain.expression import Where

NAMES = {"accuracy": 0.95, "size_bytes": 15_000, "lr": 0.01, "activation": "relu", "depth": 2, "bias": True}


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
    ],
)
def test_a_condition_holds_for_names(text, holds):
    assert Where.parse(text).holds(NAMES) is holds


@pytest.mark.parametrize(
    "text",
    [
        "", "accuracy", "accuracy >", "__import__('os')", "accuracy.real > 1", "f(x) > 1", "x[0] > 1", "1 + 1 == 2",
        "lambda: 1", "a is b", "x > 1j", "x := 3", "a > b" * 600, " and ".join(["a > 1"] * 150), "(" * 300,
        "x > 1\x00",
    ],
)  # fmt: skip
def test_what_is_no_condition_is_refused(text):
    with pytest.raises(InvalidQuery):
        Where.parse(text)


def test_unknown_names_are_refused_with_those_that_are_known():
    with pytest.raises(InvalidQuery, match=r"expected names of \['accuracy'\], got \['acc'\]"):
        Where.parse("acc > 1").check_names(("accuracy",))
