"""The table writes each column in one way, and its headings turn the order round."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.dashboard.builders import NOW, complete, studied, two_goals
from trimtab_service.dashboard import listing
from trimtab_service.dashboard.addresses import Addresses, Look
from trimtab_service.dashboard.table import followed, short_params, tabulate
from trimtab_service.domain.errors import InvalidQuery
from trimtab_service.domain.metric import Value
from trimtab_service.domain.parameter import Categorical, Float
from trimtab_service.domain.space import Space
from trimtab_service.domain.trial import Failure, FailureKind, Trial, TrialState

PROBLEM = two_goals().problem
METRICS = ("accuracy", "size_bytes")


def table(*trials, order="-number", front=frozenset()):
    return tabulate(PROBLEM, trials, METRICS, Look(order=order), NOW, front)


def column(made, name):
    place = [one.name for one in made.columns].index(name)
    return [row.cells[place] for row in made.rows]


def test_a_column_has_the_same_decimals_throughout_and_the_exact_value_to_hover():
    cells = column(
        table(complete(0, accuracy=0.97833061, size_bytes=61_213), complete(1, accuracy=0.5, size_bytes=5)),
        "accuracy",
    )
    assert [(cell.text, cell.title) for cell in cells] == [("0.9783", "0.97833061"), ("0.5000", "0.5")]


def test_sizes_are_readable_and_exact_to_hover():
    (cell,) = column(table(complete(0, accuracy=0.9, size_bytes=61_213)), "size_bytes")
    assert (cell.text, cell.title) == ("61.2 kB", "61,213 bytes")


def test_a_standard_error_is_in_the_hover_text():
    trial = replace(complete(0, accuracy=0.9, size_bytes=1), values={"accuracy": Value(0.9, 0.01)})
    (cell,) = column(table(trial), "accuracy")
    assert cell.title == "0.9 ± 0.01 (standard error)"


def test_what_a_trial_has_no_value_of_is_a_dash():
    failed = Trial(3, {"lr": 0.01}, TrialState.FAILED, failure=Failure(FailureKind.OOM, "no memory\nline two"))
    made = table(failed)
    assert [cell.text for cell in made.rows[0].cells] == ["–", "–", "0.0100", "–", "–"]
    assert (made.rows[0].note.text, made.rows[0].note.title) == ("oom: no memory", "oom: no memory\nline two")
    assert made.rows[0].failure == "oom"


def test_a_long_message_is_cut_and_a_trial_on_the_front_is_marked():
    failed = Trial(3, {}, TrialState.FAILED, failure=Failure(FailureKind.ERROR, "x" * 5_000))
    made = table(failed, complete(4, accuracy=1, size_bytes=1), front=frozenset({4}))
    assert len(made.rows[0].note.text) < 200
    assert [row.on_front for row in made.rows] == [False, True]


@pytest.mark.parametrize(
    ("now", "name", "then"),
    [("-number", "accuracy", "-accuracy"), ("-accuracy", "accuracy", "accuracy"),
     ("-number", "size_bytes", "size_bytes"), ("size_bytes", "size_bytes", "-size_bytes"),
     ("number", "lr", "param:lr"), ("param:lr", "lr", "-param:lr"),
     ("-param:lr", "lr", "param:lr")],
)  # fmt: skip
def test_a_heading_leads_to_the_best_first_and_then_turns_round(now, name, then):
    made = table(complete(0, accuracy=0.9, size_bytes=1), order=now)
    heading = next(one for one in made.columns if one.name == name)
    assert followed(Look(order=now, cursor="x", start=50, where="lr < 1"), heading) == Look(
        order=then, where="lr < 1"
    )


def test_the_sorted_column_says_so():
    made = table(complete(0, accuracy=0.9, size_bytes=1), order="-accuracy")
    assert {one.name: one.sorted for one in made.columns if one.sorted != "none"} == {"accuracy": "descending"}
    assert table(order="number").number.sorted == "ascending"


def test_params_are_ordered_as_numbers_choices_as_declared_and_the_absent_come_last():
    space = Space((Categorical("kind", ("small", "large", 3)), Float("lr", 0, 1, when={"kind": ("small", "large")})))
    trials = [
        Trial(0, {"kind": 3}),
        Trial(1, {"kind": "large", "lr": 0.5}),
        Trial(2, {"kind": "small", "lr": 0.05}),
        Trial(3, {"kind": "small", "lr": 0.7}),
    ]

    def order(name, *, descending):
        return [trial.number for trial in listing.by_param(space, trials, name, descending=descending)]

    assert order("lr", descending=False) == [2, 1, 3, 0]
    assert order("lr", descending=True) == [3, 1, 2, 0]
    assert order("kind", descending=False) == [2, 3, 1, 0]


@pytest.mark.parametrize("order", ["nothing", "-", "param:nothing", "--accuracy", "param:accuracy", "x" * 1_000])
def test_an_order_by_no_column_is_refused(order):
    with pytest.raises(InvalidQuery, match="expected to order by a column"):
        listing.check_order(PROBLEM, order)


@pytest.mark.parametrize("query", [{"state": "broken"}, {"start": "-1"}, {"start": "9" * 40}, {"start": "²"}])
def test_an_address_that_says_nothing_sensible_is_refused(query):
    with pytest.raises(InvalidQuery):
        Look.of(query)


def test_a_look_survives_its_address():
    given = {"state": "failed", "where": "lr < 1 and x == 'a&b'", "order": "param:lr", "cursor": "c", "start": "50"}
    assert Look.of(given).query() == given
    assert Look.of({}).query() == {}


def test_addresses_carry_the_prefix_and_quote_what_they_are_given():
    to = Addresses("/lab")
    assert to.home == "/lab/"
    assert to.study("a.b-c", Look(where="x > 1"), part="trials") == "/lab/s/a.b-c?where=x+%3E+1#trials"
    assert to.csv("s", Look(state=TrialState.FAILED, order="param:lr")) == (
        "/lab/v1/studies/s/trials?format=csv&state=failed"
    )
    assert to.csv("s", Look(order="-accuracy")) == "/lab/v1/studies/s/trials?format=csv&order=-accuracy"
    assert to.csv("s", Look()) == "/lab/v1/studies/s/trials?format=csv"


def test_params_in_a_line_can_be_pasted_into_a_call():
    assert short_params({"lr": 0.01312345, "width": 48, "block": "conv", "bias": True}) == (
        "lr=0.01312 width=48 block=conv bias=True"
    )


def test_a_study_of_other_choices_shows_them_as_they_are():
    space = Space((Categorical("flag", (True, False)), Categorical("bits", (2, 4))))
    problem = studied().problem
    made = tabulate(replace(problem, space=space), [Trial(0, {"flag": True, "bits": 4})], (), Look(), NOW)
    assert [cell.text for cell in made.rows[0].cells] == ["–", "True", "4"]


def costly(number, **values):
    return complete(number, accuracy=0.9, size_bytes=10, **values)


def shown(trials, metrics, order="-number"):
    made = tabulate(PROBLEM, trials, (*METRICS, *metrics), Look(order=order), NOW)
    return [column.name for column in made.columns]


def test_objectives_come_first_then_params_then_what_else_was_measured():
    assert shown([costly(0, latency_ms=1.0)], ("latency_ms",)) == [*METRICS, *PROBLEM.space.names, "latency_ms"]


def test_metrics_that_repeat_another_have_no_column_until_the_table_is_ordered_by_them():
    costs = ("parameters", "trainable_parameters", "macs", "flops")
    same = [costly(0, parameters=5, trainable_parameters=5, macs=4, flops=8), costly(1)]
    frozen = [*same, costly(2, parameters=5, trainable_parameters=2)]
    count = len(METRICS) + len(PROBLEM.space.names)
    assert shown(same, costs)[count:] == ["parameters", "macs"]
    assert shown(frozen, costs)[count:] == ["parameters", "trainable_parameters", "macs"]
    assert shown(same, costs, order="-flops")[count:] == ["parameters", "macs", "flops"]
    assert shown([costly(0, flops=8)], ("flops",))[count:] == ["flops"]
    pruned = ("parameters", "parameters_nonzero", "macs", "macs_nonzero")
    dense = costly(0, parameters=5, parameters_nonzero=5, macs=4, macs_nonzero=4)
    assert shown([dense], pruned)[count:] == ["parameters", "macs"]
    assert shown([dense, costly(1, parameters=5, parameters_nonzero=1)], pruned)[count:] == list(pruned[:3])
