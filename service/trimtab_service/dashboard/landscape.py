"""What a study's charts and its first sentence rest on, drawn from all complete trials and kept in memory.

A complete trial changes only where metrics come late, so else a landscape holds as long as their number does.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from trimtab_service.domain.study import Study
from trimtab_service.domain.trial import Trial, TrialState
from trimtab_service.usecases import front as fronts
from trimtab_service.usecases.rooms import Caller, Rooms
from trimtab_service.usecases.studies import StudyView

T = TypeVar("T")
MOST_POINTS = 1_500
"""Points off the front that a chart draws; of more, evenly spread ones."""
MOST_FRONT = 1_000
_KEPT = 64
"""Landscapes kept in memory, each of some hundred kilobytes at most."""


@dataclass(frozen=True, slots=True)
class Point:
    """A complete trial's number and its values of the first two objectives, or of the one."""

    number: int
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Landscape:
    """complete: how many trials are. front: best first objective first; variants: which of each trial's, "" its own.

    points: others, thinned to MOST_POINTS.
    beaten: how many are off the front. over: how many of them are not known to keep the limits. steps: (number,
    value) wherever the best value or the hypervolume changed. last: the last complete trial's number. since: how many
    trials are complete since the last step. metrics: which metrics have been told, objectives first.
    """

    complete: int
    front: tuple[Trial, ...]
    variants: tuple[str, ...]
    hypervolume: float | None
    reference: Mapping[str, float] | None
    inferred: bool
    points: tuple[Point, ...]
    beaten: int
    over: int
    steps: tuple[tuple[int, float], ...]
    last: int
    since: int
    metrics: tuple[str, ...]


def draw(study: Study, survey: fronts.Survey) -> Landscape:
    """The landscape of a survey."""
    on_front = {trial.number for trial in survey.front.trials}
    names = study.problem.objective_names[:2]
    others = [trial for trial in survey.trials if trial.number not in on_front and set(names) <= trial.values.keys()]
    steps, since = _steps(survey.progress)
    return Landscape(
        complete=len(survey.trials),
        front=survey.front.trials,
        variants=tuple(entry.variant for entry in survey.front.entries),
        hypervolume=survey.front.hypervolume,
        reference=survey.front.reference,
        inferred=survey.front.inferred,
        points=tuple(
            Point(trial.number, tuple(trial.values[name].value for name in names))
            for trial in thin(others, MOST_POINTS)
        ),
        beaten=len(others),
        over=sum(trial.number in survey.over for trial in others),
        steps=steps,
        last=survey.trials[-1].number if survey.trials else 0,
        since=since,
        metrics=told(study, survey.trials),
    )


def told(study: Study, trials: Sequence[Trial]) -> tuple[str, ...]:
    """The metrics that any of the trials has a value of; the objectives always, and first."""
    seen = dict.fromkeys(study.problem.objective_names)
    for trial in trials:
        seen |= dict.fromkeys(trial.values)
    return tuple(seen)


def thin(items: Sequence[T], most: int) -> Sequence[T]:
    """At most so many of the items, evenly spread over them."""
    if len(items) <= most:
        return items
    return [items[place * len(items) // most] for place in range(most)]


class Landscapes:
    """Landscapes by study and number of complete trials; the latest used are kept."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._kept: OrderedDict[tuple[str, int], Landscape] = OrderedDict()
        self._lock = threading.Lock()

    def known(self, view: StudyView) -> Landscape | None:
        """The study's landscape if it needs no reading. Late metrics change trials that are complete."""
        if view.study.problem.late_metrics:
            return None
        key = _key(view)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def of(self, caller: Caller, view: StudyView) -> Landscape:
        """The study's landscape. The caller must be one who may see the study. Raises StudyNotFound."""
        found = self.known(view)
        if found is not None:
            return found
        survey = fronts.survey(self._rooms, caller, view.study.public_id)
        landscape = draw(view.study, survey)
        with self._lock:
            self._kept[view.study.public_id, landscape.complete] = landscape
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return landscape


def _key(view: StudyView) -> tuple[str, int]:
    return view.study.public_id, view.counts.get(TrialState.COMPLETE, 0)


def _steps(progress: fronts.Progress) -> tuple[tuple[tuple[int, float], ...], int]:
    """Where the value changed, and how many trials came after the last change."""
    steps: list[tuple[int, float]] = []
    since = 0
    for number, value in zip(progress.numbers, progress.values, strict=True):
        since += 1
        if not steps or value != steps[-1][1]:
            steps.append((number, value))
            since = 0
    return tuple(steps), since
