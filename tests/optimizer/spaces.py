"""Search spaces, configurations and problems for the optimizer's tests."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from trimtab_service.domain.parameter import Categorical, Constant, Float, Int, Parameter
from trimtab_service.domain.space import Params, Space
from trimtab_service.domain.study import Problem
from trimtab_service.domain.trial import Observation, TrialState

NETWORK: dict[str, Any] = {
    "layers": {"type": "int", "low": 1, "high": 2},
    "width_1": {"type": "int", "low": 4, "high": 128, "log": True},
    "width_2": {"type": "int", "low": 4, "high": 64, "log": True, "when": {"layers": [2]}},
    "activation": {"type": "categorical", "choices": ["relu", "tanh", "logistic"]},
    "lr": {"type": "float", "low": 1e-4, "high": 0.3, "log": True},
    "alpha": {"type": "float", "low": 1e-6, "high": 1.0, "log": True},
    "batch": {"type": "categorical", "choices": [16, 32, 64, 128], "ordered": True},
}

SMALL: dict[str, Any] = {
    "optimizer": {"type": "categorical", "choices": ["sgd", "adam"]},
    "momentum": {"type": "float", "low": 0.0, "high": 0.9, "step": 0.3, "when": {"optimizer": ["sgd"]}},
    "depth": {"type": "int", "low": 1, "high": 3},
    "seed": {"type": "constant", "value": 7},
}
"""(4 + 1) * 3 = 15 configurations."""

SQUARE: dict[str, Any] = {
    "x": {"type": "float", "low": 0.0, "high": 1.0},
    "y": {"type": "float", "low": 0.0, "high": 1.0},
}


def a_problem(space: dict[str, Any] = NETWORK, **changes: Any) -> Problem:
    """One objective, `loss`, to be minimised, unless changes say otherwise."""
    return Problem.from_spec({"space": space, "objectives": {"loss": "minimize"}, **changes})


def told(number: int, params: Params, *losses: float, variances: tuple[float, ...] = ()) -> Observation:
    return Observation(number, TrialState.COMPLETE, params, losses, variances or (0.0,) * len(losses))


def open_trial(number: int, params: Params) -> Observation:
    return Observation(number, TrialState.RUNNING, params)


def failed(number: int, params: Params) -> Observation:
    return Observation(number, TrialState.FAILED, params)


def spell(params: Params) -> str:
    """The identity of a configuration, told without the optimizer's own keys."""
    return repr(sorted(params.items()))


def bowl(params: Params) -> float:
    """A smooth function of SQUARE whose minimum, 0, lies off the centre."""
    return float(
        (params["x"] - 0.27) ** 2 + 2.0 * (params["y"] - 0.81) ** 2 + 0.3 * np.sin(5.0 * (params["x"] - 0.27)) ** 2
    )


@st.composite
def spaces(draw: st.DrawFn, *, discrete: bool = False, most: int = 5) -> Space:
    """Spaces of every kind of parameter, some of them under conditions on discrete ones before."""
    parameters: list[Parameter] = []
    for place in range(draw(st.integers(1, most))):
        when = draw(_conditions(parameters))
        kinds = ["int", "log int", "step", "choice", "ordered", "constant"] + ([] if discrete else ["float", "log"])
        parameters.append(_parameter(draw, f"p{place}", draw(st.sampled_from(kinds)), when))
    return Space(tuple(parameters))


@st.composite
def _conditions(draw: st.DrawFn, before: list[Parameter]) -> dict[str, tuple[Any, ...]]:
    parents = [one for one in before if 1 < one.cardinality < 100]
    if not parents or not draw(st.booleans()):
        return {}
    chosen = draw(st.lists(st.sampled_from(parents), min_size=1, max_size=2, unique_by=lambda one: one.name))
    return {
        one.name: tuple(
            one.grid_value(index)
            for index in draw(st.lists(st.integers(0, int(one.cardinality) - 1), min_size=1, max_size=2, unique=True))
        )
        for one in chosen
    }


def _parameter(draw: st.DrawFn, name: str, kind: str, when: dict[str, tuple[Any, ...]]) -> Parameter:
    low, extent = draw(st.integers(-5, 5)), draw(st.integers(1, 4))
    match kind:
        case "int":
            step = draw(st.integers(1, extent))
            return Int(name, low, low + extent, step=step, when=when)
        case "log int":
            return Int(name, abs(low) + 1, abs(low) + 1 + extent, log=True, when=when)
        case "step":
            return Float(name, low / 10, low / 10 + extent * 0.1 + 0.01, step=0.1, when=when)
        case "choice" | "ordered":
            choices = (True, 1.5, "a", 2, "b")[: extent + 1]
            return Categorical(name, choices, ordered=kind == "ordered", when=when)
        case "constant":
            return Constant(name, draw(st.sampled_from(["c", 1, 0.5, False])), when=when)
        case "float":
            return Float(name, float(low), low + extent * draw(st.floats(0.1, 1e6)), when=when)
        case _:
            return Float(name, 1e-6 * 10**extent, draw(st.floats(0.1, 1e3)), log=True, when=when)


@st.composite
def configurations(draw: st.DrawFn, space: Space) -> Params:
    """Valid params, found without the optimizer."""
    params: Params = {}
    for parameter in space.parameters:
        if not space.is_active(parameter, params):
            continue
        if isinstance(parameter, Float) and parameter.step is None:
            params[parameter.name] = draw(st.floats(parameter.low, parameter.high))
        else:
            params[parameter.name] = parameter.grid_value(draw(st.integers(0, int(parameter.cardinality) - 1)))
    return params


def every_configuration(space: Space) -> list[Params]:
    """All configurations of a discrete space, by recursion over its parameters."""
    found: list[Params] = [{}]
    for parameter in space.parameters:
        grown: list[Params] = []
        for params in found:
            if space.is_active(parameter, params):
                size = int(parameter.cardinality)
                grown += [{**params, parameter.name: parameter.grid_value(index)} for index in range(size)]
            else:
                grown.append(params)
        found = grown
    return found
