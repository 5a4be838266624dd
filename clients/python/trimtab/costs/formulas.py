"""Costs of single layers by their formulas, for spaces where the architecture is known before a model is built.

K: kernel side (or sides). Cin, Cout: channels. H, W: sides of the output. One multiply-accumulate is one MAC; every
figure is for one example, and `total` adds layers up. Sequences have formulas of their own (attention, LSTM).
"""

from __future__ import annotations

import math
from typing import Any

from trimtab.costs.cost import Cost
from trimtab.costs.formulas_layer import InvalidSize, layer, whole

Sides = int | tuple[int, ...]
"""One size for every axis, or one each."""

_MACS = "1 MAC per multiply-accumulate; bias additions are not counted"
_BY_CONVENTION = "0 MACs by convention"


def conv1d(
    kernel: Sides,
    in_channels: int,
    out_channels: int,
    out_length: Sides | None = None,
    *,
    in_length: Sides | None = None,
    stride: Sides = 1,
    padding: Sides = 0,
    dilation: Sides = 1,
    groups: int = 1,
    bias: bool = False,
) -> Cost:
    """The cost of a convolution along one axis: K·(Cin/groups)·Cout·length MACs. See `conv2d`."""
    out = _out(1, "length", out_length, in_length, kernel, stride, padding, dilation)
    return _convolution("conv1d", _sides("kernel", kernel, 1), in_channels, out_channels, out, groups, bias)


def conv2d(
    kernel: Sides,
    in_channels: int,
    out_channels: int,
    out_hw: Sides | None = None,
    *,
    in_hw: Sides | None = None,
    stride: Sides = 1,
    padding: Sides = 0,
    dilation: Sides = 1,
    depthwise_separable: bool = False,
    groups: int = 1,
    bias: bool = False,
) -> Cost:
    """The cost of a convolution over a picture.

    Regular: K²·(Cin/groups)·Cout·H·W MACs. Depthwise separable, which is one K x K filter per input channel and then
    a 1 x 1 convolution: H·W·(K²·Cin + Cin·Cout) MACs (Howard et al. 2017, section 3.1).

    out_hw: (H, W); or in_hw, the sides of the input, from which stride, padding and dilation make the output's.
    Places of the kernel that lie on the padding are counted, as torch's counter and fvcore do.

    Raises InvalidSize, a ValueError, for a size that is no positive whole number, for groups that do not divide the
    channels, for a kernel larger than its input, and unless exactly one of out_hw and in_hw is given.
    """
    sides, out = _sides("kernel", kernel, 2), _out(2, "hw", out_hw, in_hw, kernel, stride, padding, dilation)
    if not depthwise_separable:
        return _convolution("conv2d", sides, in_channels, out_channels, out, groups, bias)
    if groups != 1:
        raise InvalidSize(f"a depthwise separable convolution sets its own groups, got groups={groups}")
    whole(in_channels=in_channels, out_channels=out_channels)
    weights, positions = math.prod(sides) * in_channels + in_channels * out_channels, math.prod(out)
    biases = (in_channels + out_channels) * bias
    return layer(
        "conv2d, depthwise separable", weights, biases, weights * positions, _MACS, output_positions=positions
    )


def conv3d(
    kernel: Sides,
    in_channels: int,
    out_channels: int,
    out_dhw: Sides | None = None,
    *,
    in_dhw: Sides | None = None,
    stride: Sides = 1,
    padding: Sides = 0,
    dilation: Sides = 1,
    groups: int = 1,
    bias: bool = False,
) -> Cost:
    """The cost of a convolution over a volume: K³·(Cin/groups)·Cout·D·H·W MACs. See `conv2d`."""
    out = _out(3, "dhw", out_dhw, in_dhw, kernel, stride, padding, dilation)
    return _convolution("conv3d", _sides("kernel", kernel, 3), in_channels, out_channels, out, groups, bias)


def conv_transpose2d(
    kernel: Sides, in_channels: int, out_channels: int, in_hw: Sides, *, groups: int = 1, bias: bool = False
) -> Cost:
    """The cost of a transposed convolution: K²·Cin·(Cout/groups)·H·W MACs, H and W the sides of the *input*.

    Every input is multiplied with the whole kernel, so stride, padding and output padding change the output's size
    (`transposed_size`), not the count. Products that the padding cuts off are counted, as torch's counter and fvcore
    do. Raises InvalidSize.
    """
    sides, positions = _sides("kernel", kernel, 2), math.prod(_sides("in_hw", in_hw, 2))
    _groups(in_channels, out_channels, groups)
    weights = math.prod(sides) * in_channels * (out_channels // groups)
    convention = f"{_MACS}; every input with the whole kernel"
    return layer(
        *("conv_transpose2d", weights, out_channels * bias, weights * positions, convention),
        input_positions=positions,
    )


def linear(in_features: int, out_features: int, *, bias: bool = True, positions: int = 1) -> Cost:
    """The cost of a fully connected layer: in·out MACs, at each of so many positions. Raises InvalidSize."""
    whole(in_features=in_features, out_features=out_features, positions=positions)
    weights = in_features * out_features
    return layer("linear", weights, out_features * bias, weights * positions, _MACS, output_positions=positions)


def embedding(entries: int, size: int) -> Cost:
    """The cost of a table of vectors: entries·size parameters and 0 MACs, a look-up multiplies nothing."""
    whole(entries=entries, size=size)
    return layer("embedding", entries * size, 0, 0, "a look-up multiplies nothing")


def batch_norm(channels: int) -> Cost:
    """The cost of a batch normalisation: 2 parameters per channel and, by convention, 0 MACs.

    It can be folded into the convolution before it. The running mean and variance are stored but not trained, and no
    parameters. Raises InvalidSize.
    """
    whole(channels=channels)
    return layer("batch_norm", channels, channels, 0, _BY_CONVENTION)


def layer_norm(size: Sides, *, bias: bool = True) -> Cost:
    """The cost of a layer normalisation over so many features: 2 parameters each and, by convention, 0 MACs."""
    whole(size=size)
    features = size if isinstance(size, int) else math.prod(size)
    return layer("layer_norm", features, features * bias, 0, _BY_CONVENTION)


def output_size(size: int, kernel: int, *, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """How long an axis is after a convolution or a pooling.

    ⌊(size + 2·padding - dilation·(kernel - 1) - 1) / stride⌋ + 1; padding: on each side.
    Raises InvalidSize when the kernel is larger than the padded input.
    """
    whole(size=size, kernel=kernel, stride=stride, dilation=dilation)
    whole(0, padding=padding)
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    if room < 0:
        raise InvalidSize(
            f"a kernel of {kernel} with dilation {dilation} does not fit an input of {size} with padding {padding}"
        )
    return room // stride + 1


def transposed_size(
    size: int, kernel: int, *, stride: int = 1, padding: int = 0, output_padding: int = 0, dilation: int = 1
) -> int:
    """How long an axis is after a transposed convolution, as of torch's ConvTranspose2d.

    (size - 1)·stride - 2·padding + dilation·(kernel - 1) + output_padding + 1. Raises InvalidSize for nothing left.
    """
    whole(size=size, kernel=kernel, stride=stride, dilation=dilation)
    whole(0, padding=padding, output_padding=output_padding)
    out = (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + output_padding + 1
    if out < 1:
        raise InvalidSize(f"padding {padding} leaves nothing of an input of {size} and a kernel of {kernel}")
    return out


def _convolution(
    kind: str,
    kernel: tuple[int, ...],
    in_channels: int,
    out_channels: int,
    out: tuple[int, ...],
    groups: int,
    bias: bool,
) -> Cost:
    _groups(in_channels, out_channels, groups)
    weights, positions = math.prod(kernel) * (in_channels // groups) * out_channels, math.prod(out)
    return layer(kind, weights, out_channels * bias, weights * positions, _MACS, output_positions=positions)


def _groups(in_channels: int, out_channels: int, groups: int) -> None:
    whole(in_channels=in_channels, out_channels=out_channels, groups=groups)
    if in_channels % groups or out_channels % groups:
        raise InvalidSize(f"groups={groups} must divide in_channels={in_channels} and out_channels={out_channels}")


def _out(
    axes: int,
    what: str,
    out: Sides | None,
    inside: Sides | None,
    kernel: Sides,
    stride: Sides,
    padding: Sides,
    dilation: Sides,
) -> tuple[int, ...]:
    """The sides of the output, which were given or follow from the input's."""
    if (out is None) == (inside is None):
        raise InvalidSize(f"expected out_{what} or in_{what}, got {'neither' if out is None else 'both'}")
    if out is not None:
        if (stride, padding, dilation) != (1, 0, 1):
            raise InvalidSize(f"stride, padding and dilation are in out_{what} already; give in_{what} with them")
        return _sides(f"out_{what}", out, axes)
    given = zip(
        _sides(f"in_{what}", inside, axes),
        _sides("kernel", kernel, axes),
        _sides("stride", stride, axes),
        _sides("padding", padding, axes, least=0),
        _sides("dilation", dilation, axes),
        strict=True,
    )
    return tuple(output_size(n, k, stride=s, padding=p, dilation=d) for n, k, s, p, d in given)


def _sides(name: str, given: Any, axes: int, least: int = 1) -> tuple[int, ...]:
    """One size per axis; a single number stands for all."""
    sides: tuple[int, ...] = tuple(given) if isinstance(given, tuple | list) else (given,) * axes
    if len(sides) != axes:
        raise InvalidSize(f"{name} must have {axes} side{'s' * (axes > 1)}, got {given!r}")
    whole(least, **{name: sides})
    return sides
