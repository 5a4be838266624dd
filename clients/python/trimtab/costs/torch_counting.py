"""Watches one forward pass of a torch model: multiply-accumulates by layer, what has no formula, and live memory.

torch's own formulas (torch.utils.flop_counter) count 2 FLOPs per MAC and know nothing of fused kernels: an LSTM or an
attention in eval mode counts 0. So the fused ones are switched off for the pass, and every operation that torch
dispatches is seen: it has a formula, it is free by convention, or it is named as uncounted.
"""

from __future__ import annotations

import contextlib
import math
import weakref
from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

_FREE_PARTS = ("batch_norm", "pool", "softmax", "upsample", "norm", "_quantize", "fill", "zero", "scatter", "gather")
"""What is part of a free operation's name: it moves, scales, compares or averages."""
_FREE = frozenset(
    """
    _add_relu _assert_async _assert_tensor_metadata _efficientzerotensor _embedding_bag _index_put_impl_
    _local_scalar_dense _make_per_tensor_quantized_tensor _masked_scale _pack_padded_sequence _prelu_kernel
    _thnn_fused_gru_cell _thnn_fused_lstm_cell _to_copy _unsafe_index _unsafe_view _weight_norm_interface abs_ add
    affine_grid_generator arange as_strided_ bernoulli bernoulli_ bucketize cat celu channel_shuffle clone col2im
    complex constant_pad_nd copy copy_ cosine_similarity cummax cummin cumprod cumsum dequantize detach detach_
    diag_embed div dropout elu embedding empty empty_like empty_permuted empty_strided eq erf expand_copy flip
    full full_like gelu glu grid_sampler_2d grid_sampler_3d hardsigmoid hardswish hardtanh im2col index index_add
    index_copy index_put index_put_ index_select is_same_size isnan item leaky_relu lift lift_fresh linspace
    log_sigmoid log_sigmoid_forward logcumsumexp masked_fill masked_fill_ masked_select max maximum min minimum
    mish mul native_channel_shuffle native_dropout new_empty new_empty_strided new_full new_ones new_zeros nonzero
    normal_ ones ones_like pixel_shuffle pixel_unshuffle pow prelu rand rand_like randint randn randn_like random_
    randperm reflection_pad1d reflection_pad2d reflection_pad3d relu relu6 relu_ repeat repeat_interleave
    replication_pad1d replication_pad2d replication_pad3d reshape resize_ resolve_conj rms_norm roll rrelu rsqrt
    scalar_tensor searchsorted selu set_ sigmoid silu slice_copy softplus softshrink sort split_with_sizes_copy
    stack sub sum sym_numel sym_size sym_stride tanh threshold threshold_ tile topk tril tril_indices triu
    triu_indices unfold unfold_copy uniform_ unsafe_split view_copy where zeros zeros_like
    """.split()  # noqa: SIM905  # a list of words reads better as words
)
"""Operations that count 0 by convention: element by element, along an axis, or no arithmetic at all."""


class Watch(TorchDispatchMode):  # type: ignore[misc]  # torch need not be installed where types are checked
    """The mode under which the model runs once.

    macs, nonzero: layer's name -> multiply-accumulates, and those whose weight is not 0 (None if a weight can't be
    read). uncounted: operation -> how often. shapes: layer -> shape of its last output. peak: bytes. failed_in:
    the layer that raised, if one did.
    """

    def __init__(self, model: nn.Module, inputs: Any) -> None:
        super().__init__()
        self.macs: Counter[str] = Counter()
        self.nonzero: Counter[str] | None = Counter()
        self.uncounted: Counter[str] = Counter()
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.peak = 0
        self._model = model
        self.failed_in = ""
        self._stack = [""]
        self._live = 0
        self._at_death: list[weakref.finalize[..., Any]] = []
        self._seen: weakref.WeakSet[Any] = weakref.WeakSet()
        self._made_of_weights: list[Tensor] = []
        self._weights = {
            _storage(tensor) for tensor in (*model.parameters(), *model.buffers()) if isinstance(tensor, Tensor)
        }
        for tensor in tree_leaves(inputs):
            self._hold(tensor)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Watch what runs inside; the layers are told apart by hooks, which are gone afterwards."""
        hooks = []
        for name, module in self._model.named_modules():
            hooks.append(module.register_forward_pre_hook(self._enter(name)))
            hooks.append(module.register_forward_hook(self._leave(name), always_call=True))
        fast, mkldnn = torch.backends.mha.get_fastpath_enabled(), torch._C._get_mkldnn_enabled()
        torch.backends.mha.set_fastpath_enabled(False)
        torch._C._set_mkldnn_enabled(False)  # the public context manager warns of a TF32 that nobody asked for
        try:
            with sdpa_kernel(SDPBackend.MATH), self:
                yield
        finally:
            torch.backends.mha.set_fastpath_enabled(fast)
            torch._C._set_mkldnn_enabled(mkldnn)
            for hook in hooks:
                hook.remove()
            for last in self._at_death:
                last.detach()  # an example that lives on would keep the model alive with it

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        packet = func.overloadpacket
        if packet in flop_registry:
            macs = flop_registry[packet](*args, **kwargs, out_val=out) // 2
            self.macs[self._stack[-1]] += macs
            self._count_nonzero(macs, args)
        elif not _is_free(func):
            self.uncounted[str(packet).replace("aten.", "")] += 1
        self._follow(args, kwargs, out)
        return out

    def _count_nonzero(self, macs: int, args: Any) -> None:
        """macs times the share of its weights that are not 0: each weight is used equally often."""
        if self.nonzero is None:
            return
        weights = [
            one for one in args if isinstance(one, Tensor) and one.dim() > 1 and _storage(one) in self._weights
        ]
        if weights and weights[0].is_meta:
            self.nonzero = None
            return
        for weight in weights[:1]:
            with torch.utils._python_dispatch._disable_current_modes():
                macs = macs * int(torch.count_nonzero(weight.detach())) // max(1, weight.numel())
        self.nonzero[self._stack[-1]] += macs

    def _follow(self, args: Any, kwargs: Any, out: Any) -> None:
        """What is made of weights alone (masked, normed, transposed) is a weight; everything else takes memory."""
        given = [one for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)]
        of_weights = bool(given) and all(_storage(one) in self._weights for one in given)
        for tensor in tree_leaves(out):
            if not isinstance(tensor, Tensor) or _storage(tensor) in self._weights:
                continue
            if of_weights:
                self._made_of_weights.append(tensor)  # kept, so that its address is not given to another
                self._weights.add(_storage(tensor))
            else:
                self._hold(tensor)

    def _hold(self, tensor: Any) -> None:
        if not isinstance(tensor, Tensor) or tensor.layout != torch.strided:
            return
        storage = tensor.untyped_storage()
        if storage in self._seen:
            return
        size = storage.nbytes()
        self._seen.add(storage)
        self._live += size
        self.peak = max(self.peak, self._live)
        self._at_death.append(weakref.finalize(storage, self._free, size))

    def _free(self, size: int) -> None:
        self._live -= size

    def _enter(self, name: str) -> Any:
        def enter(module: nn.Module, args: Any) -> None:
            self._stack.append(name)

        return enter

    def _leave(self, name: str) -> Any:
        def leave(module: nn.Module, args: Any, out: Any) -> None:
            self._stack.pop()
            if out is None and not self.failed_in:  # the innermost layer that did not come to its end
                self.failed_in = name
            first = next((one for one in tree_leaves(out) if isinstance(one, Tensor)), None)
            if first is not None:
                self.shapes[name] = tuple(first.shape)

        return leave


def _is_free(func: Any) -> bool:
    if func.namespace not in ("aten", "prims", "prim"):
        return func.namespace == "quantized" and "quantize" in func.__name__
    name = func.overloadpacket.__name__
    if name in _FREE or name.rstrip("_") in _FREE or func.is_view or torch.Tag.inplace_view in func.tags:
        return True
    if torch.Tag.pointwise in func.tags or torch.Tag.reduction in func.tags or torch.Tag.view_copy in func.tags:
        return True
    return any(part in name for part in _FREE_PARTS) and "mm" not in name.split("_")


def _storage(tensor: Tensor) -> int:
    """Which memory a tensor lies in; its own identity where it has none."""
    try:
        return int(tensor.untyped_storage()._cdata)
    except (RuntimeError, NotImplementedError):
        return -id(tensor)


def bytes_of(tensor: Tensor) -> int:
    """Bytes of the elements, whatever the tensor's memory holds besides."""
    return int(math.prod(tensor.shape) * tensor.element_size())
