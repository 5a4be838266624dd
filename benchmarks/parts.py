"""What there is of each part of the benchmarks: its newest figures, and when, how and on what they were made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import batch, latencies, optimizer, studies
from benchmarks.markdown import on
from benchmarks.tasks import SETS, task

COMMANDS = {
    "latency": "python -m benchmarks.latency",
    "batch": "python -m benchmarks.batch",
    **{one: f"python -m benchmarks.optimizer --set {one} --seeds {seeds}" for one, seeds in optimizer.SEEDS.items()},
}
"""Part -> the command of its long form. Each set of the optimizer's benchmark is a part."""
Found = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """summary: what its module makes of the newest runs, {} when there are none. command: what makes such runs."""

    name: str
    summary: Found
    at: str = ""
    quick: bool = False
    command: str = ""
    machine: Found | None = None

    @property
    def form(self) -> str:
        """Whether all seeds and problems were run."""
        return "short form" if self.quick else "long form"

    @property
    def origin(self) -> str:
        """Where the figures come from, or how to get some."""
        if not self.summary:
            return f"Not measured yet: `{COMMANDS[self.name]}` does it."
        said = f"Printed by `{self.command}`, the {self.form}, on {self.at[:10]}, on {on(self.machine)}."
        return f"{said} The long form is `{COMMANDS[self.name]}`." if self.quick else said


def gather(out: Path) -> dict[str, Part]:
    """Every part, from a folder of runs."""
    sets = {name: _of_set(out / "optimizer.jsonl", name) for name in SETS}
    return {**sets, "batch": _batch(out / "batch.jsonl"), "latency": _latency(out / "latency.jsonl")}


def _latency(path: Path) -> Part:
    found = latencies.summary(path)
    if not found:
        return Part("latency", {})
    return Part("latency", found, found["at"], found["quick"], found["command"], found["machine"])


def _batch(path: Path) -> Part:
    records = studies.read(path) if path.exists() else []
    if not any(one["workers"] == batch.JUDGED for one in records):  # nothing to judge: none, or an ended run
        return Part("batch", {})
    return _made("batch", batch.summary(path), records, quick=_fewest(records, batch.PROBLEMS) < batch.SEEDS)


def _of_set(path: Path, name: str) -> Part:
    records = [one for one in studies.read(path) if one["set"] == name] if path.exists() else []
    if not records:
        return Part(name, {})
    whole = optimizer.summary(path)
    summary = {key: [one for one in whole[key] if one["set"] == name] for key in ("problems", "statements")}
    summary["peers"] = whole["peers"] if name == "peers" else []
    cut = any(one["n"] < task(one["problem"]).trials for one in records)
    return _made(name, summary, records, quick=cut or _fewest(records, SETS[name]) < optimizer.SEEDS[name])


def _fewest(records: Sequence[studies.Record], problems: Sequence[str]) -> int:
    """The seeds of the problem with the fewest."""
    return min(len({one["seed"] for one in records if one["problem"] == problem}) for problem in problems)


def _made(name: str, summary: Found, records: Sequence[studies.Record], *, quick: bool) -> Part:
    newest = max(records, key=lambda one: str(one["at"]))
    command = COMMANDS[name].split(" --seeds")[0] + " --quick" if quick else COMMANDS[name]
    return Part(name, summary, newest["at"], quick, command, newest.get("machine"))
