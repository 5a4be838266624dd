"""Costs of single layers by their formulas, for spaces where the architecture is known before a model is built.

K: kernel side (or sides). Cin, Cout: channels. H, W: sides of the output. One multiply-accumulate is one MAC.
"""

from __future__ import annotations

import math

from trimtab.costs.cost import FLOPS_CONVENTION, Cost, counted

_MACS = "1 MAC per multiply-accumulate; bias additions are not counted"


def conv2d(
    kernel: int | tuple[int, int],
    in_channels: int,
    out_channels: int,
    out_hw: tuple[int, int],
    *,
    depthwise_separable: bool = False,
    groups: int = 1,
    bias: bool = False,
) -> Cost:
    """The cost of a convolution for one example; stride, padding and dilation are in out_hw already.

    Regular: K²·(Cin/groups)·Cout·H·W MACs. Depthwise separable, which is one K x K filter per input channel and then
    a 1 x 1 convolution: H·W·(K²·Cin + Cin·Cout) MACs (Howard et al. 2017, section 3.1).

    Raises ValueError for a size that is no positive whole number, and for groups that do not divide the channels.
    """
    sides = (kernel, kernel) if isinstance(kernel, int) else tuple(kernel)
    out = tuple(out_hw)
    if len(sides) != 2 or len(out) != 2:
        raise ValueError(f"kernel and out_hw have two sides each, got {kernel!r} and {out_hw!r}")
    _positive(kernel=sides, in_channels=in_channels, out_channels=out_channels, out_hw=out, groups=groups)
    if in_channels % groups or out_channels % groups:
        raise ValueError(f"groups={groups} must divide in_channels={in_channels} and out_channels={out_channels}")
    taps = math.prod(sides)
    if not depthwise_separable:
        weights = taps * (in_channels // groups) * out_channels
        return _layer("conv2d", weights, out_channels * bias, positions=math.prod(out))
    if groups != 1:
        raise ValueError(f"a depthwise separable convolution sets its own groups, got groups={groups}")
    weights = taps * in_channels + in_channels * out_channels
    return _layer("conv2d, depthwise separable", weights, (in_channels + out_channels) * bias, math.prod(out))


def linear(in_features: int, out_features: int, *, bias: bool = True) -> Cost:
    """The cost of a fully connected layer for one example: in·out MACs.

    Raises ValueError for a size that is no positive whole number.
    """
    _positive(in_features=in_features, out_features=out_features)
    return _layer("linear", in_features * out_features, out_features * bias, positions=1)


def _layer(kind: str, weights: int, biases: int, positions: int) -> Cost:
    """weights: each is used once per output position."""
    parameters = counted(f"{kind}: weights {weights}, biases {biases}")
    return Cost(
        parameters=weights + biases,
        trainable_parameters=weights + biases,
        macs=weights * positions,
        flops=2 * weights * positions,
        contract={
            "parameters": parameters,
            "trainable_parameters": parameters,
            "macs": counted(f"{kind}: {_MACS}", output_positions=positions),
            "flops": counted(f"{kind}: {FLOPS_CONVENTION}", output_positions=positions),
        },
    )


def _positive(**sizes: int | tuple[int, ...]) -> None:
    for name, size in sizes.items():
        for one in size if isinstance(size, tuple) else (size,):
            if isinstance(one, bool) or not isinstance(one, int) or one < 1:
                raise ValueError(f"{name} must be a positive whole number, got {one!r}")
