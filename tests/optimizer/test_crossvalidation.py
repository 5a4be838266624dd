"""Held-out predictions against surrogates that never saw the row, and verdicts where the world is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom, norm

from tests.optimizer.spaces import SQUARE, a_problem, bowl, failed, told
from trimtab_service.domain.errors import NoSurrogate
from trimtab_service.domain.trial import History
from trimtab_service.optimizer import crossvalidation
from trimtab_service.optimizer.crossvalidation import LEVELS, calibrate, leave_one_out
from trimtab_service.optimizer.posterior import Posterior
from trimtab_service.optimizer.surrogate import NUGGET, Rows, Surrogate, rows

GROUPS = np.array([0, 1, 1, 2])
THETA = np.array([-0.7, 0.4, -1.1, 0.3, math.log(0.02)])


def some_rows(n: int = 25) -> Rows:
    """Rows with told variances, five of which average two trials."""
    rng = np.random.default_rng(0)
    X = rng.random((n, 4))
    z = np.sin(6 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.1 * rng.standard_normal(n)
    X, z = np.vstack([X, X[:5]]), np.concatenate([z, z[:5] + 0.1])
    return rows(X, z, rng.uniform(0.0, 0.05, len(z)))


def without(data: Rows, row: int) -> Rows:
    keep = np.arange(len(data)) != row
    return Rows(data.X[keep], data.z[keep], data.extra[keep], data.copies[keep])


def test_held_out_predictions_are_those_of_a_surrogate_that_never_saw_the_row() -> None:
    data = some_rows()
    found = leave_one_out(Surrogate.of(THETA, data, GROUPS))
    assert len(found.mean) == 25
    for row in range(len(data)):
        other = Surrogate.of(THETA, without(data, row), GROUPS)
        mean, variance = other.predict(data.X[row : row + 1])
        noise = math.exp(THETA[4]) / data.copies[row] + data.extra[row] + NUGGET
        sd = math.sqrt(variance[0] + noise)
        assert found.mean[row] == pytest.approx(mean[0], abs=1e-10)
        assert found.sd[row] == pytest.approx(sd, abs=1e-10)
        assert found.residual[row] == pytest.approx((data.z[row] - mean[0]) / sd, abs=1e-8)
        assert found.log_density[row] == pytest.approx(norm.logpdf(data.z[row], mean[0], sd), abs=1e-8)


def posterior(history: History, **changes: object) -> Posterior:
    return Posterior.of(a_problem(SQUARE, **changes), history, {})


def judged(losses: np.ndarray, seed: int = 0, **changes: object) -> crossvalidation.Calibration:
    """The calibration of a study whose trials told these losses at random places."""
    drawn = np.random.default_rng(seed).random((len(losses), 2)).tolist()
    history = tuple(told(i, {"x": x, "y": y}, float(losses[i])) for i, (x, y) in enumerate(drawn))
    found = posterior(history, **changes)
    return calibrate(found, *found.by_metric()[found.problem.objective_names[0]])


def places(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((n, 2))


def noisy_bowl(n: int, noise: float) -> np.ndarray:
    clean = np.array([bowl({"x": x, "y": y}) for x, y in places(n)])
    return clean + noise * np.random.default_rng(9).standard_normal(n)


def test_a_surrogate_of_a_smooth_function_with_noise_is_trusted() -> None:
    found = judged(noisy_bowl(60, 0.1))
    assert found.verdict == "trusted"
    assert 0.8 < found.score < 1.0
    assert found.sentence.startswith("The surrogate can be trusted")
    assert f"{found.coverage[-1].inside} of 60 held-out results of loss lie in their 95% intervals" in found.sentence


def test_a_surrogate_of_pure_noise_says_that_it_knows_little() -> None:
    found = judged(np.random.default_rng(3).standard_normal(60))
    assert found.verdict == "uninformative"
    assert found.score < 0.1


def test_a_surrogate_with_wrong_noise_is_overconfident_or_underconfident(monkeypatch: pytest.MonkeyPatch) -> None:
    """θ with a hundredth and with a hundred times the noise variance that the fit found."""
    from dataclasses import replace

    losses = noisy_bowl(60, 0.3)
    drawn = places(60).tolist()
    history = tuple(told(i, {"x": x, "y": y}, float(losses[i])) for i, (x, y) in enumerate(drawn))
    found = posterior(history)
    (one,), (scale,) = found.models, found.scales
    for factor, verdict in ((0.01, "overconfident"), (100.0, "underconfident")):
        theta = one.surrogate.theta + np.array([0.0, 0.0, 0.0, math.log(factor)])
        wrong = replace(one, surrogate=Surrogate.of(theta, one.surrogate.data, one.surrogate.groups))
        judged_wrong = calibrate(replace(found, models=(wrong,)), wrong, scale)
        assert judged_wrong.verdict == verdict, factor


def test_few_results_are_too_few() -> None:
    found = judged(noisy_bowl(9, 0.1))
    assert found.verdict == "too_few"
    assert found.sentence == "Too early to say: 9 results of loss judge no surrogate; 10 do."


def test_coverage_and_pit_are_counts_of_the_residuals() -> None:
    found = judged(noisy_bowl(60, 0.1))
    residuals = np.array([one.residual for one in found.held_out])
    for coverage, level in zip(found.coverage, LEVELS, strict=True):
        assert coverage.inside == np.sum(np.abs(residuals) <= norm.ppf(0.5 + level / 2))
        assert (coverage.at_least, coverage.at_most) == (binom.ppf(0.005, 60, level), binom.ppf(0.995, 60, level))
    np.testing.assert_allclose([one.pit for one in found.held_out], norm.cdf(residuals), atol=1e-12)
    assert found.pit_counts == np.histogram(norm.cdf(residuals), bins=10, range=(0, 1))[0].tolist()
    assert found.mean_log_density == pytest.approx(np.mean([one.log_density for one in found.held_out]))


def test_a_value_worse_than_expected_has_a_residual_above_0_whatever_the_direction() -> None:
    losses = noisy_bowl(40, 0.01)
    losses[7] += 0.5
    for direction, sign in (("minimize", 1.0), ("maximize", -1.0)):
        (seventh,) = (one for one in judged(losses, objectives={"a": direction}).held_out if one.numbers == [7])
        assert seventh.residual > 2.0
        assert seventh.told == pytest.approx(sign * losses[7])
        assert sign * (seventh.told - seventh.expected.median) > 0.3


def test_repeats_are_held_out_together_and_failures_are_left_out() -> None:
    drawn = places(12).tolist()
    history = [told(i, {"x": x, "y": y}, bowl({"x": x, "y": y})) for i, (x, y) in enumerate(drawn)]
    history += [told(12, history[3].params, 0.75), failed(13, history[5].params), failed(14, {"x": 0.01, "y": 0.99})]
    found = posterior(tuple(history))
    calibration = calibrate(found, found.models[0], found.scales[0])
    assert [one.numbers for one in calibration.held_out] == [
        [0],
        [1],
        [2],
        [3, 12],
        [4],
        *([i] for i in range(6, 12)),
    ]
    (both,) = (one for one in calibration.held_out if one.numbers == [3, 12])
    assert both.told == pytest.approx((history[3].losses[0] + 0.75) / 2)


def test_repeats_are_held_out_whatever_their_variances() -> None:
    drawn = places(12).tolist()
    history = [told(i, {"x": x, "y": y}, bowl({"x": x, "y": y}), variances=(1e-4,)) for i, (x, y) in enumerate(drawn)]
    history += [told(12, history[3].params, 0.75, variances=(1e-2,))]
    history += [told(13 + i, history[5].params, 0.5, variances=(1e-3,)) for i in range(6)]
    found = posterior(tuple(history))
    numbers = [one.numbers for one in calibrate(found, found.models[0], found.scales[0]).held_out]
    assert numbers[3] == [3, 12]
    assert numbers[5] == [5, *range(13, 19)]
    assert len(numbers) == 12


def test_the_mean_of_repeats_is_finite_near_the_largest_float() -> None:
    drawn = places(6).tolist()
    history = [told(i, {"x": x, "y": y}, (i + 1) * 1e307) for i, (x, y) in enumerate(drawn)]
    history += [told(6 + i, history[5].params, 1.7e308) for i in range(2)]
    found = posterior(tuple(history))
    last = calibrate(found, found.models[0], found.scales[0]).held_out[-1]
    assert (last.numbers, last.told) == ([5, 6, 7], pytest.approx(1.333333e308, rel=1e-6))


def test_a_surrogate_that_could_not_be_fitted_is_not_judged() -> None:
    history = tuple(told(i, {"x": i / 9, "y": 0.5}, float(i), variances=(math.nan,)) for i in range(9))
    found = posterior(history)
    with pytest.raises(NoSurrogate, match=r"no surrogate of .loss. could be fitted: .*not finite"):
        calibrate(found, found.models[0], found.scales[0])
