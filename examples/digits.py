"""`make demo`: tunes a perceptron on scikit-learn's digits for accuracy and size, and shows what it found.

Starts a server of its own on a SQLite file and works through HTTP on one study after the other, 40 trials each: by a
Gaussian process, at random and on a grid. Prints the front; the files in demo-out/ hold all that was found.
"""

from __future__ import annotations

import argparse
import multiprocessing
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import digits_mlp
from digits_mlp import GRID_POINTS, OBJECTIVES, SPACE
from digits_report import LIMIT, NAMES, OUT, Found, show
from plot_front import size
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import trimtab

WORKERS = 2
OPTIONS: dict[str, dict[str, Any]] = {"gp": {}, "random": {}, "grid": {"points": GRID_POINTS}}
"""The algorithms that are compared, and their options."""
console = Console()


def main(words: Sequence[str] | None = None) -> int:
    options = parse(words)
    out = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    for end in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(end, _as_ctrl_c)
    started = time.monotonic()
    try:
        with processes() as pool, trimtab.Client.local(out / "trimtab.db") as client:
            found = list(tune_all(client, pool, options.seed, options.trials))
    except KeyboardInterrupt:
        console.print("\nStopped. Trials in work were given back; the next run starts afresh.")
        return 130
    except trimtab.TrimtabError as error:
        console.print(f"[red]{type(error).__name__}[/] {error}", highlight=False)
        return 1
    show(console, found, out, seed=options.seed, seconds=time.monotonic() - started)
    return 0


def parse(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="another seed is another run (default 0)")
    parser.add_argument("--trials", type=int, default=40, help="trials of each algorithm (default 40)")
    parser.add_argument("--out", type=Path, default=OUT, help="where the results go (default demo-out)")
    options = parser.parse_args(words)
    if options.seed < 0 or options.trials < 1:
        parser.error(f"seed must be at least 0 and trials at least 1, got {options.seed} and {options.trials}")
    return options


@contextmanager
def processes() -> Iterator[ProcessPoolExecutor]:
    """Worker processes that train, started at once; whatever happens, none is left behind."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(WORKERS, mp_context=context, initializer=digits_mlp.start_worker)
    ours = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited: Ctrl-C is for this process to handle
    for _ in range(WORKERS):
        pool.submit(int)
    signal.signal(signal.SIGINT, ours)
    try:
        yield pool
    except BaseException:
        for process in multiprocessing.active_children():  # nobody waits for what they are training
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


# --- The studies ----------------------------------------------------------------------------------------------------


def tune_all(client: trimtab.Client, pool: ProcessPoolExecutor, seed: int, trials: int) -> Iterator[Found]:
    """Work on the three studies, with a line each."""
    columns = [
        TextColumn("{task.description:<9}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    ]
    with Progress(*columns, TextColumn("{task.fields[note]}"), console=console) as progress:
        for algorithm in OPTIONS:
            study = fresh_study(client, algorithm, seed, trials)
            line = Line(progress, NAMES[algorithm], trials)
            work_on(study, pool, seed, line)
            yield finished(algorithm, study)


def fresh_study(client: trimtab.Client, algorithm: str, seed: int, trials: int) -> trimtab.Study:
    """A new study. One of an earlier run with the same seed is deleted first, and that is said."""
    name = f"digits-{algorithm}-s{seed}"
    try:
        client.study(name).delete()
        console.print(f"[dim]deleted the study {name} of an earlier run[/]", highlight=False)
    except trimtab.StudyNotFound:
        pass
    return client.create_study(
        name,
        space=SPACE,
        objectives=OBJECTIVES,
        algorithm=algorithm,
        options=OPTIONS[algorithm],
        max_trials=trials,
        seed=seed,
        metadata={"dataset": "scikit-learn digits", "epochs": digits_mlp.EPOCHS},
    )


def work_on(study: trimtab.Study, pool: ProcessPoolExecutor, seed: int, line: Line) -> None:
    """Train what the study proposes until its budget is reached: a thread per worker asks and tells."""

    def objective(trial: trimtab.Trial) -> dict[str, float]:
        try:
            accuracy, cost = pool.submit(digits_mlp.train, trial.params, seed, trial.number).result()
        except FloatingPointError:
            line.advance()
            raise
        trial.log(cost)  # parameters, bytes, MACs, FLOPs and latency, each with how it was measured
        line.advance(accuracy, cost.size_bytes)
        return {"accuracy": accuracy}

    study.optimize(objective, workers=WORKERS, progress=False, catch=FloatingPointError)


def finished(algorithm: str, study: trimtab.Study) -> Found:
    answer = study.send("GET", "pareto")
    numbers = [item["number"] for item in answer["items"]]
    trials = list(study.trials(state="complete"))
    front = [trial for trial in trials if trial.number in numbers]
    front.sort(key=lambda trial: trial.values["size_bytes"])
    return Found(algorithm, study, trials, front, answer["hypervolume"] or 0.0)


class Line:
    """The progress of one study: trials done, and the best model yet that is small enough."""

    def __init__(self, progress: Progress, name: str, trials: int) -> None:
        self._progress = progress
        self._task = progress.add_task(name, total=trials, note="")
        self._best = 0.0

    def advance(self, accuracy: float = 0.0, size_bytes: float = 0.0) -> None:
        if size_bytes <= LIMIT:
            self._best = max(self._best, accuracy)
        note = f"best under {size(LIMIT)}: {self._best:.1%}" if self._best else ""
        self._progress.update(self._task, advance=1, note=note)


def _as_ctrl_c(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
