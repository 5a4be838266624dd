"""Derivatives for the tests, from values only."""

from __future__ import annotations

from collections.abc import Callable


def derivative(function: Callable[[float], float], x: float, relative_step: float = 1e-3) -> float:
    """Central differences of two widths, extrapolated: the error is of fourth order (Richardson)."""
    step = relative_step * max(abs(x), 1e-2)

    def central(h: float) -> float:
        return (function(x + h) - function(x - h)) / (2.0 * h)

    return (4.0 * central(step / 2.0) - central(step)) / 3.0
