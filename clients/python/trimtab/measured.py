"""Measures models in the loop: what an objective returned, or what a trial is given, one stopwatch at a time."""

from __future__ import annotations

import contextlib
import difflib
import functools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from trimtab import forks, units, wire
from trimtab.errors import Invalid, UnknownMetric

if TYPE_CHECKING:
    from trimtab.costs import Cost
    from trimtab.trial import Trial

TIMED = frozenset({"latency_ms", "energy_mj", "co2_g"})
"""What only the stopwatch can tell: it runs when one of these is wanted."""


class _Turn:
    """Lets one stopwatch of this process run at a time: two would slow each other down."""

    def __init__(self) -> None:
        self.begin_anew()
        forks.watch(self)

    def begin_anew(self) -> None:
        """A forked process has a stopwatch of its own."""
        self.lock = threading.Lock()


_turn = _Turn()


def measure(model: Any, example_input: Any = None, *, latency: bool = True, **options: Any) -> Cost:
    """`trimtab.measure`; to time, it waits for its turn. Threads that still train disturb it all the same."""
    from trimtab import costs

    if not latency:
        return costs.measure(model, example_input, latency=False, **options)
    with _turn.lock:
        return costs.measure(model, example_input, latency=True, **options)


@contextlib.contextmanager
def as_used(model: Any) -> Iterator[None]:
    """A torch model in eval mode, as it will be used, and afterwards in its own modes; another model as it is."""
    modules = list(model.modules()) if hasattr(model, "modules") and hasattr(model, "eval") else []
    modes = [module.training for module in modules]
    try:
        if any(modes):
            model.eval()
        yield
    finally:
        for module, training in zip(modules, modes, strict=True):
            module.training = training


def figures(wanted: object) -> tuple[str, ...]:
    """The names of figures that `measure=[…]` wants, each once. Raises Invalid: UnknownMetric."""
    from trimtab.costs.cost import METRICS

    if isinstance(wanted, str | Mapping) or not isinstance(wanted, Iterable):
        raise Invalid(f'expected measure as a list of figures, such as ["size_bytes", "macs"], got {wanted!r}')
    names = [units.measured_as(name) if isinstance(name, str) else name for name in wanted]
    if not names:
        raise Invalid(
            f"expected measure to name some of {list(METRICS)!r}, got none; leave it out to measure nothing"
        )
    for name in names:
        if name not in METRICS:
            near = difflib.get_close_matches(str(name), METRICS, n=1)
            hint = f": did you mean {near[0]!r}?" if near else ""
            raise UnknownMetric(f"measure: expected some of {list(METRICS)!r}, got {name!r}{hint}")
    return tuple(dict.fromkeys(names))


class Measured:
    """An objective that returns (score, model, example_input), as one that returns the score and logs the figures.

    It can travel to other processes when the objective can: the model is measured where it was trained, once the
    objective has returned. wanted: which figures. objectives: of the study; a score that is a mere number belongs to
    the one that is not among the figures.
    """

    def __init__(self, objective: Callable[[Trial], Any], wanted: Iterable[str], objectives: Iterable[str]) -> None:
        functools.update_wrapper(self, objective, updated=())
        self._objective = objective
        self._wanted = figures(wanted)
        self._left = tuple(name for name in objectives if not units.follows(name, self._wanted))

    def __call__(self, trial: Trial) -> dict[str, Any] | None:
        """Evaluate, measure, log; the score as {metric: value}. A trial that was ended on the way is left alone.

        A score that is not finite is returned at once: such a trial fails, whatever its model costs.
        Raises Invalid, UnknownCost, and what `trimtab.measure` raises.
        """
        from trimtab.costs.cost import UnknownCost

        result = self._objective(trial)
        if not trial.is_open:
            return None
        if not (isinstance(result, tuple) and len(result) == 3):
            raise Invalid(
                f"with measure=[…] an objective returns (score, model, example_input), got {_brief(result)}"
            )
        score, model, example_input = result
        told = self._by_metric(score)
        if wire.not_finite(wire.values(told)):
            return told
        cost = measure(model, example_input, latency=not TIMED.isdisjoint(self._wanted))
        known = cost.as_metrics()
        for name in self._wanted:
            if name not in known:
                kind = type(model)
                why = cost.unknown.get(name) or f"no way to come by it for {kind.__module__}.{kind.__qualname__}"
                raise UnknownCost(f"measure: {name!r} is not known: {why}")
        trial.log({name: known[name] for name in self._wanted})
        return told

    def _by_metric(self, score: Any) -> dict[str, Any]:
        if score is None:
            return {}
        if not isinstance(score, Mapping):
            if len(self._left) != 1:
                raise Invalid(
                    f"with measure={list(self._wanted)!r} expected the score as {{metric: value}} with a value for "
                    f"each of {list(self._left)!r}, got {score!r}"
                )
            return {self._left[0]: score}
        twice = [name for name in score if name in self._wanted]
        if twice:
            raise Invalid(f"expected each metric once, got {twice!r} in the score and in measure=[…]")
        return dict(score)


def _brief(result: object) -> str:
    """What came, without its contents: models and their inputs are long."""
    kind = type(result).__name__
    if not isinstance(result, tuple | list):
        return kind
    return f"a {kind} of {len(result)}: ({', '.join(type(one).__name__ for one in result)})"
