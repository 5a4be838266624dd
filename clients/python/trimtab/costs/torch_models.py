"""Counts torch models by running them once, switched so that every multiply-accumulate is seen; imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils._pytree import tree_leaves

from trimtab.costs import torch_weights
from trimtab.costs.cost import InTraining, InvalidExample, Layer, UnsupportedModel
from trimtab.costs.tally import Tally
from trimtab.costs.torch_counting import Watch
from trimtab.costs.torch_traces import as_before
from trimtab.costs.torch_weights import Weights

_NOTES = {
    "parameters": "elements of all parameters, a shared one once, and of packed int8 layers; buffers are none",
    "trainable_parameters": "those with requires_grad",
    "parameters_nonzero": "those that are not 0 and that no mask of torch.nn.utils.prune hides",
    "size_bytes": "parameters and the buffers of the state_dict as they are, without file format",
    "serialized_bytes": "bytes that torch.save writes of the state_dict",
    "activation_peak_bytes": "most bytes of the example and of activations alive at once in one forward pass, "
    "attention and recurrent layers unfused; weights, gradients and workspace of kernels are not in it",
}
_OF_EXAMPLE = ("macs", "macs_nonzero", "flops", "activation_peak_bytes", "latency_ms")


def tally(model: nn.Module, example_input: Any, *, training: bool) -> Tally:
    """The counts of a module. example_input: a tensor, a tuple or list of arguments, or a dict of keywords.

    The model is not changed: buffers, attributes, modes and random numbers are as before. On the meta device it is
    counted without being allocated, and not timed. Raises UnsupportedModel, InTraining and InvalidExample.
    """
    _refuse_hidden(model)
    weights = torch_weights.read(model)
    found = {**weights.figures(), "notes": _NOTES, "counter": f"torch {torch.__version__} formulas, trimtab.costs"}
    if example_input is None:
        missing = dict.fromkeys(_OF_EXAMPLE, "no example_input was given")
        return Tally(**{**found, "unknown": {**missing, **found["unknown"]}})
    mode = _mode(model, training=training)
    args, kwargs = _arguments(example_input)
    row_of = torch_weights.rows(model)
    watch = _watched(model, row_of, args, kwargs)
    tensors = [one for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)]
    shapes = [_shape(one) for one in tensors]
    devices = {one.device.type for one in (*model.parameters(), *model.buffers(), *tensors)}
    on_meta = "meta" in devices
    unknown = found.pop("unknown")
    if on_meta:
        unknown |= dict.fromkeys(("macs_nonzero", "latency_ms"), "the model lies on the meta device")
    if watch.memory.unseen:
        unknown["activation_peak_bytes"] = "a tensor came whose memory torch does not show"
    return Tally(
        **found,
        macs=sum(watch.macs.values()),
        macs_nonzero=watch.nonzero,
        uncounted=_added(watch.uncounted),
        activation_peak_bytes=None if watch.memory.unseen else watch.memory.peak,
        layers=_layers(model, weights, row_of, watch),
        depends_on={
            "input_shape": shapes if len(shapes) != 1 else shapes[0],
            "dtype": "+".join(sorted({_dtype(one) for one in tensors})),
            "mode": mode,
            "device_type": "+".join(sorted(devices)),
        },
        call=None if on_meta else _call(model, args, kwargs, devices),
        around=lambda: as_before(model),
        what="model(example)",
        unknown=unknown,
    )


def _refuse_hidden(model: nn.Module) -> None:
    """Raises UnsupportedModel for what keeps its layers or its weights to itself."""
    for name, module in model.named_modules():
        where = name or "the model"
        if isinstance(module, torch.jit.ScriptModule):
            raise UnsupportedModel(
                f"expected a torch.nn.Module whose layers can be seen, got TorchScript ({where}); "
                "pass the module that it was made from"
            )
        if any(is_lazy(one) for one in (*module._parameters.values(), *module._buffers.values())):
            raise UnsupportedModel(
                f"expected a module whose weights are there, got {type(module).__name__} ({where}), which has seen "
                "no input yet; call model(example) once before"
            )


def _mode(model: nn.Module, *, training: bool) -> str:
    """ "eval", "train", or "mixed" where some parts are in the one and some in the other. Raises InTraining."""
    modes = {name: module.training for name, module in model.named_modules() if not _packs(module)}
    in_training = [name or "the model" for name, trains in modes.items() if trains]
    if in_training and not training:
        raise InTraining(
            f"expected a model in eval mode, got {type(model).__name__} in training mode ({in_training[0]}); "
            "call model.eval(), or pass training=True to measure it as it trains"
        )
    if in_training and len(in_training) < len(modes):
        return "mixed"
    return "train" if in_training else "eval"


def _packs(module: nn.Module) -> bool:
    """Whether it is one of torch's quantised layers, whose mode means nothing."""
    return type(module).__module__.startswith("torch.ao.")


def _watched(model: nn.Module, row_of: Mapping[str, str], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Watch:
    """The model has run once, without gradients. Raises InvalidExample."""
    watch = Watch(model, row_of, (args, kwargs))
    with as_before(model), torch.no_grad(), watch.running():
        try:
            model(*args, **kwargs)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:
            failed = watch.failure[1] if watch.failure and watch.failure[0] is error else ""
            came = [
                f"{_shape(one)} of {_dtype(one)} on {one.device}"
                for one in tree_leaves((args, kwargs))
                if isinstance(one, Tensor)
            ]
            lines = str(error).strip().splitlines() or [""]
            raise InvalidExample(
                f"expected an example that {type(model).__name__} takes, got {', '.join(came)}; in "
                f"{failed or 'the model'} ({_short(model.get_submodule(failed))}): {type(error).__name__}: {lines[0]}"
            ) from error
    return watch


def _call(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], devices: set[str]) -> Any:
    """One run, to its end on every device."""

    def call() -> object:
        with torch.inference_mode():
            return model(*args, **kwargs)

    def call_and_wait() -> object:
        out = call()
        torch.accelerator.synchronize()
        return out

    return call if devices == {"cpu"} else call_and_wait


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


def _layers(model: nn.Module, weights: Weights, row_of: Mapping[str, str], watch: Watch) -> tuple[Layer, ...]:
    """Every layer without parts, and what else has parameters or multiplies itself: both add up to the model's."""
    own = torch_weights.parameters_by_row(weights, row_of)
    table = []
    for name, module in model.named_modules():
        if row_of[name] != name:
            continue
        if next(module.children(), None) is not None and not (
            own[name] or watch.macs[name] or name in watch.uncounted
        ):
            continue
        macs = None if name in watch.uncounted else watch.macs[name]
        table.append(Layer(name, type(module).__name__, own[name], macs, watch.shapes.get(name)))
    return tuple(table)


def _added(uncounted: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for operations in uncounted.values():
        for name, times in operations.items():
            totals[name] = totals.get(name, 0) + times
    return totals


def _short(module: nn.Module) -> str:
    text = f"{type(module).__name__}({module.extra_repr()})"
    return text if len(text) <= 120 else type(module).__name__


def _shape(tensor: Tensor) -> list[int] | str:
    return "nested" if tensor.is_nested else list(tensor.shape)


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
