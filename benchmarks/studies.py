"""Runs of an algorithm on a task, as a study would go: asked, evaluated, told. One run gives one record."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.hypervolume import hypervolume
from benchmarks.machine import machine
from benchmarks.nsga2 import Nsga2
from benchmarks.tasks import task
from benchmarks.tasks.task import Losses, Params, Space, Task
from trimtab_service.domain.metric import Value
from trimtab_service.domain.study import Problem
from trimtab_service.domain.trial import FailureKind, Observation, TrialState
from trimtab_service.optimizer.suggest import suggest

OUT = Path(__file__).parent / "out"
Record = dict[str, Any]
"""A run as JSON. best_so_far: after each trial, the lowest true loss or the hypervolume of true losses. ask_cpu_ms:
milliseconds of the processor, per ask. failed, repeated, failed_again: trials that failed, that had the params of an
earlier one, that had params that had failed. failed_at, broken_at: numbers of the trials that failed, that broke a
limit. closest_open: with several workers, the least `distance` of two trials that were open together."""


@dataclass(frozen=True)
class Plan:
    """A run to be made. workers: trials open at a time, told in their order, or in any order when `shuffled`.

    algorithm: one of ours, or nsga2 for pymoo's (benchmarks/nsga2.py), which has one trial open at a time.
    """

    purpose: str
    problem: str
    algorithm: str
    seed: int
    trials: int
    workers: int = 1
    shuffled: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


class _Study:
    """One run in the making: what is open, what was told, and what there is to count.

    rival: who is asked instead of the engine.
    """

    def __init__(self, plan: Plan, about: Task, rival: Nsga2 | None = None) -> None:
        self.rival = rival
        self.problem = Problem.from_spec(
            {
                "space": about.space,
                "objectives": {f"loss_{place}": "minimize" for place in range(about.objectives)},
                "constraints": [f"{metric} <= {most:g}" for metric, most in about.limits.items()],
                "algorithm": "random" if rival else plan.algorithm,
                "options": dict(plan.options) if plan.algorithm == "gp" else {},
                "seed": plan.seed,
            }
        )
        self.about = about
        self.surrogates: Mapping[str, Mapping[str, Any]] = {}
        self.history: dict[int, Observation] = {}
        self.open: list[int] = []
        self.told: list[Losses] = []
        self.true: list[Losses] = []
        self.seen: list[str] = []
        self.failures: set[str] = set()
        self.ask_cpu_ms: list[float] = []
        self.repeated = self.failed_again = 0
        self.failed: list[int] = []
        self.broken: list[int] = []
        self.closest_open = math.inf

    def ask(self) -> bool:
        """Open one more trial; False when none is left in the space."""
        number = len(self.history)
        start = time.process_time()
        params = self.rival.ask() if self.rival else self._proposed(number)
        self.ask_cpu_ms.append(round(1e3 * (time.process_time() - start), 3))
        if params is None:
            return False
        word = json.dumps(dict(params), sort_keys=True)
        self.repeated += word in self.seen
        self.failed_again += word in self.failures
        self.seen.append(word)
        for other in self.open:
            self.closest_open = min(self.closest_open, distance(self.about.space, params, self.history[other].params))
        self.history[number] = Observation(number, TrialState.RUNNING, params)
        self.open.append(number)
        return True

    def _proposed(self, number: int) -> Params | None:
        proposals = suggest(self.problem, tuple(self.history.values()), self.surrogates, [number])
        self.surrogates = proposals.surrogates or self.surrogates
        return proposals.items[0].params if proposals.items else None

    def tell(self, number: int, rng: np.random.Generator) -> None:
        """Evaluate an open trial and close it."""
        self.open.remove(number)
        params = self.history[number].params
        true = self.about.losses(params)
        if true is None:
            self.failed.append(number)
            self.failures.add(self.seen[number])
            self._close(number, TrialState.FAILED, {}, FailureKind.ERROR)
            return
        told = self.about.tell(params, true, rng)
        values = {f"loss_{place}": loss for place, loss in enumerate(told)} | dict(self.about.measures(params))
        self._close(number, TrialState.COMPLETE, values)
        if self.about.within(params):
            self.told.append(told)
            self.true.append(true)
        else:
            self.broken.append(number)
        if self.rival:
            self.rival.tell(told)

    def _close(
        self, number: int, state: TrialState, values: Mapping[str, float], failure: FailureKind | None = None
    ) -> None:
        told = {name: Value(value) for name, value in values.items()}
        self.history[number] = Observation.of(
            self.problem, number, state, self.history[number].params, told, failure=failure
        )

    def best(self) -> float:
        """What the run has reached within the limits, in true losses."""
        if self.about.reference:
            return hypervolume(np.array(self.true).reshape(-1, 2), self.about.reference)
        if not self.true:
            return self.about.worst
        judged = self.told if self.about.judged_by_told else self.true
        return self.true[min(range(len(judged)), key=lambda place: judged[place])][0]


def distance(space: Space, one: Params, other: Params) -> float:
    """Of two params of floats alone, in the unit cube, in its largest coordinate; of others 1, or 0 where equal."""
    if any(parameter["type"] != "float" for parameter in space.values()):
        return float(one != other)
    return max(abs(_unit(space[name], one[name]) - _unit(space[name], other[name])) for name in space)


def _unit(parameter: Mapping[str, Any], value: float) -> float:
    scale = math.log if parameter["log"] else float
    low, high = scale(parameter["low"]), scale(parameter["high"])
    return (scale(value) - low) / (high - low)


def run(plan: Plan) -> Record:
    """One run. Noise comes from default_rng([seed, 99]), as it came in the peers' runs."""
    about = task(plan.problem)
    other = Nsga2(about.space, about.objectives, plan.seed) if plan.algorithm == "nsga2" else nullcontext()
    with other as rival:
        return _run(plan, _Study(plan, about, rival))


def _run(plan: Plan, study: _Study) -> Record:
    noise, order = np.random.default_rng([plan.seed, 99]), np.random.default_rng([plan.seed, 100])
    best: list[float] = []
    left = True
    while len(best) < plan.trials:
        while left and len(study.open) < plan.workers and len(study.history) < plan.trials:
            left = study.ask()
        if not study.open:
            best += [study.best()] * (plan.trials - len(best))
            break
        place = int(order.integers(len(study.open))) if plan.shuffled else 0
        study.tell(study.open[place], noise)
        best.append(study.best())
    return {
        "set": plan.purpose,
        "problem": plan.problem,
        "algorithm": plan.algorithm,
        "seed": plan.seed,
        "n": plan.trials,
        "n_obj": study.about.objectives,
        "workers": plan.workers,
        "options": dict(plan.options),
        "best_so_far": best,
        "ask_cpu_ms": study.ask_cpu_ms,
        "failed": len(study.failed),
        "failed_at": study.failed,
        "broken_at": study.broken,
        "repeated": study.repeated,
        "failed_again": study.failed_again,
        "closest_open": study.closest_open if math.isfinite(study.closest_open) else None,
    }


def run_all(plans: Sequence[Plan], *, jobs: int) -> Iterator[Record]:
    """The runs' records as they are done, in so many processes of one BLAS thread each."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    os.environ.update(threads)  # the processes inherit it, and load NumPy anew
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        for done in as_completed([pool.submit(run, plan) for plan in plans]):
            yield done.result()


def write(path: Path, plans: Sequence[Plan], *, jobs: int) -> None:
    """Make the runs and write a line for each as it is done. The file's earlier runs for these purposes go."""
    keep(path, run_all(plans, jobs=jobs), {plan.purpose for plan in plans}, count=len(plans))


def keep(path: Path, records: Iterable[Record], purposes: Collection[str], *, count: int) -> None:
    """Write records of these purposes (their "set") as they come, instead of the file's earlier ones.

    count: how many there will be, for whoever watches.
    """
    others = [one for one in read(path) if one["set"] not in purposes] if path.exists() else []
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(one) + "\n" for one in others)
        for done, record in enumerate(records, start=1):
            at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            file.write(json.dumps({**record, "at": at, "machine": machine()}) + "\n")
            file.flush()
            if sys.stderr.isatty():
                print(f"\r{done} of {count} runs", end="\n" if done == count else "", file=sys.stderr)


def read(path: Path) -> list[Record]:
    """The records of a file, by set, problem, algorithm, workers and seed."""
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return sorted(
        records, key=lambda one: (one["set"], one["problem"], one["algorithm"], one["workers"], one["seed"])
    )
