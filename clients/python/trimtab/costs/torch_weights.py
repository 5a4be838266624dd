"""What a torch model stores: its parameters and buffers, and what quantised layers have packed away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.utils._pytree import tree_leaves

from trimtab.costs.torch_storages import parts


@dataclass(frozen=True)
class Weights:
    """parameters: by name, a shared one once, with the weights and biases of quantised layers, which to torch are no
    parameters. stored: every tensor of the state_dict, a shared one once. opaque: entries of it that can't be read.
    """

    model: nn.Module
    parameters: Mapping[str, Tensor]
    stored: tuple[Tensor, ...]
    opaque: tuple[str, ...]

    @property
    def on_meta(self) -> bool:
        """Whether some have a shape and no values."""
        return any(tensor.is_meta for tensor in (*self.parameters.values(), *self.stored))

    def figures(self) -> dict[str, Any]:
        """The figures of a `Tally` that hang on the weights alone, and why one of them is not known."""
        unknown = {}
        found: dict[str, Any] = {
            "trainable_parameters": sum(one.numel() for one in self.model.parameters() if one.requires_grad),
            "parameters": sum(tensor.numel() for tensor in self.parameters.values()),
            "bytes_by_dtype": _by_dtype(self.stored),
        }
        if self.on_meta:
            unknown = dict.fromkeys(("parameters_nonzero", "serialized_bytes"), "the model lies on the meta device")
        else:
            found["parameters_nonzero"] = self._nonzero()
            found["serialized_bytes"] = _serialized(self.model)
        if self.opaque:
            found |= {"parameters": None, "parameters_nonzero": None, "bytes_by_dtype": {}}
            reason = f"packed by torch into an object that can't be read: {', '.join(self.opaque)}"
            unknown |= dict.fromkeys(("parameters", "parameters_nonzero", "size_bytes"), reason)
        return {**found, "unknown": unknown}

    def _nonzero(self) -> int:
        """A pruned parameter is stored whole beside its mask (torch.nn.utils.prune); what the mask hides is 0."""
        masks = {
            id(parameter): module._buffers[name.removesuffix("_orig") + "_mask"]
            for module in self.model.modules()
            for name, parameter in module._parameters.items()
            if name.endswith("_orig") and name.removesuffix("_orig") + "_mask" in module._buffers
        }
        return sum(_count_nonzero(one, masks.get(id(one))) for one in self.parameters.values())


def read(model: nn.Module) -> Weights:
    """The weights of a model as its state_dict gives them."""
    named = {id(parameter): (name, parameter) for name, parameter in model.named_parameters()}
    buffers = {id(buffer) for buffer in model.buffers()}
    parameters = dict(named.values())
    stored: dict[int, Tensor] = {}
    opaque = []
    for name, entry in model.state_dict(keep_vars=True).items():
        tensors = [one for one in tree_leaves(entry) if isinstance(one, Tensor)]
        if isinstance(entry, torch.ScriptObject) or _is_packed_half(name, tensors):
            opaque.append(name)
            continue
        for place, tensor in enumerate(tensors):
            stored[id(tensor)] = tensor
            if id(tensor) not in named and id(tensor) not in buffers and tensor.dim() and not _is_extra(name):
                parameters[f"{name}.{place}"] = tensor
    return Weights(model, parameters, tuple(stored.values()), tuple(opaque))


def _is_packed_half(name: str, tensors: list[Tensor]) -> bool:
    """A layer packed in half precision shows its weights in single precision."""
    return name.endswith("._packed_params") and not any(one.is_quantized for one in tensors)


def _is_extra(name: str) -> bool:
    return name.rpartition(".")[2] == "_extra_state"


def _count_nonzero(tensor: Tensor, mask: Tensor | None) -> int:
    plain = tensor.detach()
    if plain.is_quantized or hasattr(plain, "__tensor_flatten__"):
        plain = plain.dequantize()
    if plain.layout == torch.sparse_coo:
        plain = plain.coalesce()
    if plain.layout != torch.strided:
        plain = parts(plain)[-1]
    return int(torch.count_nonzero(plain if mask is None else plain * mask))


def _by_dtype(tensors: tuple[Tensor, ...]) -> dict[str, int]:
    """Bytes of the elements; of a tensor quantised by channel, of its scales and zero points too."""
    sizes: Counter[str] = Counter()
    for part in (part for tensor in tensors for part in parts(tensor)):
        scales = []
        if part.is_quantized and part.qscheme() == torch.per_channel_affine:
            scales = [part.q_per_channel_scales(), part.q_per_channel_zero_points()]
        for one in (part, *scales):
            sizes[str(one.dtype).removeprefix("torch.")] += one.numel() * one.element_size()
    return dict(sizes)


class _Length:
    """A file that keeps its length and nothing else."""

    def __init__(self) -> None:
        self.bytes = 0

    def write(self, content: Any) -> int:
        length = memoryview(content).nbytes
        self.bytes += length
        return length

    def flush(self) -> None:
        pass


def _serialized(model: nn.Module) -> int:
    file = _Length()
    torch.save(model.state_dict(), file)
    return file.bytes


def rows(model: nn.Module) -> dict[str, str]:
    """Name of a module -> that of the row it belongs to: its own, or the layer's whose inner part it is.

    torch never calls the inner parts of an attention, of a quantised layer and of a layer with a parametrisation.
    """
    found: dict[str, str] = {}
    whole = set()
    for name, module in model.named_modules():
        above = found.get(name.rpartition(".")[0]) if name else None
        found[name] = above if above in whole and above is not None else name
        if found[name] == name and _is_whole(module):
            whole.add(name)
    return found


def _is_whole(module: nn.Module) -> bool:
    packed = type(module).__module__.startswith(("torch.ao.nn.quantized", "torch.ao.nn.intrinsic.quantized"))
    return packed or isinstance(module, nn.MultiheadAttention) or parametrize.is_parametrized(module)


def parameters_by_row(weights: Weights, row_of: Mapping[str, str]) -> Counter[str]:
    """Row -> elements of its parameters; one that rows share is the first's, so that they add up."""
    counts: Counter[str] = Counter()
    for name, tensor in weights.parameters.items():
        module = name
        while module not in row_of:
            module = module.rpartition(".")[0]
        counts[row_of[module]] += tensor.numel()
    return counts
