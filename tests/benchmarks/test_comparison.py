"""Comparisons with recorded peers: what is judged, and when a statement is true."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import comparison, recorded, statements
from benchmarks.curves import picture
from benchmarks.optimizer import text
from benchmarks.tasks import task


def runs(
    name: str, problem: str, algorithm: str, values: list[float], *, trials: int = 50, **more: Any
) -> list[dict[str, Any]]:
    """A run for each value, which it reaches half-way; before that it has the first one."""
    half = trials // 2
    return [
        {
            "set": name,
            "problem": problem,
            "algorithm": algorithm,
            "seed": seed,
            "n": trials,
            "n_obj": task(problem).objectives,
            "workers": 1,
            "options": {},
            "best_so_far": [values[0]] * half + [value] * (trials - half),
            "ask_cpu_ms": [10.0] * trials,
            "failed": 0,
            "repeated": 0,
            "failed_again": 0,
            "closest_open": None,
            **more,
        }
        for seed, value in enumerate(values)
    ]


def line(table: dict[str, Any], name: str, *, of_record: bool = True) -> dict[str, Any]:
    (found,) = (one for one in table["rows"] if one["name"] == name and one["recorded"] == of_record)
    return dict(found)


def passed(records: list[dict[str, Any]]) -> dict[str, bool]:
    tables = comparison.problems(records)
    return {one["text"]: one["passed"] for one in statements.statements(tables, comparison.peers(tables))}


# --- What was recorded ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("problem", "peer", "median", "seeds"),
    [
        ("branin", "hyperopt", 3.091, 3),
        ("hartmann6", "optuna-gp", -3.318, 5),
        ("hartmann6", "openbox", -3.274, 1),
        ("levy10", "nevergrad", 1.311, 3),
        ("zdt1_6", "ax", 6.234, 3),
        ("svc_digits", "optuna-tpe", 0.03, 3),
    ],
)
def test_peers_have_their_recorded_medians(problem: str, peer: str, median: float, seeds: int) -> None:
    (row,) = (row for row in recorded.peers(problem, task(problem).trials) if row.name == peer)
    assert row.median == pytest.approx(median, rel=1e-3)
    assert len(row.curves) == seeds
    assert row.judged == (seeds >= 3)


def test_peers_are_cut_to_our_number_of_trials_and_left_out_beyond_their_own() -> None:
    (row,) = (row for row in recorded.peers("branin", 20) if row.name == "random")
    assert {len(curve) for curve in row.curves.values()} == {20}
    assert recorded.peers("branin", 51) == []


def test_few_seeds_of_our_own_judge_no_peer() -> None:
    few, enough = (
        comparison.problems(
            [*runs("peers", "branin", "gp", [0.5] * seeds), *runs("peers", "branin", "grid", [0.6] * seeds)]
        )
        for seeds in (2, 3)
    )
    assert not any(one["judged"] for one in few[0]["rows"])
    assert line(enough[0], "optuna-tpe")["judged"]
    assert statements.statements(few, comparison.peers(few)) == []
    found = {"problems": few, "peers": comparison.peers(few), "statements": []}
    lines = [one for one in text(found).splitlines() if "points" in one]
    assert len(lines) > 1
    assert all(one.endswith("too few seeds to judge") for one in lines)


# --- Tables ---------------------------------------------------------------------------------------------------------


def test_scores_are_from_recorded_random_search_to_the_optimum() -> None:
    (table,) = comparison.problems(runs("peers", "branin", "gp", [0.39788735772973816] * 3))
    assert table["random"] == pytest.approx(1.388, abs=1e-3)
    assert line(table, "gp", of_record=False)["score"] == pytest.approx(1.0)
    assert line(table, "random")["score"] == pytest.approx(0.0)
    tpe = line(table, "optuna-tpe")
    assert tpe["score"] == pytest.approx((1.3879 - 0.41957) / (1.3879 - 0.39789), abs=1e-3)
    assert tpe["difference"]["middle"] == pytest.approx(1 - tpe["score"])
    assert tpe["outcome"] == "win"


def test_where_the_optimum_is_unknown_it_is_the_best_that_anyone_has_seen() -> None:
    (table,) = comparison.problems(runs("peers", "gb_diabetes", "gp", [56.0, 55.0, 55.5]))
    assert (table["optimum"], table["optimum_known"]) == (55.0, False)
    (table,) = comparison.problems(runs("peers", "gb_diabetes", "gp", [57.0, 57.0, 57.0]))
    assert table["optimum"] == pytest.approx(55.5018, abs=1e-4)
    (table,) = comparison.problems(runs("peers", "momlp_digits", "gp", [1.5, 1.9, 1.6]))
    assert table["optimum"] == 1.9


def test_where_nobody_recorded_random_search_our_own_is_the_yardstick() -> None:
    records = [*runs("tables", "mlp_vehicle", "gp", [-0.95]), *runs("tables", "mlp_vehicle", "random", [-0.93])]
    (table,) = comparison.problems(records)
    assert table["random"] == -0.93
    assert line(table, "gp", of_record=False)["score"] == pytest.approx(0.02 / (0.9515701 - 0.93), rel=1e-5)
    (table,) = comparison.problems(records[:1])
    assert table["random"] is None
    assert line(table, "gp", of_record=False)["score"] is None


def test_means_are_over_the_problems_that_a_peer_has_enough_seeds_on() -> None:
    records = [
        *runs("peers", "branin", "gp", [0.39788735772973816] * 3),
        *runs("peers", "mlp_cancer", "gp", [0.07, 0.07, 0.07]),
        *runs("peers", "zdt1_6", "gp", [6.2, 6.2, 6.2]),
    ]
    peers = {one["peer"]: one for one in comparison.peers(comparison.problems(records))}
    assert peers["optuna-gp"]["problems"] == ["branin", "zdt1_6"]  # two seeds on mlp_cancer
    assert (peers["optuna-gp"]["single"], peers["optuna-gp"]["ours"]) == (1, pytest.approx(1.0))
    assert peers["optuna-tpe"]["problems"] == ["branin", "mlp_cancer", "zdt1_6"]
    assert [peers["optuna-tpe"][one] for one in ("wins", "ties", "losses")] == [2, 0, 1]
    assert not peers["smac-hpo"]["judged"]


# --- Statements -----------------------------------------------------------------------------------------------------

MEAN = "mean score above that of each of 8 judged peers"
BELOW = "on none of 1 problems is the interval wholly below the best judged peer"


def test_a_perfect_optimizer_passes_and_one_like_random_search_fails() -> None:
    assert passed(runs("peers", "ackley5", "gp", [0.0] * 5)) == {MEAN: True, BELOW: True}
    assert passed(runs("peers", "ackley5", "gp", [17.0] * 5)) == {MEAN: False, BELOW: False}


def test_a_mean_below_without_an_interval_below_is_told_apart() -> None:
    assert passed(runs("peers", "ackley5", "gp", [0.5, 0.6, 9.0, 9.1, 9.2])) == {MEAN: False, BELOW: True}


@pytest.mark.parametrize(
    ("problem", "regret", "good"),
    [
        ("fcnet_protein", 0.00124, True),
        ("fcnet_protein", 0.0013, False),
        ("mlp_vehicle", 0.0064, True),
        ("mlp_vehicle", 0.0066, False),
        ("graph_cora", 0.01199, True),
        ("graph_cora", 0.01201, False),
    ],
)
def test_the_median_regret_on_a_table_must_be_as_low_as_asked(problem: str, regret: float, good: bool) -> None:
    optimum = task(problem).optimum
    assert optimum is not None
    found = passed(runs("tables", problem, "gp", [optimum + regret] * 3))
    assert [one for text, one in found.items() if text.startswith("median regret")] == [good]


def test_a_failed_point_that_comes_again_is_a_failure() -> None:
    again = runs("failing", "fcnet_protein_failing", "gp", [0.23], failed_again=1)
    random = runs("failing", "fcnet_protein_failing", "random", [0.25])
    assert list(passed([*again, *random]).values()) == [False, True]


def test_the_embedded_function_is_judged_by_the_slowest_runs_engine_time() -> None:
    fast = runs("embedded", "hartmann6_in_20", "gp", [-3.0, -3.1], trials=300)
    assert list(passed(fast).values()) == [True]
    fast[1]["ask_cpu_ms"] = [201.0] * 300
    assert list(passed(fast).values()) == [False]


# --- What is shown --------------------------------------------------------------------------------------------------


def test_a_front_shows_the_share_of_the_hypervolume_after_50_and_100_trials_beside_the_recorded() -> None:
    optimum = task("mlp_vehicle_front").optimum
    assert optimum is not None
    records = runs("fronts", "mlp_vehicle_front", "gp", [0.8 * optimum, 0.9 * optimum, 0.9 * optimum], trials=100)
    tables = comparison.problems(records)
    shown = text({"problems": tables, "peers": [], "statements": []})
    assert "share of the hypervolume 0.800 after 50, 0.900 after 100" in shown
    assert "optuna-gp           3  recorded share of the hypervolume after 50, 100: [0.9, 0.93]" in shown


def test_a_picture_has_a_line_for_each_judged_peer_and_for_each_of_ours() -> None:
    rows = comparison.rows("peers", runs("peers", "hartmann6", "gp", [-3.3, -3.2, -3.1]))
    drawn = picture(task("hartmann6"), rows)
    assert drawn.count("<polyline") == drawn.count("<polygon") == sum(row.judged for row in rows)
    assert ">gp (ours)<" in drawn
    assert ">hebo<" not in drawn
    assert "nan" not in drawn
