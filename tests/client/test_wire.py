"""What people may pass as numbers, and what travels."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from trimtab import InvalidValue, wire


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (0.5, 0.5),
        (3, 3),
        (2**60, 2**60),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (np.array(0.25), 0.25),
        (Decimal("0.5"), 0.5),
        (Fraction(1, 4), 0.25),
        ((0.5, 0.1), {"value": 0.5, "stderr": 0.1}),
        ([np.float32(0.5), 0], {"value": 0.5, "stderr": 0}),
        ({"value": 2, "stderr": None, "contract": {}}, {"value": 2}),
        (
            {"value": 2, "stderr": 0.1, "contract": {"convention": "MAC"}},
            {"value": 2, "stderr": 0.1, "contract": {"convention": "MAC"}},
        ),
    ],
)
def test_values_of_any_library_become_plain(given: Any, told: Any) -> None:
    assert wire.value("m", given) == told
    json.loads(wire.encode(told))


@pytest.mark.parametrize(
    "given", [True, None, "0.9", b"1", (1, 2, 3), [1], {"stderr": 1}, {"value": 1, "unit": "ms"}, object()]
)
def test_what_is_no_number_is_refused_with_the_metrics_name(given: Any) -> None:
    with pytest.raises(InvalidValue, match="metric 'm': expected"):
        wire.value("m", given)


def test_a_number_too_large_for_a_float_counts_as_infinite() -> None:
    assert wire.number("m", Decimal("1e400")) == math.inf
    assert wire.not_finite({"m": wire.number("m", Fraction(10**400, 1))}) == ["m is inf"]


def test_what_is_not_finite_is_named() -> None:
    told = wire.values({"a": math.nan, "b": 1.0, "c": (1.0, math.inf), "d": {"value": -math.inf}})
    assert wire.not_finite(told) == ["a is nan", "c stderr is inf", "d is -inf"]


def test_params_of_numpy_become_json() -> None:
    params = {
        "lr": np.float64(0.1),
        "width": np.int32(8),
        "flag": np.bool_(True),
        "list": np.arange(2),
        "set": {2, 1},
    }
    assert json.loads(wire.encode(params)) == {"lr": 0.1, "width": 8, "flag": True, "list": [0, 1], "set": [1, 2]}


def test_a_message_becomes_text_that_any_database_takes() -> None:
    assert wire.text("bad \0 \ud800 text") == "bad  ? text"
    assert wire.text("\x1b[1;31mTraceback\x1b[0m\n\tline\x7f") == "Traceback\n\tline"


def test_a_long_message_keeps_its_ends() -> None:
    long = wire.text("begin" + "x" * 100_000 + "end")
    assert len(long) <= wire.MAX_MESSAGE
    assert long.startswith("begin")
    assert long.endswith("end")
