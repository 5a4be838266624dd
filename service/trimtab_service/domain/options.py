"""The options of each algorithm, and what is refused of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trimtab_service.domain.errors import InvalidStudy
from trimtab_service.domain.space import Space

_TAKEN = {
    "gp": ("acquisition", "deterministic", "n_initial", "repeats"),
    "grid": ("points",),
    "random": (),
    "sobol": (),
}
_ONE = ("log_ei", "ei", "pi", "ucb")
"""Acquisitions of a study with one objective, the default first."""
_SEVERAL = ("log_ehvi", "log_ei")


def check_options(options: Mapping[str, Any], *, algorithm: str, objectives: int, space: Space) -> None:
    """Raises InvalidStudy for options that the algorithm does not take, and for values that make no sense.

    gp: acquisition, what scores a point; deterministic, whether equal params always give equal values; n_initial, how
    many points come before the first model; repeats, whether params that have a result may be proposed again (failed
    and pending ones never are).  grid: points, {float or int parameter: how many of its values the grid takes}.
    """
    allowed = list(_TAKEN[algorithm])
    unknown = sorted(set(options) - set(allowed))
    if unknown:
        raise InvalidStudy(f"algorithm {str(algorithm)!r} takes options {allowed!r}, got {unknown!r}")
    acquisition, n_initial, points = (options.get(name) for name in ("acquisition", "n_initial", "points"))
    if acquisition is not None:
        _check_acquisition(acquisition, objectives)
    for name in ("deterministic", "repeats"):
        if not isinstance(options.get(name, False), bool | None):
            raise InvalidStudy(f"option {name} must be true or false, got {options[name]!r}")
    if n_initial is not None and (isinstance(n_initial, bool) or not isinstance(n_initial, int) or n_initial < 1):
        raise InvalidStudy(f"option n_initial must be a whole number of at least 1, got {n_initial!r}")
    if points is not None:
        _check_points(points, space)


def _check_acquisition(acquisition: object, objectives: int) -> None:
    expected, many = (_ONE, "one objective") if objectives == 1 else (_SEVERAL, "several objectives")
    if acquisition not in expected:
        raise InvalidStudy(f"option acquisition with {many} must be one of {list(expected)!r}, got {acquisition!r}")


def _check_points(points: object, space: Space) -> None:
    if not isinstance(points, Mapping):
        raise InvalidStudy(f"option points must be {{parameter: how many}}, got {points!r}")
    for name, count in points.items():
        if name not in space.names:
            raise InvalidStudy(f"option points: expected parameters {list(space.names)!r}, got {name!r}")
        if isinstance(count, bool) or not isinstance(count, int) or not 2 <= count <= 1_000:
            raise InvalidStudy(f"option points: {name!r} needs a whole number in [2, 1000], got {count!r}")
