"""What trials may tell, what they must, and what follows from it."""

from __future__ import annotations

from typing import Any

import pytest

from trimtab_service.domain.errors import InvalidValue, MissingMetric, UnknownMetric
from trimtab_service.domain.metric import Value
from trimtab_service.domain.study import Problem
from trimtab_service.domain.told import as_variant

SPEC: dict[str, Any] = {
    "space": {"lr": {"type": "float", "low": 1e-4, "high": 1.0, "log": True}},
    "objectives": {"accuracy": "max", "size_bytes": {"direction": "minimize", "log": True, "reference": 1e6}},
    "metrics": ["train_s"],
}
LATE: dict[str, Any] = {
    **SPEC,
    "objectives": {
        "accuracy": "max",
        "size_kb": "min",
        "gain": {"direction": "max", "formula": "accuracy / latency_ms['pi']"},
    },
    "constraints": ["flops <= 100"],
    "late_metrics": ["latency_ms['pi']"],
}


def plain(values) -> dict[str, float]:
    return {key: one.value for key, one in values.items()}


def test_told_values_are_checked_against_the_study():
    problem = Problem.from_spec(SPEC)
    told = {"accuracy": 0.9, "size_bytes": {"value": 10, "stderr": 1}, "macs": 5, "train_s": 1.5}
    values = problem.values(told, complete=True)
    assert values["size_bytes"] == Value(10.0, 1.0)
    with pytest.raises(UnknownMetric, match=r"got \['acuracy'\]; declare others as metrics"):
        problem.values({"acuracy": 0.9}, complete=True)
    with pytest.raises(MissingMetric, match="'size_bytes' is missing"):
        problem.values({"accuracy": 0.9}, complete=True)
    assert set(problem.values({"accuracy": 0.9}, complete=False)) == {"accuracy"}
    with pytest.raises(InvalidValue, match="must be above 0, got 0"):
        problem.values({"accuracy": 0.9, "size_bytes": 0}, complete=True)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (float("nan"), "value must be finite, got nan; tell a failure instead"),
        (True, "value must be a number, got True"),
        ("0.9", "value must be a number, got '0.9'"),
        (10**400, "value must be finite"),
        ({"value": 1, "stderr": -1}, "stderr must not be negative"),
        ({"stderr": 1}, "expected a number or {value, stderr, contract}"),
        ({"value": 1, "unit": "ms"}, "expected a number or {value, stderr, contract}"),
        ({"value": 1, "contract": "x"}, "contract must be an object"),
    ],
)
def test_a_value_that_is_no_finite_number_is_refused(given, says):
    with pytest.raises(InvalidValue) as caught:
        Value.of("m", given)
    assert says in caught.value.detail


def test_values_of_a_device_are_told_under_their_key():
    problem = Problem.from_spec(SPEC)
    values = problem.values({"latency_ms['pi']": 3, 'accuracy["phone"]': 0.5, "train_s": 1}, complete=False)
    assert plain(values) == {'latency_ms["pi"]': 3.0, 'accuracy["phone"]': 0.5, "train_s": 1.0}
    for key in ('latency["pi"]', 'latency_ms["a b"]', "latency_ms[pi]", 'latency_ms["pi"]["pi"]'):
        with pytest.raises(UnknownMetric, match="expected objectives"):
            problem.values({key: 3}, complete=False)


def test_what_is_not_told_follows_from_another_unit():
    problem = Problem.from_spec({**LATE, "objectives": {"accuracy": "max", "size_kb": "min"}})
    values = problem.values({"accuracy": 0.5, "size_bytes": {"value": 1_500, "stderr": 10}, "macs": 7}, complete=True)
    assert plain(values) == {"accuracy": 0.5, "size_bytes": 1_500.0, "macs": 7.0, "size_kb": 1.5, "flops": 14.0}
    assert values["size_kb"] == Value(1.5, 0.01, {"derived_from": "size_bytes"})


def test_a_formula_is_computed_when_what_it_names_is_there():
    problem = Problem.from_spec(LATE)
    values = problem.values({"accuracy": 0.5, "size_kb": 1, "latency_ms['pi']": 4}, complete=True)
    assert values["gain"] == Value(0.125, None, {"formula": "accuracy / latency_ms['pi']"})
    with pytest.raises(InvalidValue, match=r"expected no value of \['gain'\]: their formulas give them"):
        problem.values({"gain": 0.5}, complete=False)
    with pytest.raises(MissingMetric, match=r"expected values of .* that give a finite number"):
        problem.values({"accuracy": 0.5, "size_kb": 1, "latency_ms['pi']": 0}, complete=True)


def test_late_metrics_may_be_missing_and_complete_what_was_told():
    problem = Problem.from_spec(LATE)
    told = problem.values({"accuracy": 0.5, "size_kb": 1}, complete=True)
    assert set(told) == {"accuracy", "size_kb"}
    later = problem.values({'latency_ms["pi"]': 4}, complete=False, before=told)
    assert plain(later) == {"accuracy": 0.5, "size_kb": 1.0, 'latency_ms["pi"]': 4.0, "gain": 0.125}
    with pytest.raises(MissingMetric, match="'size_kb' is missing"):
        problem.values({"accuracy": 0.5}, complete=True)
    with pytest.raises(MissingMetric):  # what the formula needs beside the late one
        Problem.from_spec({**LATE, "objectives": {"gain": LATE["objectives"]["gain"]}}).values({}, complete=True)


def test_what_was_told_before_need_not_be_told_again_and_follows_anew():
    problem = Problem.from_spec(LATE)
    before = problem.values({"size_bytes": 1_000, "latency_ms['pi']": 2, "accuracy": 0.3}, complete=False)
    assert plain(before)["size_kb"] == 1.0
    after = problem.values({"accuracy": 0.5, "size_bytes": 3_000}, complete=True, before=before)
    assert plain(after) == {
        "accuracy": 0.5,
        "size_bytes": 3_000.0,
        "size_kb": 3.0,
        'latency_ms["pi"]': 2.0,
        "gain": 0.25,
    }
    assert plain(before)["size_kb"] == 1.0


def test_a_variant_has_what_differs_from_its_trial():
    problem = Problem.from_spec(LATE)
    own = problem.values({"accuracy": 0.5, "size_bytes": 4_000, "latency_ms['pi']": 2}, complete=True)
    variants = problem.variants({"int8": {"size_bytes": 1_000}, "pruned 50 %": {"accuracy": 0.4}}, own)
    assert {name: plain(one) for name, one in variants.items()} == {
        "int8": {"size_bytes": 1_000.0, "size_kb": 1.0, "gain": 0.25},
        "pruned 50 %": {"accuracy": 0.4, "gain": 0.2},
    }


@pytest.mark.parametrize(
    ("variants", "error", "says"),
    [
        ({"": {"accuracy": 1}}, InvalidValue, "a variant's name is a letter or digit"),
        ({"a\n": {"accuracy": 1}}, InvalidValue, "a variant's name is a letter or digit"),
        ({"int8": {}}, InvalidValue, "variant 'int8': expected {metric: value}, got {}"),
        ({"int8": 3}, InvalidValue, "variant 'int8': expected {metric: value}, got 3"),
        ({"int8": {"acc": 1}}, UnknownMetric, "got ['acc']"),
        ({"int8": {"size_bytes": 0}}, InvalidValue, "'size_bytes' is on a log scale, so it must be above 0, got 0"),
        ({f"v{n}": {"accuracy": 1} for n in range(51)}, InvalidValue, "at most 50 variants, got 51"),
    ],
)
def test_variants_that_make_no_sense_are_refused(variants, error, says):
    problem = Problem.from_spec(SPEC)
    with pytest.raises(error) as caught:
        problem.variants(variants, {"accuracy": Value(0.5), "size_bytes": Value(9.0)})
    assert says in caught.value.detail


def test_a_variant_takes_neither_another_units_figure_nor_a_formulas_value_from_its_trial():
    own = {"accuracy": 0.9, "size_bytes": 1e5, "gain": 3.0, 'size_bytes["pi"]': 7.0}
    assert as_variant(own, {"size_kb": 25.0}, {"gain"}) == {"accuracy": 0.9, 'size_bytes["pi"]': 7.0, "size_kb": 25.0}
    assert as_variant(own, {"gain": 4.0, "size_bytes": 5.0}, {"gain"}) == {**own, "gain": 4.0, "size_bytes": 5.0}
