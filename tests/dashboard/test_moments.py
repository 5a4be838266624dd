"""Times are said as people say them, and exactly beside it."""

from __future__ import annotations

from datetime import timedelta, timezone

import pytest

from tests.dashboard.builders import NOW
from trimtab_service.dashboard import moments


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "just now"), (0, "just now"), (59, "just now"), (60, "1 minute ago"), (3_599, "59 minutes ago"),
     (7_200, "2 hours ago"), (86_400, "1 day ago"), (86_400 * 45, "1 month ago"), (86_400 * 800, "2 years ago")],
)  # fmt: skip
def test_a_moment_is_so_long_ago(seconds, text):
    assert moments.ago(NOW - timedelta(seconds=seconds), NOW) == text


def test_a_moment_is_exact_in_utc():
    there = NOW.astimezone(timezone(timedelta(hours=5)))
    found = moments.moment(there, NOW)
    assert found is not None
    assert (found.exact, found.machine) == ("2026-11-20 12:00:00 UTC", "2026-11-20T12:00:00+00:00")
    assert moments.moment(None, NOW) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.42, "0.4 s"), (12.4, "12 s"), (59.7, "1 min 0 s"), (185, "3 min 5 s"), (7_800, "2 h 10 min")],
)
def test_a_trial_took_so_long(seconds, text):
    assert moments.lasted(NOW, NOW + timedelta(seconds=seconds)) == text


def test_a_trial_that_was_never_handed_out_took_no_time():
    assert moments.lasted(None, NOW) == ""
