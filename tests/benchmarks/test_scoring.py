"""Scores, intervals and outcomes against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.scoring import BAND, difference, outcome, score


@pytest.mark.parametrize(
    ("value", "random", "optimum", "expected"),
    [
        (0.0, 4.0, 0.0, 1.0),
        (4.0, 4.0, 0.0, 0.0),
        (6.0, 4.0, 0.0, -0.5),
        (5.5, 4.0, 6.0, 0.75),
        (-3.0, -1.0, -3.5, 0.8),
    ],
)
def test_a_score_is_0_at_random_search_and_1_at_the_optimum(
    value: float, random: float, optimum: float, expected: float
) -> None:
    assert score(value, random, optimum) == pytest.approx(expected)


def test_there_is_no_score_where_random_search_finds_the_optimum() -> None:
    with pytest.raises(ValueError, match=r"misses the optimum, got 2\.0 for both"):
        score(1.0, 2.0, 2.0)


def test_the_difference_is_of_the_medians_of_all_seeds() -> None:
    apart = difference({0: 0.9, 1: 0.8, 2: 0.7, 3: 0.2, 4: 0.1}, {0: 0.5, 1: 0.6, 7: 0.1})
    assert apart.middle == pytest.approx(0.7 - 0.5)


def test_the_interval_is_the_same_whenever_asked_and_another_for_another_seed() -> None:
    rng = np.random.default_rng(0)
    ours, theirs = dict(enumerate(rng.random(10))), dict(enumerate(rng.random(5)))
    assert difference(ours, theirs) == difference(ours, theirs)
    assert difference(ours, theirs, seed=1) != difference(ours, theirs)


def test_what_both_sides_share_by_seed_cancels() -> None:
    noise = np.random.default_rng(1).normal(size=15)
    theirs = dict(enumerate(noise))
    paired = difference({seed: value + 0.1 for seed, value in theirs.items()}, theirs)
    apart = difference({seed + 100: value + 0.1 for seed, value in theirs.items()}, theirs)
    assert [paired.low, paired.high] == pytest.approx([0.1, 0.1])
    assert apart.low < 0 < apart.high
    assert apart.middle == pytest.approx(paired.middle)


def test_the_interval_holds_the_true_difference_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(200):
        apart = difference(dict(enumerate(rng.normal(0.3, 1, 25))), dict(enumerate(rng.normal(0, 1, 20), start=50)))
        held += apart.low <= 0.3 <= apart.high
    assert 0.9 <= held / 200 <= 0.99


def test_a_side_without_scores_is_refused() -> None:
    with pytest.raises(ValueError, match="on both sides, got 1 and 0"):
        difference({0: 1.0}, {})


@pytest.mark.parametrize(
    ("margin", "expected"),
    [(BAND, "tie"), (-BAND, "tie"), (0.0, "tie"), (BAND * 1.01, "win"), (-BAND * 1.01, "loss")],
)
def test_within_half_a_point_it_is_a_tie(margin: float, expected: str) -> None:
    assert outcome(margin) == expected
