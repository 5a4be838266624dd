"""Preflight: what it saves to know a model's cost before it is trained.

Two spaces of nets of which 60 % are over the limit, a table and one with a formula, three times each: `told`, where
the cost comes with each trial's result, so that a training over the limit is wasted; `preflight`, where the worker
sends the cost first and trains only what is accepted; `probes`, which before the first ask sends 300 costs besides.
All go through the server's use cases on SQLite. Every run is a line of JSON in benchmarks/out/preflight.jsonl.
--check ends with 1 when a statement at the end is false.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from benchmarks import scoring, studies
from benchmarks.statements import points, verdicts
from benchmarks.studies import OUT, Record
from benchmarks.tasks import task
from benchmarks.tasks.task import Params, Task
from trimtab_service.store import Store
from trimtab_service.usecases import ask, probes
from trimtab_service.usecases import preflight as preflights
from trimtab_service.usecases import studies as definitions
from trimtab_service.usecases import tell as tells
from trimtab_service.usecases.once import Once
from trimtab_service.usecases.rooms import Caller, Rooms

PROBLEMS = ("fcnet_protein_small", "stages12")
MODES = ("told", "preflight", "probes")
TRAININGS = 40
"""Of every run."""
PROBES = 300
SEEDS, QUICK_SEEDS = 10, 3
Table = dict[str, Any]
R = TypeVar("R")


class _Here:
    """A compute room in this process, so that a run is one process. A deadline can't be kept, and isn't."""

    def run(self, function: Callable[..., R], *arguments: Any, deadline: float) -> R:
        return function(*arguments)

    def warm(self, function: Callable[[], object]) -> None:
        function()

    def close(self) -> None:
        pass


@dataclass
class _Server:
    """One study on a database of its own."""

    rooms: Rooms
    caller: Caller

    def once(self) -> Once:
        return Once(None, self.caller.key_row_id, "", 200, lambda result: {"result": result})

    def define(self, about: Task, seed: int, *, known: bool) -> None:
        definition = {
            "name": "s",
            "space": about.space,
            "objectives": {"loss": "minimize"},
            "constraints": [f"{metric} <= {most:g}" for metric, most in about.limits.items()],
            "known_metrics": list(about.limits) if known else [],
            "seed": seed,
        }
        definitions.create(self.rooms, self.caller, definition, self.once())

    def probe(self, about: Task) -> None:
        found = _result(probes.points(self.rooms, self.caller, "s", PROBES, self.once()))
        sizes = [{"params": params, "values": about.measures(params)} for params in found]
        probes.add(self.rooms, self.caller, "s", sizes, self.once())

    def ask(self) -> Any:
        return _result(ask.ask(self.rooms, self.caller, "s", 1, "w", self.once()))[0]

    def accepts(self, trial: Any, values: Mapping[str, float]) -> bool:
        said = preflights.preflight(self.rooms, self.caller, "s", trial.number, trial.epoch, values, self.once())
        return bool(_result(said).ok)

    def tell(self, trial: Any, values: Mapping[str, float]) -> None:
        tells.tell(self.rooms, self.caller, "s", trial.number, trial.epoch, values, self.once())


def _result(answer: Any) -> Any:
    return answer.body["result"]


@contextmanager
def _server() -> Iterator[_Server]:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{folder}/trimtab.db")
        try:
            store.migrate()
            with store.begin() as tx:
                tx.add_key("benchmark", b"\x00" * 32, "admin", "")
                row = tx.find_key("benchmark")
            assert row
            caller = Caller(row.id, row.key_id, row.role, row.project_id)
            yield _Server(Rooms(store, _Here(), lease_seconds=3600), caller)
        finally:
            store.close()


@dataclass(frozen=True)
class Plan:
    """A run to be made."""

    problem: str
    mode: str
    seed: int


def run(plan: Plan) -> Record:
    """One run. best_so_far: after each training, the true loss of the allowed net with the best told loss.

    over: trainings over the limit. refused: trials that preflight closed. Noise comes from default_rng([seed, 99]).
    """
    about = task(plan.problem)
    noise = np.random.default_rng([plan.seed, 99])
    best: list[float] = []
    reached: list[tuple[float, float]] = []
    over = refused = 0
    with _server() as server:
        server.define(about, plan.seed, known=plan.mode != "told")
        if plan.mode == "probes":
            server.probe(about)
        while len(best) < TRAININGS:
            trial = server.ask()
            params: Params = trial.params
            cost = about.measures(params)
            if plan.mode != "told" and not server.accepts(trial, cost):
                refused += 1
                continue
            true = about.losses(params)
            assert true
            (told,) = about.tell(params, true, noise)
            server.tell(trial, {"loss": told, **cost})
            if about.within(params):
                reached.append((told, true[0]))
            else:
                over += 1
            best.append(min(reached)[1] if reached else about.worst)
    same = {"set": "preflight", "problem": plan.problem, "algorithm": plan.mode, "workers": 1, "seed": plan.seed}
    return {**same, "n": TRAININGS, "best_so_far": best, "over": over, "refused": refused}


def run_all(plans: Sequence[Plan], *, jobs: int) -> Iterator[Record]:
    """The runs' records as they are done."""
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        for done in as_completed([pool.submit(run, plan) for plan in plans]):
            yield done.result()


# --- What came of it ------------------------------------------------------------------------------------------------


def summary(path: Path) -> dict[str, Any]:
    """The runs of a file as plain data: a table for each problem, and the statements that they make true or false.

    A table: problem, optimum; rows, one for each mode: mode, seeds; half, end: mean losses after half of the
    trainings and after all; over, refused: means of a run; most_over: of any run; lead: of half over what `told`
    has in the end, as a score whose 0 is the mean of `told` after a quarter of its trainings, and 1 the optimum.
    """
    records = sorted(studies.read(path), key=lambda one: PROBLEMS.index(one["problem"]))
    tables = [
        _table(problem, list(group)) for problem, group in groupby(records, key=lambda one: str(one["problem"]))
    ]
    return {"problems": tables, "statements": [one for table in tables for one in statements(table)]}


def _table(problem: str, records: Sequence[Record]) -> Table:
    about = task(problem)
    assert about.optimum is not None
    runs = {mode: {one["seed"]: one for one in records if one["algorithm"] == mode} for mode in MODES}
    told = {seed: one["best_so_far"][-1] for seed, one in runs["told"].items()}
    early = float(np.mean([one["best_so_far"][TRAININGS // 4 - 1] for one in runs["told"].values()]))
    rows = []
    for mode, found in runs.items():
        half = {seed: one["best_so_far"][TRAININGS // 2 - 1] for seed, one in found.items()}
        scores = [
            {seed: scoring.score(one, early, about.optimum) for seed, one in values.items()}
            for values in (half, told)
        ]
        rows.append(
            {
                "mode": mode,
                "seeds": len(found),
                "half": float(np.mean(list(half.values()))),
                "end": float(np.mean([one["best_so_far"][-1] for one in found.values()])),
                "over": float(np.mean([one["over"] for one in found.values()])),
                "most_over": max(one["over"] for one in found.values()),
                "refused": float(np.mean([one["refused"] for one in found.values()])),
                "lead": None if mode == "told" else asdict(scoring.difference(*scores, middle=np.mean)),
            }
        )
    return {"problem": problem, "rows": rows, "optimum": about.optimum}


def statements(table: Table) -> list[Table]:
    """{"text", "passed", "detail"}: nothing over the limit is trained, and half of the trainings do."""
    (told,) = (row for row in table["rows"] if row["mode"] == "told")
    made = []
    for row in (row for row in table["rows"] if row["lead"]):
        name = {"preflight": "preflight", "probes": f"preflight and {PROBES} cost probes"}[row["mode"]]
        made += [
            {
                "text": f"with {name} no net of {table['problem']} over the limit is trained",
                "passed": row["most_over"] == 0,
                "detail": f"{row['over']:.1f} of {TRAININGS} trainings, {row['refused']:.1f} trials refused; "
                f"told after training: {told['over']:.1f} wasted",
            },
            {
                "text": f"with {name} {TRAININGS // 2} trainings on {table['problem']} reach what {TRAININGS} do "
                "where the cost is told after training",
                "passed": row["lead"]["middle"] >= 0,
                "detail": f"mean loss {row['half']:.5f} and {told['end']:.5f}, {points(row['lead'])}",
            },
        ]
    return made


def text(found: dict[str, Any]) -> str:
    """A summary as it is printed."""
    lines = []
    for table in found["problems"]:
        lines.append(f"{table['problem']}, {TRAININGS} trainings: mean losses, optimum {table['optimum']:.5f}")
        lines.append(f"  {'':10}{'seeds':>6} {'half-way':>9} {'end':>9} {'over':>6} {'refused':>8}")
        lines += [
            f"  {row['mode']:10}{row['seeds']:>6} {row['half']:>9.5f} {row['end']:>9.5f} {row['over']:>6.1f} "
            f"{row['refused']:>8.1f}"
            for row in table["rows"]
        ]
    return "\n".join([*lines, "", *verdicts(found["statements"])])


def main(words: list[str] | None = None) -> int:
    """Make the runs, print how they compare; the exit code."""
    parser = argparse.ArgumentParser("python -m benchmarks.preflight", description=__doc__)
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, metavar="NAME")
    parser.add_argument("--seeds", type=int, help=f"runs of each; else {SEEDS}")
    parser.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 8), help="runs at a time")
    parser.add_argument("--out", type=Path, default=OUT / "preflight.jsonl", help="the file of runs")
    parser.add_argument("--quick", action="store_true", help="one problem, fewer seeds")
    parser.add_argument("--check", action="store_true", help="end with 1 when a statement is false")
    given = parser.parse_args(words)
    start = time.perf_counter()
    count = given.seeds or (QUICK_SEEDS if given.quick else SEEDS)
    problems = given.problems or (PROBLEMS[:1] if given.quick else PROBLEMS)
    plans = [Plan(problem, mode, seed) for problem in problems for seed in range(count) for mode in MODES]
    studies.keep(given.out, run_all(plans, jobs=given.jobs), {"preflight"}, count=len(plans))
    found = summary(given.out)
    print(text(found))
    print(f"\n{len(plans)} runs in {time.perf_counter() - start:.0f} s, {given.jobs} at a time; {given.out}")
    return int(given.check and not all(one["passed"] for one in found["statements"]))


if __name__ == "__main__":
    sys.exit(main())
