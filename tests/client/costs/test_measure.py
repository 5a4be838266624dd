"""`measure` on fitted models and on arrays, against counts made by hand."""

import json
import math
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.svm import SVC, LinearSVC

import trimtab.costs
from trimtab.costs import InvalidExample, UnsupportedModel, measure
from trimtab.costs.energy import Site
from trimtab.errors import TrimtabError

X = np.random.default_rng(0).normal(size=(60, 7))
BINARY = (X[:, 0] > 0).astype(int)
THREE = np.digitize(X[:, 0], [-0.5, 0.5])


def a_perceptron(hidden=(5, 4), labels=THREE, kind=MLPClassifier, rows=X):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return kind(hidden_layer_sizes=hidden, max_iter=3, random_state=0).fit(rows, labels)


def test_a_perceptron_is_counted_as_by_hand():
    cost = measure(a_perceptron(), X)

    assert cost.macs == 7 * 5 + 5 * 4 + 4 * 3 == 67
    assert cost.flops == 134
    assert cost.parameters == cost.trainable_parameters == 67 + 5 + 4 + 3
    assert cost.size_bytes == 79 * 8
    assert cost.activation_peak_bytes == (7 + 5) * 8  # the first layer's input and output


def test_a_binary_perceptron_has_one_output():
    assert measure(a_perceptron(labels=BINARY), latency=False).macs == 7 * 5 + 5 * 4 + 4 * 1


def test_a_perceptron_regressor_is_counted_as_by_hand():
    assert measure(a_perceptron((6,), X[:, 0], MLPRegressor), latency=False).parameters == 7 * 6 + 6 + 6 + 1


def test_a_perceptron_in_single_precision_takes_half_the_bytes():
    rows = X.astype(np.float32)
    cost = measure(a_perceptron(rows=rows), rows)

    assert cost.size_bytes == 79 * 4
    assert cost.activation_peak_bytes == 12 * 4
    assert cost.contract["size_bytes"]["dtype"] == "float32"


def test_single_precision_weights_on_double_rows_compute_in_double():
    model = a_perceptron(rows=X.astype(np.float32))

    assert measure(model, X, seconds=0.001).activation_peak_bytes == 12 * 8
    assert model._forward_pass_fast(X).dtype == np.float64


@pytest.mark.parametrize(
    ("model", "labels", "outputs"),
    [
        (LogisticRegression(), BINARY, 1),
        (LogisticRegression(), THREE, 3),
        (SGDClassifier(random_state=0), THREE, 3),
        (LinearSVC(), BINARY, 1),
        (LinearRegression(), X[:, 0], 1),
        (LinearRegression(), X[:, :2], 2),
        (Ridge(), X[:, 0], 1),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "fit") else None,
)
def test_a_linear_model_multiplies_every_feature_with_every_output(model, labels, outputs):
    cost = measure(model.fit(X, labels), X, seconds=0.001)

    assert cost.macs == 7 * outputs
    assert cost.parameters == 7 * outputs + outputs
    assert cost.size_bytes == cost.parameters * 8
    assert cost.latency_ms > 0


def test_a_linear_model_without_an_intercept_has_no_bias_parameters():
    for model in (LinearRegression(fit_intercept=False), LogisticRegression(fit_intercept=False)):
        cost = measure(model.fit(X, BINARY), latency=False)

        assert (cost.parameters, cost.size_bytes) == (7, 56)


def test_the_macs_agree_with_a_second_counter_that_watches_the_products_run():
    class Watched(np.ndarray):
        macs = 0

        def __array_ufunc__(self, ufunc, method, *inputs, **options):
            plain = [np.asarray(value) for value in inputs]
            if ufunc is np.matmul:
                Watched.macs += plain[0].shape[0] * plain[0].shape[1] * plain[1].shape[1]
            return getattr(ufunc, method)(*plain, **options).view(Watched)

    model = a_perceptron((9, 8, 6))
    row = X[:1].view(Watched)
    for weights, biases in zip(model.coefs_, model.intercepts_, strict=True):
        row = row @ weights + biases

    assert measure(model, latency=False).macs == Watched.macs


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
        (RandomForestClassifier(2).fit(X, BINARY), "got RandomForestClassifier, which predicts from estimators_"),
        (SVC(kernel="linear").fit(X, BINARY), "got SVC, which predicts from support_vectors_"),
        (MLPClassifier(), "got MLPClassifier without them; was it fitted?"),
        (SGDClassifier(random_state=0).fit(X, BINARY).sparsify(), "dense coef_, got SGDClassifier with a cs"),
        ({}, "got an empty one"),
        ({"w": [1.0, 2.0]}, "got builtins.list under 'w'"),
        ({"w": np.array([None])}, "got dtype object under 'w'"),
    ],
    ids=["int", "forest", "svc", "unfitted", "sparse", "empty", "list", "object"],
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
