"""Servers that share a database propose the same as one of them alone, and so does a server that started anew."""

from __future__ import annotations

from contextlib import ExitStack, closing

import pytest

from trimtab_service.app import build_rooms
from trimtab_service.domain.trial import FailureKind
from trimtab_service.settings import Settings
from trimtab_service.usecases import ask, tell

SPACE = {
    "lr": {"type": "float", "low": 1e-4, "high": 1.0, "log": True},
    "width": {"type": "int", "low": 4, "high": 64, "log": True},
    "block": {"type": "categorical", "choices": ["plain", "separable"]},
    "groups": {"type": "int", "low": 1, "high": 4, "when": {"block": ["separable"]}},
}
ASKS = 8


def serving(database_url: str):
    """The rooms of a server, closed at the end."""
    stack = ExitStack()
    rooms = build_rooms(Settings(database=database_url, deadline_seconds=120))
    stack.enter_context(closing(rooms.store))
    stack.enter_context(closing(rooms.compute))
    return stack, rooms


def values(params) -> dict[str, float]:
    loss = (params["lr"] - 0.05) ** 2 + abs(params["width"] - 20) / 50 + 0.1 * params.get("groups", 3)
    return {"loss": loss, "size_bytes": 100.0 + 8 * params["width"]}


def work(rooms_of_ask, name, caller, once) -> list[dict]:
    """The params of every trial: two per ask, one of which fails at times, and one of which is told late."""
    found, late = [], []
    for turn in range(ASKS):
        rooms = rooms_of_ask(turn)
        trials = []
        ask.ask(rooms, caller, name, 2, "w", once(shape=lambda got, trials=trials: trials.extend(got) or {}))
        found += [trial.params for trial in trials]
        for trial in [*late, trials[0]]:
            if trial.number % 5 == 4:
                tell.fail(rooms, caller, name, trial.number, trial.epoch, FailureKind.OOM, "", once())
            else:
                tell.tell(rooms, caller, name, trial.number, trial.epoch, values(trial.params), once())
        late = trials[1:]
    return found


@pytest.fixture
def store(postgresql_store):
    """Only PostgreSQL serves several servers."""
    return postgresql_store


@pytest.fixture
def studies_of(study):
    def make(*names):
        for name in names:
            study(
                name=name,
                space=SPACE,
                objectives={"loss": "minimize", "size_bytes": "minimize"},
                algorithm="gp",
                options={"n_initial": 4},
                seed=3,
            )

    return make


def test_two_replicas_in_turn_propose_what_one_proposes_and_so_does_one_that_is_restarted(
    postgresql_url, studies_of, caller, once
):
    studies_of("alone", "in-turn", "restarted")
    stack, first = serving(postgresql_url)
    other_stack, second = serving(postgresql_url)
    with stack, other_stack:
        alone = work(lambda _: first, "alone", caller, once)
        in_turn = work(lambda turn: (first, second)[turn % 2], "in-turn", caller, once)
    assert repr(in_turn) == repr(alone)

    stacks = []

    def restarted(turn):
        if turn % 3 == 0:
            for stack in stacks:
                stack.close()
            stack, rooms = serving(postgresql_url)
            stacks[:] = [stack]
            restarted.rooms = rooms
        return restarted.rooms

    again = work(restarted, "restarted", caller, once)
    stacks[0].close()
    assert repr(again) == repr(alone)
    assert len({repr(params) for params in alone}) == 2 * ASKS
