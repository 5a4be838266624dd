"""`measure` on scikit-learn's perceptrons, linear models and projections, against counts made by hand."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.svm import LinearSVC

from trimtab.costs import measure

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
