"""More functions of one objective, to choose the engine's constants by: with ripples, cliffs, noise and choices.

No peer's runs are recorded for them, so that the recorded problems stay a test. Formulas: Surjanovic and Bingham,
Virtual Library of Simulation Experiments, for Rastrigin, Styblinski-Tang, Griewank, Michalewicz and Levy.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchmarks.tasks.functions import FUNCTIONS
from benchmarks.tasks.task import Losses, Params, Space, Task, choice, decimal, noisy, whole

Vector = np.ndarray[Any, np.dtype[np.float64]]


def _cube(dims: int, low: float, high: float) -> Space:
    return {f"x{place}": decimal(low, high) for place in range(dims)}


def _moved(params: Params, half: float) -> Vector:
    """The point, with its origin moved off the centre by up to 35 % of half the range, differently in each column."""
    point = np.array(list(params.values()))
    places = np.arange(len(point))
    moved: Vector = point - 0.35 * half * np.sin(2.0 + 3.0 * places)
    return moved


def rastrigin3(params: Params) -> Losses:
    """A bowl with a ripple in each of three floats."""
    z = _moved(params, 5.12)
    return (float(10 * len(z) + np.sum(z**2 - 10 * np.cos(2 * np.pi * z))),)


def styblinski5(params: Params) -> Losses:
    """Two hollows in each of five floats, of which one is deeper."""
    z = np.array(list(params.values()))
    return (float(0.5 * np.sum(z**4 - 16 * z**2 + 5 * z)),)


def griewank5(params: Params) -> Losses:
    """A bowl with a fine ripple, in five floats."""
    z = _moved(params, 60.0)
    return (float(np.sum(z**2) / 80 - np.prod(np.cos(z / np.sqrt(np.arange(1, 6)))) + 1),)


def michalewicz5(params: Params) -> Losses:
    """Narrow ravines in five floats."""
    z = np.array(list(params.values()))
    return (-float(np.sum(np.sin(z) * np.sin(np.arange(1, 6) * z**2 / np.pi) ** 20)),)


def levy6(params: Params) -> Losses:
    """A valley with ripples along it, in six floats."""
    w = 1 + _moved(params, 10.0) / 4
    inner = np.sum((w[:-1] - 1) ** 2 * (1 + 10 * np.sin(np.pi * w[:-1] + 1) ** 2))
    end = (w[-1] - 1) ** 2 * (1 + np.sin(2 * np.pi * w[-1]) ** 2)
    return (float(np.sin(np.pi * w[0]) ** 2 + inner + end),)


def ellipsoid8(params: Params) -> Losses:
    """A bowl ten thousand times as steep in the last of eight floats as in the first."""
    z = _moved(params, 2.0)
    return (float(np.sum(10 ** (4 * np.arange(8) / 7) * z**2)),)


_TRAINING: Space = {
    "lr": decimal(1e-6, 1.0, log=True),
    "decay": decimal(1e-7, 1e-1, log=True),
    "momentum": decimal(0.0, 0.99),
    "dropout": decimal(0.0, 0.8),
    "batch": whole(8, 512, log=True),
}


def training5(params: Params) -> Losses:
    """The shape of a training's error: a bowl in the logarithms, and a cliff where the learning rate is too high."""
    lr, decay = math.log10(params["lr"]) + 2.7, math.log10(params["decay"]) + 4.2
    error = 0.1 + 0.05 * lr**2 + 0.02 * decay**2 + 0.02 * lr * decay + 0.1 * (params["momentum"] - 0.82) ** 2
    error += 0.3 * (params["dropout"] - 0.17) ** 2 + 0.02 * (math.log2(params["batch"]) - 6.3) ** 2
    return (error + (1.5 + 3 * (lr - 1.3) if lr > 1.3 else 0.0),)


def training5_failing(params: Params) -> Losses | None:
    """The same, where one in four diverges: where a step of lr / (1 - momentum) is too long."""
    return None if params["lr"] > 0.082 * (1 - params["momentum"]) else training5(params)


_NETWORK: Space = {
    "norm": choice("none", "batch", "layer", "group"),
    "act": choice("relu", "elu", "gelu", "swish", "tanh"),
    "pool": choice("max", "mean", "both"),
    "optimizer": choice("sgd", "adam", "lion", "rprop", "lamb", "adagrad"),
    "layers": whole(1, 20),
    "lr": decimal(1e-5, 1.0, log=True),
}
_NORM = {"none": 0.31, "batch": 0.0, "layer": 0.07, "group": 0.18}
_ACT = {"relu": 0.09, "elu": 0.22, "gelu": 0.0, "swish": 0.04, "tanh": 0.41}
_POOL = {"max": 0.12, "mean": 0.0, "both": 0.05}
_RATE = {"sgd": -0.9, "adam": -2.7, "lion": -3.4, "rprop": -2.0, "lamb": -1.6, "adagrad": -1.2}
_OPTIMIZER = {"sgd": 0.08, "adam": 0.0, "lion": 0.03, "rprop": 0.35, "lamb": 0.11, "adagrad": 0.21}


def network6(params: Params) -> Losses:
    """Four choices without order, an int and a learning rate whose best depends on the optimizer."""
    error = _NORM[params["norm"]] + _ACT[params["act"]] + _POOL[params["pool"]] + _OPTIMIZER[params["optimizer"]]
    error += 0.15 * (params["norm"] == "layer" and params["act"] in ("relu", "tanh"))
    error += 0.004 * (params["layers"] - (9 if params["pool"] == "mean" else 6)) ** 2
    return (error + 0.1 * (math.log10(params["lr"]) - _RATE[params["optimizer"]]) ** 2,)


_HARTMANN = next(one for one in FUNCTIONS if one.name == "hartmann6")

VARIED = (
    Task("rastrigin3", _cube(3, -5.12, 5.12), rastrigin3, optimum=0.0),
    Task("styblinski5", _cube(5, -5, 5), styblinski5, optimum=5 * -39.16616570377142),
    Task("griewank5", _cube(5, -60, 60), griewank5, optimum=0.0),
    Task("michalewicz5", _cube(5, 0, math.pi), michalewicz5, optimum=-4.687658179),
    Task("levy6", _cube(6, -10, 10), levy6, optimum=0.0),
    Task("ellipsoid8", _cube(8, -2, 2), ellipsoid8, optimum=0.0),
    Task("training5", _TRAINING, training5, optimum=0.1),
    Task("training5_noisy", _TRAINING, training5, tell=noisy(0.02), optimum=0.1),
    Task("hartmann6_noisy", _HARTMANN.space, _HARTMANN.losses, tell=noisy(0.1), optimum=_HARTMANN.optimum),
    Task("network6_noisy", _NETWORK, network6, tell=noisy(0.03), optimum=0.0),
)

DIVERGING = Task("training5_failing", _TRAINING, training5_failing, trials=100, optimum=0.1, worst=10.0)
"""Nothing is chosen by it."""
