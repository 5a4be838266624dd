"""The pages of studies whose values are the largest and the smallest there are."""

from __future__ import annotations

import pytest

HUGE = {"a": {"direction": "minimize"}, "b": {"direction": "maximize"}}
LOGS = {"a": {"direction": "minimize", "log": True}, "b": {"direction": "minimize", "log": True}}


@pytest.mark.parametrize(
    ("objectives", "values"),
    [
        (HUGE, [{"a": 1.7e308, "b": 1.7e308}, {"a": -1.7e308, "b": -1.7e308}]),
        (LOGS, [{"a": 1e-300, "b": 1e300}, {"a": 1e300, "b": 1e-300}]),
        (LOGS, [{"a": 5e-324, "b": 1.7e308}, {"a": 1.7e308, "b": 5e-324}]),
        ({"a": "minimize"}, [{"a": 1.7e308}, {"a": -1.7e308}]),
        ({"a": {"direction": "maximize", "log": True}}, [{"a": 5e-324}, {"a": 1.7e308}]),
        ({"a": "minimize"}, [{"a": 0.0}, {"a": 5e-324}]),
    ],
)
def test_a_study_of_the_largest_and_smallest_values_has_its_page(api, look, fill, objectives, values):
    fill("s", 0, objectives=objectives)
    trials = [{"params": {"lr": 0.01, "depth": 1, "activation": "tanh"}, "values": one} for one in values]
    assert api.post("/v1/studies/s/trials", {"trials": trials}).status_code == 201
    page = look("/s/s")
    assert len(page.all("th", class_="of-trials")) == 2
    assert "nan" not in page.text.lower()
    assert look("/").link("s") == "/s/s"
