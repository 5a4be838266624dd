"""Leaves a torch model as it was before it ran: what it remembers of its calls, and the random numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

_MEMBERS = ("_buffers", "_parameters", "_modules")


@contextmanager
def as_before(model: nn.Module) -> Iterator[None]:
    """Runs inside change no buffer, attribute, mode or embedding of the model, and no random state of torch's.

    What a model keeps elsewhere, as in a list that it appends to, stays changed.
    """
    attributes = [(module, dict(vars(module))) for module in model.modules()]
    members = [(vars(module)[kind], dict(vars(module)[kind])) for module in model.modules() for kind in _MEMBERS]
    values = [(tensor, tensor.detach().clone()) for tensor in _written_by_a_call(model)]
    devices = {one.device.index or 0 for one in (*model.parameters(), *model.buffers()) if one.is_cuda}
    try:
        with torch.random.fork_rng(devices=sorted(devices)):
            yield
    finally:
        for module, before in attributes:
            _restore(vars(module), before)
        for held, before in members:
            _restore(held, before)
        with torch.no_grad():
            for tensor, before in values:
                if not torch.equal(tensor, before):
                    tensor.copy_(before)


def _written_by_a_call(model: nn.Module) -> list[Tensor]:
    """Buffers, and the weights of embeddings that keep them short."""
    short = [module.weight for module in model.modules() if getattr(module, "max_norm", None) is not None]
    return [one for one in (*model.buffers(), *short) if isinstance(one, Tensor) and not one.is_meta]


def _restore(held: dict[str, Any], before: dict[str, Any]) -> None:
    for name in held.keys() - before.keys():
        del held[name]
    held.update(before)
