"""Tables of models that others have trained, read from benchmarks/data: every value is known, so is the optimum.

A parameter with a grid is an ordered categorical. A trial tells the values of one training seed, drawn for it; what a
run has reached is the mean over seeds. data/README.md says where each table comes from.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.hypervolume import front_of, hypervolume
from benchmarks.tasks.task import Losses, Params, Space, Task, choice

DATA = Path(__file__).parents[1] / "data"
Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Column:
    """A column of a table as losses: its values, negated where more is better, log10 where `log`."""

    name: str
    maximised: bool = False
    log: bool = False

    def losses(self, values: Array) -> Array:
        """The same shape as the values."""
        return np.log10(values) if self.log else -values if self.maximised else values


@dataclass(frozen=True)
class Table:
    """space: in JSON form. rows: the choices' indices -> the row. columns: name -> (n, seeds)."""

    space: Space
    rows: dict[tuple[int, ...], int]
    columns: dict[str, Array]

    def row(self, params: Params) -> int | None:
        """The row that holds these params; None when none does."""
        return self.rows.get(tuple(one["choices"].index(params[name]) for name, one in self.space.items()))

    def without(self, fails: Callable[[Params], bool]) -> Table:
        """The table without the params that fail."""
        choices = [one["choices"] for one in self.space.values()]
        rows = {
            code: row
            for code, row in self.rows.items()
            if not fails({name: one[at] for name, one, at in zip(self.space, choices, code, strict=True)})
        }
        return replace(self, rows=rows)


@cache
def read(name: str) -> Table:
    """A table of benchmarks/data."""
    described = json.loads((DATA / f"{name}.json").read_text())
    with np.load(DATA / f"{name}.npz") as arrays:
        columns = {one: np.asarray(arrays[one], float) for one in described["columns"]}
        codes = arrays["codes"].tolist()
    return Table(
        {
            one["name"]: choice(*(one["grid"] if "grid" in one else one["choices"]), ordered="grid" in one)
            for one in described["space"]
        },
        {tuple(code): row for row, code in enumerate(codes)},
        {one: values.reshape(len(codes), -1) for one, values in columns.items()},
    )


def tabulated(
    name: str, table: Table, *columns: Column, trials: int = 50, limits: Mapping[str, float] | None = None
) -> Task:
    """A table as a task, with one or two of its columns as losses. Params that are not in the table fail.

    limits: column -> the most that its mean over the seeds may be.
    """
    limits = limits or {}
    limited = {one: table.columns[one].mean(axis=1) for one in limits}
    means = np.stack([one.losses(table.columns[one.name].mean(axis=1)) for one in columns], axis=1)
    seeds = max(table.columns[one.name].shape[1] for one in columns)
    told = np.stack([_by_seed(one.losses(table.columns[one.name]), seeds) for one in columns], axis=2)

    def losses(params: Params) -> Losses | None:
        row = table.row(params)
        return None if row is None else tuple(means[row].tolist())

    def tell(params: Params, _true: Losses, rng: np.random.Generator) -> Losses:
        return tuple(told[table.row(params), int(rng.integers(seeds))].tolist())

    def measures(params: Params) -> Mapping[str, float]:
        row = table.row(params)
        return {} if row is None else {one: float(values[row]) for one, values in limited.items()}

    task = Task(name, table.space, losses, tell, trials, measures=measures, limits=limits)
    rows = np.array(list(table.rows.values()))
    for one, most in limits.items():
        rows = rows[limited[one][rows] <= most]
    known = means[rows]
    if len(columns) == 1:
        return replace(task, optimum=float(known.min()), worst=float(known.max()), judged_by_told=True)
    front = front_of(known)
    reference = tuple((front.max(axis=0) + 0.1 * np.ptp(front, axis=0)).tolist())
    return replace(task, reference=reference, optimum=hypervolume(front, reference))


def _by_seed(values: Array, seeds: int) -> Array:
    """(n, seeds) of a column that has (n, seeds), or (n, 1) because it is the same for every seed."""
    return np.broadcast_to(values, (len(values), seeds))


def by_checksum(params: Params) -> bool:
    """Whether params fail, for one in four, scattered over the space."""
    return zlib.crc32(json.dumps(dict(sorted(params.items()))).encode()) % 4 == 0


def out_of_memory(params: Params) -> bool:
    """Whether a net of fcnet_protein fails, for one in four, in one corner: a wide first layer, a batch above 8."""
    return bool(params["n_units_1"] >= 256 and params["batch_size"] > 8)
