"""Latency tables, on the Pixel 1's of ProxylessNAS, and the trade-offs of MnasNet and Once-for-all."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path

import pytest

from trimtab.costs import latency
from trimtab.errors import TrimtabError

PIXEL1 = json.loads((Path(__file__).parent / "tables" / "pixel1.json").read_text())
STAGES = [(24, 4, 2), (40, 4, 2), (80, 4, 2), (96, 4, 1), (192, 4, 2), (320, 1, 1)]
"""Of the search space of ProxylessNAS: (width, blocks, stride of the first)."""
STEM = {
    "first conv": "Conv-input:224x224x3-output:112x112x32",
    "first block": "expanded_conv-input:112x112x32-output:112x112x16-expand:1-kernel:3-stride:1-idskip:0",
    "feature mix": "Conv_1-input:7x7x320-output:7x7x1280",
    "classifier": "Logits-input:7x7x1280-output:1000",
}
"""What every net of the space has."""
SMALL = {"a": {"conv3x3": 2.0, "conv5x5": 3.0}, "b": {"conv3x3": 1.0, "skip": 0.0}}
ONCE_FOR_ALL = [(80.1, 143), (79.8, 132), (78.7, 79), (76.9, 58), (74.9, 40), (73.3, 28), (71.4, 20)]


def proxyless() -> dict[str, dict[str, latency.Entry]]:
    """The 21 blocks: six operations each, and one that does nothing where a shortcut leads around the block."""
    table: dict[str, dict[str, latency.Entry]] = {}
    size, width = 112, 16
    for out_width, blocks, first_stride in STAGES:
        for number in range(blocks):
            stride = first_stride if number == 0 else 1
            shortcut = stride == 1 and width == out_width
            out_size = size // stride
            place = f"expanded_conv-input:{size}x{size}x{width}-output:{out_size}x{out_size}x{out_width}"
            table[f"block {len(table) + 1}"] = {
                f"{kernel}x{kernel} expand {expand}": PIXEL1[
                    f"{place}-expand:{expand}-kernel:{kernel}-stride:{stride}-idskip:{shortcut:d}"
                ]
                for expand in (3, 6)
                for kernel in (3, 5, 7)
            } | ({"zero": 0.0} if shortcut else {})
            size, width = out_size, out_width
    return table


def softmax(logits: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    found = {}
    for slot, own in logits.items():
        powers = {name: math.exp(one) for name, one in own.items()}
        found[slot] = {name: one / sum(powers.values()) for name, one in powers.items()}
    return found


def test_the_uniform_choice_of_proxylessnas_takes_93_299_ms_and_15_653_fixed_on_a_pixel_1() -> None:
    table = proxyless()
    fixed = sum(PIXEL1[key]["mean"] for key in STEM.values())

    assert len(table) == 21
    assert round(latency.expected(table, latency.uniform(table)).ms, 3) == 93.299
    assert round(fixed, 3) == 15.653
    assert round(latency.expected(table, latency.uniform(table), fixed=fixed).ms, 3) == 108.951


def test_what_is_fixed_may_as_well_be_slots_with_one_operation() -> None:
    table = proxyless() | {slot: {"only": PIXEL1[key]} for slot, key in STEM.items()}

    assert round(latency.expected(table, latency.uniform(table)).ms, 3) == 108.951


def test_the_gradient_is_the_table() -> None:
    assert latency.gradient(SMALL) == SMALL
    assert latency.gradient(proxyless())["block 2"]["3x3 expand 3"] == pytest.approx(4.132448, abs=1e-6)


def test_the_gradient_agrees_with_finite_differences_on_the_way_from_one_operation_to_another() -> None:
    table, step = proxyless(), 1e-4
    slope = latency.gradient(table)
    for slot, shares in latency.uniform(table).items():
        first, *others = shares
        for other in others:
            near, far = ({**latency.uniform(table), slot: dict(shares)} for _ in range(2))
            for one, sign in ((near, -1), (far, 1)):
                one[slot][first] -= sign * step
                one[slot][other] += sign * step
            change = latency.expected(table, far).ms - latency.expected(table, near).ms
            assert change / (2 * step) == pytest.approx(slope[slot][other] - slope[slot][first], abs=1e-6)


def test_the_gradient_by_logits_agrees_with_finite_differences() -> None:
    table, step = proxyless(), 1e-5
    logits = {slot: {name: 0.3 * number for number, name in enumerate(own)} for slot, own in table.items()}
    shares, slope = softmax(logits), latency.gradient(table)
    for slot in ("block 1", "block 2", "block 21"):
        mean = sum(shares[slot][name] * slope[slot][name] for name in slope[slot])
        for name in logits[slot]:
            ends = []
            for sign in (1, -1):
                moved = copy.deepcopy(logits)
                moved[slot][name] += sign * step
                ends.append(latency.expected(table, softmax(moved)).ms)
            by_formula = shares[slot][name] * (slope[slot][name] - mean)
            assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(by_formula, abs=1e-6)


def test_one_architecture_is_looked_up() -> None:
    assert latency.lookup(SMALL, {"a": "conv5x5", "b": "skip"}, fixed=0.5).ms == 3.5

    table = proxyless()
    narrow = dict.fromkeys(table, "3x3 expand 3")
    assert latency.lookup(table, narrow).ms == pytest.approx(
        sum(table[slot]["3x3 expand 3"]["mean"] for slot in table)
    )


def test_the_standard_error_is_that_of_the_means() -> None:
    table = {"a": {"x": {"mean": 5.0, "var": 0.09, "count": 9}}, "b": {"y": {"mean": 1.0, "var": 0.16, "count": 1}}}

    ms, stderr = latency.lookup(table, {"a": "x", "b": "y"})
    assert (ms, stderr) == (6.0, pytest.approx(math.hypot(0.1, 0.4)))


def test_one_measurement_that_is_used_twice_errs_twice_in_the_same_direction() -> None:
    entry = {"mean": 5.0, "var": 0.09, "count": 9}
    same = {"a": {"x": entry}, "b": {"x": entry}}
    apart = {"a": {"x": entry}, "b": {"x": dict(entry)}}
    both = {"a": "x", "b": "x"}

    assert latency.lookup(same, both).stderr_ms == pytest.approx(0.2)
    assert latency.lookup(apart, both).stderr_ms == pytest.approx(0.1 * math.sqrt(2))


def test_what_an_operation_without_a_variance_errs_by_is_unknown_unless_it_is_not_there() -> None:
    table = {"a": {"x": {"mean": 5.0, "var": 0.09, "count": 9}, "y": 4.0, "zero": 0.0}}

    assert latency.lookup(table, {"a": "x"}).stderr_ms == pytest.approx(0.1)
    assert latency.lookup(table, {"a": "y"}).stderr_ms is None
    assert latency.lookup(table, {"a": "zero"}) == (0.0, 0.0)
    assert latency.expected(table, {"a": {"x": 1.0, "y": 0.0}}).stderr_ms == pytest.approx(0.1)


def test_the_cost_of_a_choice_says_that_it_was_looked_up_and_where() -> None:
    found = latency.cost(SMALL, {"a": "conv3x3", "b": "skip"}, name="small", device="phone", threads=1)
    told = found.as_metrics()

    assert set(told) == {"latency_ms"}
    assert (told["latency_ms"]["value"], told["latency_ms"]["stderr"]) == (2.0, None)
    contract = told["latency_ms"]["contract"]
    assert (contract["how"], contract["table"], contract["device"]) == ("looked up", "small", "phone")
    assert json.loads(json.dumps(contract)) == contract


def test_the_cost_of_a_choice_keeps_the_standard_error_of_the_table() -> None:
    table = proxyless()
    found = latency.cost(table, dict.fromkeys(table, "3x3 expand 3"), name="pixel1")

    assert 0 < found.stderr["latency_ms"] < 0.2


@pytest.mark.parametrize(
    ("choice", "error", "words"),
    [
        ({"a": "conv3x3", "c": "skip"}, latency.UnknownOperation, "no slot 'c'; it has \\['a', 'b'\\]"),
        ({"a": "conv3x4", "b": "skip"}, latency.UnknownOperation, "slot 'a' .* 'conv3x4': did you mean 'conv3x3'"),
        ({"a": "conv3x3"}, latency.InvalidChoice, "got none for \\['b'\\]"),
    ],
)
def test_a_choice_that_is_not_in_the_table_is_refused_with_the_nearest(choice, error, words) -> None:
    with pytest.raises(error, match=words) as caught:
        latency.lookup(SMALL, choice)
    assert isinstance(caught.value, TrimtabError)


@pytest.mark.parametrize(
    ("own", "error", "words"),
    [
        ({"conv3x3": 0.5, "conv5x5": 0.4}, latency.InvalidChoice, "of slot 'a' to sum to 1, got 0.9"),
        ({}, latency.InvalidChoice, "to sum to 1, got 0"),
        ("conv3x3", latency.InvalidChoice, "expected {operation: probability} in slot 'a', got 'conv3x3'"),
        ({"conv3x3": -0.5, "conv5x5": 1.5}, latency.InvalidFigure, "of 'conv3x3' in slot 'a': .* got -0.5"),
        ({"conv3x3": math.nan, "conv5x5": 1.0}, latency.InvalidFigure, "at least 0, got nan"),
    ],
)
def test_probabilities_that_are_none_are_refused(own, error, words) -> None:
    with pytest.raises(error, match=words):
        latency.expected(SMALL, {"a": own, "b": {"skip": 1.0}})


def test_probabilities_may_sum_to_1_as_single_precision_does() -> None:
    thirds = {"a": dict.fromkeys(("x", "y", "z"), 1.0)}

    assert latency.expected(thirds, {"a": dict.fromkeys("xyz", 0.3333333)}).ms == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("entry", [math.nan, math.inf, -1.0, "2", None, True, {"var": 1.0}, {"mean": -2.0}])
def test_an_entry_that_is_no_latency_is_refused(entry) -> None:
    with pytest.raises(latency.InvalidFigure, match="'x' in slot 'a': expected a finite number of at least 0"):
        latency.lookup({"a": {"x": entry}}, {"a": "x"})


def test_a_mean_of_no_measurements_is_refused() -> None:
    with pytest.raises(latency.InvalidFigure, match="count: expected a number above 0, got 0"):
        latency.lookup({"a": {"x": {"mean": 1.0, "var": 1.0, "count": 0}}}, {"a": "x"})


def test_the_soft_reward_of_mnasnet() -> None:
    assert round(latency.reward(1.0, 2.0, 1.0), 4) == 0.9526
    assert latency.reward(0.752, 78.0, 78.0) == 0.752
    assert round(latency.reward(0.7894, 156.0, 78.0), 4) == 0.752
    assert round(0.752 / latency.reward(1.0, 156.0, 78.0), 4) == 0.7894  # what twice the latency must bring


def test_the_hard_reward_of_mnasnet_is_the_accuracy_within_the_target_and_falls_beyond_it() -> None:
    hard = {"alpha": 0.0, "beta": -1.0}

    assert latency.reward(0.752, 40.0, 78.0, **hard) == latency.reward(0.752, 78.0, 78.0, **hard) == 0.752
    assert latency.reward(0.752, 100.0, 78.0, **hard) == pytest.approx(0.752 * 78 / 100)


def test_finished_models_are_scored_anew_for_another_target() -> None:
    points = [(accuracy / 100, ms) for accuracy, ms in ONCE_FOR_ALL]

    def best(target: float) -> int:
        scores = latency.rewards(points, target, alpha=0.0, beta=-1.0)
        return points[scores.index(max(scores))][1]

    assert [best(target) for target in (150.0, 80.0, 40.0)] == [143, 79, 40]


def test_the_soft_reward_may_leave_the_budget() -> None:
    points = [(0.80, 160.0), (0.752, 78.0)]
    scores = latency.rewards(points, 78.0)

    assert scores[0] > scores[1]
    assert latency.best_under(points, 78.0) == (0.752, 78.0)


@pytest.mark.parametrize("numbers", [(0.7, 0.0, 1.0), (0.7, 1.0, 0.0), (math.nan, 1.0, 1.0), (0.7, -1.0, 1.0)])
def test_a_reward_of_numbers_that_make_no_sense_is_refused(numbers) -> None:
    with pytest.raises(latency.InvalidFigure):
        latency.reward(*numbers)


@pytest.mark.parametrize(("limit", "accuracy"), [(80, 78.7), (60, 76.9), (79, 78.7), (1_000, 80.1), (20, 71.4)])
def test_the_best_of_once_for_all_under_a_limit(limit, accuracy) -> None:
    assert latency.best_under(ONCE_FOR_ALL, limit)[0] == accuracy


def test_under_19_ms_none_of_once_for_all_fits_and_the_nearest_is_named() -> None:
    with pytest.raises(latency.NothingFits, match="none of 7 takes at most 19 ms; the nearest takes 20 ms") as caught:
        latency.best_under(ONCE_FOR_ALL, 19)
    assert caught.value.extras["nearest"] == (71.4, 20)


def test_of_equally_accurate_models_the_faster_one_is_best() -> None:
    assert latency.best_under([(0.7, 9.0), (0.7, 8.0)], 10) == (0.7, 8.0)


def test_nothing_is_the_best_of_nothing() -> None:
    with pytest.raises(latency.NothingFits, match="got none at all"):
        latency.best_under([], 10)
