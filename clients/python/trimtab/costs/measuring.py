"""The front door `measure`: knows which kind of model goes to which counter, and imports a counter only then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trimtab.costs.cost import Cost, UnsupportedModel

EXPECTED = "a fitted scikit-learn MLP or linear model, or a dict {name: numpy array}"
_SCAFFOLD = ("sklearn.base", "sklearn.utils")
"""Classes from here say nothing of how an estimator predicts: everybody's own estimator inherits from them."""


def measure(model: Any, example_input: Any = None, *, latency: bool = True, seconds: float = 0.05) -> Cost:
    """What the model costs, for one example.

    example_input: rows as the model takes them; the first one is used. Without it there is no latency.
    latency: False leaves the model unrun. seconds: about how long the stopwatch may run, after a warm-up.

    Raises UnsupportedModel, a TypeError that names what was expected and what came, and InvalidExample.
    """
    if isinstance(model, Mapping):
        from trimtab.costs import arrays

        return arrays.measure(model)
    if _is_sklearn(type(model)):
        from trimtab.costs import sklearn_models

        return sklearn_models.measure(model, example_input if latency else None, seconds)
    kind = type(model)
    raise UnsupportedModel(f"expected {EXPECTED}, got {kind.__module__}.{kind.__qualname__}")


def _is_sklearn(kind: type) -> bool:
    """Whether the class or one that it inherits from is scikit-learn's, told by the module's name alone."""
    modules = [parent.__module__ for parent in kind.__mro__]
    return any(name.startswith("sklearn.") and not name.startswith(_SCAFFOLD) for name in modules)
