"""Whatever JSON comes, it is taken or refused with a reason: nothing else is raised."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from trimtab_service.domain.errors import DomainError
from trimtab_service.domain.expression import Expression
from trimtab_service.domain.metric import Value
from trimtab_service.domain.space import Space
from trimtab_service.domain.study import Problem, check_budget, check_name, difference

DEFINITION: dict[str, Any] = {
    "space": {
        "depth": {"type": "int", "low": 1, "high": 3, "step": 1, "log": False},
        "x": {"type": "float", "low": 0.0, "high": 1.0, "step": 0.1, "log": False, "when": {"depth": [2, 3]}},
        "lr": {"type": "float", "low": 1e-4, "high": 1.0, "log": True, "step": None},
        "kind": {"type": "categorical", "choices": ["a", True, 2], "ordered": True, "when": {"x": 0.3}},
        "epochs": {"type": "constant", "value": 10, "when": {"kind": ["a"]}},
    },
    "objectives": {
        "accuracy": "maximize",
        "size_bytes": {"direction": "minimize", "log": True, "reference": 1e6, "noise": None},
        "gain": {"direction": "max", "threshold": 0.1, "weight": 2, "noise": 0, "formula": "accuracy / latency_ms"},
    },
    "metrics": ["train_s"],
    "constraints": ["accuracy >= 0.9 * baseline", 'latency_ms["pi"] <= 20'],
    "space_constraints": ["lr * depth <= 3"],
    "known_metrics": ["size_bytes"],
    "late_metrics": ['latency_ms["pi"]'],
    "baseline": {"depth": 1, "lr": 0.01},
    "algorithm": "grid",
    "options": {"points": {"lr": 4}},
    "seed": 1,
}
MODELLED = {**DEFINITION, "algorithm": "gp", "options": {"acquisition": "log_ehvi", "n_initial": 5}}
PARAMS: dict[str, Any] = {"depth": 3, "x": 0.3, "lr": 0.01, "kind": "a", "epochs": 10}
VALUE: dict[str, Any] = {"value": 1.0, "stderr": 0.1, "contract": {"device": "cpu"}}

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([2**53, -(2**53), 2**63, 10**400, -(10**400), 1e308, -1e308, 5e-324, 0.1 * 3])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "a", "int", "float", "log_ei", "minimize", "depth", "number"])
    | st.text(max_size=3)
)
anything = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "low", "high", "direction", "depth", "x", "value"]), inner, max_size=3
        )
    ),
    max_leaves=5,
)


def places(json_value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path to every value inside, the whole excepted."""
    keys = list(json_value) if isinstance(json_value, dict) else range(len(json_value))
    found: list[tuple[Any, ...]] = []
    for key in keys:
        found.append((*path, key))
        if isinstance(json_value[key], dict | list):
            found += places(json_value[key], (*path, key))
    return found


def changed(json_value: Any, path: tuple[Any, ...], new: Any) -> Any:
    found = copy.deepcopy(json_value)
    inside = found
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = new
    return found


@settings(max_examples=600, deadline=None)
@given(st.sampled_from([(one, path) for one in (DEFINITION, MODELLED) for path in places(one)]), anything)
@example((MODELLED, ("options", "acquisition")), [])
@example((MODELLED, ("options", "acquisition")), {})
@example((DEFINITION, ("space", "x", "type")), [])
@example((DEFINITION, ("space", "epochs", "when")), {"kind": [{}]})
@example((DEFINITION, ("space", "lr", "low")), 10**400)
@example((DEFINITION, ("objectives", "size_bytes", "reference")), 10**400)
@example((DEFINITION, ("seed",)), 2**63 - 1)
@example((DEFINITION, ("objectives", "gain", "weight")), 10**400)
@example((DEFINITION, ("objectives", "gain", "formula")), [])
@example((DEFINITION, ("constraints", 0)), {})
@example((DEFINITION, ("known_metrics", 0)), {})
@example((DEFINITION, ("baseline",)), {})
def test_any_value_anywhere_in_a_definition_is_taken_or_refused(place: Any, new: Any) -> None:
    definition = changed(*place, new)
    with suppress(DomainError):
        problem = Problem.from_spec(definition)
        spec = problem.to_spec()
        assert Problem.from_spec(json.loads(json.dumps(spec))) == problem
        assert difference(spec, spec) == {}


def test_the_definitions_that_are_changed_are_taken_as_they_are() -> None:
    assert [Problem.from_spec(one).to_spec()["algorithm"] for one in (DEFINITION, MODELLED)] == ["grid", "gp"]
    assert Space.from_spec(DEFINITION["space"]).check(PARAMS) == PARAMS


@settings(max_examples=200, deadline=None)
@given(anything)
def test_any_value_is_taken_or_refused_as_a_whole(new: Any) -> None:
    if isinstance(new, dict):
        with suppress(DomainError):
            Problem.from_spec(new)
    for reader in (Space.from_spec, check_name, check_budget, lambda given: Value.of("m", given)):
        with suppress(DomainError):
            reader(new)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(places(PARAMS)), anything)
def test_any_value_in_params_is_taken_or_refused(path: Any, new: Any) -> None:
    space = Space.from_spec(DEFINITION["space"])
    with suppress(DomainError):
        checked = space.check(changed(PARAMS, path, new))
        assert space.check(checked) == checked


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(places(VALUE)), anything)
def test_any_value_in_a_result_is_taken_or_refused(path: Any, new: Any) -> None:
    problem = Problem.from_spec(DEFINITION)
    with suppress(DomainError):
        told = {"accuracy": changed(VALUE, path, new), "size_bytes": new, "latency_ms": 3}
        values = problem.values(told, complete=True)
        problem.variants({"int8": {"accuracy": new}}, values)
        problem.feasible({key: one.value for key, one in values.items()}, None)


words = st.sampled_from(
    [
        *("x", "y", "size_kb", "1", "1e999", "10**400", "-", "+", "'a'", "True", "None", "1j", "b'a'", "...", "3_0"),
        *("<", "<=", "==", "!=", "in", "not in", "and", "or", "not", "is", "(", ")", "[", "]", ",", "x.y", "f()"),
        *("lambda: 0", "0x", "\\", "\n", "\0", "\ud800", "é", "{", "}", "9" * 400),
    ]
)


@settings(max_examples=600, deadline=None)
@given(st.lists(words, max_size=12).map(" ".join), leaves)
@example("x < " + "9" * 400, 1e308)
@example("- True < x", 1)
@example("'a' in x", "abc")
@example("x in 'abc'", 3)
def test_any_text_is_read_as_a_condition_or_refused(text: str, held: Any) -> None:
    with suppress(DomainError):
        where = Expression.condition(text)
        assert where.selects({"x": held, "size_bytes": 1e308}) in (True, False)
