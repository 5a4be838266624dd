"""Finds the arrays that a fitted estimator holds, where no formula says which of them it needs."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from trimtab.costs.arrays import Array


def arrays(model: Any) -> list[Array]:
    """Every array of numbers that fitting left in the model, each once: of its attributes without the
    hyperparameters, of what is in their lists, dicts and objects, and of the states of compiled trees."""
    given = set(model.get_params(deep=False)) if hasattr(model, "get_params") else set()
    fitted = [value for name, value in vars(model).items() if name not in given] if hasattr(model, "__dict__") else []
    return list(_walk(fitted, seen=set()))


def _walk(value: Any, seen: set[int]) -> Iterator[Array]:
    if (
        id(value) in seen
        or isinstance(value, str | bytes | type)
        or type(value).__module__.startswith("numpy.random")
    ):
        return
    seen.add(id(value))
    if isinstance(value, np.ndarray):
        if value.dtype == object:
            yield from _walk(list(value.ravel()), seen)
        elif value.dtype.kind in "biufcV":
            yield value
        return
    if hasattr(value, "tocsr"):
        yield from _walk([part for part in vars(value).values() if isinstance(part, np.ndarray | tuple)], seen)
        return
    for inner in _inside(value):
        yield from _walk(inner, seen)


def _inside(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, list | tuple):
        return list(value)
    if inspect.isroutine(value):
        return []
    kind = type(value)
    stateful = any("__getstate__" in vars(parent) for parent in kind.__mro__ if parent is not object)
    if kind.__module__.startswith("sklearn.") and stateful and not hasattr(value, "get_params"):
        return [value.__getstate__()]
    return list(vars(value).values()) if hasattr(value, "__dict__") else []
