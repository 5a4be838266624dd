"""What charts rest on: bounded in size, and read once as long as nothing new is complete."""

from __future__ import annotations

import random

from tests.dashboard.builders import NOW, landscape, one_goal, two_goals
from trimtab_service.dashboard import pages
from trimtab_service.dashboard.addresses import Addresses
from trimtab_service.dashboard.charts import charts
from trimtab_service.dashboard.landscape import MOST_POINTS, Landscapes, thin
from trimtab_service.domain.metric import Direction
from trimtab_service.usecases import front, keys, studies


def cloud(count):
    """Points in a square, and two on the front."""
    chance = random.Random(4)
    inner = [{"accuracy": 0.5 + chance.random() / 4, "size_bytes": 1e5 + chance.random() * 1e5} for _ in range(count)]
    return [*inner, {"accuracy": 0.9, "size_bytes": 9e4}, {"accuracy": 0.8, "size_bytes": 1e3}]


def test_thinning_is_even_and_bounded():
    assert list(thin(range(10), 20)) == list(range(10))
    assert list(thin(range(10_000), 4)) == [0, 2_500, 5_000, 7_500]


def test_ten_thousand_trials_are_thinned_and_the_caption_says_so_while_the_front_is_whole():
    study = two_goals()
    drawn = landscape(study, *cloud(10_000))
    assert len(drawn.points) == MOST_POINTS
    assert [trial.number for trial in drawn.front] == [10_000, 10_001]
    trade_off, progress = charts(study.problem, drawn)
    assert "Of the 10,000 other trials, 1,500 are drawn, evenly spread." in trade_off.caption
    assert trade_off.picture.count('class="on-front"') == 2
    assert len(trade_off.picture) + len(progress.picture) < 60_000


def test_the_steps_are_where_the_best_changed():
    study = one_goal("accuracy", Direction.MAXIMIZE)
    drawn = landscape(study, *({"accuracy": one} for one in (0.5, 0.4, 0.7, 0.7, 0.6)))
    assert drawn.steps == ((0, 0.5), (2, 0.7))
    assert (drawn.since, drawn.last, drawn.complete, drawn.beaten) == (2, 4, 5, 3)


def test_objectives_come_first_among_the_metrics_that_were_told():
    study = two_goals()
    drawn = landscape(study, {"macs": 5.0, "size_bytes": 1e3, "accuracy": 0.5}, {"accuracy": 0.1, "size_bytes": 1e4})
    assert drawn.metrics == ("accuracy", "size_bytes", "macs")


def test_three_objectives_say_that_only_two_are_drawn(api, fill, look):
    goals = {"accuracy": "maximize", "size_bytes": "minimize", "latency_ms": "minimize"}
    fill("three", 0, objectives=goals)
    params = {"lr": 0.01, "depth": 1, "activation": "relu"}
    values = [{"accuracy": 0.9 - place / 10, "size_bytes": 9, "latency_ms": 3 - place} for place in range(3)]
    given = [{"params": params, "values": one} for one in values]
    assert api.post("/v1/studies/three/trials", {"trials": given}).status_code == 201
    page = look("/s/three")
    assert "Strong points are the front over all 3 objectives; the first two are drawn." in page.text
    assert page.all("path", class_="front-line") == []
    assert len(page.all("circle", class_="on-front")) >= 3


def test_a_study_is_read_again_only_when_more_is_complete(api, fill):
    fill("s", 3)
    caller = keys.authenticate(api.rooms, api.key)
    landscapes = Landscapes(api.rooms)
    view = studies.get(api.rooms, caller, "s")
    assert landscapes.known(view) is None
    first = landscapes.of(caller, view)
    assert landscapes.of(caller, studies.get(api.rooms, caller, "s")) is first
    params = {"lr": 0.01, "depth": 1, "activation": "relu"}
    told = {"params": params, "values": {"accuracy": 0.99, "size_bytes": 10}}
    assert api.post("/v1/studies/s/trials", {"trials": [told]}).status_code == 201
    assert landscapes.of(caller, studies.get(api.rooms, caller, "s")).complete == 4


def test_a_survey_is_the_front_and_the_progress_from_one_reading(api, fill):
    fill("s", 30, failing=7)
    caller = keys.authenticate(api.rooms, api.key)
    survey = front.survey(api.rooms, caller, "s")
    assert [trial.number for trial in survey.trials] == [number for number in range(30) if number % 7 != 6]
    assert survey.front == front.pareto(api.rooms, caller, "s")
    assert survey.progress == front.progress(api.rooms, caller, "s")


def test_a_list_that_takes_too_long_leaves_the_rest_to_their_own_pages(api, fill):
    for name in ("c", "b", "a"):
        fill(name, 2)
    ticks = iter([0.0, 0.1, 0.2, 5.0])
    caller, kept = keys.authenticate(api.rooms, api.key), Landscapes(api.rooms)

    def found(clock):
        given = {"cursor": "", "addresses": Addresses(), "now": NOW, "clock": clock}
        return [entry.found is not None for entry in pages.list_studies(api.rooms, kept, caller, **given).entries]

    assert found(lambda: next(ticks)) == [True, True, False]
    assert found(lambda: 0.0) == [True, True, True]
