"""Counts torch models by running them once, switched so that every multiply-accumulate is seen; imports torch."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from trimtab.costs.cost import InTraining, InvalidExample, Layer
from trimtab.costs.tally import Tally
from trimtab.costs.torch_counting import Watch, bytes_of

_NOTES = {
    "parameters": "elements of all parameters, a shared one once, and of packed int8 weights; buffers are none",
    "trainable_parameters": "those with requires_grad",
    "size_bytes": "parameters and the buffers of the state_dict as they are, without file format",
    "serialized_bytes": "bytes that torch.save writes of the state_dict",
    "activation_peak_bytes": "most bytes of the example and of activations alive at once in one forward pass",
}


def tally(model: nn.Module, example_input: Any, *, training: bool) -> Tally:
    """The counts of a module. example_input: a tensor, a tuple or list of arguments, or a dict of keywords.

    The model is not changed: buffers, modes and random numbers are as before. On the meta device it is counted
    without being allocated, and not timed. Raises InTraining and InvalidExample.
    """
    stored = _stored(model)
    parameters = list(model.parameters())
    packed = [tensor for name, tensor in stored.items() if tensor.is_quantized]
    on_meta = any(tensor.is_meta for tensor in stored.values())
    found: dict[str, Any] = {
        "parameters": sum(one.numel() for one in (*parameters, *packed)),
        "trainable_parameters": sum(one.numel() for one in parameters if one.requires_grad),
        "bytes_by_dtype": _by_dtype(stored),
        "notes": _NOTES,
        "counter": f"torch {torch.__version__} formulas, trimtab.costs",
    }
    if not on_meta:
        found["parameters_nonzero"] = sum(_nonzero(one) for one in (*parameters, *packed))
        found["serialized_bytes"] = _serialized(model)
    in_training = [name or "the model" for name, one in model.named_modules() if one.training and not _packs(one)]
    if in_training and not training and example_input is not None:
        raise InTraining(
            f"expected a model in eval mode, got {type(model).__name__} in training mode ({in_training[0]}); "
            "call model.eval(), or pass training=True to measure it as it trains"
        )
    if example_input is None:
        reason = "no example_input was given"
        return Tally(**found, unknown=dict.fromkeys(("macs", "flops", "activation_peak_bytes", "latency_ms"), reason))
    args, kwargs = _arguments(example_input)
    watch = _watched(model, args, kwargs)
    tensors = [one for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)]

    def call() -> object:
        with torch.inference_mode():
            return model(*args, **kwargs)

    return Tally(
        **found,
        macs=sum(watch.macs.values()),
        macs_nonzero=None if watch.nonzero is None else sum(watch.nonzero.values()),
        uncounted=dict(watch.uncounted),
        activation_peak_bytes=watch.peak,
        layers=_layers(model, watch),
        depends_on={
            "input_shape": [list(one.shape) for one in tensors] if len(tensors) != 1 else list(tensors[0].shape),
            "dtype": "+".join(sorted({str(one.dtype).removeprefix("torch.") for one in tensors})),
            "mode": "train" if in_training else "eval",
        },
        call=None if on_meta else call,
        around=lambda: _as_before(model),
        what="model(example)",
        unknown={"latency_ms": "the model lies on the meta device"} if on_meta else {},
    )


def _watched(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Watch:
    watch = Watch(model, (args, kwargs))
    with _as_before(model), torch.no_grad(), watch.running():
        try:
            model(*args, **kwargs)
        except (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError) as error:
            shapes = [tuple(one.shape) for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)]
            lines = str(error).strip().splitlines()
            layer = dict(model.named_modules()).get(watch.failed_in, model)
            raise InvalidExample(
                f"expected an example that {type(model).__name__} takes, got shapes {shapes!r}; in "
                f"{watch.failed_in or 'the model'} ({_short(layer)}): {lines[0] if lines else type(error).__name__}"
            ) from error
    return watch


def _packs(module: nn.Module) -> bool:
    """Whether it is one of torch's quantised layers, whose mode means nothing."""
    return type(module).__module__.startswith("torch.ao.")


def _short(module: nn.Module) -> str:
    text = f"{type(module).__name__}({module.extra_repr()})"
    return text if len(text) <= 120 else type(module).__name__


@contextmanager
def _as_before(model: nn.Module) -> Iterator[None]:
    """Buffers and random numbers are afterwards what they were: a pass in training mode moves both."""
    held = [
        (module, name, buffer, None if buffer is None or buffer.is_meta else buffer.detach().clone())
        for module in model.modules()
        for name, buffer in module._buffers.items()
    ]
    state = torch.get_rng_state()
    try:
        yield
    finally:
        torch.set_rng_state(state)
        with torch.no_grad():
            for module, name, buffer, values in held:
                module._buffers[name] = buffer
                if buffer is not None and values is not None and not torch.equal(buffer, values):
                    buffer.copy_(values)


def _arguments(example_input: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}
    if isinstance(example_input, Mapping):
        kwargs = dict(example_input)
    elif isinstance(example_input, tuple | list) and not hasattr(example_input, "_fields"):
        args = tuple(example_input)
    else:
        args = (example_input,)  # a named tuple is one argument, as a PackedSequence is
    if not any(isinstance(one, Tensor) for one in tree_leaves((args, kwargs))):
        kind = type(example_input)
        raise InvalidExample(
            "expected a torch.Tensor, a tuple of arguments or a dict of keywords with at least one tensor, got "
            f"{kind.__module__}.{kind.__qualname__}"
        )
    return args, kwargs


def _layers(model: nn.Module, watch: Watch) -> tuple[Layer, ...]:
    """Every module without parts, and those with parts that multiply themselves; the MACs add up to the model's."""
    rows = []
    for name, module in model.named_modules():
        leaf = next(module.children(), None) is None
        if not leaf and not watch.macs[name]:
            continue
        own = sum(parameter.numel() for parameter in module.parameters(recurse=False))
        rows.append(Layer(name, type(module).__name__, own, watch.macs[name], watch.shapes.get(name)))
    return tuple(rows)


def _stored(model: nn.Module) -> dict[str, Tensor]:
    """The tensors of the state_dict by name, a shared one once, and what int8 layers have packed away."""
    found: dict[str, Tensor] = {}
    seen = set()
    for name, entry in model.state_dict(keep_vars=True).items():
        for place, tensor in enumerate(one for one in tree_leaves(entry) if isinstance(one, Tensor)):
            if id(tensor) not in seen:
                seen.add(id(tensor))
                found[f"{name}.{place}" if place else name] = tensor
    return found


def _by_dtype(stored: Mapping[str, Tensor]) -> dict[str, int]:
    sizes: Counter[str] = Counter()
    for tensor in stored.values():
        sizes[str(tensor.dtype).removeprefix("torch.")] += bytes_of(tensor)
    return dict(sizes)


def _nonzero(tensor: Tensor) -> int:
    plain = tensor.detach().int_repr() if tensor.is_quantized else tensor.detach()
    return int(torch.count_nonzero(plain))


def _serialized(model: nn.Module) -> int:
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    return file.getbuffer().nbytes
