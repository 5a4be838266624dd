"""Watches one forward pass of a torch model: multiply-accumulates by layer, what has no formula, and live memory.

Fused kernels hide what they multiply: to torch's own counter an LSTM, or an attention in eval mode, is 0. So they are
switched off for the pass, and every operation that torch dispatches is seen: it has a formula, it is free by
convention, or it is named as uncounted.
"""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from trimtab.costs import torch_operators as operators
from trimtab.costs.torch_storages import Memory


class Watch(TorchDispatchMode):  # type: ignore[misc]  # torch need not be installed where types are checked
    """The mode under which the model runs once.

    rows: name of a module -> row of the table that it belongs to. macs: row -> multiply-accumulates; nonzero: those
    of all rows whose weight is not 0, None if a weight can't be read. uncounted: row -> operation -> how often.
    shapes: row -> shape of its last output. failure: the last error that went through a module, and that module.
    """

    supports_higher_order_operators = True

    def __init__(self, model: nn.Module, rows: Mapping[str, str], example: Any) -> None:
        super().__init__()
        self.macs: Counter[str] = Counter()
        self.nonzero: int | None = 0
        self.uncounted: dict[str, Counter[str]] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.memory = Memory((*model.parameters(), *model.buffers()), example)
        self.failure: tuple[BaseException, str] | None = None
        self._model = model
        self._rows = rows
        self._stack = [""]

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Watch what runs inside; the layers are told apart by hooks, which are gone afterwards."""
        hooks = []
        for name, module in self._model.named_modules():
            hooks.append(module.register_forward_pre_hook(self._enter(self._rows[name])))
            hooks.append(module.register_forward_hook(self._leave(name, self._rows[name]), always_call=True))
        try:
            with _unfused(), self:
                yield
        finally:
            for hook in hooks:
                hook.remove()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        nested = any(getattr(one, "is_nested", False) for one in args)  # has no shape that a formula could take
        if not nested and hasattr(func, "decompose") and not operators.is_free(func):
            with self:  # in inference mode torch hands over whole layers
                out = func.decompose(*args, **kwargs)
            if out is not NotImplemented:
                return out
        out = func(*args, **kwargs)
        macs = None if nested else operators.macs(func, args, kwargs, out)
        if macs is not None:
            self.macs[self._stack[-1]] += macs
            self._count_nonzero(macs, operators.factors(func, args))
        elif not operators.is_free(func):
            self.uncounted.setdefault(self._stack[-1], Counter())[operators.label(func)] += 1
        self.memory.follow((args, kwargs), out)
        return out

    def _count_nonzero(self, macs: int, factors: tuple[Any, ...]) -> None:
        """macs times the share of its weights that are not 0: each is used equally often."""
        if self.nonzero is None:
            return
        weights = [one for one in factors if isinstance(one, Tensor) and self.memory.is_weight(one)]
        if not weights or not macs:
            self.nonzero += macs
        elif weights[-1].is_meta:
            self.nonzero = None
        else:
            self.nonzero += macs * self.memory.nonzero(weights[-1]) // weights[-1].numel()

    def _enter(self, row: str) -> Any:
        def enter(module: nn.Module, args: Any) -> None:
            self._stack.append(row)

        return enter

    def _leave(self, name: str, row: str) -> Any:
        def leave(module: nn.Module, args: Any, out: Any) -> None:
            self._stack.pop()
            error = sys.exc_info()[1]
            if error is not None and (self.failure is None or self.failure[0] is not error):
                self.failure = (error, name)  # the innermost module hears of an error first
            first = next((one for one in tree_leaves(out) if isinstance(one, Tensor)), None)
            if first is not None and not first.is_nested and self._rows[name] == name:
                self.shapes[row] = tuple(first.shape)

        return leave


@contextlib.contextmanager
def _unfused() -> Iterator[None]:
    """Attention and recurrent layers as the products that they are made of, on every device."""
    fast, mkldnn = torch.backends.mha.get_fastpath_enabled(), torch._C._get_mkldnn_enabled()
    cudnn = torch._C._get_cudnn_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    torch._C._set_mkldnn_enabled(False)  # the public context managers warn of a TF32 that nobody asked for
    torch._C._set_cudnn_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        torch._C._set_mkldnn_enabled(mkldnn)
        torch._C._set_cudnn_enabled(cudnn)
