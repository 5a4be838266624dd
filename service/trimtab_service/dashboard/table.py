"""Trials as a table: which columns there are, how each is written and aligned, and where its heading leads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeGuard

from trimtab_service.dashboard.addresses import BY_PARAM, Look
from trimtab_service.dashboard.moments import Moment, lasted, moment
from trimtab_service.domain.metric import Direction, Value
from trimtab_service.domain.parameter import Choice, Float, Int
from trimtab_service.domain.study import Problem
from trimtab_service.domain.trial import Trial
from trimtab_service.usecases import numerals

ARROWS = {Direction.MAXIMIZE: "↑", Direction.MINIMIZE: "↓"}
LONGEST = 160
"""Characters of a failure's message that a row shows; the rest is in its hover text."""
_ABSENT = "–"
_TWINS = {"trainable_parameters": "parameters", "parameters_nonzero": "parameters", "macs_nonzero": "macs"}
"""Metric -> the metric beside which it has no column while it says the same."""


@dataclass(frozen=True, slots=True)
class Cell:
    """text: as written. title: in full, where the text is shorter."""

    text: str
    title: str = ""
    absent: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A column of metrics or params. order: the look's order when its heading is followed. sorted: aria-sort."""

    name: str
    kind: str
    numeric: bool
    hint: str
    arrow: str
    order: str
    sorted: str


@dataclass(frozen=True, slots=True)
class Row:
    """A trial, or a variant of one. cells: one per column. failure: its kind.

    note: why it failed, or why a fallback was proposed.
    """

    number: int
    state: str
    failure: str
    cells: tuple[Cell, ...]
    source: str
    worker: str
    lasted: str
    finished: Moment | None
    note: Cell
    on_front: bool
    variant: str


@dataclass(frozen=True, slots=True)
class Table:
    """Columns and rows, and the headings of what every trial has."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    number: Column
    finished: Column

    @property
    def notes(self) -> bool:
        """Whether any row has something to say."""
        return any(row.note.text for row in self.rows)

    @property
    def workers(self) -> bool:
        """Whether any row names its worker."""
        return any(row.worker for row in self.rows)


def tabulate(
    problem: Problem,
    trials: Sequence[Trial],
    metrics: Sequence[str],
    look: Look,
    now: datetime,
    front: frozenset[int] = frozenset(),
    variants: Sequence[str] = (),
) -> Table:
    """The table of these trials: objectives, then params, then the other metrics that say something of their own.

    metrics: which were told. front: numbers of the trials on the front. variants: which of each trial's, "" its own.
    """
    objectives = problem.objective_names
    others = [name for name in metrics if name not in objectives and not _is_twin(name, metrics, trials, look.order)]
    columns = [_metric(problem, name, look.order) for name in objectives]
    columns += [_param(problem, name, look.order) for name in problem.space.names]
    columns += [_metric(problem, name, look.order) for name in others]
    writers = [_values_writer(name, trials) for name in objectives]
    writers += [_params_writer(name, trials) for name in problem.space.names]
    writers += [_values_writer(name, trials) for name in others]
    rows = tuple(
        Row(
            number=trial.number,
            state=trial.state.value,
            failure="" if trial.failure is None else trial.failure.kind.value,
            cells=tuple(write(trial) for write in writers),
            source=trial.source.value,
            worker=trial.worker,
            lasted=lasted(trial.started_at, trial.finished_at),
            finished=moment(trial.finished_at, now),
            note=_note(trial),
            on_front=trial.number in front,
            variant=variant,
        )
        for trial, variant in zip(trials, variants or [""] * len(trials), strict=True)
    )
    return Table(
        tuple(columns),
        rows,
        number=_column("number", "fact", "The trial's number", look.order, best_first="number"),
        finished=_column("finished_at", "fact", "When it finished", look.order, best_first="-finished_at"),
    )


def followed(look: Look, column: Column) -> Look:
    """The look after the column's heading is followed."""
    return replace(look.first(), order=column.order)


def _is_twin(name: str, metrics: Sequence[str], trials: Sequence[Trial], order: str) -> bool:
    """Whether another column says the same: FLOPs are two per MAC, and mostly nothing is frozen or zero."""
    if order.removeprefix("-") == name:
        return False
    if name == "flops":
        return "macs" in metrics
    twin = _TWINS.get(name)
    return twin is not None and all(_number(trial, name) == _number(trial, twin) for trial in trials)


def _number(trial: Trial, metric: str) -> float | None:
    return trial.values[metric].value if metric in trial.values else None


def _metric(problem: Problem, name: str, order: str) -> Column:
    objective = next((one for one in problem.objectives if one.metric == name), None)
    if objective is None:
        return _column(name, "metric", "A metric", order, best_first=name)
    best_first = f"-{name}" if objective.direction is Direction.MAXIMIZE else name
    column = _column(name, "objective", f"An objective: {objective.direction.value}", order, best_first=best_first)
    return replace(column, arrow=ARROWS[objective.direction])


def _param(problem: Problem, name: str, order: str) -> Column:
    column = _column(name, "param", "A parameter", order, best_first=f"{BY_PARAM}{name}", key=f"{BY_PARAM}{name}")
    return replace(column, numeric=isinstance(problem.space[name], Float | Int))


def _column(name: str, kind: str, hint: str, order: str, *, best_first: str, key: str | None = None) -> Column:
    """best_first: the order of a first click; a second one turns it round."""
    key = key or name
    if order.removeprefix("-") != key:
        return Column(name, kind, True, hint, "", best_first, "none")
    descending = order.startswith("-")
    turned = key if descending else f"-{key}"
    return Column(name, kind, True, hint, "", turned, "descending" if descending else "ascending")


def _values_writer(name: str, trials: Sequence[Trial]) -> Callable[[Trial], Cell]:
    numbers = [trial.values[name].value for trial in trials if name in trial.values]
    write = number_writer(name, numbers, digits=4)

    def cell(trial: Trial) -> Cell:
        value = trial.values.get(name)
        if value is None:
            return Cell(_ABSENT, absent=True)
        text, exact = write(value.value), numerals.exact(name, value.value)
        return Cell(text, _with_error(name, value, exact if exact != text else ""))

    return cell


def _params_writer(name: str, trials: Sequence[Trial]) -> Callable[[Trial], Cell]:
    numbers = [float(one) for trial in trials if _is_number(one := trial.params.get(name, ""))]
    write = number_writer("", numbers, digits=3)

    def cell(trial: Trial) -> Cell:
        value = trial.params.get(name)
        if value is None:
            return Cell(_ABSENT, absent=True)
        if not _is_number(value):
            text = plain(value)
            return Cell(text if len(text) <= LONGEST else text[:LONGEST] + "…", text if len(text) > LONGEST else "")
        text, exact = write(float(value)), repr(value)
        return Cell(text, exact if exact != text else "")

    return cell


def plain(value: Choice) -> str:
    """A choice as text: True and False as Python writes them."""
    return value if isinstance(value, str) else repr(value)


def exact_param(value: Choice) -> str:
    """A param in full: every digit, and whole numbers with their thousands set apart."""
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else plain(value)


def short_params(params: Mapping[str, Choice]) -> str:
    """Params in a line, as the client would be given them: "lr=0.0131 width=48"."""
    return " ".join(
        f"{name}={numerals.short(value).replace(',', '') if isinstance(value, float) else plain(value)}"
        for name, value in params.items()
    )


def number_writer(name: str, numbers: list[float], *, digits: int) -> Callable[[float], str]:
    """One way of writing for a whole column, so that its digits stand under each other."""
    if numerals.is_size(name):
        return numerals.size
    decimals = numerals.shared_decimals(numbers, digits=digits)
    if decimals is None:
        return lambda number: numerals.significant(number, digits=digits)
    return lambda number: numerals.fixed(number, decimals)


def _with_error(name: str, value: Value, exact: str) -> str:
    if value.stderr is None:
        return exact
    return f"{exact or numerals.exact(name, value.value)} ± {numerals.short(value.stderr)} (standard error)"


def _note(trial: Trial) -> Cell:
    """Why it failed, or why its params are a fallback."""
    if trial.failure is None:
        return Cell(trial.reason, "")
    text = (
        f"{trial.failure.kind.value}: {trial.failure.message}" if trial.failure.message else trial.failure.kind.value
    )
    first_line = text.strip().splitlines()[0] if text.strip() else ""
    shown = first_line if len(first_line) <= LONGEST else first_line[:LONGEST] + "…"
    return Cell(shown, text[:4_000] if text != shown else "")


def _is_number(value: Choice) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
