"""What each page says: the list of studies and one study, as plain values that the templates lay out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from markupsafe import Markup

from trimtab_service.dashboard import listing, sentences
from trimtab_service.dashboard.addresses import Addresses, Look
from trimtab_service.dashboard.charts import Chart, charts
from trimtab_service.dashboard.definition import Definition, define
from trimtab_service.dashboard.figures import ORDER, strip
from trimtab_service.dashboard.landscape import Landscape, Landscapes, told
from trimtab_service.dashboard.moments import Moment, moment
from trimtab_service.dashboard.table import Cell, Column, Table, tabulate
from trimtab_service.domain.errors import InvalidQuery
from trimtab_service.domain.metric import Direction
from trimtab_service.domain.page import Page
from trimtab_service.domain.study import Problem, Study
from trimtab_service.domain.trial import FINISHED, Trial, TrialState
from trimtab_service.usecases import history, studies
from trimtab_service.usecases.numerals import short
from trimtab_service.usecases.rooms import Caller, Rooms
from trimtab_service.usecases.studies import StudyView

STUDIES = 20
"""Studies on a page of the list."""
FRONT_ROWS = 10
"""Rows of the front's table."""
PATIENCE = 1.0
"""Seconds that a list of studies may spend on reading trials; studies left over are shown without their result."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A study in the list. found: the best value or the front's size; None when it was not worked out this time."""

    study: Study
    standing: str
    definition: Definition
    counts: tuple[tuple[str, int], ...]
    strip: Markup
    found: str | None
    volume: str
    created: Moment | None
    latest: Moment | None


@dataclass(frozen=True, slots=True)
class StudiesPage:
    """The list. later: the address of the next page."""

    entries: tuple[Entry, ...]
    later: str | None
    is_first: bool


@dataclass(frozen=True, slots=True)
class StudyPage:
    """One study. fault: why the table is not there. front: the best trials; total: how many trials there are.

    best: what is known of the one best trial of one objective, in place of a table of the front; else empty.
    notes_first: the table shows failures, so their reasons come before their params.
    states: (state, how many, whether the table shows these only, address of the table that does).
    """

    study: Study
    standing: str
    definition: Definition
    sentence: str
    counts: tuple[tuple[str, int], ...]
    strip: Markup
    total: int
    left: int
    charts: tuple[Chart, ...]
    front: Table
    front_size: int
    best: tuple[tuple[Column, Cell], ...]
    notes_first: bool
    look: Look
    example: str
    table: Table | None
    range: str
    fault: str
    states: tuple[tuple[str, int, bool, str], ...]
    later: str | None
    created: Moment | None


def list_studies(
    rooms: Rooms,
    landscapes: Landscapes,
    caller: Caller,
    *,
    cursor: str,
    addresses: Addresses,
    now: datetime,
    clock: Callable[[], float],
) -> StudiesPage:
    """The list of studies, the newest first. clock: seconds, to stop reading trials in time."""
    page = studies.page(rooms, caller, cursor=cursor or None, limit=STUDIES)
    until = clock() + PATIENCE
    entries = []
    for view in page.items:
        known = landscapes.known(view)
        if known is None and clock() < until:
            known = landscapes.of(caller, view)
        entries.append(_entry(view, known, _latest(rooms, caller, view), now))
    later = addresses.studies(page.next_cursor) if page.next_cursor else None
    return StudiesPage(tuple(entries), later, is_first=not cursor)


def show_study(
    rooms: Rooms, landscapes: Landscapes, caller: Caller, ref: str, *, look: Look, addresses: Addresses, now: datetime
) -> StudyPage:
    """One study with its charts and a page of its trials. Raises StudyNotFound."""
    view = studies.get(rooms, caller, ref)
    landscape = landscapes.of(caller, view)
    page: Page[Trial] | None = None
    fault = ""
    try:
        page = listing.trials(rooms, caller, view.study, look)
    except InvalidQuery as error:
        fault = sentences.whole(error.detail)
    return lay_out(view, landscape, page, look=look, fault=fault, addresses=addresses, now=now)


def lay_out(
    view: StudyView,
    landscape: Landscape,
    page: Page[Trial] | None,
    *,
    look: Look,
    fault: str = "",
    addresses: Addresses,
    now: datetime,
) -> StudyPage:
    """The page of a study. page: None when its trials could not be looked up, for the fault that is given."""
    study, problem = view.study, view.study.problem
    numbers = frozenset(trial.number for trial in landscape.front)
    trials = () if page is None else page.items
    metrics = tuple(dict.fromkeys([*landscape.metrics, *told(study, trials)]))
    best, variants = landscape.front[:FRONT_ROWS], landscape.variants[:FRONT_ROWS]
    front = tabulate(problem, best, landscape.metrics, Look(), now, variants=variants)
    later = None
    if page is not None and page.next_cursor is not None:
        onward = replace(look, cursor=page.next_cursor, start=look.start + len(page.items))
        later = addresses.study(study.name, onward, part="trials")
    return StudyPage(
        study=study,
        standing=sentences.standing(study),
        definition=define(study),
        sentence=sentences.found(study, view.counts, landscape),
        counts=_counts(view.counts),
        strip=strip(view.counts, _left(study)),
        total=sum(view.counts.values()),
        left=_left(study),
        charts=charts(problem, landscape),
        front=front,
        front_size=len(landscape.front),
        best=_best(front) if len(problem.objectives) == len(landscape.front) == 1 else (),
        notes_first=look.state is TrialState.FAILED,
        look=look,
        example=_example(problem),
        range=_range(look, len(trials), view.counts),
        table=None if page is None else tabulate(problem, trials, metrics, look, now, numbers),
        fault=fault,
        states=_states(study.name, view.counts, look, addresses),
        later=later,
        created=moment(study.created_at, now),
    )


def _best(front: Table) -> tuple[tuple[Column, Cell], ...]:
    pairs = zip(front.columns, front.rows[0].cells, strict=True)
    return tuple((column, cell) for column, cell in pairs if not cell.absent)


def _entry(view: StudyView, landscape: Landscape | None, latest: datetime | None, now: datetime) -> Entry:
    problem = view.study.problem
    volume = landscape.hypervolume if landscape is not None and len(problem.objectives) > 1 else None
    return Entry(
        study=view.study,
        standing=sentences.standing(view.study),
        definition=define(view.study),
        counts=_counts(view.counts),
        strip=strip(view.counts, _left(view.study)),
        found=None if landscape is None else sentences.in_brief(problem, landscape),
        volume="" if volume is None else short(volume),
        created=moment(view.study.created_at, now),
        latest=moment(latest, now),
    )


def _latest(rooms: Rooms, caller: Caller, view: StudyView) -> datetime | None:
    """When a trial of the study last finished."""
    if not any(view.counts.get(state) for state in FINISHED):
        return None
    page = history.trials(rooms, caller, view.study.public_id, order="-finished_at", limit=1)
    return page.items[0].finished_at if page.items else None


def _example(problem: Problem) -> str:
    """A condition on this study's first objective, to be seen in the empty filter."""
    objective = problem.objectives[0]
    return f"{objective.metric} {'>' if objective.direction is Direction.MAXIMIZE else '<'} 0.9"


def _range(look: Look, shown: int, counts: Mapping[TrialState, int]) -> str:
    """Which of the trials are on this page: "51 to 100 of 300"."""
    place = f"{look.start + 1:,} to {look.start + shown:,}"
    if look.where:
        return place
    return f"{place} of {sum(counts.values()) if look.state is None else counts.get(look.state, 0):,}"


def _left(study: Study) -> int:
    return 0 if study.max_trials is None else max(study.max_trials - study.charged, 0)


def _counts(counts: Mapping[TrialState, int]) -> tuple[tuple[str, int], ...]:
    return tuple((state.value, counts[state]) for state in ORDER if counts.get(state))


def _states(
    name: str, counts: Mapping[TrialState, int], look: Look, addresses: Addresses
) -> tuple[tuple[str, int, bool, str], ...]:
    """The filter by state: all, then every state that some trial is in, and the one that is looked at."""

    def choice(state: TrialState | None, count: int) -> tuple[str, int, bool, str]:
        address = addresses.study(name, replace(look.first(), state=state), part="trials")
        return ("all" if state is None else state.value, count, look.state is state, address)

    present = [state for state in ORDER if counts.get(state) or look.state is state]
    return (choice(None, sum(counts.values())), *(choice(state, counts.get(state, 0)) for state in present))
