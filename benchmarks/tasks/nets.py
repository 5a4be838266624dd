"""A net of four stages whose cost is known exactly: what is left of its error against its multiply-accumulates.

Each stage is a number of inverted residual blocks (Sandler and others 2018, table 1): its blocks, their expansion and
their kernel are searched, 12 parameters. More of anything but the kernel is better and costs more, in each stage
differently, so the best net is at the limit. Error and cost are sums over the stages, which gives the optimum.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import product

from benchmarks.tasks.task import Losses, Params, Space, Task, choice, noisy, whole

_WIDTHS, _SIDES = (24, 40, 80, 160), (32, 16, 8, 4)
"""Channels of a stage, and pixels along a side."""
_NEEDS, _KERNELS = (0.05, 0.12, 0.20, 0.10), (3, 5, 7, 5)
"""What a stage's depth and width take off the error, and the kernel that suits it."""
_BLOCKS, _EXPANSIONS, _CHOICES = range(1, 6), range(1, 9), (3, 5, 7)
LIMIT = 55.5
"""Millions of multiply-accumulates: 60 % of the space have more."""


def _cost(stage: int, blocks: int, expansion: int, kernel: int) -> float:
    """Millions of multiply-accumulates of a stage: its blocks' two 1 x 1 convolutions and the depthwise one."""
    width = _WIDTHS[stage]
    inner = width * expansion
    return blocks * _SIDES[stage] ** 2 * inner * (2 * width + kernel**2) / 1e6


def _error(stage: int, blocks: int, expansion: int, kernel: int) -> float:
    return _NEEDS[stage] / math.sqrt(blocks * expansion) + 0.004 * abs(kernel - _KERNELS[stage])


def _stages(params: Params) -> list[tuple[int, int, int, int]]:
    return [(at, params[f"blocks{at}"], params[f"expansion{at}"], params[f"kernel{at}"]) for at in range(4)]


def error(params: Params) -> Losses:
    """The error rate."""
    return (0.05 + sum(_error(*one) for one in _stages(params)),)


def macs(params: Params) -> Mapping[str, float]:
    """macs_m: millions of multiply-accumulates."""
    return {"macs_m": sum(_cost(*one) for one in _stages(params))}


def _optimum() -> float:
    """The lowest error within the limit: stage by stage, what no other choice beats in both."""
    best = [(0.0, 0.05)]
    for stage in range(4):
        found = [(_cost(stage, *one), _error(stage, *one)) for one in product(_BLOCKS, _EXPANSIONS, _CHOICES)]
        sums = sorted((cost + more, loss + worse) for cost, loss in best for more, worse in found)
        best, lowest = [], math.inf
        for cost, loss in sums:
            if loss < lowest and cost <= LIMIT:
                best.append((cost, loss))
                lowest = loss
    return best[-1][1]


_SPACE: Space = {
    name: one
    for at in range(4)
    for name, one in (
        (f"blocks{at}", whole(_BLOCKS[0], _BLOCKS[-1])),
        (f"expansion{at}", whole(_EXPANSIONS[0], _EXPANSIONS[-1])),
        (f"kernel{at}", choice(*_CHOICES, ordered=True)),
    )
}

STAGES = Task(
    "stages12",
    _SPACE,
    error,
    tell=noisy(0.002),
    optimum=_optimum(),
    worst=0.05 + sum(max(_error(at, 1, 1, kernel) for kernel in _CHOICES) for at in range(4)),
    judged_by_told=True,
    measures=macs,
    limits={"macs_m": LIMIT},
)
