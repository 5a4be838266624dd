"""Asks how often predictions come true: the coverage of 80 % intervals on rows of tables that were held back.

Each time 60 random rows of a table of trained models are told, one training seed's values each, and the surrogates
say what 60 others would tell, which is held against what a seed of them tells. They also predict the best under a
random limit on the second metric: there the intervals are held against all seeds of that row; the best of many
predictions is mostly one that is too good, so that fewer lie inside. --check ends with 1 when the coverage of a
table's held-back rows is not between 70 and 90 %.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np

from benchmarks.tasks import tables
from trimtab_service.domain.constraint import Constraint
from trimtab_service.domain.insight import PREDICTED_LEVEL
from trimtab_service.domain.metric import Value
from trimtab_service.domain.study import Problem
from trimtab_service.domain.trial import Observation, TrialState
from trimtab_service.optimizer.posterior import Posterior
from trimtab_service.optimizer.predicted import best

TOLD = 60
TIMES = 40
LEAST, MOST = 0.70, 0.90
TABLES: dict[str, dict[str, Any]] = {
    "fcnet_protein": {"val_loss": "minimize", "size": {"direction": "minimize", "log": True}},
    "mlp_vehicle": {"val_acc": "maximize", "train_s": {"direction": "minimize", "log": True}},
}
"""Table -> its objectives: the one to be predicted, and the one with a limit."""


def inside(name: str, seed: int) -> dict[str, list[bool]]:
    """Whether intervals hold what was held back: of "rows", of the predicted best by metric; and its limit."""
    table, objectives = tables.read(name), TABLES[name]
    spec = {"space": table.space, "objectives": objectives, "seed": seed}
    problem = Problem.from_spec(spec)
    rng = np.random.default_rng([seed, 7])
    codes = {row: code for code, row in table.rows.items()}
    chosen = [int(row) for row in rng.choice(len(codes), TOLD, replace=False)]
    (target, limited), history = tuple(objectives), []
    for number, row in enumerate(chosen):
        params = _params(table, codes[row])
        values = {metric: Value(_drawn(table, metric, row, rng)) for metric in objectives}
        history.append(Observation.of(problem, number, TrialState.COMPLETE, params, values))
    told = sorted(_mean(table, limited, row) for row in chosen)
    limit = Constraint.bound(limited, told[int(rng.integers(TOLD // 5, TOLD - TOLD // 5))])
    asked = problem.about(target, limited, limits=[limit])
    again = [Observation.of(asked, one.number, one.state, one.params, _values(problem, one)) for one in history]
    found = best(asked, again, {}, target)
    row = table.row(found.params)
    assert row is not None  # both tables have every combination
    holds = {
        metric: [
            bool(found.metrics[metric].lower <= value <= found.metrics[metric].upper)
            for value in table.columns[metric][row].tolist()
        ]
        for metric in objectives
    }
    others = [row for row in rng.permutation(len(codes))[: 2 * TOLD].tolist() if row not in chosen][:TOLD]
    return {
        "rows": _held_back(table, asked, again, others, codes, rng),
        **holds,
        "limit": [_mean(table, limited, row) <= float(limit.text.split("<=")[1])],
    }


def _held_back(
    table: tables.Table,
    problem: Problem,
    history: list[Observation],
    rows: list[int],
    codes: dict[int, tuple[int, ...]],
    rng: np.random.Generator,
) -> list[bool]:
    """Whether what one evaluation of each row is expected to tell holds what one of its seeds tells."""
    posterior = Posterior.of(problem, history, {})
    points = posterior.encoding.points(posterior.encoding.levels([_params(table, codes[row]) for row in rows]))
    found = []
    for metric, (one, scale) in posterior.by_metric().items():
        mean, variance = one.surrogate.predict(points)
        expected = scale.beliefs(mean, variance + one.surrogate.noise, PREDICTED_LEVEL)
        for place, row in enumerate(rows):
            found.append(expected.lower[place] <= _drawn(table, metric, row, rng) <= expected.upper[place])
    return found


def _params(table: tables.Table, code: tuple[int, ...]) -> dict[str, Any]:
    return {name: spec["choices"][at] for (name, spec), at in zip(table.space.items(), code, strict=True)}


def _values(problem: Problem, one: Observation) -> dict[str, Value]:
    signs = [-1.0 if objective.is_maximized else 1.0 for objective in problem.objectives]
    return {
        objective.metric: Value(10.0**loss if objective.log else sign * loss)
        for objective, sign, loss in zip(problem.objectives, signs, one.losses, strict=True)
    }


def _drawn(table: tables.Table, metric: str, row: int, rng: np.random.Generator) -> float:
    return float(rng.choice(table.columns[metric][row]))


def _mean(table: tables.Table, metric: str, row: int) -> float:
    return float(table.columns[metric][row].mean())


def coverage(name: str, times: int, jobs: int) -> dict[str, float]:
    """Metric -> the share of told values that lie inside; "limit" -> the share of predictions that keep it."""
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        found = list(pool.map(inside, [name] * times, range(times)))
    return {metric: float(np.mean([one for row in found for one in row[metric]])) for metric in found[0]}


def main(words: list[str] | None = None) -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser("python -m benchmarks.predicted", description=__doc__)
    parser.add_argument("--times", type=int, default=TIMES, help="predictions per table")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args(words)
    every = True
    for name, objectives in TABLES.items():
        found = coverage(name, given.times, given.jobs)
        spelled = ", ".join(f"{metric} {found[metric]:.1%}" for metric in objectives)
        passed = LEAST <= found["rows"] <= MOST
        every = every and passed
        print(
            f"{'pass' if passed else 'FAIL'}  {name}: {found['rows']:.1%} of what held-back rows told lies in the "
            f"80 % intervals, between {LEAST:.0%} and {MOST:.0%}; at the predicted best {spelled}; "
            f"{found['limit']:.0%} of those keep the limit"
        )
    return 0 if every or not given.check else 1


if __name__ == "__main__":
    sys.exit(main())
