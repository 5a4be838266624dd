"""An ask of a study of ten thousand trials takes about as long as one of three hundred, with its model's fit."""

from __future__ import annotations

import statistics
import time

import numpy as np
import pytest

from trimtab_service.compute import Compute
from trimtab_service.domain.metric import Value
from trimtab_service.domain.trial import Source, TrialState
from trimtab_service.optimizer.encoding import Encoding
from trimtab_service.optimizer.suggest import load
from trimtab_service.store import NewTrial
from trimtab_service.usecases import ask, tell
from trimtab_service.usecases.rooms import Rooms

pytestmark = pytest.mark.slow

SPACE = {
    "lr": {"type": "float", "low": 1e-5, "high": 1e-1, "log": True},
    "momentum": {"type": "float", "low": 0.0, "high": 1.0},
    "width": {"type": "int", "low": 8, "high": 512, "log": True},
    "layers": {"type": "int", "low": 1, "high": 4},
    "activation": {"type": "categorical", "choices": ["relu", "tanh", "gelu"]},
    "dropout": {"type": "float", "low": 0.0, "high": 0.5, "step": 0.1},
}
ASKS = 9


@pytest.fixture
def rooms(store):
    compute = Compute()
    compute.warm(load)
    yield Rooms(store=store, compute=compute, lease_seconds=600, deadline=60)
    compute.close()


def loss(point: np.ndarray, rng: np.random.Generator) -> float:
    return float(np.sum((point - 0.3) ** 2) + 0.01 * rng.standard_normal())


def test_an_ask_at_ten_thousand_trials_takes_at_most_three_times_one_at_three_hundred(
    study, rooms, store, caller, once
):
    medians = {}
    for size in (300, 10_000):
        made = study(name=f"of-{size}", space=SPACE, algorithm="gp")
        encoding, rng = Encoding.of(made.problem.space), np.random.default_rng(size)
        levels = encoding.spread(rng.random((size, encoding.dims)))
        points = encoding.points(levels)
        with store.begin(caller.project_id) as tx:
            tx.take_numbers(made, size, charged=False)
            trials = [
                NewTrial(
                    number=number,
                    params=encoding.params(levels[number]),
                    source=Source.USER,
                    state=TrialState.COMPLETE,
                    values={"loss": Value(loss(points[number], rng))},
                )
                for number in range(size)
            ]
            for start in range(0, size, 1_000):
                tx.add_trials(made, trials[start : start + 1_000])
        seconds = []
        for _ in range(ASKS):
            kept = []
            begun = time.perf_counter()
            ask.ask(rooms, caller, made.name, 1, "w", once(shape=lambda found, kept=kept: kept.extend(found) or {}))
            seconds.append(time.perf_counter() - begun)
            assert kept[0].source is Source.GP
            value = loss(encoding.encode([kept[0].params])[0], rng)
            tell.tell(rooms, caller, made.name, kept[0].number, kept[0].epoch, {"loss": value}, once())
        first, medians[size] = seconds[0], statistics.median(seconds[2:])
        print(f"{size} trials: first ask {first * 1e3:.0f} ms, then {medians[size] * 1e3:.0f} ms")
        with store.read(caller.project_id) as tx:
            state = tx.surrogates(made)["loss"]
        assert len(state["trials"]) <= 400
    print(f"10,000 against 300 trials: {medians[10_000] / medians[300]:.2f} times as long")
    assert medians[10_000] < 3.0 * medians[300]
