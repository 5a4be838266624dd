"""What there is of each part of the benchmarks: its newest figures, and when, how and on what they were made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import batch, constrained, latencies, optimizer, pareto, preflight, studies
from benchmarks.markdown import on
from benchmarks.tasks import SETS, task

COMMANDS = {
    "latency": "python -m benchmarks.latency",
    "batch": "python -m benchmarks.batch",
    "pareto": "python -m benchmarks.pareto",
    "constrained": "python -m benchmarks.constrained",
    "preflight": "python -m benchmarks.preflight",
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
    return {
        **sets,
        "pareto": _pareto(out / "pareto.jsonl"),
        "constrained": _constrained(out / "constrained.jsonl"),
        "preflight": _preflight(out / "preflight.jsonl"),
        "batch": _batch(out / "batch.jsonl"),
        "latency": _latency(out / "latency.jsonl"),
    }


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


def _pareto(path: Path) -> Part:
    records = _judged(path, "pareto", ("gp", "random"))
    if not records:
        return Part("pareto", {})
    quick = len(records) < len(pareto.PROBLEMS) * pareto.SEEDS * len(pareto.HERE)
    return _made("pareto", pareto.summary(path), records, quick=quick)


def _constrained(path: Path) -> Part:
    records = _judged(path, "constrained", ("gp", "random"))
    if not records:
        return Part("constrained", {})
    quick = _fewest(records, constrained.PROBLEMS) < constrained.SEEDS
    return _made("constrained", constrained.summary(path), records, quick=quick)


def _preflight(path: Path) -> Part:
    records = _judged(path, "preflight", preflight.MODES)
    if not records:
        return Part("preflight", {})
    quick = len(records) < len(preflight.PROBLEMS) * preflight.SEEDS * len(preflight.MODES)
    return _made("preflight", preflight.summary(path), records, quick=quick)


def _judged(path: Path, purpose: str, algorithms: Sequence[str]) -> list[studies.Record]:
    """The runs of a purpose; none when one of the algorithms is missing on a problem, as after an ended command."""
    records = [one for one in studies.read(path) if one["set"] == purpose] if path.exists() else []
    met = {(one["problem"], one["algorithm"]) for one in records}
    return records if all((one["problem"], name) in met for one in records for name in algorithms) else []


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
