"""The sentence that a study's page opens with: what was found, in words that the charts then prove."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trimtab_service.dashboard.landscape import Landscape
from trimtab_service.domain.metric import Direction, Objective
from trimtab_service.domain.study import Problem, Study, StudyState
from trimtab_service.domain.trial import OPEN, Trial, TrialState
from trimtab_service.usecases import numerals

_BEST = {
    ("accuracy", Direction.MAXIMIZE): "the most accurate",
    ("size_bytes", Direction.MINIMIZE): "the smallest",
    ("latency_ms", Direction.MINIMIZE): "the fastest",
    ("energy_mj", Direction.MINIMIZE): "the most frugal",
    ("macs", Direction.MINIMIZE): "the one with the fewest MACs",
    ("flops", Direction.MINIMIZE): "the one with the fewest FLOPs",
    ("parameters", Direction.MINIMIZE): "the one with the fewest parameters",
    ("macs_nonzero", Direction.MINIMIZE): "the one with the fewest non-zero MACs",
    ("parameters_nonzero", Direction.MINIMIZE): "the one with the fewest non-zero parameters",
}
_WORTH_SAYING = 10
"""Fewer trials than these without progress say nothing."""


def found(study: Study, counts: Mapping[TrialState, int], landscape: Landscape) -> str:
    """What the study found, in one to three sentences."""
    if not landscape.front:
        return _nothing(study, counts) if not landscape.complete else _none_fits(landscape.complete)
    if len(study.problem.objectives) == 1:
        return _best(study, landscape)
    return _front(study, landscape)


def in_brief(problem: Problem, landscape: Landscape) -> str:
    """The same for a row of a list: the best value, or the front's size."""
    if not landscape.front:
        return ""
    if len(problem.objectives) == 1:
        metric = problem.objectives[0].metric
        return numerals.said(metric, landscape.front[0].values[metric].value)
    return f"{_models(len(landscape.front))} on the front"


def standing(study: Study) -> str:
    """Whether the study still hands out trials, in a word or two: "active", "paused", "budget used up"."""
    if study.max_trials is None or study.charged < study.max_trials:
        return study.state.value
    return "budget used up" if study.state is StudyState.ACTIVE else f"{study.state.value}, budget used up"


def scores(problem: Problem, trial: Trial) -> str:
    """The trial's values of the objectives: "accuracy 0.9783, size 61.2 kB"."""
    late = [numerals.label(name) for name in problem.objective_names if name not in trial.values]
    told = [numerals.said(name, trial.values[name].value) for name in problem.objective_names if name in trial.values]
    return ", ".join([*told, *(f"{name} not measured yet" for name in late)])


def superlative(objective: Objective) -> str:
    """The best trial of this objective, in words: "the smallest", "the highest f1"."""
    extreme = "highest" if objective.direction is Direction.MAXIMIZE else "lowest"
    return _BEST.get(
        (objective.metric, objective.direction), f"the one with the {extreme} {numerals.label(objective.metric)}"
    )


def whole(text: str) -> str:
    """The text as a sentence: with a capital and a full stop."""
    text = text.strip()
    ending = "" if text.endswith((".", "!", "?", "…")) else "."
    return text[:1].upper() + text[1:] + ending


def counted(number: int, noun: str) -> str:
    """ "1 trial", "12 trials"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(words: Sequence[str]) -> str:
    """ "size", "size and MACs", "size, MACs and latency"."""
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)


def _best(study: Study, landscape: Landscape) -> str:
    best = landscape.front[0]
    opening = "Best" if study.state is StudyState.FINISHED else "Best so far"
    return f"{opening}: trial {best.number}, {scores(study.problem, best)}." + _standstill("No better", landscape)


def _front(study: Study, landscape: Landscape) -> str:
    front = landscape.front
    if len(front) == 1:
        only = f"Trial {front[0].number} beats every other ({scores(study.problem, front[0])})."
        return only + _standstill("No better", landscape)
    winners = []
    for objective in study.problem.objectives:
        trial = min(front, key=lambda one: (objective.loss(one.values[objective.metric].value), one.number))
        winners.append(f"{superlative(objective)} is trial {trial.number} ({scores(study.problem, trial)})")
    opening = f"{_models(len(front))} on the front: {', '.join(winners)}."
    return opening + _standstill("No growth", landscape)


def _standstill(what: str, landscape: Landscape) -> str:
    return f" {what} in the last {counted(landscape.since, 'trial')}." if landscape.since >= _WORTH_SAYING else ""


def _none_fits(complete: int) -> str:
    said = "The only complete trial is" if complete == 1 else f"None of the {complete:,} complete trials is"
    return f"{said} not known to keep the limits." if complete == 1 else f"{said} known to keep the limits."


def _nothing(study: Study, counts: Mapping[TrialState, int]) -> str:
    running, failed = counts.get(TrialState.RUNNING, 0), counts.get(TrialState.FAILED, 0)
    finished = sum(count for state, count in counts.items() if state not in OPEN)
    if failed and failed == finished:
        said = "The only trial so far has failed" if failed == 1 else f"All {failed:,} trials so far have failed"
        return f"{said}: the table below says why." + (f" {_are(running)} running." if running else "")
    if running:
        return f"No trial is complete yet; {_are(running).lower()} running."
    if counts.get(TrialState.WAITING, 0):
        return f"No trial is complete yet; {_are(counts[TrialState.WAITING])} waiting for a worker to ask."
    if finished:
        return "No trial is complete yet."
    if study.state is StudyState.ACTIVE:
        return "No trial yet: this study waits for the first ask."
    return f"No trial yet, and the study is {study.state.value}."


def _are(number: int) -> str:
    return f"{counted(number, 'trial')} {'is' if number == 1 else 'are'}"


def _models(number: int) -> str:
    return counted(number, "model")
