"""An active bound is found where it is, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.optimizer.spaces import NETWORK, SQUARE, a_problem, told
from trimtab_service.domain.space import Params
from trimtab_service.optimizer.bounds import active_bounds
from trimtab_service.optimizer.posterior import Posterior
from trimtab_service.optimizer.suggest import suggest


def searched(space: dict[str, Any], f: Callable[[Params], float], n: int) -> Posterior:
    """The posterior after n trials of a study of f."""
    problem, history, states = a_problem(space, seed=2), [], {}
    for number in range(n):
        found = suggest(problem, tuple(history), states, [number])
        states |= found.surrogates
        history.append(told(number, found.items[0].params, f(found.items[0].params)))
    return Posterior.of(problem, tuple(history), states)


def test_the_end_that_the_best_trials_press_against_is_named() -> None:
    posterior = searched(SQUARE, lambda q: float(q["x"]) + (float(q["y"]) - 0.4) ** 2, 25)
    (found,) = active_bounds(posterior)
    assert (found.parameter, found.end, found.value, found.of) == ("x", "low", 0.0, 5)
    told_at = dict(zip(posterior.past.numbers, posterior.past.told[:, 0], strict=True))
    assert all(told_at[number] <= 0.05 for number in found.trials)
    assert found.sentence == (
        f"{len(found.trials)} of the 5 best trials press against x = 0.0: widen it if it can be wider."
    )


def test_both_kinds_of_numbers_have_their_far_end() -> None:
    posterior = searched(NETWORK, lambda q: -float(q["lr"]) - int(q["width_1"]) / 128, 30)
    found = {one.parameter: (one.end, one.value) for one in active_bounds(posterior)}
    assert found["lr"] == ("high", 0.3)
    assert found["width_1"] == ("high", 128)
    assert "activation" not in found


def test_an_optimum_inside_presses_against_nothing() -> None:
    posterior = searched(SQUARE, lambda q: (float(q["x"]) - 0.5) ** 2 + (float(q["y"]) - 0.4) ** 2, 25)
    assert active_bounds(posterior) == []


@pytest.mark.parametrize("n", [2, 9])
def test_few_trials_say_nothing(n: int) -> None:
    history = tuple(told(i, {"x": 0.0, "y": i / 9}, float(i)) for i in range(n))
    assert active_bounds(Posterior.of(a_problem(SQUARE), history, {})) == []


def test_a_parameter_that_does_not_matter_is_left_alone_wherever_the_best_lie() -> None:
    """All trials lie at one end of y: nobody knows what is inside."""
    drawn = np.random.default_rng(0).random(20).tolist()
    history = tuple(told(i, {"x": x, "y": 1.0}, (x - 0.5) ** 2) for i, x in enumerate(drawn))
    assert active_bounds(Posterior.of(a_problem(SQUARE), history, {})) == []
