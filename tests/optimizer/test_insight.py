"""Whatever the space, the history and the size of the values: answers are finite, in order, and the same again."""

from __future__ import annotations

import json
import math
import pickle
import subprocess
import sys
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.optimizer.spaces import SQUARE, a_problem, configurations, failed, open_trial, spaces, told
from trimtab_service.domain.errors import NoSurrogate
from trimtab_service.domain.insight import View
from trimtab_service.domain.metric import Direction, Objective
from trimtab_service.domain.study import Problem
from trimtab_service.domain.trial import History, Source, Trial
from trimtab_service.optimizer import insight

SIZES = (1e-300, 1e-3, 1.0, 1e150, 1e300)


@st.composite
def studies(draw: st.DrawFn) -> tuple[Problem, History]:
    """A problem on any space, and a history with told, failed and pending trials of any size."""
    space = draw(spaces(most=4))
    objectives = tuple(
        Objective(f"m{place}", draw(st.sampled_from(list(Direction))), draw(st.booleans()))
        for place in range(draw(st.integers(1, 2)))
    )
    problem = Problem(space, objectives)
    size = draw(st.sampled_from(SIZES))
    number = st.integers(1, 9).map(lambda digit: digit * size)
    history = []
    for place in range(draw(st.integers(2, 14))):
        kind = draw(st.sampled_from(["told", "told", "told", "failed", "open"])) if place > 1 else "told"
        params = draw(configurations(space))
        if kind == "told":
            losses = tuple(one.loss(draw(number)) for one in objectives)
            variance = draw(st.sampled_from([0.0, 1e-4, 1e3]))
            history.append(told(place, params, *losses, variances=(variance,) * len(objectives)))
        else:
            history.append(failed(place, params) if kind == "failed" else open_trial(place, params))
    return problem, tuple(history)


def finite(answer: Any) -> Any:
    """The answer as strict JSON; raises ValueError for a number that is none."""
    return json.dumps(asdict(answer), allow_nan=False)


@settings(max_examples=6, deadline=None, phases=[Phase.reuse, Phase.generate])  # an example takes too long to shrink
@given(studies(), st.data())
def test_every_question_has_a_finite_answer_on_any_space(study: tuple[Problem, History], data: st.DataObject) -> None:
    problem, history = study
    searched = [one.name for one in problem.space.parameters if one.cardinality > 1]
    if not searched:
        with pytest.raises(NoSurrogate):
            insight.importances(problem, history, {})
        return
    asked = [data.draw(configurations(problem.space)) for _ in range(3)]
    found = insight.predict(problem, history, {}, asked)
    for item in found.items:
        for belief in item.metrics.values():
            assert belief.lower <= belief.median <= belief.upper
            assert belief.sd >= 0
    names = data.draw(st.lists(st.sampled_from(searched), max_size=2, unique=True))
    view = View(tuple(names), base=data.draw(st.sampled_from([None, asked[0]])), points=4, paths=2)
    picture = insight.picture(problem, history, {}, view)
    trial = Trial(len(history), asked[0], source=Source.GP)
    answers = [
        found,
        insight.importances(problem, history, {}),
        insight.calibration(problem, history, {}),
        picture,
        insight.suggestion_card(problem, history, {}, trial, frozenset(range(len(history)))),
    ]
    for answer in answers:
        finite(answer)
        assert pickle.loads(pickle.dumps(answer)) == answer
    for metric in answers[1].metrics.values():
        assert all(0 <= one.first_lower <= one.first <= one.first_upper <= 1 for one in metric.values())
        assert all(0 <= one.total_lower <= one.total <= one.total_upper <= 1 for one in metric.values())
    if picture.slice is not None:
        for x in picture.slice.x:
            problem.space[picture.slice.parameter].check(x)
        problem.space.check(picture.slice.base)
    again = insight.picture(problem, history[::-1], {}, view)
    assert finite(again) == finite(picture)


def test_a_study_of_equal_results_is_answered() -> None:
    history = tuple(told(i, {"x": i / 11, "y": 0.5}, 2.0) for i in range(12))
    problem = a_problem(SQUARE)
    assert insight.importances(problem, history, {}).metrics["loss"]["x"].total == 0.0
    found = insight.calibration(problem, history, {}).metrics["loss"]
    assert found.score == 0.0
    (item,) = insight.predict(problem, history, {}, [{"x": 0.3, "y": 0.5}]).items
    assert item.metrics["loss"].median == pytest.approx(2.0)


def test_a_long_history_is_answered_from_its_active_part() -> None:
    history = tuple(told(i, {"x": (i * 0.618) % 1, "y": (i * 0.414) % 1}, math.sin(i)) for i in range(2_000))
    found = insight.predict(a_problem(SQUARE), history, {}, [{"x": 0.5, "y": 0.5}])
    assert found.trials <= 400


def test_naming_the_questions_loads_neither_numpy_nor_scipy() -> None:
    code = "import sys; from trimtab_service.optimizer import insight; print({'numpy', 'scipy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
