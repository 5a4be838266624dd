"""The weights of a model by name, and the model again with other weights in it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from trimtab.compression.errors import InvalidWeights
from trimtab.costs.cost import UnsupportedModel

Array = np.ndarray[Any, Any]
Weights = dict[str, Array]

_PARTS = (("coefs_", "intercepts_"), ("coef_", "intercept_"))
"""Where scikit-learn's perceptrons and linear models keep their weights."""


def weights_of(model: Any) -> tuple[Weights, Callable[[Weights], Any], bool]:
    """The weights by name, how to give back the like of what came, and whether that is a model.

    A dict of arrays, one array ("weights"), a list of arrays ("0", "1", …), a torch.nn.Module (its state_dict, tied
    weights once, by their first name), a fitted perceptron or linear model of scikit-learn ("coefs_0", …). Raises
    UnsupportedModel, InvalidWeights.
    """
    if isinstance(model, Mapping):
        return _of_mapping(model)
    if isinstance(model, np.ndarray):
        return {"weights": model}, lambda weights: weights["weights"], False
    if isinstance(model, list | tuple):
        arrays = {str(number): _array(array, number) for number, array in enumerate(model)}
        return arrays, lambda weights: list(weights.values()), False
    if hasattr(model, "state_dict") and hasattr(model, "load_state_dict"):
        return _of_torch(model)
    for names in _PARTS:
        if all(hasattr(model, name) and not isinstance(getattr(type(model), name, None), property) for name in names):
            return _of_sklearn(model, names)
    kind = type(model)
    raise UnsupportedModel(
        "expected a dict {name: array}, an array, a list of arrays, a torch.nn.Module, or a fitted perceptron or "
        f"linear model of scikit-learn, got {kind.__module__}.{kind.__qualname__}"
        + ("; was it fitted?" if hasattr(model, "fit") else "")
    )


def _array(given: Any, name: object) -> Array:
    if not isinstance(given, np.ndarray):
        raise InvalidWeights(
            f"expected numpy arrays, got {type(given).__module__}.{type(given).__name__} as {name!r}"
        )
    return given


def _of_mapping(model: Mapping[Any, Any]) -> tuple[Weights, Callable[[Weights], Any], bool]:
    weights = {str(name): _array(array, name) for name, array in model.items()}
    keys = list(model)
    if len(weights) < len(keys):
        raise InvalidWeights(f"expected names that differ as texts, got {keys!r}")
    return weights, lambda restored: dict(zip(keys, restored.values(), strict=True)), False


def _of_torch(model: Any) -> tuple[Weights, Callable[[Weights], Any], bool]:
    weights: Weights = {}
    seen = set()
    for name, tensor in model.state_dict().items():
        if not hasattr(tensor, "detach"):
            raise InvalidWeights(f"expected tensors in the state_dict, got {type(tensor).__name__} as {name!r}")
        try:
            place = (tensor.data_ptr(), tensor.shape, tensor.stride())
            if place in seen:
                continue
            seen.add(place)
            weights[name] = tensor.detach().cpu().numpy()
        except (TypeError, RuntimeError) as error:
            raise InvalidWeights(f"expected tensors that numpy can hold, got {tensor.dtype} as {name!r}") from error

    def rebuild(restored: Weights) -> Any:
        import torch

        made = copy.deepcopy(model)
        made.load_state_dict({name: torch.from_numpy(array) for name, array in restored.items()}, strict=False)
        return made

    return weights, rebuild, True


def _of_sklearn(model: Any, names: tuple[str, str]) -> tuple[Weights, Callable[[Weights], Any], bool]:
    weights: Weights = {}
    for name in names:
        part = getattr(model, name)
        if isinstance(part, list):
            weights |= {f"{name}{number}": _array(array, name) for number, array in enumerate(part)}
        else:
            weights[name] = np.asarray(part)

    def rebuild(restored: Weights) -> Any:
        made = copy.deepcopy(model)
        for name in names:
            if isinstance(getattr(model, name), list):
                setattr(made, name, [array for key, array in restored.items() if key.startswith(name)])
            else:
                setattr(made, name, restored[name])
        return made

    return weights, rebuild, True
