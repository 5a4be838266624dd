"""Captions say what the pictures do not show."""

from __future__ import annotations

import re

import pytest

from tests.dashboard.builders import landscape, one_goal, two_goals
from trimtab_service.dashboard.charts import charts
from trimtab_service.domain.metric import Direction


def test_without_a_complete_trial_there_is_no_chart():
    study = two_goals()
    assert charts(study.problem, landscape(study)) == ()


def test_one_objective_has_one_chart_with_every_trial_as_a_dot():
    study = one_goal("accuracy", Direction.MAXIMIZE)
    (chart,) = charts(study.problem, landscape(study, *({"accuracy": one} for one in (0.5, 0.4, 0.7, 0.6))))
    assert chart.title == "Best accuracy so far"
    assert chart.picture.count('class="off-front"') == 2
    assert chart.picture.count('class="on-front"') == 2
    assert chart.caption == "The line is the best so far; each pale dot is a trial."


def test_shares_near_one_are_told_apart_and_the_caption_says_how():
    study = two_goals()
    values = [{"accuracy": one, "size_bytes": 1e3 * place} for place, one in enumerate((0.1, 0.9, 0.96, 0.99), 1)]
    drawn = charts(study.problem, landscape(study, *values))[0]
    assert "The axis of accuracy is spaced by the logarithm of the error." in drawn.caption
    assert ">accuracy ↑ (log error)</text>" in drawn.picture
    heights = [float(one) for one in re.findall(r'on-front" cx="[\d.]+" cy="([\d.]+)"', drawn.picture)]
    assert max(heights) - min(heights) > 180, "the front takes most of the height"


@pytest.mark.parametrize("best", [0.89, 1.5])
def test_an_axis_is_linear_where_no_share_is_near_one(best):
    study = two_goals()
    drawn = charts(
        study.problem, landscape(study, {"accuracy": 0.1, "size_bytes": 1}, {"accuracy": best, "size_bytes": 9})
    )
    assert "error" not in drawn[0].caption + drawn[0].picture


def test_the_word_better_stands_above_the_chart():
    study = two_goals()
    picture = charts(study.problem, landscape(study, {"accuracy": 0.9, "size_bytes": 1e3}))[0].picture
    assert re.search(r'class="hint" x="504" y="16"[^>]*>↖ better<', picture)


def test_a_single_trial_can_be_drawn():
    for study, values in (
        (one_goal("loss", Direction.MINIMIZE), {"loss": 0.0}),
        (two_goals(), {"accuracy": 0.0, "size_bytes": 1.0}),
    ):
        for chart in charts(study.problem, landscape(study, values)):
            assert "nan" not in chart.picture
            assert 'class="on-front"' in chart.picture


def test_equal_values_can_be_drawn():
    study = two_goals()
    for chart in charts(study.problem, landscape(study, *[{"accuracy": 0.5, "size_bytes": 10.0}] * 3)):
        assert "nan" not in chart.picture


def test_what_lies_far_outside_is_counted_in_the_caption():
    study = one_goal("loss", Direction.MINIMIZE)
    values = [{"loss": 0.1 + place / 1000} for place in range(60)] + [{"loss": 1e9}]
    (chart,) = charts(study.problem, landscape(study, *values))
    assert "1 point far off lies outside." in chart.caption


def test_the_hypervolume_says_from_where_it_is_measured():
    study = two_goals()
    _, volume = charts(study.problem, landscape(study, {"accuracy": 0.9, "size_bytes": 1e3}))
    assert "measured from accuracy" in volume.caption
    assert "(taken a little beyond the front)" in volume.caption


def test_a_point_of_the_front_shows_its_params():
    study = two_goals()
    picture = charts(study.problem, landscape(study, {"accuracy": 0.9, "size_bytes": 1e3}))[0].picture
    assert "<title>Trial 0\naccuracy 0.9\nsize 1 kB\nlr=0.0001 width=8 activation=relu</title>" in picture
