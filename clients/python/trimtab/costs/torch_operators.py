"""What each of torch's operations costs: multiply-accumulates by a formula, nothing by convention, or not known.

torch's own formulas (torch.utils.flop_counter, 2 FLOPs per MAC) come first, so one that is registered there for an
operation of somebody's own is used too.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import flop_registry

_FREE_TAGS = frozenset(
    {torch.Tag.pointwise, torch.Tag.reduction, torch.Tag.view_copy, torch.Tag.inplace_view}  # as torch labels them
)
_FREE = frozenset(
    """
    alias_copy arange as_strided_scatter block_diag cat channel_shuffle clone col2im complex constant_pad_nd copy
    _copy_from _copy_from_and_resize diag_embed diagonal_scatter dropout embedding _embedding_bag
    _embedding_bag_forward_only embedding_renorm empty empty_like empty_permuted empty_strided eye fill flip full
    full_like gather im2col index index_add index_copy index_fill index_put _index_put_impl index_reduce index_select
    lift lift_fresh linspace logspace masked_scatter masked_select narrow_copy new_empty new_empty_strided new_full
    new_ones new_zeros nonzero nonzero_static ones ones_like _pack_padded_sequence pixel_shuffle pixel_unshuffle
    polar put reflection_pad1d reflection_pad2d reflection_pad3d repeat repeat_interleave replication_pad1d
    replication_pad2d replication_pad3d _reshape_alias _reshape_copy resize roll rot90 scalar_tensor scatter
    scatter_add scatter_reduce select_scatter set slice_scatter split_with_sizes_copy stack take to_padded_tensor tril
    tril_indices triu triu_indices _unsafe_index _unsafe_index_put _unsafe_masked_index unsafe_split
    unsafe_split_with_sizes _unsafe_view zero zeros zeros_like _efficientzerotensor _to_copy
    dist linalg_cross
    affine_grid_generator grid_sampler_2d grid_sampler_3d upsample_bicubic2d upsample_bilinear2d upsample_linear1d
    upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_trilinear3d _upsample_bicubic2d_aa
    _upsample_bilinear2d_aa _upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d
    _adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d
    adaptive_max_pool2d adaptive_max_pool3d avg_pool1d avg_pool2d avg_pool3d fractional_max_pool2d
    fractional_max_pool3d max_pool2d_with_indices max_pool3d_with_indices max_unpool2d max_unpool3d
    native_batch_norm _native_batch_norm_legit _native_batch_norm_legit_no_training _batch_norm_no_update
    _batch_norm_with_update cudnn_batch_norm miopen_batch_norm native_group_norm native_layer_norm _fused_rms_norm
    renorm _weight_norm_interface
    _softmax _log_softmax _safe_softmax _masked_softmax log_sigmoid_forward hardswish glu _prelu_kernel _add_relu
    _thnn_fused_gru_cell _thnn_fused_lstm_cell native_dropout _fused_dropout _masked_scale rrelu_with_noise
    bernoulli exponential multinomial normal poisson rand rand_like randint randint_like randn randn_like random
    randperm uniform
    _aminmax argsort bincount bucketize cummax cummin cumprod cumsum _cummax_helper _cummin_helper histc isin kthvalue
    logcumsumexp _logcumsumexp median mode nanmedian searchsorted segment_reduce sort topk trace _unique _unique2
    unique_consecutive unique_dim unique_dim_consecutive
    binary_cross_entropy binary_cross_entropy_with_logits huber_loss mse_loss multi_margin_loss nll_loss_forward
    nll_loss2d_forward smooth_l1_loss soft_margin_loss
    dequantize fake_quantize_per_channel_affine_cachemask fake_quantize_per_tensor_affine_cachemask
    _fake_quantize_per_tensor_affine_cachemask_tensor_qparams _fused_moving_avg_obs_fq_helper int_repr
    _make_per_channel_quantized_tensor _make_per_tensor_quantized_tensor q_per_channel_scales
    q_per_channel_zero_points quantize_per_channel quantize_per_tensor quantize_per_tensor_dynamic
    _assert_async _assert_scalar _assert_tensor_metadata _functional_assert_async _fused_sdp_choice is_pinned
    is_same_size _is_all_true _is_any_true _local_scalar_dense record_stream
    """.split()  # noqa: SIM905  # a list of words reads better as words
)
"""Free beside what bears a tag, in this order: moving, making and choosing; interpolation; pooling; norms;
activations and dropout; random numbers; sorting and scanning; losses; to and from integers; questions and checks."""
_ROUNDING = frozenset({"quantized", "quantized_decomposed", "torchao"})
"""Namespaces whose quantize… and dequantize… go element by element."""
_ADDS_TO = frozenset({"addmm", "baddbmm", "addbmm", "addmv", "_addmm_activation"})
"""Operations whose first argument is added to the product of the next two."""

_FORMULAS: dict[str, Callable[..., int]] = {
    "mv": lambda a, x, *_: a.numel(),
    "addmv": lambda _, a, x, *__: a.numel(),
    "dot": lambda x, y, *_: x.numel(),
    "vdot": lambda x, y, *_: x.numel(),
    "addbmm": lambda _, a, b, *__: a.numel() * b.shape[-1],
    "_addmm_activation": lambda _, a, b, *__: a.numel() * b.shape[-1],
    "_int_mm": lambda a, b, *_: a.numel() * b.shape[-1],
    "_trilinear": lambda x, weights, *_: x.shape[0] * weights.numel(),  # a bilinear layer: x and y as one long row
    "_scaled_dot_product_flash_attention_for_cpu": lambda q, k, v, *_: _attention(q, k, v),
    "_scaled_dot_product_fused_attention_overrideable": lambda q, k, v, *_: _attention(q, k, v),
}
"""What torch.utils.flop_counter leaves out, in MACs."""


def _attention(q: Tensor, k: Tensor, v: Tensor) -> int:
    """q: (…, L, d). k: (…, S, d). v: (…, S, e). Scores and their product with v."""
    return int(math.prod(q.shape[:-1])) * int(k.shape[-2] * (q.shape[-1] + v.shape[-1]))


def macs(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> int | None:
    """Multiply-accumulates of one call; None when there is no formula, which does not mean that it is free."""
    packet = getattr(func, "overloadpacket", func)  # an operation of higher order has no overloads
    if packet in flop_registry:
        return int(flop_registry[packet](*args, **kwargs, out_val=out)) // 2
    own = _FORMULAS.get(_name(func)) if func.namespace == "aten" else None
    return None if own is None else int(own(*args))


def factors(func: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The two arguments whose elements are multiplied; none for an attention, which multiplies three."""
    if "attention" in _name(func):
        return ()
    start = 1 if _name(func) in _ADDS_TO else 0
    return args[start : start + 2]


@functools.cache
def is_free(func: Any) -> bool:
    """Whether the operation counts 0 by convention: element by element, along an axis, or no arithmetic at all."""
    if isinstance(func, torch._ops.HigherOrderOperator):
        return False
    if func.namespace in _ROUNDING and func.__name__.startswith(("quantize", "dequantize", "choose_qparams")):
        return True
    if func.is_view or _FREE_TAGS & set(func.tags) or func.namespace in ("prim", "profiler"):
        return True
    if func.namespace != "aten":
        return False
    return _name(func) in _FREE or any(_FREE_TAGS & set(one.tags) for one in _out_of_place(func))


def _out_of_place(func: Any) -> list[Any]:
    """Every overload of the operation and of the one without a trailing underscore, which alone bears the tags."""
    packets = [func.overloadpacket, getattr(torch.ops.aten, _name(func), func.overloadpacket)]
    return [getattr(packet, overload) for packet in packets for overload in packet.overloads()]


def _name(func: Any) -> str:
    """The operation's name without namespace, overload and the underscore that says "in place"."""
    packet = getattr(func, "overloadpacket", func)
    return str(packet.__name__).rstrip("_")


def label(func: Any) -> str:
    """The name under which an operation without a formula is told; aten's go without their namespace."""
    packet = getattr(func, "overloadpacket", None)
    if packet is None:
        return str(func.name())
    return str(packet).removeprefix("aten.")
