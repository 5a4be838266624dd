"""One line that says how a run goes: trials done and failed, the best value or the size of the front.

A bar of rich or of tqdm where one is installed and stderr is a terminal; else one log line per finished trial.
TRIMTAB_PROGRESS: 0 for none, plain for log lines, rich for a bar in any case.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from trimtab.errors import TrimtabError
from trimtab.objective import Objective

if TYPE_CHECKING:
    from trimtab.optimizing import Outcome
    from trimtab.study import Study

log = logging.getLogger("trimtab")


class Display(Protocol):
    """Where the line is shown."""

    def show(self, text: str, outcome: Outcome) -> None:
        """One more trial has ended."""

    def close(self) -> None:
        """The run is over."""


class Front:
    """The trials that no other beats, as far as this run knows them. With one objective: the best one."""

    def __init__(self, objectives: dict[str, Objective]) -> None:
        self._objectives = objectives
        self._best: dict[int, tuple[float, ...]] = {}

    def add(self, number: int, values: dict[str, float]) -> None:
        """A trial with its values; one that lacks an objective is left out."""
        if not all(metric in values for metric in self._objectives):
            return
        losses = tuple(-values[m] if objective.maximize else values[m] for m, objective in self._objectives.items())
        if any(_beats(other, losses) for other in self._best.values()):
            return
        self._best = {n: other for n, other in self._best.items() if not _beats(losses, other)} | {number: losses}

    def __len__(self) -> int:
        return len(self._best)

    def __str__(self) -> str:
        if not self._best:
            return ""
        if len(self._objectives) > 1:
            return f"front {len(self)}"
        ((metric, objective),) = self._objectives.items()
        number, (loss,) = min(self._best.items())
        return f"best {metric} {-loss if objective.maximize else loss:.6g} (#{number})"


def _beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Whether one is nowhere worse and somewhere better; losses, smaller is better."""
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


class Progress:
    """The line of one run. A context manager; `add` what has ended. wanted: see `Study.optimize`."""

    def __init__(self, study: Study, n_trials: int | None, *, wanted: bool | None) -> None:
        self._front = Front(study.objectives)
        self._states: Counter[str] = Counter()
        self._total: int | None = None
        self._display: Display | None = None
        make = _display(wanted)
        if make is not None:
            self._remember(study)
            self._total = _total(study, n_trials)
            self._display = make(study.name, self._total)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._display is not None:
            self._display.close()

    @property
    def done(self) -> int:
        """How many trials have ended in this run."""
        return sum(self._states.values())

    def add(self, outcome: Outcome, *, running: int) -> None:
        """One more trial has ended; so many are running."""
        self._states[outcome.state] += 1
        if outcome.state == "complete":
            self._front.add(outcome.number, outcome.values)
        if self._display is not None:
            self._display.show(self.text(running), outcome)

    def text(self, running: int) -> str:
        """The line without its bar: 41/60 · 4 running · 1 failed · best accuracy 0.978 (#17)."""
        parts = [
            f"{self.done}/{self._total}" if self._total else f"{self.done} trials",
            f"{running} running" if running else "",
        ]
        parts += [f"{count} {state}" for state, count in sorted(self._states.items()) if state != "complete"]
        return " · ".join(part for part in (*parts, str(self._front)) if part)

    def _remember(self, study: Study) -> None:
        """The front of the trials before this run: a study that goes on has a best already."""
        try:
            if study.counts.get("complete"):
                for trial in study.pareto_front():
                    self._front.add(trial.number, trial.values)
        except TrimtabError as error:
            log.debug("the line starts without the earlier trials: %s", error)


def _total(study: Study, n_trials: int | None) -> int | None:
    """How many trials the run can have, as far as is known."""
    left = None if study.max_trials is None else max(study.max_trials - int(study.record.get("charged") or 0), 1)
    limits = [limit for limit in (n_trials, left) if limit is not None]
    return min(limits) if limits else None


def _display(wanted: bool | None) -> Callable[[str, int | None], Display] | None:
    """What shows the line of a run with this title and total; None when nobody would see it."""
    setting = os.environ.get("TRIMTAB_PROGRESS", "")
    if wanted is False or (wanted is None and setting == "0"):
        return None
    bar = wanted or setting == "rich" or (setting != "plain" and sys.stderr is not None and sys.stderr.isatty())
    if bar and importlib.util.find_spec("rich") is not None:
        return RichBar
    if bar and importlib.util.find_spec("tqdm") is not None:
        return TqdmBar
    return LogLines if log.isEnabledFor(logging.INFO) else None


class LogLines:
    """One INFO line per finished trial."""

    def __init__(self, title: str, total: int | None) -> None:
        self._title = title

    def show(self, text: str, outcome: Outcome) -> None:
        """Log it."""
        told = ", ".join(f"{metric} {value:.6g}" for metric, value in outcome.values.items())
        log.info("%s: trial %d %s%s | %s", self._title, outcome.number, outcome.state, told and f": {told}", text)

    def close(self) -> None:
        """Nothing is open."""


class RichBar:
    """A bar of rich, on stderr."""

    def __init__(self, title: str, total: int | None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns: list[Any] = [TextColumn("trimtab {task.fields[title]}", markup=False), BarColumn(bar_width=24)]
        columns += [TextColumn("{task.description}", markup=False), TimeRemainingColumn()]
        self._bar = Bar(*columns, console=Console(stderr=True))
        self._bar.start()
        self._task = self._bar.add_task("", total=total, title=title)

    def show(self, text: str, outcome: Outcome) -> None:
        """Move on by one."""
        self._bar.update(self._task, advance=1, description=text)

    def close(self) -> None:
        """Leave the last state standing."""
        self._bar.stop()


class TqdmBar:
    """A bar of tqdm, on stderr."""

    def __init__(self, title: str, total: int | None) -> None:
        from tqdm import tqdm

        self._bar = tqdm(total=total, desc=f"trimtab {title}", unit="trial")

    def show(self, text: str, outcome: Outcome) -> None:
        """Move on by one."""
        self._bar.set_postfix_str(text.partition(" · ")[2], refresh=False)
        self._bar.update(1)

    def close(self) -> None:
        """Leave the last state standing."""
        self._bar.close()
