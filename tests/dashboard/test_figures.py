"""Charts say in SVG what the numbers are, and nothing that comes in can break out of it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from trimtab_service.dashboard.figures import Axis, Frame, Mark, so_far, strip, trade_off
from trimtab_service.dashboard.figures.marks import MOST_HOVERS
from trimtab_service.dashboard.figures.scatter import staircase
from trimtab_service.dashboard.figures.svg import tag
from trimtab_service.domain.trial import TrialState

FRAME = Frame(Axis("x", 0.0, 10.0), Axis("y", 0.0, 10.0), "x ↓", "y ↑")


def points(kind, drawn):
    return [one for one in ET.fromstring(drawn).iter() if one.get("class") == kind]


def test_what_goes_into_an_element_is_escaped():
    drawn = tag("text", "<script>&", class_='"><b>', text_anchor="end", x=1.25)
    assert drawn == '<text class="&#34;&gt;&lt;b&gt;" text-anchor="end" x="1.2">&lt;script&gt;&amp;</text>'
    assert tag("g", tag("line", x1=2.0)) == '<g><line x1="2"/></g>'


def test_a_chart_is_an_image_with_words_for_those_who_do_not_see_it():
    root = ET.fromstring(trade_off(FRAME, [], [Mark(1, 2, "a")], better=None, says="one model"))
    assert (root.get("role"), root.get("aria-label")) == ("img", "one model")


def test_every_point_of_the_front_is_drawn_with_its_text():
    front = [Mark(place, place, f"Trial {place}") for place in range(1, 6)]
    drawn = points("on-front", trade_off(FRAME, [Mark(9, 1, "Trial 9")], front, better=(False, True), says=""))
    assert [one[0].text for one in drawn] == [mark.text for mark in front]
    assert len(points("off-front", trade_off(FRAME, [Mark(9, 1, "Trial 9")], front, better=None, says=""))) == 1


def test_a_great_many_points_are_one_light_path():
    others = [Mark(place % 10, place % 7, "") for place in range(MOST_HOVERS + 1)]
    drawn = trade_off(FRAME, others, [], better=None, says="")
    (cloud,) = points("cloud", drawn)
    assert cloud.get("d").count("M") == len(others)
    assert points("off-front", drawn) == []
    assert len(drawn) < 20 * len(others) + 4_000


@pytest.mark.parametrize("better", [(False, False), (False, True), (True, False), (True, True)])
def test_the_line_of_the_front_separates_what_it_beats_from_what_it_does_not(better):
    up_x, up_y = better
    sign = 1 if up_x == up_y else -1
    front = [Mark(x, 5 - sign * (x - 5), "") for x in (3, 5, 6)]
    corners = staircase(FRAME, front, better)
    worse_x, worse_y = (-0.5 if up_x else 0.5), (-0.5 if up_y else 0.5)
    for mark in front:
        assert FRAME.at(mark.x, mark.y) in corners
        beaten = FRAME.at(mark.x + worse_x, mark.y + worse_y * 0.8)
        free = FRAME.at(mark.x - worse_x, mark.y - worse_y)
        assert sum(cross(beaten, free, *edge) for edge in pairwise(corners)) == 1
    assert all(x1 == x2 or y1 == y2 for (x1, y1), (x2, y2) in pairwise(corners))


def cross(a, b, c, d):
    """Whether the straight ways from a to b and from c to d cross."""
    return turn(a, b, c) != turn(a, b, d) and turn(c, d, a) != turn(c, d, b)


def turn(a, b, c):
    """Whether c lies to the left of the way from a to b."""
    return (b[0] - a[0]) * (c[1] - a[1]) > (b[1] - a[1]) * (c[0] - a[0])


def test_the_line_so_far_goes_up_in_steps_and_on_to_the_last_trial():
    steps = [Mark(0, 1, "a"), Mark(4, 3, "b")]
    (line,) = points("step-line", so_far(FRAME, steps, 10, [], says=""))
    corners = [tuple(map(float, pair)) for pair in re.findall(r"([\d.]+) ([\d.]+)", line.get("d"))]
    expected = [FRAME.at(0, 1), FRAME.at(4, 1), FRAME.at(4, 3), FRAME.at(10, 3)]
    assert [pytest.approx(corner, abs=0.06) for corner in expected] == corners


def test_the_strip_is_shared_out_by_state_and_none_is_too_narrow_to_see():
    drawn = strip({TrialState.COMPLETE: 9_999, TrialState.FAILED: 1, TrialState.RUNNING: 0}, left=10_000)
    root = ET.fromstring(drawn)
    widths = {one.get("class"): float(one.get("width")) for one in root.iter() if one.get("width")}
    assert set(widths) == {"left", "is-complete", "is-failed"}
    assert widths["is-failed"] >= 3
    assert widths["is-complete"] == pytest.approx(100, abs=5)
    assert root.get("aria-label") == "9,999 complete, 1 failed, 10,000 left in the budget"


def test_the_strip_of_no_trials_says_so():
    assert ET.fromstring(strip({}, left=0)).get("aria-label") == "no trials yet"
