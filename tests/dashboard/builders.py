"""Studies and trials as plain values, and a reader of pages that sees what a browser would."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

from tests.builders import a_problem, some_params, two_objectives
from trimtab_service.dashboard.landscape import Landscape, draw
from trimtab_service.domain.metric import Objective, Value
from trimtab_service.domain.study import Problem, Study, StudyState
from trimtab_service.domain.trial import Trial, TrialState
from trimtab_service.store.columns import Columns, Completed
from trimtab_service.usecases import front
from trimtab_service.usecases.standings import _standings

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

DEFINITION: dict[str, Any] = {
    "space": {
        "lr": {"type": "float", "low": 1e-4, "high": 0.1, "log": True},
        "depth": {"type": "int", "low": 1, "high": 4},
        "width": {"type": "int", "low": 4, "high": 64, "when": {"depth": [3, 4]}},
        "activation": {"type": "categorical", "choices": ["tanh", "relu", "gelu"]},
    },
    "objectives": {
        "accuracy": {"direction": "maximize", "reference": 0.5},
        "size_bytes": {"direction": "minimize", "log": True, "reference": 1e6},
    },
    "algorithm": "random",
}


def studied(problem: Problem | None = None, **changes: Any) -> Study:
    """A study that is in no database."""
    fields: dict[str, Any] = {
        "id": 1,
        "public_id": "st_0123",
        "name": "digits",
        "problem": problem or a_problem(),
        "state": StudyState.ACTIVE,
        "max_trials": None,
        "charged": 0,
        "next_number": 0,
        "metadata": {},
        "created_at": NOW,
    }
    return Study(**{**fields, **changes})


def complete(number: int, **values: float) -> Trial:
    """A complete trial."""
    told = {name: Value(value) for name, value in values.items()}
    return Trial(number, some_params(number), TrialState.COMPLETE, values=told, finished_at=NOW)


def landscape(study: Study, *values: Mapping[str, float]) -> Landscape:
    """The landscape of complete trials with these values."""
    trials = tuple(complete(number, **one) for number, one in enumerate(values))
    rows = [Completed(trial.number, json.dumps(trial.params), {"": dict(values[trial.number])}) for trial in trials]
    all_of = _standings(study, Columns().changed(rows), None)
    chosen = all_of.front(())
    entries = tuple(front.Entry(trials[int(row)]) for row in chosen)
    over = frozenset(range(len(trials))) - set(map(int, all_of.numbers[all_of.feasible]))
    return draw(study, front.Survey(trials, front._front(all_of, chosen, entries), front._progress(all_of), over))


def two_goals(**changes: Any) -> Study:
    """A study of accuracy and size."""
    return studied(a_problem(objectives=two_objectives()), **changes)


def one_goal(metric: str, direction: Any, **changes: Any) -> Study:
    """A study of one objective."""
    return studied(a_problem(objectives=(Objective(metric, direction),)), **changes)


def some_trials(count: int, *, seed: int = 0, failing: int = 0) -> list[dict[str, Any]]:
    """Trials of DEFINITION as the API takes them. failing: every so-manieth one has failed."""
    chance = random.Random(seed)
    trials: list[dict[str, Any]] = []
    for place in range(count):
        params = {
            "lr": 10 ** chance.uniform(-4, -1),
            "depth": chance.randint(1, 4),
            "activation": chance.choice(["tanh", "relu", "gelu"]),
        }
        if params["depth"] >= 3:
            params["width"] = chance.randint(4, 64)
        if failing and place % failing == failing - 1:
            failure = {"kind": "oom", "message": f"out of memory in trial {place}"}
            trials.append({"params": params, "state": "failed", "failure": failure})
            continue
        size = 10 ** chance.uniform(3, 6)
        accuracy = 0.99 - 0.4 * 10 ** (-size / 4e4) - chance.random() * 0.05
        trials.append({"params": params, "values": {"accuracy": accuracy, "size_bytes": size}})
    return trials


@dataclass
class Element:
    """A start tag as it was read, with the text up to its end."""

    name: str
    attributes: dict[str, str]
    text: str = ""


@dataclass
class Seen(HTMLParser):
    """A page as a browser reads it: its elements in order, and all text outside of them."""

    elements: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[Element] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in ("meta", "link", "input", "br"):
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop().name != tag:
            pass

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        for element in self._open:
            element.text += data

    @property
    def text(self) -> str:
        """All words with single spaces between them."""
        return " ".join("".join(self.words).split())

    def all(self, name: str, /, **attributes: str) -> list[Element]:
        """The elements of this name with these attributes; class_ is one class among several."""
        wanted = attributes.pop("class_", None)
        return [
            one
            for one in self.elements
            if one.name == name
            and (wanted is None or wanted in one.attributes.get("class", "").split())
            and all(one.attributes.get(key) == value for key, value in attributes.items())
        ]

    def one(self, name: str, /, **attributes: str) -> Element:
        """The only such element."""
        (found,) = self.all(name, **attributes)
        return found

    def link(self, text: str) -> str:
        """Where the link with this text leads."""
        return next(one for one in self.all("a") if " ".join(one.text.split()) == text).attributes["href"]


def seen(html: str) -> Seen:
    """The page as a browser reads it."""
    page = Seen()
    page.feed(html)
    page.close()
    return page
