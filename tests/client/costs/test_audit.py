"""The audit of a compression: what it finds, and what it lets pass."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from trimtab import compress
from trimtab.costs import audit
from trimtab.costs import audit as front
from trimtab.costs.audit import _findings
from trimtab.costs.cost import Cost

IMAGES, LABELS = load_digits(return_X_y=True)


def a_net(*hidden):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return MLPClassifier(hidden, max_iter=5, random_state=0).fit(IMAGES, LABELS)


@pytest.fixture(scope="module")
def net():
    return a_net(64)


def masked(net):
    return compress(net, prune=0.9).restored_model


def test_a_masked_net_is_found_out(net) -> None:
    found = audit(net, masked(net))
    assert [one.name for one in found.findings] == ["zeros, not smaller"]
    assert found.before.parameters == found.after.parameters
    assert found.after.parameters_nonzero < 0.15 * found.before.parameters
    assert found.loaded_bytes[0] == found.loaded_bytes[1]
    assert found.latency_ratio is None


def test_a_net_that_is_stored_smaller_is_still_as_large_in_memory(net) -> None:
    report = compress(net, prune=0.9, bits=4)
    found = audit(net, report)
    assert found.stored_bytes[1] == report.stored_bytes < 0.1 * found.stored_bytes[0]
    assert [one.name for one in found.findings] == ["smaller stored, not loaded"]
    assert f"{report.stored_bytes:,}" in found.findings[0].detail


def test_a_net_that_is_really_smaller_passes(net) -> None:
    small = a_net(8)
    found = audit(net, small, IMAGES[:1], seconds=0.2)
    assert [one.name for one in found.findings if one.name != "fewer operations, slower"] == []
    assert found.after.macs < found.before.macs
    ratio, error = found.latency_ratio
    assert ratio > 0
    assert error >= 0


@pytest.mark.parametrize(
    ("ratio", "names"),
    [((1.4, 0.1), ["fewer operations, slower"]), ((1.4, 0.3), []), ((1.04, 0.001), []), ((0.7, 0.1), [])],
)
def test_fewer_operations_are_slower_only_when_it_is_sure(ratio, names) -> None:
    before = Cost(parameters=10, parameters_nonzero=10, macs=100, macs_nonzero=100)
    after = Cost(parameters=5, parameters_nonzero=5, macs=50, macs_nonzero=50)
    assert [one.name for one in _findings(before, after, (40, 20), (40, 20), ratio)] == names


def test_arrays_can_be_audited_without_an_example() -> None:
    weights = {"w": np.random.default_rng(0).normal(size=(50, 50))}
    found = audit(weights, compress(weights, prune=0.5))
    assert found.after.parameters_nonzero == 1250
    assert found.latency_ratio is None


def test_the_table_shows_both_and_what_is_wrong(net) -> None:
    text = str(front(net, masked(net)))
    assert "bytes stored" in text
    assert "! zeros, not smaller: " in text


def test_a_notebook_shows_the_table_escaped() -> None:
    found = audit({"w": np.ones((2, 2))}, {"w": np.ones((2, 2))})
    assert found._repr_html_().startswith("<pre>")
    assert "before" in found._repr_html_()
