"""A cost shows itself: in a terminal as lines, in a notebook as a table that nothing told can break out of."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from trimtab import measure
from trimtab.costs import card
from trimtab.costs.cost import METRICS, Cost, Layer

LSTM = Cost(
    parameters=94_346,
    size_bytes=377_384,
    macs_at_least=5_310_464,
    uncounted={"lstm": 2},
    latency_ms=0.4213,
    co2_g=3.28e-7,
    layers=(Layer("0", "Linear", 330, 320, (1, 32)), Layer("<b>1</b>", "LSTM", 1_000, None)),
    stderr={"latency_ms": 0.00312},
    contract={
        "size_bytes": {"how": "counted", "dtype": "float32"},
        "latency_ms": {"how": "measured", "repetitions": 200, "input_shape": [1, 64], "threads": 1, "device": "<i>"},
        "co2_g": {"how": "looked_up", "device": {"name": "pi", "cores": 4}},
    },
    unknown=dict.fromkeys(("macs", "macs_nonzero", "flops"), "no formula for lstm x2"),
)


class Page(HTMLParser):
    """The tags and the cells of a piece of HTML; every tag must be closed in its turn."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[tuple[str, str | None]] = set()
        self.cells: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= set(attrs)
        self._open.append(tag)
        if tag in ("th", "td"):
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] in (["th"], ["td"]):
            self.cells[-1] += data


def test_a_cost_is_lines_of_figures_with_their_units_and_how_each_is_known() -> None:
    assert str(LSTM).splitlines() == [
        "Cost",
        "  parameters             94,346",
        "  size                   377 kB  counted, float32",
        "  MACs          at least 5.31 M  no formula for lstm x2",
        "  latency     0.421 ± 0.0031 ms  measured, 200 repetitions, input 1x64, 1 thread, <i>",
        "  CO2                    328 ng  looked up, pi",
        "  unknown                        MACs, non-zero MACs, FLOPs: no formula for lstm x2",
        "  in 2 layers: cost.layers",
    ]


def test_a_cost_of_nothing_says_so() -> None:
    assert str(Cost()) == "Cost\n  nothing is known"


def test_the_short_form_is_without_layers_and_contracts() -> None:
    assert "layers" not in repr(LSTM)
    assert "counted'" not in repr(LSTM)


def test_a_notebook_gets_the_same_figures_and_the_layers_folded() -> None:
    page = Page(LSTM._repr_html_())
    assert page.cells[:3] == ["parameters", "94,346", ""]
    assert "at least 5.31 M" in page.cells
    assert page.cells[-10:] == ["0", "Linear", "330", "320", "1x32", "<b>1</b>", "LSTM", "1,000", "?", ""]
    assert page.tags.count("details") == 1
    assert ("open", "") not in page.attributes


def test_what_was_told_is_escaped_and_nothing_is_fetched_or_coloured() -> None:
    page = Page(LSTM._repr_html_())
    assert set(page.tags) <= {"div", "strong", "table", "thead", "tbody", "tr", "th", "td", "details", "summary"}
    assert page.attributes == {("style", "text-align:left"), ("scope", "row"), ("scope", "col")}


def test_of_a_great_many_layers_the_first_are_shown_and_the_rest_counted() -> None:
    many = Cost(layers=tuple(Layer(str(place), "Linear", 1, 1) for place in range(card.MOST_LAYERS + 1_000)))
    assert "1,000 more in cost.layers" in many._repr_html_()
    assert Page(many._repr_html_()).tags.count("tr") == card.MOST_LAYERS + 1


def test_a_measured_model_shows_every_figure_that_it_tells() -> None:
    X = np.arange(6.0).reshape(2, 3)
    cost = measure(LinearRegression().fit(X, X[:, 0]), X, seconds=0.01)
    shown = [line.split("  ")[1].strip() for line in str(cost).splitlines()[1:]]
    assert len([line for line in shown if line not in ("unknown", "in 1 layer: cost.layers")]) == len(
        cost.as_metrics()
    )


def test_every_figure_has_a_name_and_a_unit() -> None:
    assert tuple(card._FIGURES) == (*METRICS, "training_energy_j", "training_co2_g")


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("parameters", 0, "0"),
        ("parameters", 999_999, "999,999"),
        ("parameters", 25_557_032, "25.6 M"),
        ("macs", 1_814_073_344, "1.81 G"),
        ("size_bytes", 0, "0 B"),
        ("size_bytes", 512, "512 B"),
        ("size_bytes", 4_096, "4.1 kB"),
        ("size_bytes", 999_999, "1 MB"),
        ("size_bytes", 300_000, "300 kB"),
        ("energy_mj", 3.1, "3.1 mJ"),
        ("energy_mj", 0.0312, "31.2 µJ"),
        ("energy_mj", 5_400.0, "5.4 J"),
        ("co2_g", 3e-7, "300 ng"),
        ("co2_g", 1e-15, "0.000001 ng"),
        ("co2_g", 0.0, "0 g"),
        ("training_energy_j", 7.2e6, "7.2 MJ"),
        ("training_co2_g", 2_500.0, "2.5 kg"),
        ("latency_ms", 1_250.4, "1,250 ms"),
        ("latency_ms", 0.00042, "0.00042 ms"),
        ("accuracy", 0.97833, "0.9783"),
    ],
)
def test_a_figure_is_written_in_the_unit_in_which_a_person_reads_it(metric: str, value: float, text: str) -> None:
    assert card.amount(metric, value) == text


def test_a_trial_shows_its_params_and_values() -> None:
    record = {
        "number": 3,
        "state": "complete",
        "params": {"lr": 0.1, "block": "<b>plain</b>"},
        "values": {"accuracy": 0.9, "size_bytes": 61_213},
        "stderrs": {"accuracy": 0.01},
        "contracts": {"size_bytes": {"how": "counted"}},
    }
    page = Page(card.trial_html(record))
    assert "Trial 3, complete" in card.trial_html(record)
    assert page.cells == [
        *("lr", "0.1", "block", "<b>plain</b>"),
        *("accuracy", "0.9 ± 0.01", "", "size_bytes", "61.2 kB", "counted"),
    ]
