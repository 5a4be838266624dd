"""Slices and contours show what the surrogates say at the params that they name."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.optimizer.spaces import NETWORK, SQUARE, a_problem, bowl, open_trial, told
from trimtab_service.domain.insight import View
from trimtab_service.domain.space import Params
from trimtab_service.optimizer.encoding import Encoding
from trimtab_service.optimizer.posterior import Posterior
from trimtab_service.optimizer.slices import contour, slice_along


def square(**changes: Any) -> Posterior:
    drawn = np.random.default_rng(0).random((40, 2)).tolist()
    history = [told(i, {"x": x, "y": y}, bowl({"x": x, "y": y})) for i, (x, y) in enumerate(drawn)]
    return Posterior.of(a_problem(SQUARE, **changes), tuple(history), {})


def quality(params: Params) -> float:
    return (
        math.log10(float(params["lr"])) ** 2 + int(params.get("width_2", 0)) / 64 + (params["activation"] == "tanh")
    )


def network(**changes: Any) -> Posterior:
    problem = a_problem(NETWORK, **changes)
    encoding = Encoding.of(problem.space)
    levels = encoding.spread(np.random.default_rng(1).random((50, encoding.dims)))
    configurations = [encoding.params(row) for row in levels]
    losses = len(problem.objectives)
    history = [told(i, q, *([quality(q), float(q["batch"])][:losses])) for i, q in enumerate(configurations)]
    return Posterior.of(problem, tuple(history), {})


def test_a_slice_says_what_is_believed_at_its_params_from_the_best_trial_on() -> None:
    posterior = square()
    best = int(np.argmin(posterior.past.losses[:, 0]))
    found = slice_along(posterior, View(("x",), points=11))
    assert found.base_trial == posterior.past.numbers[best]
    assert found.base == posterior.encoding.params(posterior.past.told[best])
    np.testing.assert_allclose(found.x, np.linspace(0, 1, 11), atol=1e-12)
    here = posterior.beliefs(posterior.encoding.levels([{"x": x, "y": found.base["y"]} for x in found.x]))["loss"]
    assert found.metrics["loss"].belief == here
    np.testing.assert_allclose(here.median, [bowl({"x": x, "y": found.base["y"]}) for x in found.x], atol=0.1)
    assert [point.values["loss"] for point in found.told] == posterior.past.losses[:, 0].tolist()
    assert [point.x for point in found.told] == posterior.past.told[:, 0].tolist()


def test_the_acquisition_is_the_expected_improvement_on_the_best_result() -> None:
    drawn = np.random.default_rng(0).random((20, 2)).tolist()
    history = [told(i, {"x": x, "y": y}, bowl({"x": x, "y": y})) for i, (x, y) in enumerate(drawn)]
    posterior = Posterior.of(a_problem(SQUARE), (*history, open_trial(20, {"x": 0.27, "y": 0.8})), {})
    best = posterior.models[0].warp.apply(np.array([min(one.losses[0] for one in history)]))[0]
    found = slice_along(posterior, View(("x",), {"x": 0.0, "y": 0.8}, points=21))
    surrogate = posterior.models[0].surrogate
    points = np.array([[x, 0.8] for x in found.x])
    normal = np.random.default_rng(5).standard_normal(400_000)
    for place in (0, 5, 6, 12):
        mean, variance = (one[place] for one in surrogate.predict(points))
        gains = np.maximum(best - mean - math.sqrt(variance) * normal, 0.0)
        error = gains.std() / math.sqrt(len(gains))
        promised = found.metrics["loss"].acquisition
        assert promised is not None
        assert promised[place] == pytest.approx(gains.mean(), abs=5 * error + 1e-12)


def test_drawn_paths_have_the_posteriors_mean_and_covariance_and_come_again_with_their_seed() -> None:
    posterior = square()
    found = slice_along(posterior, View(("x",), points=6, paths=4_000, seed=3))
    again = slice_along(posterior, View(("x",), points=6, paths=4_000, seed=3))
    other = slice_along(posterior, View(("x",), points=6, paths=4_000, seed=4))
    assert found == again
    assert found.metrics["loss"].paths != other.metrics["loss"].paths
    z = posterior.models[0].warp.apply(np.array(found.metrics["loss"].paths))
    points = posterior.encoding.encode([{**found.base, "x": x} for x in found.x])
    covariance = posterior.models[0].surrogate.covariance(points)
    np.testing.assert_allclose(z.mean(axis=0), posterior.models[0].surrogate.predict(points)[0], atol=0.02)
    np.testing.assert_allclose(np.cov(z.T), covariance, atol=0.1 * covariance.max())


def test_discrete_parameters_show_all_of_a_few_values_and_choices_their_names() -> None:
    posterior = network()
    assert slice_along(posterior, View(("activation",), points=5)).x == [
        "relu",
        "tanh",
        "logistic",
    ]
    assert slice_along(posterior, View(("batch",), points=5)).x == [16, 32, 64, 128]
    widths = slice_along(posterior, View(("width_1",), points=9)).x
    assert (widths[0], widths[-1], len(widths)) == (4, 128, 9)
    assert widths == sorted(widths)


def test_a_parameter_under_a_condition_is_shown_where_it_is_present() -> None:
    posterior = network()
    shallow: Params = {"layers": 1, "width_1": 8, "activation": "relu", "lr": 0.01, "alpha": 0.1, "batch": 16}
    found = slice_along(posterior, View(("width_2",), shallow, points=9))
    assert found.base.pop("width_2") == 15  # √(3.5 · 64.5), the middle of 4 to 64 on the log scale
    assert found.base.pop("activation") == "relu"
    assert found.base == pytest.approx({"layers": 2, "width_1": 8, "lr": 0.01, "alpha": 0.1, "batch": 16})
    assert found.base_trial is None
    belief = found.metrics["loss"].belief.mean
    assert belief[-1] - belief[0] == pytest.approx(60 / 64, abs=0.4)
    assert {point.number for point in found.told} == {
        number for number, levels in zip(posterior.past.numbers, posterior.past.told, strict=True) if levels[0] == 1.0
    }


def test_a_contour_has_the_second_parameter_down_and_the_first_across() -> None:
    posterior = network(objectives={"quality": "minimize", "batch": "maximize"})
    found = contour(posterior, View(("lr", "activation"), points=7))
    assert (len(found.x), found.y) == (7, ["relu", "tanh", "logistic"])
    assert len(found.told) == 50
    for metric, surface in found.metrics.items():
        assert np.shape(surface.mean) == np.shape(surface.sd) == np.shape(surface.median) == (3, 7)
        for row, activation in enumerate(found.y):
            configurations = [{**found.base, "lr": lr, "activation": activation} for lr in found.x]
            here = posterior.beliefs(posterior.encoding.levels(configurations))[metric]
            np.testing.assert_allclose(surface.mean[row], here.mean, rtol=1e-9)
            np.testing.assert_allclose(surface.sd[row], here.sd, rtol=1e-6)


def test_a_contour_of_a_parent_and_its_child_is_flat_where_the_child_is_absent() -> None:
    found = contour(network(), View(("width_2", "layers"), points=5))
    without, with_it = found.metrics["loss"].mean
    assert np.ptp(without) == 0.0
    assert np.ptp(with_it) > 0.1


def test_with_several_objectives_the_base_is_on_the_front_and_there_is_no_acquisition() -> None:
    posterior = network(objectives={"quality": "minimize", "other": "minimize"})
    found = slice_along(posterior, View(("lr",), points=5, paths=2, seed=0))
    assert found.base_trial == int(np.argmin(posterior.past.losses[:, 0]))
    assert [curve.acquisition for curve in found.metrics.values()] == [None, None]
    assert [len(curve.paths) for curve in found.metrics.values()] == [2, 2]
