"""Derivatives for the tests, from values only, and the normal distribution to 60 digits, by nothing but arithmetic.

h(u) = φ(u) + u Φ(u): expected improvement is s h(u).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, getcontext, localcontext

import numpy as np
import pytest

from trimtab_service.optimizer.scores import Acquisition

_STEP = Decimal("1e-20")


def many_digits() -> AbstractContextManager[Context]:
    """120 digits, of which subtractions may lose 60, and numbers as small as e to the power of -1e16."""
    return localcontext(prec=120, Emin=MIN_EMIN, Emax=MAX_EMAX)


def derivative(function: Callable[[float], float], x: float, relative_step: float = 1e-3) -> float:
    """Central differences of two widths, extrapolated: the error is of fourth order (Richardson)."""
    step = relative_step * max(abs(x), 1e-2)

    def central(h: float) -> float:
        return (function(x + h) - function(x - h)) / (2.0 * h)

    return (4.0 * central(step / 2.0) - central(step)) / 3.0


def assert_gradient_agrees(score: Acquisition, points: np.ndarray) -> None:
    """A score's gradient is what differences of its values say, to 1e-6 of the largest of a point. (k, D)"""
    values, gradients = score.with_gradient(points)
    np.testing.assert_allclose(values, score(points), rtol=1e-12)
    largest = np.abs(gradients).max(axis=1)
    for row, column in np.ndindex(points.shape):

        def moved(x: float, row: int = row, column: int = column) -> float:
            shifted = points[[row]]
            shifted[0, column] = x
            return float(score(shifted)[0])

        expected = derivative(moved, points[row, column])
        assert gradients[row, column] == pytest.approx(expected, rel=1e-6, abs=1e-6 * largest[row])


def decimal_derivative(function: Callable[[Decimal], Decimal], x: float) -> float:
    """A central difference in so many digits that none that a float has is lost: its error is about 1e-40."""
    with many_digits():
        at, step = Decimal(x), _STEP * max(abs(Decimal(x)), Decimal("0.01"))
        return float((function(at + step) - function(at - step)) / (2 * step))


def decimal_pi() -> Decimal:
    """π = 16 arctan(1/5) - 4 arctan(1/239) (Machin 1706), in the digits of the context."""

    def arctan_of_inverse(n: int) -> Decimal:
        power, total, k = Decimal(1) / n, Decimal(0), 0
        while abs(power) > Decimal(10) ** -(getcontext().prec + 5):
            total += (-1) ** k * power / (2 * k + 1)
            power, k = power / (n * n), k + 1
        return total

    return 16 * arctan_of_inverse(5) - 4 * arctan_of_inverse(239)


def decimal_density(u: Decimal) -> Decimal:
    """φ(u)"""
    return (-u * u / 2).exp() / (2 * decimal_pi()).sqrt()


def decimal_cdf(u: Decimal) -> Decimal:
    """Φ(u): φ(u) (u + u³/3 + u⁵/15 + …) + ½ near 0 (Abramowitz & Stegun 26.2.11), else φ(u) times Mills' ratio."""
    if u > 0:
        return 1 - decimal_cdf(-u)
    if u < -6:
        return decimal_density(u) * _mills(-u)
    term, total, k = u, u, 1
    while abs(term) > abs(total) * Decimal(10) ** -(getcontext().prec + 5):
        term = term * u * u / (2 * k + 1)
        total, k = total + term, k + 1
    return Decimal("0.5") + decimal_density(u) * total


def _mills(t: Decimal) -> Decimal:
    """(1 - Φ(t)) / φ(t) = 1 / (t + 1 / (t + 2 / (t + …))) (Abramowitz & Stegun 26.2.14), from the far end."""
    tail = t
    for k in range(2_000, 0, -1):
        tail = t + k / tail
    return 1 / tail


def decimal_h(u: Decimal) -> Decimal:
    """h(u), also where φ(u) and u Φ(u) are equal in all digits of a float."""
    if u < -6:
        return decimal_density(u) * (1 + u * _mills(-u))
    return decimal_density(u) + u * decimal_cdf(u)


def decimal_log_h(u: float) -> float:
    """ln h(u), right to the last digit of a float."""
    with many_digits():
        return float(decimal_h(Decimal(u)).ln())
