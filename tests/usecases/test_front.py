"""Best, front, hypervolume and progress are what a look at the values says."""

from __future__ import annotations

import math

import pytest

from trimtab_service.domain.errors import InvalidParams, InvalidQuery, MissingMetric, NoCompleteTrial
from trimtab_service.usecases import best, devices, enqueue, front, history

TWO = {
    "accuracy": {"direction": "maximize", "reference": 0.5},
    "size_bytes": {"direction": "minimize", "log": True, "reference": 1e6},
}


@pytest.fixture
def add(rooms, caller, once):
    def run(*values, **more):
        trials = [{"params": {"x": place / 10}, "values": one, **more} for place, one in enumerate(values)]
        return enqueue.add(rooms, caller, "s", trials, once()).body["result"]

    return run


def test_the_best_trial_is_the_earlier_of_equals(study, add, rooms, caller):
    study()
    with pytest.raises(NoCompleteTrial):
        best.best(rooms, caller, "s")
    add({"loss": 0.5}, {"loss": 0.2}, {"loss": 0.2})
    assert best.best(rooms, caller, "s").trial.number == 1
    assert front.progress(rooms, caller, "s").values == (0.5, 0.2, 0.2)


def test_the_front_holds_what_nothing_dominates_and_its_hypervolume(study, add, rooms, caller):
    study(objectives=TWO)
    add(
        {"accuracy": 0.9, "size_bytes": 1e5},
        {"accuracy": 0.8, "size_bytes": 1e4},
        {"accuracy": 0.7, "size_bytes": 1e5},
        {"accuracy": 0.95, "size_bytes": 1e7},
    )
    found = front.pareto(rooms, caller, "s")
    assert [trial.number for trial in found.trials] == [3, 0, 1]
    assert found.hypervolume == pytest.approx(0.4 * 1 + 0.3 * 1)
    assert found.reference == {"accuracy": 0.5, "size_bytes": pytest.approx(1e6)}
    assert not found.inferred
    small = front.pareto(rooms, caller, "s", ["size_kb <= 10"])
    assert [trial.number for trial in small.trials] == [1]
    assert front.progress(rooms, caller, "s").values == pytest.approx((0.4, 0.7, 0.7, 0.7))
    assert best.best(rooms, caller, "s").trial.number == 3
    assert best.best(rooms, caller, "s", objective="size_bytes").trial.number == 1
    with pytest.raises(InvalidQuery, match=r"of \['accuracy', 'size_bytes'\], got 'macs'"):
        best.best(rooms, caller, "s", objective="macs")


def test_a_reference_that_is_not_given_is_inferred_and_said(study, add, rooms, caller):
    study(objectives={"accuracy": "maximize", "size_bytes": "minimize"})
    add({"accuracy": 0.9, "size_bytes": 200}, {"accuracy": 0.8, "size_bytes": 100})
    found = front.pareto(rooms, caller, "s")
    assert found.inferred
    assert found.reference["accuracy"] < 0.8
    assert found.reference["size_bytes"] > 200
    assert found.hypervolume > 0


def finite(found):
    return all(math.isfinite(value) for value in found.reference.values())


def test_huge_values_give_a_finite_reference_and_no_hypervolume_that_floats_cannot_hold(study, add, rooms, caller):
    study(objectives={"a": "minimize", "b": "maximize"})
    add({"a": 1.7e308, "b": 1.7e308}, {"a": -1.7e308, "b": -1.7e308})
    found = front.pareto(rooms, caller, "s")
    assert finite(found)
    assert found.inferred
    assert (len(found.trials), found.hypervolume) == (2, None)
    values = front.progress(rooms, caller, "s").values
    assert all(math.isfinite(value) for value in values)
    assert list(values) == sorted(values)


def test_huge_and_tiny_values_on_log_scales_have_a_finite_reference(study, add, rooms, caller):
    log = {"direction": "minimize", "log": True}
    study(objectives={"a": log, "b": log, "c": {"direction": "maximize", "log": True}})
    add({"a": 1e-300, "b": 1e308, "c": 1e308}, {"a": 1e308, "b": 1e-300, "c": 5e-324})
    found = front.pareto(rooms, caller, "s")
    assert finite(found)
    assert min(found.reference.values()) > 0
    assert found.hypervolume > 0


@pytest.mark.parametrize("value", [5e-324, 1e-320, 1e-300, 1.0, 1.7976931348623157e308])
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_the_best_so_far_on_a_log_scale_is_the_value_that_was_told(study, add, rooms, caller, direction, value):
    study(objectives={"a": {"direction": direction, "log": True}})
    add({"a": value})
    assert front.progress(rooms, caller, "s").values == pytest.approx((value,), rel=1e-12, abs=0)


def test_an_empty_study_has_an_empty_front(study, rooms, caller):
    study(objectives=TWO)
    found = front.pareto(rooms, caller, "s")
    assert (found.trials, found.hypervolume) == ((), None)
    assert front.progress(rooms, caller, "s").values == ()


def test_added_trials_are_all_or_none(study, add, rooms, caller, once):
    study()
    with pytest.raises(MissingMetric):
        add({"loss": 1.0}, {})
    with pytest.raises(InvalidParams):
        enqueue.add(rooms, caller, "s", [{"params": {"x": 9}, "values": {"loss": 1}}], once())
    assert history.trials(rooms, caller, "s").items == ()
    add({"loss": 1.0}, state="failed", failure={"kind": "oom"})
    assert history.trials(rooms, caller, "s").items[0].failure.kind == "oom"


def test_history_is_filtered_over_pages_without_gaps_or_repeats(study, add, rooms, caller):
    study()
    for batch in range(3):
        add(*({"loss": float(batch * 10 + place)} for place in range(10)))
    seen, cursor = [], None
    while True:
        page = history.trials(
            rooms, caller, "s", where=["loss >= 5", "loss != 7"], order="-loss", cursor=cursor, limit=4
        )
        seen += [trial.values["loss"].value for trial in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
        assert len(page.items) == 4
    assert seen == [float(loss) for loss in range(29, 4, -1) if loss != 7]
    with pytest.raises(InvalidQuery, match="limit must be in"):
        history.trials(rooms, caller, "s", limit=0)
    with pytest.raises(InvalidQuery, match="expected names of"):
        history.trials(rooms, caller, "s", where=["acc > 1"])


def test_a_variant_in_another_unit_is_found_for_a_device(study, add, rooms, caller, once):
    study(objectives={"accuracy": "maximize", "size_kb": "minimize"})
    add({"accuracy": 0.9, "size_bytes": 100_000}, variants={"int8": {"size_kb": 25}})
    devices.save(rooms, caller, "mcu", {"size_bytes": 64_000}, once(), replace=False)
    assert best.best(rooms, caller, "s", device="mcu").variant == "int8"
    (entry,) = front.pareto(rooms, caller, "s", device="mcu").entries
    assert (entry.variant, {key: one.value for key, one in entry.trial.values.items()}) == (
        "int8",
        {"accuracy": 0.9, "size_kb": 25},
    )
