"""The tasks give the losses that were recorded at random points, and their optima are where they are said to be."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.hypervolume import hypervolume
from benchmarks.tasks import SETS, task
from benchmarks.tasks.functions import FUNCTIONS
from benchmarks.tasks.learning import LEARNING, gb_diabetes, kept, mlp_cancer, momlp_digits, quietly, svc_digits
from benchmarks.tasks.tables import by_checksum, out_of_memory, read
from trimtab_service.domain.space import Space

POINTS: dict[str, list[dict[str, Any]]] = json.loads((Path(__file__).parent / "points.json").read_text())
"""Task -> params drawn at random with the losses that the recorded peers' problems gave there."""
RECORDED_FUNCTIONS = [one.name for one in FUNCTIONS if one.name in POINTS]

MINIMISERS: dict[str, dict[str, Any]] = {
    "branin": {"x0": math.pi, "x1": 2.275},
    "hartmann6": dict(
        zip(
            [f"x{place}" for place in range(6)],
            [0.20168952, 0.15001069, 0.47687398, 0.27533243, 0.31165162, 0.65730054],
            strict=True,
        )
    ),
    "ackley5": {f"x{place}": at for place, at in enumerate((11.3, -7.9, 14.2, -16.6, 4.7))},
    "rosenbrock4": dict.fromkeys(("x0", "x1", "x2", "x3"), 1.0),
    "levy10": {f"x{place}": at for place, at in enumerate((2.9, -3.4, 1.7, -2.2, 3.8, -1.1, 0.8, -3.9, 2.3, -0.6))},
    "mixed6": {"opt": "adam", "act": "gelu", "layers": 7, "units": 16, "lr": 10**-3.2, "reg": 10**0.6},
}
"""As the literature gives them (Surjanovic and Bingham), and by construction."""


def test_every_recorded_problem_is_a_task_of_the_set_and_was_recorded_at_random_points() -> None:
    assert set(SETS["peers"]) == set(POINTS)
    assert len(RECORDED_FUNCTIONS) + len(LEARNING) == len(POINTS)


@pytest.mark.parametrize("name", RECORDED_FUNCTIONS)
def test_a_function_gives_the_recorded_losses(name: str) -> None:
    for point in POINTS[name]:
        assert task(name).losses(point["params"]) == pytest.approx(point["losses"], rel=1e-9, abs=1e-9)


def test_noise_is_the_recorded_stream() -> None:
    rng = np.random.default_rng([7, 99])
    for point in POINTS["mixed6"]:
        told = task("mixed6").tell(point["params"], tuple(point["losses"]), rng)
        assert told == pytest.approx(point["told"], rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("learn", [svc_digits, mlp_cancer, gb_diabetes, momlp_digits])
def test_a_model_that_learns_gives_the_recorded_losses(learn: Any) -> None:
    for point in POINTS[learn.__name__]:
        assert quietly(learn, point["params"]) == pytest.approx(point["losses"], rel=1e-6)


def test_a_loss_of_learning_is_computed_once_and_then_read(tmp_path: Path) -> None:
    calls = []

    def learn(params: Any) -> tuple[float, ...]:
        calls.append(params)
        return (params["x"] / 3,)

    losses = kept(learn, tmp_path / "kept.sqlite")
    assert [losses({"x": x}) for x in (1, 2, 1)] == [(1 / 3,), (2 / 3,), (1 / 3,)]
    assert calls == [{"x": 1}, {"x": 2}]


@pytest.mark.parametrize("name", MINIMISERS)
def test_the_optimum_is_taken_at_the_known_minimiser(name: str) -> None:
    assert task(name).losses(MINIMISERS[name]) == pytest.approx((task(name).optimum,), abs=1e-6)


def test_the_embedded_function_has_the_optimum_of_the_one_that_it_hides() -> None:
    hidden = dict(zip((2, 5, 9, 11, 16, 18), MINIMISERS["hartmann6"].values(), strict=True))
    params = {f"x{place}": hidden.get(place, 0.9) for place in range(20)}
    assert task("hartmann6_in_20").losses(params) == pytest.approx((-3.322368011415515,), abs=1e-6)


@pytest.mark.parametrize(
    ("name", "rest"), [("zdt1_6", [0.0] * 5), ("zdt2_6", [0.0] * 5), ("dtlz2_6", [0.64, 0.28, 0.81, 0.42, 0.23])]
)
def test_the_hypervolume_of_the_true_front_nears_the_optimum(name: str, rest: list[float]) -> None:
    about = task(name)
    names = list(about.space)
    # Dense near 0, where the front of zdt1 is steep.
    rows = [dict(zip(names, [first, *rest], strict=True)) for first in np.linspace(0, 1, 2_001) ** 2]
    assert about.reference is not None
    assert about.optimum is not None
    reached = hypervolume(np.array([about.losses(row) for row in rows]), about.reference)
    assert about.optimum - 2e-3 < reached < about.optimum


@pytest.mark.parametrize("name", sorted({problem for names in SETS.values() for problem in names}))
def test_every_task_has_a_search_space_that_the_service_takes(name: str) -> None:
    assert Space.from_spec(task(name).space).names == tuple(task(name).space)


def test_an_unknown_task_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"one of \['branin', .*got 'brain'"):
        task("brain")


# --- Tables ---------------------------------------------------------------------------------------------------------


def params_of(name: str, row: int) -> dict[str, Any]:
    table = read(name)
    (code,) = (code for code, at in table.rows.items() if at == row)
    return {name: one["choices"][at] for (name, one), at in zip(table.space.items(), code, strict=True)}


@pytest.mark.parametrize(
    ("name", "column", "rows", "optimum"),
    [
        ("fcnet_protein", "val_loss", 62_208, 0.22138),
        ("mlp_vehicle", "val_acc", 30_000, -0.95157),
        ("graph_cora", "val", 26_206, -0.81933),
    ],
)
def test_a_table_has_its_rows_and_its_optimum(name: str, column: str, rows: int, optimum: float) -> None:
    table, about = read(name), task(name)
    assert len(table.rows) == len(table.columns[column]) == rows
    assert about.optimum == pytest.approx(optimum, abs=5e-6)
    assert about.judged_by_told


def test_a_trial_tells_one_training_seeds_value_and_is_judged_by_the_mean() -> None:
    about, params = task("mlp_vehicle"), params_of("mlp_vehicle", 123)
    values = read("mlp_vehicle").columns["val_acc"][123]
    true = about.losses(params)
    assert true == pytest.approx((-values.mean(),))
    assert true is not None
    rng = np.random.default_rng(0)
    told = {about.tell(params, true, rng)[0] for _ in range(60)}
    assert told == set((-values).tolist())


def test_of_two_objectives_both_are_of_the_same_training_seed() -> None:
    about, params = task("mlp_vehicle_front"), params_of("mlp_vehicle", 123)
    columns = read("mlp_vehicle").columns
    pairs = set(zip((-columns["val_acc"][123]).tolist(), np.log10(columns["train_s"][123]).tolist(), strict=True))
    rng = np.random.default_rng(0)
    assert {about.tell(params, (0.0, 0.0), rng) for _ in range(60)} == pairs


def test_of_a_metric_without_seeds_every_trial_tells_the_one_value() -> None:
    about, params = task("fcnet_protein_front"), params_of("fcnet_protein", 77)
    size = math.log10(read("fcnet_protein").columns["size"][77, 0])
    rng = np.random.default_rng(0)
    assert [about.tell(params, (0.0, 0.0), rng)[1] for _ in range(20)] == pytest.approx([size] * 20)


def test_a_combination_that_is_not_in_the_table_fails() -> None:
    table, about = read("graph_cora"), task("graph_cora")
    (code,) = (code for code, at in table.rows.items() if at == 0)
    assert about.losses(params_of("graph_cora", 0)) is not None
    missing = next((*code[:-1], other) for other in range(9) if (*code[:-1], other) not in table.rows)
    names = zip(table.space.items(), missing, strict=True)
    assert about.losses({name: one["choices"][at] for (name, one), at in names}) is None


@pytest.mark.parametrize(
    ("name", "fails"), [("mlp_vehicle", by_checksum), ("fcnet_protein", out_of_memory)], ids=["scattered", "corner"]
)
def test_a_quarter_of_a_failing_table_fails_and_the_optimum_is_of_the_rest(name: str, fails: Any) -> None:
    table, about = read(name), task(f"{name}_failing")
    left = table.without(fails)
    assert 1 - len(left.rows) / len(table.rows) == pytest.approx(0.25, abs=0.01)
    rng = np.random.default_rng(3)
    for row in rng.integers(len(table.rows), size=40):
        params = params_of(name, int(row))
        assert (about.losses(params) is None) == fails(params)
    column = "val_acc" if name == "mlp_vehicle" else "val_loss"
    values = table.columns[column].mean(axis=1)[list(left.rows.values())]
    assert about.optimum == pytest.approx(-values.max() if column == "val_acc" else values.min())


@pytest.mark.parametrize("name", SETS["fronts"])
def test_the_reference_of_a_front_is_its_nadir_and_a_tenth_of_its_range(name: str) -> None:
    about, table = task(name), read(name.removesuffix("_front"))
    losses = np.array([about.losses(params_of_code(table, code)) for code in list(table.rows)[::37]])
    assert about.reference is not None
    assert about.optimum is not None
    assert hypervolume(losses, about.reference) < about.optimum
    inside = losses[np.all(losses < np.asarray(about.reference), axis=1)]
    assert len(inside) > 0


def params_of_code(table: Any, code: tuple[int, ...]) -> dict[str, Any]:
    return {name: one["choices"][at] for (name, one), at in zip(table.space.items(), code, strict=True)}
