"""One line that says how a run goes: trials done and failed, the best value or the size of the front."""

from __future__ import annotations

import logging
from collections import Counter
from types import TracebackType
from typing import TYPE_CHECKING

from trimtab.displays import Display, display
from trimtab.errors import TrimtabError
from trimtab.objective import Objective

if TYPE_CHECKING:
    from trimtab.optimizing import Outcome
    from trimtab.study import Study

log = logging.getLogger("trimtab")


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
        make = display(wanted)
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
        """How many trials have ended in this run, without those that were refused before their training."""
        return self._states.total() - self._states["infeasible"]

    def add(self, outcome: Outcome, *, running: int) -> None:
        """One more trial has ended; so many are running."""
        self._states[outcome.state] += 1
        if outcome.state == "complete":
            self._front.add(outcome.number, outcome.values)
        if self._display is not None:
            told = ", ".join(f"{metric} {value:.6g}" for metric, value in outcome.values.items())
            news = f"trial {outcome.number} {outcome.state}" + (f": {told}" if told else "")
            self._display.show(self.text(running), news, advance=int(outcome.counts))

    def text(self, running: int) -> str:
        """The line without its bar: 41/60 · 4 running · 1 failed · best accuracy 0.978 (#17)."""
        parts = [
            f"{self.done}/{self._total}" if self._total else f"{self.done} trials",
            f"{running} running" if running else "",
        ]
        states = sorted((state, count) for state, count in self._states.items() if state != "complete" and count)
        parts += [f"{count} {state}" for state, count in states]
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
