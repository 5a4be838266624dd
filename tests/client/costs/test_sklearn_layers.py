"""`measure` on scikit-learn's perceptrons, linear models and projections, against counts made by hand."""

import math

import numpy as np
import pytest
from scipy import sparse
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA, FastICA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    SGDClassifier,
    SGDOneClassSVM,
    SGDRegressor,
)
from sklearn.neural_network import BernoulliRBM, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.random_projection import GaussianRandomProjection
from sklearn.svm import LinearSVC, LinearSVR

from tests.client.costs.perceptrons import BINARY, THREE, X, a_perceptron
from trimtab.costs import measure


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


@pytest.mark.parametrize(
    ("model", "macs", "operations"),
    [
        (PoissonRegressor(), 7, 0),
        (SGDRegressor(random_state=0), 7, 0),
        (LinearSVR(random_state=0, max_iter=100_000), 7, 0),
        (SGDOneClassSVM(random_state=0), 7, 0),
        (LinearDiscriminantAnalysis(), 21, 0),
        (PLSRegression(2), 7, 7),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "fit") else None,
)
def test_other_linear_models_are_products_too(model, macs, operations):
    cost = measure(model.fit(X, THREE), X, seconds=0.001)

    assert (cost.macs, cost.flops) == (macs, 2 * macs + operations)
    assert cost.parameters == macs + operations + max(macs // 7, 1)
    assert cost.latency_ms > 0


def test_a_row_for_each_layer_of_a_perceptron():
    cost = measure(a_perceptron(), latency=False)

    assert [(row.name, row.kind, row.parameters, row.macs, row.output_shape) for row in cost.layers] == [
        ("coefs_[0]", "linear", 40, 35, (1, 5)),
        ("coefs_[1]", "linear", 24, 20, (1, 4)),
        ("coefs_[2]", "linear", 15, 12, (1, 3)),
    ]


def test_a_pruned_perceptron_keeps_its_dense_counts_and_tells_the_non_zero_ones_beside_them():
    model = a_perceptron()
    dense = measure(model, latency=False)
    model.coefs_[0][:, 0] = 0.0
    pruned = measure(model, latency=False)

    assert (pruned.macs, pruned.parameters, pruned.size_bytes) == (dense.macs, dense.parameters, dense.size_bytes)
    assert (dense.macs_nonzero, pruned.macs_nonzero) == (67, 60)
    assert (dense.parameters_nonzero, pruned.parameters_nonzero) == (79, 72)


def test_a_sparse_coef_multiplies_what_it_stores_and_stores_its_places_besides():
    model = SGDClassifier(penalty="l1", alpha=0.05, random_state=0).fit(X, THREE)
    kept = int(np.count_nonzero(model.coef_))
    cost = measure(model.sparsify(), X, seconds=0.001)

    assert 0 < kept < 21
    assert cost.macs == cost.macs_nonzero == kept
    assert cost.parameters == kept + 3
    assert cost.size_bytes == 8 * kept + 4 * kept + 4 * 4 + 8 * 3  # values, columns, starts of rows, intercepts
    assert cost.latency_ms > 0


def test_a_sparse_row_is_counted_as_if_it_were_dense_and_the_contract_says_so():
    cost = measure(a_perceptron(), sparse.csr_array(X), seconds=0.001)

    assert cost.macs == 67
    assert "as if the row were dense" in cost.contract["macs"]["convention"]


@pytest.mark.parametrize(
    ("model", "macs", "operations", "parameters", "outputs"),
    [
        (StandardScaler(), 0, 14, 14, 7),
        (StandardScaler(with_mean=False), 0, 7, 7, 7),
        (RobustScaler(), 0, 14, 14, 7),
        (MaxAbsScaler(), 0, 7, 7, 7),
        (MinMaxScaler(), 7, 0, 14, 7),
        (MinMaxScaler(clip=True), 7, 14, 14, 7),
        (Normalizer(), 7, 8, 0, 7),
        (Normalizer("l1"), 0, 14, 0, 7),
        (Binarizer(), 0, 7, 0, None),
        (SimpleImputer(), 0, 7, 7, None),
        (KBinsDiscretizer(4, quantile_method="averaged_inverted_cdf"), 0, 14, 28, None),
        (PCA(3), 21, 7, 28, 3),
        (PCA(3, whiten=True), 21, 10, 31, 3),
        (TruncatedSVD(3), 21, 0, 21, 3),
        (FastICA(3, tol=0.1, random_state=0), 21, 7, 28, 3),
        (GaussianRandomProjection(3, random_state=0), 21, 0, 21, 3),
        (BernoulliRBM(3, n_iter=1, random_state=0), 21, 0, 24, 3),
        (LinearDiscriminantAnalysis(), 21, 0, 24, 3),
        (SelectKBest(k=2), 0, 0, 0, 2),
    ],
    ids=lambda value: str(value) if hasattr(value, "fit") else None,
)
def test_what_is_done_to_a_row_before_a_model_is_counted_by_its_formula(model, macs, operations, parameters, outputs):
    cost = measure(model.fit(X, THREE), X, seconds=0.001)

    assert (cost.macs, cost.flops, cost.parameters) == (macs, 2 * macs + operations, parameters)
    assert cost.layers[0].output_shape == (None if outputs is None else (1, outputs))
    assert cost.latency_ms > 0


def test_polynomials_multiply_once_for_each_term_of_degree_two_or_more():
    for bias in (True, False):
        model = PolynomialFeatures(3, include_bias=bias).fit(X)

        assert measure(model, latency=False).flops == int((model.powers_.sum(axis=1) >= 2).sum())
    inner = PolynomialFeatures((3, 3), interaction_only=True).fit(X)
    assert measure(inner, latency=False).flops == math.comb(7, 2) + math.comb(7, 3)  # the third is made of the second


def test_a_category_is_found_by_halving_and_stored_as_numbers_or_text():
    words = np.array([["red"], ["green"], ["blue"], ["brown"], ["black"]] * 2, dtype=object)
    numbers = np.arange(10).reshape(-1, 1)

    text, whole = (measure(OneHotEncoder().fit(rows), rows, seconds=0.001) for rows in (words, numbers))
    assert (text.flops, text.size_bytes, text.parameters) == (3, 5 * len("green"), 5)
    assert (whole.flops, whole.size_bytes, whole.bytes_by_dtype) == (4, 80, {"int64": 80})


def test_a_function_has_no_formula_and_no_function_costs_nothing():
    assert measure(FunctionTransformer().fit(X), latency=False).macs == 0
    assert measure(
        make_pipeline(FunctionTransformer(np.log1p), Ridge()).fit(abs(X), THREE), latency=False
    ).uncounted == {"FunctionTransformer(log1p)": 1}


def test_what_discriminates_also_projects():
    model = make_pipeline(LinearDiscriminantAnalysis(n_components=2), Ridge()).fit(X, THREE)

    assert [(row.macs, row.operations) for row in measure(model, latency=False).layers] == [(14, 7), (2, 0)]
