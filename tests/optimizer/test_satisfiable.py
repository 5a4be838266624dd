"""Whether space constraints leave anything, and what is said when they don't."""

from __future__ import annotations

from typing import Any

import pytest

from tests.optimizer.spaces import NETWORK, SMALL, SQUARE, a_problem
from trimtab_service.optimizer.satisfiable import why_unsatisfiable

WIDE: dict[str, Any] = {f"p{n}": {"type": "int", "low": 1, "high": 100} for n in range(6)}


@pytest.mark.parametrize(
    ("space", "texts"),
    [
        (SMALL, []),
        (SMALL, ["optimizer == 'sgd'", "depth == 3", "momentum == 0.9"]),
        (SQUARE, ["x + y <= 0.01"]),
        (SQUARE, ["x * 1000 <= 1", "y >= 0.9999"]),
        (WIDE, ["p0 + p1 == 2", "p2 * p3 == 10_000"]),
        (WIDE, ["p0 % 50 == 49 and p1 % 50 == 49 and p2 % 50 == 49"]),
        (NETWORK, ["width_1 * width_2 <= 16", "layers == 2"]),
    ],
)
def test_what_can_be_kept_is_found(space: dict[str, Any], texts: list[str]) -> None:
    assert why_unsatisfiable(a_problem(space, space_constraints=texts)) is None


@pytest.mark.parametrize(
    ("space", "texts", "says"),
    [
        (SMALL, ["depth > 3"], "of the 15 configurations of the space none does; 'depth > 3' is kept by 0 of the 15"),
        (
            SMALL,
            ["depth == 1", "depth == 2"],
            "each is kept by some, 'depth == 1' by the fewest, 5 of 15, but never all",
        ),
        (SQUARE, ["x < 0.5", "x + y > 2"], "'x + y > 2' is kept by 0 of the 4,096 looked at"),
        (
            WIDE,
            ["p0 + p1 < 2"],
            "among 4,096 that were drawn, and 64 of them moved towards what is allowed, none does",
        ),
    ],
)
def test_what_can_not_be_kept_is_refused_with_the_hardest(space: dict[str, Any], texts: list[str], says: str) -> None:
    found = why_unsatisfiable(a_problem(space, space_constraints=texts))
    assert found is not None
    assert says in found
