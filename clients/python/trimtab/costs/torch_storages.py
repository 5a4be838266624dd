"""Which memory of a torch model holds weights, and how much of the rest is alive at once."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves


class Memory:
    """The storages of one forward pass, followed until they die.

    peak: the most bytes of activations alive at once, the example among them. unseen: whether a tensor came whose
    memory can't be looked at, so that the peak is too low.
    """

    def __init__(self, weights: Iterable[Tensor], example: Any) -> None:
        self.peak = 0
        self.unseen = False
        self._live = 0
        self._sizes: dict[int, int] = {}
        self._weights: set[int] = set()
        self._counts: dict[int, dict[Any, int]] = {}
        self._alive: dict[int, weakref.ref[Any]] = {}
        for tensor in weights:
            for storage in self._storages(tensor):
                self._add(storage, 0, is_weight=True)
        self._hold_example(example)

    def is_weight(self, tensor: Tensor) -> bool:
        """Whether it is a parameter, a buffer, or was made of them alone: masked, normed, transposed."""
        storages = self._storages(tensor)
        return bool(storages) and all(storage._cdata in self._weights for storage in storages)

    def follow(self, given: Any, made: Any) -> None:
        """An operation turned the tensors of one nest of values into those of another."""
        sources = _tensors(given)
        of_weights = bool(sources) and all(self.is_weight(one) for one in sources)
        for tensor in _tensors(made):
            for storage in self._storages(tensor):
                self._add(storage, 0 if of_weights else storage.nbytes(), is_weight=of_weights)

    def nonzero(self, weight: Tensor) -> int:
        """Elements of a weight that are not 0, counted once as long as it stays as it is."""
        (storage, *_) = self._storages(weight)
        version = 0 if weight.is_inference() else weight._version
        view = (weight.storage_offset(), tuple(weight.shape), weight.stride(), weight.dtype, version)
        counts = self._counts.setdefault(storage._cdata, {})
        if view not in counts:
            counts[view] = int(torch.count_nonzero(weight.detach()))
        return counts[view]

    def _hold_example(self, example: Any) -> None:
        """Rows cut from a larger tensor take their own bytes, not those of the tensor."""
        views: dict[int, dict[Any, int]] = {}
        storages = {}
        for tensor in _tensors(example):
            for part in parts(tensor):
                storage = part.untyped_storage()
                storages[storage._cdata] = storage
                view = (part.storage_offset(), tuple(part.shape), part.stride())
                views.setdefault(storage._cdata, {})[view] = part.numel() * part.element_size()
        for key, storage in storages.items():
            self._add(storage, min(sum(views[key].values()), storage.nbytes()), is_weight=False)

    def _storages(self, tensor: Tensor) -> list[Any]:
        try:
            return [part.untyped_storage() for part in parts(tensor)]
        except (RuntimeError, NotImplementedError):  # of a layout that is nobody's business but a library's
            self.unseen = True
            return []

    def _add(self, storage: Any, size: int, *, is_weight: bool) -> None:
        key = storage._cdata
        if key in self._alive:
            return
        self._alive[key] = weakref.ref(storage, functools.partial(self._forget, key))
        if is_weight:
            self._weights.add(key)
        self._sizes[key] = size
        self._live += size
        self.peak = max(self.peak, self._live)

    def _forget(self, key: int, storage: Any) -> None:
        """Another storage may get the address of one that died."""
        del self._alive[key]
        self._live -= self._sizes.pop(key)
        self._weights.discard(key)
        self._counts.pop(key, None)


def parts(tensor: Tensor) -> list[Tensor]:
    """The plain tensors of a tensor: itself, or the parts of a nested, a sparse or a wrapping one."""
    if hasattr(tensor, "__tensor_flatten__"):
        return [one for name in tensor.__tensor_flatten__()[0] for one in parts(getattr(tensor, name))]
    if tensor.is_nested:
        return list(tensor.unbind())
    if tensor.layout == torch.sparse_coo:
        return [tensor._indices(), tensor._values()]
    if tensor.layout in (torch.sparse_csr, torch.sparse_bsr):
        return [tensor.crow_indices(), tensor.col_indices(), tensor.values()]
    if tensor.layout in (torch.sparse_csc, torch.sparse_bsc):
        return [tensor.ccol_indices(), tensor.row_indices(), tensor.values()]
    return [tensor]


def _tensors(values: Any) -> list[Tensor]:
    return [one for one in tree_leaves(values) if isinstance(one, Tensor)]
