"""Honest compression: what a smaller model has really saved, on disk, in memory, in work and in time.

before: the model as it was. after: the same model pruned, quantised or rebuilt, or the report of `trimtab.compress`.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

from trimtab.costs import measuring, stopwatch
from trimtab.costs.cost import Cost
from trimtab.costs.tally import Tally

ROUNDS = 9
"""How often both models are timed in turn: what slows the machine for a while then slows both."""
_SURE = 2.0
"""Standard errors by which a ratio must exceed `_SLOWER`."""
_SLOWER = 1.05
"""Times as long from which on a model is called slower: two equal ones differ by a per cent or two."""
_SMALLER = 0.98
"""A share of the bytes under which a model is called smaller: file formats differ by a few."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a compression claims and does not keep. name: in a few words; detail: with the figures."""

    name: str
    detail: str


@dataclass(frozen=True, slots=True)
class Audit:
    """Both costs and what is wrong between them.

    before, after: the costs; latency is not in them. stored_bytes: of the files, before and after. loaded_bytes: of
    the arrays in memory once the files are read again. latency_ratio: after / before, with its standard error,
    measured in turn; None without an example. findings: empty when the compression is what it says.
    """

    before: Cost
    after: Cost
    stored_bytes: tuple[int, int]
    loaded_bytes: tuple[int, int]
    latency_ratio: tuple[float, float] | None
    findings: tuple[Finding, ...]

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"

    def __str__(self) -> str:
        rows = [
            ("", "before", "after"),
            ("parameters", _number(self.before.parameters), _number(self.after.parameters)),
            ("of them not 0", _number(self.before.parameters_nonzero), _number(self.after.parameters_nonzero)),
            ("bytes stored", *map(_number, self.stored_bytes)),
            ("bytes loaded", *map(_number, self.loaded_bytes)),
            ("MACs", _number(self.before.macs), _number(self.after.macs)),
            ("of them with a weight not 0", _number(self.before.macs_nonzero), _number(self.after.macs_nonzero)),
        ]
        if self.latency_ratio is not None:
            ratio, error = self.latency_ratio
            rows.append(("latency", "1", f"{ratio:.3f} ± {error:.3f}"))
        lines = [f"{name:<28} {first:>14} {second:>14}" for name, first, second in rows]
        return "\n".join([*lines, *(f"! {one.name}: {one.detail}" for one in self.findings)])


def audit(before: Any, after: Any, example_input: Any = None, *, seconds: float = 1.0) -> Audit:
    """Compare a model with its compressed form.

    after: a model, or the report of `trimtab.compress`, whose stored stream then counts as its file.
    example_input: as `measure` takes it; without it neither MACs nor latency can be compared.
    seconds: how long the stopwatch may run, for both models together.

    Findings: "zeros, not smaller" (weights are 0, yet the file is not smaller), "smaller stored, not loaded" (the
    saving ends when the file is read), "fewer operations, slower".

    Raises what `measure` raises.
    """
    report = after if hasattr(after, "stored_bytes") else None
    model = (
        after if report is None else report.restored_model if report.restored_model is not None else report.restored
    )
    tallies = measuring.tally(before, example_input), measuring.tally(model, example_input)
    costs = tallies[0].cost(), tallies[1].cost()
    stored = _file(costs[0]), _file(costs[1]) if report is None else report.stored_bytes
    loaded = costs[0].size_bytes or 0, costs[1].size_bytes or 0
    ratio = _latency_ratio(*tallies, seconds)
    return Audit(*costs, stored, loaded, ratio, tuple(_findings(*costs, stored, loaded, ratio)))


def _findings(
    before: Cost,
    after: Cost,
    stored: tuple[int, int],
    loaded: tuple[int, int],
    ratio: tuple[float, float] | None,
) -> list[Finding]:
    found = []
    zeros = (after.parameters or 0) - (after.parameters_nonzero or 0)
    more_zeros = zeros - ((before.parameters or 0) - (before.parameters_nonzero or 0))
    if more_zeros > 0 and stored[1] > _SMALLER * stored[0]:
        share = f"{zeros:,} of {after.parameters:,} parameters"
        detail = f"{share} are 0, and the file takes {stored[1]:,} of {stored[0]:,} bytes"
        found.append(Finding("zeros, not smaller", detail))
    elif stored[1] <= _SMALLER * stored[0] and loaded[1] > _SMALLER * loaded[0]:
        detail = (
            f"the file takes {stored[1]:,} of {stored[0]:,} bytes, in memory it is {loaded[1]:,} of {loaded[0]:,}"
        )
        found.append(Finding("smaller stored, not loaded", detail))
    work = _work(before, after)
    if ratio is not None and work is not None and work[1] < work[0] and ratio[0] - _SURE * ratio[1] > _SLOWER:
        detail = f"{work[1]:,} of {work[0]:,} MACs take {ratio[0]:.2f} ± {ratio[1]:.2f} times as long"
        found.append(Finding("fewer operations, slower", detail))
    return found


def _work(before: Cost, after: Cost) -> tuple[int, int] | None:
    """The MACs to compare: those with a weight that is not 0 where both know them, else the dense ones."""
    if before.macs_nonzero is not None and after.macs_nonzero is not None:
        return before.macs_nonzero, after.macs_nonzero
    return None if before.macs is None or after.macs is None else (before.macs, after.macs)


def _latency_ratio(before: Tally, after: Tally, seconds: float) -> tuple[float, float] | None:
    """after / before: the median over rounds that time both in turn, and its standard error."""
    if before.call is None or after.call is None:
        return None
    share = seconds / (2 * ROUNDS)
    ratios = []
    with before.around(), after.around():
        for number in range(ROUNDS):
            first, second = (before, after) if number % 2 else (after, before)
            times = {id(one): stopwatch.time(one.call, share).median_ms for one in (first, second) if one.call}
            ratios.append(times[id(after)] / times[id(before)])
    return stopwatch.median_with_error(ratios)


def _file(cost: Cost) -> int:
    """What the model takes as a file: as its framework writes it, else its arrays as they are."""
    return cost.serialized_bytes or cost.size_bytes or 0


def _number(figure: int | None) -> str:
    return "unknown" if figure is None else f"{figure:,}"
