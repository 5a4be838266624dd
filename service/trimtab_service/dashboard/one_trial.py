"""What the page of one trial says: its params, its figures and how each was measured, its reports, why it failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from trimtab_service.dashboard import sentences
from trimtab_service.dashboard.charts import Chart
from trimtab_service.dashboard.cost_card import CostCard, cost_card
from trimtab_service.dashboard.figures import Axis, Frame, Mark, curve
from trimtab_service.dashboard.landscape import thin
from trimtab_service.dashboard.moments import Moment, lasted, moment
from trimtab_service.dashboard.table import ARROWS, exact_param, number_writer
from trimtab_service.dashboard.told_value import ToldValue, told_value
from trimtab_service.domain.errors import TrialNotFound
from trimtab_service.domain.metric import COST_METRICS, Value
from trimtab_service.domain.study import Problem, Study
from trimtab_service.domain.trial import Trial, TrialState
from trimtab_service.usecases import history, limits, numerals, studies
from trimtab_service.usecases.history import TrialView
from trimtab_service.usecases.rooms import Caller, Rooms

MOST_REPORTS = 200
"""Reports that the table and a curve show; of more, evenly spread ones and the last."""


@dataclass(frozen=True, slots=True)
class Reports:
    """What was reported on the way. rows: (step, one text per metric). told: how many reports there are in all."""

    metrics: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    curves: tuple[Chart, ...]
    told: int


@dataclass(frozen=True, slots=True)
class Variants:
    """Other forms of the trained model. rows: (name, one text per metric), the trial itself first; or none."""

    metrics: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class TrialPage:
    """One trial. failure: its message in full; reason: why its params are a fallback. facts: (name, text, moment).

    figures: of what the study is about. cost: of what the model costs, objectives among it included.
    """

    study: Study
    number: int
    state: str
    kind: str
    sentence: str
    failure: str
    reason: str
    params: tuple[tuple[str, str], ...]
    figures: tuple[ToldValue, ...]
    cost: CostCard
    variants: Variants
    facts: tuple[tuple[str, str, Moment | None], ...]
    reports: Reports


def show_trial(rooms: Rooms, caller: Caller, ref: str, number: str, *, now: datetime) -> TrialPage:
    """The page of the trial with this number. Raises StudyNotFound and TrialNotFound."""
    study = studies.get(rooms, caller, ref).study
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise TrialNotFound(f"study {study.name!r} has no trial {number[:60]!r}")
    view = history.trial(rooms, caller, ref, int(number))
    broken = limits.judge(rooms, caller, ref).broken(view.trial, limits.plain(view.trial.values))
    return lay_out(study, view, broken, now=now)


def lay_out(study: Study, view: TrialView, broken: Sequence[str] = (), *, now: datetime) -> TrialPage:
    """The page of a trial and its reports. broken: the limits that it does not keep."""
    trial, problem = view.trial, study.problem
    failure = trial.failure
    return TrialPage(
        study=study,
        number=trial.number,
        state=trial.state.value,
        kind="" if failure is None else failure.kind.value,
        sentence=_sentence(problem, trial, broken),
        failure="" if failure is None else failure.message.strip(),
        reason=trial.reason,
        params=tuple((name, exact_param(trial.params[name])) for name in problem.space.names if name in trial.params),
        figures=tuple(_figures(problem, trial.values)),
        cost=cost_card(problem, trial.values),
        variants=_variants(problem, trial),
        facts=_facts(trial, now),
        reports=_reports(problem, view.reports),
    )


def _sentence(problem: Problem, trial: Trial, broken: Sequence[str]) -> str:
    over = sentences.listed(broken)
    match trial.state:
        case TrialState.INFEASIBLE:
            return f"Refused before training, over {over}." if over else "Refused before training."
        case TrialState.COMPLETE:
            off = f" Off the front, over {over}." if over else ""
            return sentences.whole(sentences.scores(problem, trial)) + off
        case TrialState.WAITING if trial.failure is not None:
            return f"Waits to be handed out again, after attempt {trial.attempt} was lost."
        case TrialState.WAITING:
            return "Waits for a worker to ask."
        case TrialState.RUNNING:
            return f"In work at {trial.worker}." if trial.worker else "In work."
        case TrialState.FAILED:
            return "Ended without a result."
    return f"Ended {trial.state.value}."


def _facts(trial: Trial, now: datetime) -> tuple[tuple[str, str, Moment | None], ...]:
    told = [
        ("params from", trial.source.value, None),
        ("worker", trial.worker, None),
        ("attempts", str(trial.attempt) if trial.attempt else "", None),
        ("created", "", moment(trial.created_at, now)),
        ("started", "", moment(trial.started_at, now)),
        ("finished", "", moment(trial.finished_at, now)),
        ("took", lasted(trial.started_at, trial.finished_at), None),
    ]
    return tuple((name, text, when) for name, text, when in told if text or when)


def _figures(problem: Problem, values: Mapping[str, Value]) -> Iterator[ToldValue]:
    """The objectives and the study's own metrics; of the other costs there is a card."""
    for name in _in_order(problem, values):
        if name in problem.objective_names or name not in COST_METRICS:
            told = told_value(problem, name, values[name])
            yield told if name not in COST_METRICS else replace(told, contract=())


def _variants(problem: Problem, trial: Trial) -> Variants:
    """The metrics in which any variant differs, of each."""
    if not trial.variants:
        return Variants((), ())
    metrics = _in_order(problem, dict.fromkeys(name for values in trial.variants.values() for name in values))
    told = {"as trained": trial.values} | {name: {**trial.values, **own} for name, own in trial.variants.items()}
    writers = {
        name: number_writer(name, [values[name].value for values in told.values() if name in values], digits=4)
        for name in metrics
    }
    rows = tuple(
        (form, tuple(writers[name](values[name].value) if name in values else "–" for name in metrics))
        for form, values in told.items()
    )
    return Variants(tuple(metrics), rows)


def _in_order(problem: Problem, told: Mapping[str, object]) -> list[str]:
    """The metrics that were told: objectives, the study's own metrics, costs, and whatever else."""
    known = dict.fromkeys([*problem.objective_names, *problem.metrics, *COST_METRICS, *told])
    return [name for name in known if name in told]


def _reports(problem: Problem, reports: Sequence[tuple[int, Mapping[str, float]]]) -> Reports:
    shown = [*thin(reports[:-1], MOST_REPORTS - 1), *reports[-1:]]
    metrics = _in_order(problem, dict.fromkeys(name for _, values in shown for name in values))
    writers = {
        name: number_writer(name, [values[name] for _, values in shown if name in values], digits=4)
        for name in metrics
    }
    rows = tuple(
        (f"{step:,}", tuple(writers[name](values[name]) if name in values else "–" for name in metrics))
        for step, values in shown
    )
    curves = tuple(
        _curve(problem, name, [(step, one[name]) for step, one in shown if name in one]) for name in metrics
    )
    return Reports(tuple(metrics), rows, curves, len(reports))


def _curve(problem: Problem, metric: str, points: Sequence[tuple[int, float]]) -> Chart:
    objective = next((one for one in problem.objectives if one.metric == metric), None)
    steps, values = [float(step) for step, _ in points], [value for _, value in points]
    log = objective is not None and objective.log and min(values) > 0
    frame = Frame(
        Axis.around("step", steps, whole=True, keep=steps),
        Axis.around(metric, values, log=log, keep=values),
        "step",
        metric + (f" {ARROWS[objective.direction]}" if objective else "") + (" (log)" if log else ""),
    )
    marks = [Mark(float(step), value, f"Step {step:,}\n{numerals.said(metric, value)}") for step, value in points]
    said = (
        f"{metric} over {sentences.counted(len(points), 'step')}; the last is {numerals.amount(metric, values[-1])}."
    )
    return Chart(metric, curve(frame, marks, says=said), f"Last {numerals.amount(metric, values[-1])}.")
