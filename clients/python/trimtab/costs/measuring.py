"""The front door `measure`: knows which kind of model goes to which counter, and imports a counter only then."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from trimtab.costs.cost import Cost, UnsupportedModel
from trimtab.costs.tally import Tally

if TYPE_CHECKING:
    from trimtab.costs.energy import Footprint, Site
    from trimtab.costs.stopwatch import Timing

EXPECTED = (
    "a torch.nn.Module, a fitted scikit-learn estimator, an ONNX model or its .onnx file, "
    "or a dict {name: numpy array}"
)
_NO_SITE = "no site was given: pass site=trimtab.costs.Site(…)"
_SCAFFOLD = ("sklearn.base", "sklearn.utils")
"""Classes from here say nothing of how an estimator predicts: everybody's own estimator inherits from them."""


def measure(
    model: Any,
    example_input: Any = None,
    *,
    latency: bool = True,
    seconds: float = 0.5,
    threads: int = 1,
    training: bool = False,
    site: Site | None = None,
) -> Cost:
    """What the model costs, for one example.

    example_input: what the model takes: a tensor or a tuple of them for torch, {input: array} for ONNX, rows for
    scikit-learn, of which the first is used. Without it only what hangs on the model alone is known.
    latency: False leaves the stopwatch out. seconds: how long it may run at most, after a warm-up; it ends sooner
    when the 95 % interval of the median is under 5 % of it. threads: of the numeric libraries meanwhile.
    training: True counts a torch model in training mode as it is; else such a model is refused.
    site: where it runs, `trimtab.costs.Site`; with it and latency, the energy and CO2 of a call are known too:
    measured, for as many seconds again, where a meter can be read, else latency x the power that the site states.

    Raises UnsupportedModel, a TypeError that names what was expected and what came, InvalidExample, InTraining,
    InvalidTiming, and NotInstalled when what reads models of this kind is missing.
    """
    counts = tally(model, example_input, training=training)
    if not latency or counts.call is None:
        return counts.cost()
    from trimtab.costs import stopwatch

    with counts.around():
        timing = stopwatch.time(counts.call, seconds, threads=threads)
        used = _footprint(counts.call, timing, site, seconds, threads)
    contract = timing.contract(counts.what, **counts.depends_on)
    where = {key: contract[key] for key in ("device", "device_id", "threads", *counts.depends_on)}
    return counts.cost(
        latency_ms=timing.median_ms,
        **used.figures,
        stderr={"latency_ms": timing.stderr_ms, **used.stderr},
        contract={"latency_ms": contract} | {metric: {**where, **how} for metric, how in used.contract.items()},
        unknown=used.unknown,
    )


def _footprint(
    call: Callable[[], object], timing: Timing, site: Site | None, seconds: float, threads: int
) -> Footprint:
    """Energy and CO2 of a call, with the same threads as when it was timed; unknown without a site."""
    from trimtab.costs import energy, footprint, pinning

    if not isinstance(site, footprint.Site | None):
        raise footprint.InvalidSite(f"expected site=Site(watts=…, country=…), got {site!r}")
    if site is None:
        return energy.Footprint(unknown=dict.fromkeys(("energy_mj", "co2_g"), _NO_SITE))
    with pinning.pinned(threads):
        return energy.per_call(call, timing.median_ms, site, seconds, latency_stderr_ms=timing.stderr_ms)


def tally(model: Any, example_input: Any = None, *, training: bool = False) -> Tally:
    """The counts of a model before anything is timed. Takes and raises what `measure` does."""
    counter = importlib.import_module(f"trimtab.costs.{_counter(model)}")
    counts: Tally = counter.tally(model, example_input, training=training)
    return counts


def _counter(model: Any) -> str:
    """The module of `trimtab.costs` that counts models of this kind. Raises UnsupportedModel."""
    if isinstance(model, Mapping):
        return "arrays"
    if isinstance(model, str | os.PathLike) or _is_of(type(model), "onnx."):
        return "onnx_models"
    if _is_of(type(model), "torch.nn."):
        return "torch_models"
    if _is_of(type(model), "sklearn.", but=_SCAFFOLD):
        return "sklearn_models"
    kind = type(model)
    raise UnsupportedModel(f"expected {EXPECTED}, got {kind.__module__}.{kind.__qualname__}")


def _is_of(kind: type, library: str, but: tuple[str, ...] = ()) -> bool:
    """Whether the class or one that it inherits from is the library's, told by the module's name alone."""
    modules = [f"{parent.__module__}." for parent in kind.__mro__]
    return any(name.startswith(library) and not name.startswith(but) for name in modules)
