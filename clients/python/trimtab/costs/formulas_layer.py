"""The cost of a layer by its formula as a value, and the cost of a net as the sum of its layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from trimtab.costs.cost import FLOPS_CONVENTION, Contract, Cost, Layer, counted
from trimtab.errors import TrimtabError

_FIGURES = ("parameters", "trainable_parameters", "macs", "flops")
"""What a formula tells of a layer."""


class InvalidSize(TrimtabError, ValueError):
    """The sizes given to a formula make no layer."""

    code = "invalid_size"


def layer(kind: str, weights: int, biases: int, macs: int, convention: str, **depends_on: object) -> Cost:
    """One layer, for one example. weights, biases: numbers that are trained. convention: how its MACs are counted."""
    parameters = weights + biases
    return _cost(
        {"parameters": parameters, "trainable_parameters": parameters, "macs": macs, "flops": 2 * macs},
        f"{kind}: weights {weights}, biases {biases}",
        f"{kind}: {convention}",
        (Layer("", kind, parameters, macs),),
        depends_on,
    )


def total(layers: Mapping[str, Cost] | Iterable[Cost]) -> Cost:
    """The cost of a net of these layers, with its table of layers: {name: cost}, or a list, numbered from 0.

    A net may be part of another. What one layer does not know, the net does not know. Bytes, latency and peak memory
    are no sums of layers and stay unknown. Raises InvalidSize for no layer at all, or for what is no Cost.
    """
    named = dict(layers.items() if isinstance(layers, Mapping) else ((str(at), one) for at, one in enumerate(layers)))
    strange = next((one for one in named.values() if not isinstance(one, Cost)), None)
    if not named or strange is not None:
        got = f"{type(strange).__module__}.{type(strange).__qualname__}" if named else "none"
        raise InvalidSize(f"expected the costs of one layer or more, got {got}")
    figures = {metric: _sum([getattr(one, metric) for one in named.values()]) for metric in _FIGURES}
    unknown = {
        metric: "not known of " + ", ".join(name for name, one in named.items() if getattr(one, metric) is None)
        for metric, figure in figures.items()
        if figure is None
    }
    rows = tuple(
        replace(row, name=f"{name}.{row.name}" if row.name else name)
        for name, one in named.items()
        for row in one.layers or (Layer("", "net", one.parameters or 0, one.macs),)
    )
    cost = _cost(figures, "sum over the layers", "sum over the layers", rows, {"layers": len(rows)})
    return replace(cost, unknown=unknown)


def whole(least: int = 1, **sizes: object) -> None:
    """Refuse, with InvalidSize, what is no whole number of at least so much; a tuple is looked at size by size."""
    for name, size in sizes.items():
        for one in size if isinstance(size, tuple) else (size,):
            if isinstance(one, bool) or not isinstance(one, int) or one < least:
                wanted = "a positive whole number" if least == 1 else f"a whole number of at least {least}"
                raise InvalidSize(f"{name} must be {wanted}, got {one!r}")


def _cost(
    figures: Mapping[str, Any],
    of_parameters: str,
    of_macs: str,
    rows: tuple[Layer, ...],
    depends_on: Mapping[str, object],
) -> Cost:
    parameters = counted(of_parameters)
    contracts: dict[str, Contract] = {
        "parameters": parameters,
        "trainable_parameters": parameters,
        "macs": counted(of_macs, **depends_on),
        "flops": counted(FLOPS_CONVENTION, **depends_on),
    }
    known = {metric for metric, figure in figures.items() if figure is not None}
    return Cost(
        **figures, layers=rows, contract={metric: contracts[metric] for metric in _FIGURES if metric in known}
    )


def _sum(figures: list[int | None]) -> int | None:
    known = [one for one in figures if one is not None]
    return sum(known) if len(known) == len(figures) else None
