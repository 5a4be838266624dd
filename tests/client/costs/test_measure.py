"""`measure` on fitted models and on arrays, against counts made by hand."""

import json
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.feature_extraction import FeatureHasher
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier

import trimtab.costs
from tests.client.costs.perceptrons import BINARY, X, a_perceptron
from trimtab.costs import InvalidExample, UnsupportedModel, measure
from trimtab.costs.energy import Site
from trimtab.errors import TrimtabError


def test_named_arrays_are_counted_by_their_own_dtypes():
    weights = {
        "conv": np.zeros((3, 3, 3, 16), dtype=np.float32),
        "bits": np.zeros(100, dtype=np.int8),
        "scale": np.zeros((), dtype=np.float64),
    }
    cost = measure(weights)

    assert cost.parameters == 432 + 100 + 1
    assert cost.size_bytes == 432 * 4 + 100 + 8
    assert cost.contract["size_bytes"]["dtype"] == "float32+float64+int8"


def test_arrays_say_nothing_of_operations_or_latency_so_these_are_none_and_not_told():
    cost = measure({"w": np.zeros(4)}, X)

    assert (cost.macs, cost.flops, cost.latency_ms, cost.trainable_parameters) == (None,) * 4
    assert (cost.activation_peak_bytes, cost.energy_mj, cost.co2_g) == (None,) * 3
    assert set(cost.as_metrics()) == {"parameters", "parameters_nonzero", "size_bytes"}


def test_latency_is_positive_with_a_finite_standard_error_and_says_on_what_it_ran():
    cost = measure(a_perceptron(), X)
    contract = cost.contract["latency_ms"]

    assert 0 < cost.latency_ms < 1_000
    assert 0 <= cost.stderr["latency_ms"] < math.inf
    assert contract["input_shape"] == [1, 7]
    assert contract["dtype"] == "float64"
    assert contract["repetitions"] >= 6
    assert contract["statistic"].startswith("median")
    assert contract["device"].startswith("cpu: ")
    assert contract["threads"] == 1


def test_without_an_example_or_when_not_wanted_there_is_no_latency():
    model = a_perceptron()

    assert measure(model).latency_ms is None
    assert measure(model, X, latency=False).latency_ms is None
    assert "latency_ms" not in measure(model).as_metrics()


def test_the_threads_of_the_stopwatch_can_be_chosen():
    assert measure(a_perceptron(), X, seconds=0.001, threads=2).contract["latency_ms"]["threads"] == 2


def test_with_a_site_the_energy_and_the_co2_of_a_call_are_known():
    cost = measure(a_perceptron(), X, seconds=0.001, site=Site(watts=10, intensity=400, pue=1.5))

    assert cost.energy_mj > 0
    assert cost.co2_g == pytest.approx(cost.energy_mj / 1e3 / 3.6e6 * 400)
    for metric in ("energy_mj", "co2_g"):
        contract = cost.contract[metric]
        assert (contract["pue"], contract["threads"], contract["input_shape"]) == (1.5, 1, [1, 7])
        assert contract["device_id"] == cost.contract["latency_ms"]["device_id"]


def test_without_a_site_energy_and_co2_are_unknown_and_the_cost_says_why():
    cost = measure(a_perceptron(), X, seconds=0.001)

    assert (cost.energy_mj, cost.co2_g) == (None, None)
    assert "site=" in cost.unknown["energy_mj"]
    assert cost.unknown["co2_g"] == cost.unknown["energy_mj"]


def test_every_known_figure_has_a_contract_with_convention_counter_and_version():
    cost = measure(a_perceptron(), X)
    metrics = cost.as_metrics()

    assert set(metrics) == {
        "parameters",
        "trainable_parameters",
        "parameters_nonzero",
        "size_bytes",
        "serialized_bytes",
        "macs",
        "macs_nonzero",
        "flops",
        "activation_peak_bytes",
        "latency_ms",
    }
    for name, told in metrics.items():
        assert told["value"] == getattr(cost, name)
        assert {"convention", "counter", "version"} <= set(told["contract"]), name
        assert (told["stderr"] is not None) == (name == "latency_ms")


def test_the_metrics_are_json_as_they_stand():
    metrics = measure(a_perceptron(), X).as_metrics()

    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics


def test_a_row_of_the_wrong_width_is_refused_with_both_widths():
    with pytest.raises(InvalidExample, match=r"shape \(rows, 7\).* got \(60, 6\)"):
        measure(a_perceptron(), X[:, :6])
    with pytest.raises(InvalidExample, match="at least one row"):
        measure(a_perceptron(), X[:0])


def test_the_example_may_be_a_data_frame_or_a_sparse_matrix():
    frame = pd.DataFrame(X, columns=list("abcdefg"))
    model = LogisticRegression().fit(frame, BINARY)

    assert measure(model, frame, seconds=0.001).contract["latency_ms"]["input_shape"] == [1, 7]
    assert measure(a_perceptron(), sparse.csr_array(X), seconds=0.001).latency_ms > 0


def test_a_single_row_may_come_flat_or_as_a_list():
    assert measure(a_perceptron(), X[0], seconds=0.001).latency_ms > 0
    assert measure(a_perceptron(), [list(X[0])], seconds=0.001).latency_ms > 0


@pytest.mark.parametrize(
    ("model", "came"),
    [
        (42, "got builtins.int"),
        (MLPClassifier(), "has no attribute 'coefs_'); was it fitted?"),
        (GridSearchCV(LogisticRegression(), {}), "has no attribute 'best_estimator_'"),
        (FeatureHasher(), "got FeatureHasher without any; was it fitted?"),
        ({}, "got an empty one"),
        ({"w": [1.0, 2.0]}, "got builtins.list under 'w'"),
        ({"w": np.array([None])}, "got dtype object under 'w'"),
    ],
    ids=["int", "unfitted", "unfitted search", "without arrays", "empty", "list", "object"],
)
def test_a_model_that_cannot_be_measured_is_a_typed_error_that_says_what_came(model, came):
    with pytest.raises(UnsupportedModel, match="expected") as caught:
        measure(model, X)

    assert came in str(caught.value)
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, TrimtabError)
    assert caught.value.code == "unsupported_model"


def test_an_estimator_of_ones_own_that_only_inherits_the_base_class_is_not_taken_for_a_linear_model():
    from sklearn.base import BaseEstimator

    class Mine(BaseEstimator):
        coef_ = np.zeros(3)
        intercept_ = 0.0

    with pytest.raises(UnsupportedModel, match="Mine"):
        measure(Mine())


def test_a_subclass_of_a_known_model_is_measured_like_it():
    class Mine(LogisticRegression):
        pass

    assert measure(Mine().fit(X, BINARY), latency=False).macs == 7


def test_importing_the_package_loads_no_numpy_and_no_framework():
    script = (
        "import sys, trimtab.costs\n"
        "trimtab.costs.conv2d(3, 3, 16, (10, 10))\n"
        "print(sorted({'numpy', 'sklearn', 'scipy', 'torch', 'pandas'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "[]"


def test_what_the_package_offers_is_what_it_names():
    assert all(hasattr(trimtab.costs, name) for name in trimtab.costs.__all__)


def test_named_arrays_have_a_row_each_their_zeros_apart_and_a_reason_for_what_is_unknown():
    cost = measure({"w": np.array([[0.0, 1.0], [np.nan, -0.0]]), "b": np.ones(3, dtype=np.int8)})

    assert [(row.name, row.kind, row.parameters, row.macs) for row in cost.layers] == [
        ("w", "array", 4, None),
        ("b", "array", 3, None),
    ]
    assert cost.parameters_nonzero == 2 + 3
    assert cost.bytes_by_dtype == {"float64": 32, "int8": 3}
    assert cost.unknown["macs"] == "arrays say nothing of how they are used"


def test_an_example_that_the_model_refuses_is_a_typed_error_with_the_models_own_reason():
    with pytest.raises(InvalidExample, match="not suit the model: dtype='numeric' is not compatible"):
        measure(a_perceptron(), [["a"] * 7])
    with pytest.raises(InvalidExample, match="Input X contains NaN"):
        measure(a_perceptron(), np.full((1, 7), np.nan))
    with pytest.raises(InvalidExample, match="rows of 7 numbers each"):
        measure(a_perceptron(), [[1.0], [1.0, 2.0]])


def test_a_model_that_cannot_be_pickled_has_no_file_size_and_the_reason():
    class Local(LogisticRegression):
        pass

    cost = measure(Local().fit(X, BINARY), latency=False)

    assert cost.serialized_bytes is None
    assert "pickle" in cost.unknown["serialized_bytes"]


def test_without_numpy_the_error_says_what_to_install():
    script = (
        "import sys\n"
        "sys.modules['numpy'] = None\n"
        "import trimtab\n"
        "try:\n"
        "    trimtab.measure({'w': [1.0]})\n"
        "except trimtab.errors.NotInstalled as error:\n"
        "    print(error)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert run.stdout.strip() == 'counting arrays needs numpy: pip install "trimtab[measure]"'


def test_what_is_no_site_is_refused_in_words():
    with pytest.raises(trimtab.costs.InvalidSite, match=r"expected site=Site\(.*, got 'DEU'"):
        measure(a_perceptron(), X, seconds=0.001, site="DEU")
