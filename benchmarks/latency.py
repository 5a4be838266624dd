"""How long one suggestion takes, its fit included: our engine's, and those of scikit-learn, Optuna and BoTorch.

Each optimizer runs in a process of its own, on one thread, and is asked again and again, with one more trial told in
between. They take turns, so that what else the machine does slows all of them. The first ask at a point, which loads
and compiles, is a warm-up and reported apart. An optimizer that takes more than the limit at a point is stopped.
Prints a table and what is to be reached; each optimizer at each point is a line of JSON in
benchmarks/out/latency.jsonl. --check ends with 1 when a statement at the end is false.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import latencies
from benchmarks.latencies import OURS, Record, summary
from benchmarks.machine import machine
from benchmarks.peers import OPTIMIZERS, OUT_OF_MEMORY, PACKAGES

__all__ = ["measure", "summary"]

ROOT = Path(__file__).parent.parent
OUT = ROOT / "benchmarks" / "out" / "latency.jsonl"
PEERS_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
HERE = (OURS, "scikit-learn")
"""The optimizers that need no environment of their own."""
ONE_THREAD = dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"], "1")

SIZES = (10, 100, 300, 1_000, 3_000, 10_000)
DIMENSIONS = (5, 6, 20)
QUICK = {OURS: 10_000, "scikit-learn": 300, "optuna": 1_000, "optuna-alone": 1_000, "botorch": 100}
"""The largest n of each optimizer with --quick, which takes the sizes from 100 on without 3,000, and d = 6."""


def python_of(name: str) -> str:
    """The interpreter that has an optimizer's library."""
    return sys.executable if name in HERE else str(PEERS_PYTHON)


def missing(name: str) -> str:
    """Why an optimizer can't be measured here, and what helps; empty when it can."""
    package = PACKAGES.get(name, name)
    asked = [python_of(name), "-c", f"from importlib.metadata import version; version({package!r})"]
    there = Path(asked[0]).exists() and subprocess.run(asked, capture_output=True, check=False).returncode == 0
    return "" if there else f"{package} is not installed; make bench-peers installs it"


# --- Measuring ------------------------------------------------------------------------------------------------------


@dataclass
class Running:
    """An optimizer's process at one point, and what it took so far.

    limit: seconds of the processor that its warm-up may take, and then all other asks together.
    """

    name: str
    d: int
    n: int
    limit: float
    memory: float
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    peak_mb: float = 0.0
    version: str = ""
    stopped: str = ""
    """time, memory, or what a failed process said last."""
    more_than: float | None = None
    """Seconds of the processor that the ask had taken during which it was stopped for time."""

    def __post_init__(self) -> None:
        command = [python_of(self.name), "-m", "benchmarks.peers", self.name]
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  # close closes it
        self._process = subprocess.Popen(
            [*command, *(f"--{word}={getattr(self, word)}" for word in ("d", "n", "limit", "memory"))],
            cwd=ROOT,
            env={**os.environ, **ONE_THREAD},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
        )
        self.version = self._answer().get("version", "")

    def ask(self) -> None:
        """One suggestion more, unless the process has ended."""
        if self.stopped:
            return
        assert self._process.stdin
        self._process.stdin.write(b"ask\n")
        self._process.stdin.flush()
        answer = self._answer()
        if answer:
            self.wall.append(answer["wall"])
            self.cpu.append(answer["cpu"])
            self.peak_mb = answer["peak_mb"]

    def _answer(self) -> dict[str, Any]:
        """The next line of the process; empty when it has ended, and then stopped says why."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        if line:
            found: dict[str, Any] = json.loads(line)
            return found
        match self._process.wait():
            case code if code == -signal.SIGXCPU:
                self.stopped, self.more_than = "time", max(self.limit - sum(self.cpu[1:]), 0.0)
            case code if code == OUT_OF_MEMORY:
                self.stopped = "memory"
            case _:
                self._said.seek(0)
                said = self._said.read().decode(errors="replace").split("\n")
                self.stopped = next((one for one in reversed(said) if one.strip()), "ended without a word")
        return {}

    def close(self) -> Record:
        """End the process. What it took, as a record; the first ask is the warm-up."""
        with self._process, self._said:
            assert self._process.stdin
            self._process.stdin.close()
        return {
            "optimizer": self.name,
            "version": self.version,
            "d": self.d,
            "n": self.n,
            "warm_up": {"wall": self.wall[0], "cpu": self.cpu[0]} if self.wall else None,
            "wall": self.wall[1:],
            "cpu": self.cpu[1:],
            "peak_mb": self.peak_mb,
            "stopped": self.stopped,
            "more_than": self.more_than,
        }


def measure(names: Sequence[str], d: int, n: int, *, asks: int, limit: float, memory: float) -> list[Record]:
    """Every optimizer at one point, taking turns.

    Ours is asked n / 25 times where that is more: it fits anew once in so many trials, and one of them is to be such.
    """
    running = [Running(name, d, n, limit, memory) for name in names]
    ours = max(asks, n // 25)
    for turn in range(asks + 1):
        for one in running:
            often = 1 if turn == 0 or one.name != OURS else ours * turn // asks - ours * (turn - 1) // asks
            for _ in range(often):
                one.ask()
    return [one.close() for one in running]


def gave_up(records: Iterable[Record], name: str, d: int) -> bool:
    """Whether an optimizer was stopped at some n before its first ask after the warm-up."""
    return any((one["optimizer"], one["d"]) == (name, d) and not one["wall"] for one in records)


# --- The command ----------------------------------------------------------------------------------------------------


def parser() -> argparse.ArgumentParser:
    """The command's words."""
    made = argparse.ArgumentParser("python -m benchmarks.latency", description=__doc__)
    made.add_argument("--n", type=int, nargs="+", default=SIZES, help="trials told before the first ask")
    made.add_argument("--d", type=int, nargs="+", default=DIMENSIONS, help="parameters, all floats")
    made.add_argument("--optimizers", nargs="+", choices=OPTIMIZERS, default=list(OPTIMIZERS))
    made.add_argument("--asks", type=int, default=10, help="of each at a point, after its warm-up")
    made.add_argument("--limit", type=float, default=120.0, help="CPU seconds for an optimizer's asks at a point")
    made.add_argument("--memory", type=float, default=8.0, help="GB that an optimizer may hold")
    made.add_argument("--quick", action="store_true", help="d = 6 and the sizes that are judged")
    made.add_argument("--check", action="store_true", help="end with 1 when a statement is false")
    made.add_argument("--out", type=Path, default=OUT, help="the file of records")
    return made


def points(given: argparse.Namespace, there: Sequence[str]) -> list[tuple[int, int, list[str]]]:
    """(d, n, optimizers) in the order in which they are measured."""
    if given.quick:
        return [(6, n, [name for name in there if n <= QUICK[name]]) for n in (100, 300, 1_000, 10_000)]
    return [(d, n, list(there)) for d in given.d for n in sorted(given.n)]


def main(words: list[str] | None = None) -> int:
    """Measure what the command says, print it, and keep it; the exit code."""
    given = parser().parse_args(words)
    run = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "command": " ".join(["python -m benchmarks.latency", *(sys.argv[1:] if words is None else words)]),
        "quick": given.quick,
        "limit": given.limit,
        "machine": machine(),
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    absent = {name: why for name in given.optimizers if (why := missing(name))}
    there = [name for name in given.optimizers if name not in absent]
    records: list[Record] = []
    with given.out.open("a", encoding="utf-8") as file:
        for name, why in absent.items():
            print(f"{name} is left out: {why}")
            file.write(json.dumps({**run, "optimizer": name, "missing": why}) + "\n")
        print(latencies.HEAD)
        for d, n, wanted in points(given, there):
            names = [name for name in wanted if not gave_up(records, name, d)]
            found = measure(names, d, n, asks=given.asks, limit=given.limit, memory=given.memory)
            records += found
            file.writelines(json.dumps({**run, **one}) + "\n" for one in found)
            file.flush()
            print("\n".join(latencies.line(row) for row in latencies.rows(found)), flush=True)
    said = latencies.statements(latencies.rows(records))
    for one in said:
        print(f"{'pass' if one['passed'] else 'FAIL'}  {one['text']} ({one['detail']})")
    print(f"every ask is in {given.out}")
    return int(given.check and not all(one["passed"] for one in said))


if __name__ == "__main__":
    sys.exit(main())
