"""A study's two charts with what is written under them: the trade-off, and how the result grew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from trimtab_service.dashboard import sentences
from trimtab_service.dashboard.figures import Axis, Frame, Mark, so_far, trade_off
from trimtab_service.dashboard.landscape import MOST_FRONT, Landscape, Point, thin
from trimtab_service.dashboard.table import ARROWS, short_params
from trimtab_service.domain.metric import Direction, Objective
from trimtab_service.domain.study import Problem
from trimtab_service.domain.trial import Trial
from trimtab_service.usecases import numerals

_MOST_PARAMS = 300
"""Characters of params in a hover text."""
_NEAR_ONE = 0.9
"""A share whose best is above this is drawn by the logarithm of what it lacks to 1."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A heading, a picture, and the sentences under it."""

    title: str
    picture: Markup
    caption: str


def charts(problem: Problem, landscape: Landscape) -> tuple[Chart, ...]:
    """The charts that this study has: none without a complete trial."""
    if not landscape.front:
        return ()
    if len(problem.objectives) == 1:
        return (_best_so_far(problem, landscape),)
    return _trade_off(problem, landscape), _hypervolume(problem, landscape)


def _trade_off(problem: Problem, landscape: Landscape) -> Chart:
    up, across = problem.objectives[:2]
    front = [_front_mark(problem, trial, across, up) for trial in thin(landscape.front, MOST_FRONT)]
    others = [_mark(problem, point, x=point.values[1], y=point.values[0]) for point in landscape.points]
    x = _axis(across, [mark.x for mark in [*others, *front]], keep=[mark.x for mark in front])
    y = _axis(up, [mark.y for mark in [*others, *front]], keep=[mark.y for mark in front])
    frame = Frame(x, y, _name(across, x), _name(up, y))
    whole = len(problem.objectives) == 2
    better = (across.direction is Direction.MAXIMIZE, up.direction is Direction.MAXIMIZE) if whole else None
    size = sentences.counted(len(landscape.front), "model")
    says = f"{up.metric} against {across.metric} of {sentences.counted(landscape.complete, 'complete trial')}; "
    picture = trade_off(
        frame, others, front, better=better, says=f"{says}{size} on the front. The table has them all."
    )
    told = [
        "Strong points are the front: no other trial is better in both."
        if whole
        else f"Strong points are the front over all {len(problem.objectives)} objectives; the first two are drawn."
    ]
    if len(front) < len(landscape.front):
        told.append(f"{len(front):,} of the {len(landscape.front):,} models on the front are drawn.")
    told += [*_spacing(x, y), *_left_out(frame, landscape, others)]
    return Chart("Trade-off", picture, " ".join(told))


def _hypervolume(problem: Problem, landscape: Landscape) -> Chart:
    names = [f"hypervolume {numerals.short(value)}" for _, value in landscape.steps]
    steps = [
        Mark(number, value, f"Trial {number}\n{name}")
        for (number, value), name in zip(landscape.steps, names, strict=True)
    ]
    last = max(landscape.last, landscape.steps[-1][0])
    frame = Frame(
        _numbers(landscape, last), _steady("hypervolume", [mark.y for mark in steps]), "trial", "hypervolume ↑"
    )
    volume = landscape.hypervolume
    final = "more than a float can hold" if volume is None else numerals.short(volume)
    says = f"Hypervolume after each complete trial; it is {final} after {landscape.complete:,}."
    reference = ", ".join(numerals.said(name, value) for name, value in (landscape.reference or {}).items())
    origin = "taken a little beyond the front" if landscape.inferred else "as the study sets it"
    caption = f"Now {final}, measured from {reference} ({origin})."
    return Chart("Hypervolume so far", so_far(frame, steps, last, [], says=says), caption)


def _best_so_far(problem: Problem, landscape: Landscape) -> Chart:
    (objective,) = problem.objectives
    best = {trial.number: trial for trial in landscape.front}
    steps = [
        Mark(number, value, f"Trial {number}\n{numerals.said(objective.metric, value)}{_params_of(best.get(number))}")
        for number, value in landscape.steps
    ]
    knees = {number for number, _ in landscape.steps}
    others = [
        _mark(problem, point, x=point.number, y=point.values[0])
        for point in landscape.points
        if point.number not in knees
    ]
    last = max(landscape.last, landscape.steps[-1][0])
    y = _axis(objective, [mark.y for mark in [*others, *steps]], keep=[steps[-1].y])
    frame = Frame(_numbers(landscape, last), y, "trial", _name(objective, y))
    says = f"Best {objective.metric} after each of {sentences.counted(landscape.complete, 'complete trial')}."
    told = ["The line is the best so far; each pale dot is a trial."] if others else ["The best so far."]
    told += [*_spacing(y), *_left_out(frame, landscape, others)]
    return Chart(
        f"Best {numerals.label(objective.metric)} so far",
        so_far(frame, steps, last, others, says=says),
        " ".join(told),
    )


def _left_out(frame: Frame, landscape: Landscape, others: Sequence[Mark]) -> list[str]:
    """What the picture does not show, in sentences."""
    told = []
    if len(landscape.points) < landscape.beaten:
        told.append(f"Of the {landscape.beaten:,} other trials, {len(landscape.points):,} are drawn, evenly spread.")
    if landscape.over:
        told.append(
            f"{sentences.counted(landscape.over, 'trial')} off the front may be better, but not within the limits."
        )
    outside = sum(not frame.holds(mark.x, mark.y) for mark in others)
    if outside:
        told.append(f"{sentences.counted(outside, 'point')} far off {'lies' if outside == 1 else 'lie'} outside.")
    return told


def _axis(objective: Objective, values: list[float], keep: list[float]) -> Axis:
    error = 0.0 if objective.log else _least_error(objective, values)
    return Axis.around(objective.metric, values, log=objective.log, error=error, keep=keep)


def _least_error(objective: Objective, values: Sequence[float]) -> float:
    """The smallest error to draw when shares near 1 are to be told apart; 0 for an axis that is not spaced by it."""
    shares = objective.direction is Direction.MAXIMIZE and min(values) >= 0 and _NEAR_ONE < max(values) <= 1
    if not shares:
        return 0.0
    return max(min((1 - value for value in values if value < 1), default=0.01) / 2, 1e-9)


def _spacing(*axes: Axis) -> list[str]:
    """Which of the axes are spaced by the error, in sentences."""
    return [f"The axis of {axis.name} is spaced by the logarithm of the error." for axis in axes if axis.error]


def _numbers(landscape: Landscape, last: int) -> Axis:
    first = min([landscape.steps[0][0], *(point.number for point in landscape.points[:1])])
    return Axis.around("trial", [first, last], whole=True)


def _steady(name: str, values: list[float]) -> Axis:
    return Axis.around(name, values, keep=values)


def _name(objective: Objective, axis: Axis) -> str:
    scale = " (log error)" if axis.error else " (log)" if axis.log else ""
    return f"{objective.metric} {ARROWS[objective.direction]}{scale}"


def _mark(problem: Problem, point: Point, *, x: float, y: float) -> Mark:
    said = [numerals.said(name, value) for name, value in zip(problem.objective_names, point.values, strict=False)]
    return Mark(x, y, "\n".join([f"Trial {point.number}", *said]))


def _front_mark(problem: Problem, trial: Trial, across: Objective, up: Objective) -> Mark:
    said = [numerals.said(name, trial.values[name].value) for name in problem.objective_names]
    text = "\n".join([f"Trial {trial.number}", *said]) + _params_of(trial)
    return Mark(trial.values[across.metric].value, trial.values[up.metric].value, text)


def _params_of(trial: Trial | None) -> str:
    if trial is None:
        return ""
    text = short_params(trial.params)
    return "\n" + (text if len(text) <= _MOST_PARAMS else text[:_MOST_PARAMS] + "…")
