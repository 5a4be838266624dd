"""Functions with a known optimum, moved off the centre of their space: floats, mixed, two objectives, a limit.

Formulas: Surjanovic and Bingham, Virtual Library of Simulation Experiments, for Branin, Hartmann, Ackley, Rosenbrock
and Levy; Zitzler, Deb and Thiele 2000, eq. (7) and (8), for ZDT1 and ZDT2; Deb, Thiele, Laumanns and Zitzler 2002 for
DTLZ2; Jain and Deb 2014, section IV.B, for the limit of C2-DTLZ2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.tasks.task import Losses, Params, Space, Task, choice, decimal, noisy, whole

Vector = np.ndarray[Any, np.dtype[np.float64]]


def _cube(dims: int, low: float, high: float) -> Space:
    return {f"x{place}": decimal(low, high) for place in range(dims)}


def _vector(params: Params) -> Vector:
    return np.array([params[f"x{place}"] for place in range(len(params))])


# --- One objective --------------------------------------------------------------------------------------------------


def branin(params: Params) -> Losses:
    """Three equal minima in two floats."""
    x, y = params["x0"], params["x1"]
    valley = y - 5.1 * x**2 / (4 * math.pi**2) + 5 * x / math.pi - 6
    return (valley**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10,)


_DEPTHS = np.array([1.0, 1.2, 3.0, 3.2])
_NARROWNESS = np.array(
    [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
)
_CENTRES = np.array(
    [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ]
)


def _hartmann(point: Vector) -> float:
    squares = np.einsum("kd,kd->k", _NARROWNESS, (point - _CENTRES) ** 2)
    return -float(_DEPTHS @ np.exp(-squares))


def hartmann6(params: Params) -> Losses:
    """Four Gaussian hollows in six floats."""
    return (_hartmann(_vector(params)),)


_HIDDEN = (2, 5, 9, 11, 16, 18)
"""Which of the twenty floats matter."""


def hartmann6_in_20(params: Params) -> Losses:
    """Hartmann's function of six floats among twenty; the others do nothing."""
    return (_hartmann(np.array([params[f"x{place}"] for place in _HIDDEN])),)


_ACKLEY_AT = np.array([11.3, -7.9, 14.2, -16.6, 4.7])


def ackley5(params: Params) -> Losses:
    """A funnel under a field of ripples, five floats."""
    offset = _vector(params) - _ACKLEY_AT
    funnel = 20 * math.exp(-0.2 * math.sqrt(float(np.mean(offset**2))))
    ripples = math.exp(float(np.mean(np.cos(2 * np.pi * offset))))
    return (20 + math.e - funnel - ripples,)


def rosenbrock4(params: Params) -> Losses:
    """A bent valley in four floats, with its floor at 1, 1, 1, 1."""
    x = _vector(params)
    return (float(np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)),)


_LEVY_AT = np.array([2.9, -3.4, 1.7, -2.2, 3.8, -1.1, 0.8, -3.9, 2.3, -0.6])


def levy10(params: Params) -> Losses:
    """Waves on a bowl, ten floats."""
    w = 1 + (_vector(params) - _LEVY_AT) / 4
    inner = np.sum((w[:-1] - 1) ** 2 * (1 + 10 * np.sin(np.pi * w[:-1] + 1) ** 2))
    last = (w[-1] - 1) ** 2 * (1 + np.sin(2 * np.pi * w[-1]) ** 2)
    return (float(np.sin(np.pi * w[0]) ** 2 + inner + last),)


_OPTIMISERS, _ACTIVATIONS = ("sgd", "adam", "rmsprop", "lion"), ("relu", "gelu", "tanh")
_FLOORS = ((0.55, 0.35, 0.60), (0.30, 0.00, 0.25), (0.45, 0.20, 0.50), (0.80, 0.65, 0.40))
_BEST_LR, _BEST_LAYERS = (-2.0, -3.2, -2.6, -4.0), (12, 7, 9, 15)
_BEST_REG, _BEST_UNITS = (-0.8, 0.6, 1.4), (3.0, 4.0, 5.0)


def mixed6(params: Params) -> Losses:
    """The shape of a net's error: each optimiser and activation has a floor and a best place of its own.

    0 at adam, gelu, 7 layers, 16 units, learning rate 10^-3.2 and regularisation 10^0.6.
    """
    a, b = _OPTIMISERS.index(params["opt"]), _ACTIVATIONS.index(params["act"])
    lr = math.log10(params["lr"]) - _BEST_LR[a]
    reg = math.log10(params["reg"]) - _BEST_REG[b]
    layers = (params["layers"] - _BEST_LAYERS[a]) / 6
    units = math.log2(params["units"]) - _BEST_UNITS[b]
    bowl = 0.35 * lr**2 + 0.15 * reg**2 + 0.2 * lr * reg + 0.3 * layers**2 + 0.12 * units**2
    waves = 0.15 * (1 - math.cos(2.5 * lr)) + 0.05 * (1 - math.cos(math.pi * units))
    return (_FLOORS[a][b] + bowl + waves,)


# --- Two objectives -------------------------------------------------------------------------------------------------


def zdt1(params: Params) -> Losses:
    """A convex front, where all but the first float are 0."""
    x = _vector(params)
    g = 1 + 9 * float(np.mean(x[1:]))
    return float(x[0]), g * (1 - math.sqrt(x[0] / g))


def zdt2(params: Params) -> Losses:
    """A concave front, where all but the first float are 0."""
    x = _vector(params)
    g = 1 + 9 * float(np.mean(x[1:]))
    return float(x[0]), g * (1 - (x[0] / g) ** 2)


_DTLZ2_AT = np.array([0.64, 0.28, 0.81, 0.42, 0.23])


def dtlz2(params: Params) -> Losses:
    """A quarter of a circle; the front is where the last five floats are at places off the centre."""
    x = _vector(params)
    radius = 1 + float(np.sum((x[1:] - _DTLZ2_AT) ** 2))
    angle = x[0] * math.pi / 2
    return radius * math.cos(angle), radius * math.sin(angle)


# --- Limits and failures --------------------------------------------------------------------------------------------

_RADIUS = 0.2
"""Of the circles that C2-DTLZ2 allows. The paper has 0.4 for three objectives; 0.5 would allow all of two's front."""


def c2_dtlz2(params: Params) -> Mapping[str, float]:
    """outside: 0 or less in a circle around either end of DTLZ2's front or its middle, else how far out, squared."""
    losses = np.array(dtlz2(params))
    centres = np.array([[1.0, 0.0], [0.0, 1.0], [math.sqrt(0.5)] * 2])
    return {"outside": float(np.min(np.sum((losses - centres) ** 2, axis=1)) - _RADIUS**2)}


def _c2_hypervolume() -> float:
    """DTLZ2's, less what the two gaps of the front lose: what lies above the arc and below the stair across a gap."""
    half = 2 * math.asin(_RADIUS / 2)
    lost = 0.0
    for start, end in ((half, math.pi / 4 - half), (math.pi / 4 + half, math.pi / 2 - half)):
        under = (end - start) / 2 - (math.sin(2 * end) - math.sin(2 * start)) / 4
        lost += math.sin(end) * (math.cos(start) - math.cos(end)) - under
    return _DTLZ2_HYPERVOLUME - lost


def hartmann6_failing(params: Params) -> Losses | None:
    """Hartmann's function, where one in four fails: what has a low x3, up to just short of the optimum."""
    return None if params["x3"] < 0.25 else hartmann6(params)


_MIXED = {
    "opt": choice(*_OPTIMISERS),
    "act": choice(*_ACTIVATIONS),
    "layers": whole(1, 20),
    "units": whole(2, 128, log=True),
    "lr": decimal(1e-6, 1, log=True),
    "reg": decimal(1e-3, 1e3, log=True),
}
_HARTMANN_LOWEST = -3.322368011415515
_DTLZ2_HYPERVOLUME = 1.5**2 - math.pi / 4

FUNCTIONS = (
    Task("branin", {"x0": decimal(-5, 10), "x1": decimal(0, 15)}, branin, optimum=0.39788735772973816),
    Task("hartmann6", _cube(6, 0, 1), hartmann6, optimum=_HARTMANN_LOWEST),
    Task("ackley5", _cube(5, -32.768, 32.768), ackley5, optimum=0.0),
    Task("rosenbrock4", _cube(4, -5, 10), rosenbrock4, optimum=0.0),
    Task("levy10", _cube(10, -10, 10), levy10, trials=100, optimum=0.0),
    Task("mixed6", _MIXED, mixed6, tell=noisy(0.05), optimum=0.0),
    # Hypervolumes by integration of the fronts: f2 = 1 - √f1, f2 = 1 - f1², f1² + f2² = 1.
    Task("zdt1_6", _cube(6, 0, 1), zdt1, reference=(1.1, 6.0), optimum=0.1 * 6 + 5 + 2 / 3),
    Task("zdt2_6", _cube(6, 0, 1), zdt2, reference=(1.1, 6.0), optimum=0.1 * 6 + 5 + 1 / 3),
    Task("dtlz2_6", _cube(6, 0, 1), dtlz2, reference=(1.5, 1.5), optimum=_DTLZ2_HYPERVOLUME),
    Task(
        "c2_dtlz2_6",
        _cube(6, 0, 1),
        dtlz2,
        trials=100,
        optimum=_c2_hypervolume(),
        reference=(1.5, 1.5),
        measures=c2_dtlz2,
        limits={"outside": 0.0},
    ),
    Task("hartmann6_failing", _cube(6, 0, 1), hartmann6_failing, trials=100, optimum=_HARTMANN_LOWEST, worst=0.0),
    Task("hartmann6_in_20", _cube(20, 0, 1), hartmann6_in_20, trials=300, optimum=_HARTMANN_LOWEST),
)
