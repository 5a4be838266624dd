"""`measure` on estimators that are made of others: the whole costs what its parts cost, and what joins them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    BaggingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import RFE
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, RANSACRegressor, Ridge
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from trimtab.costs import UnsupportedModel, measure, sklearn_trees

X = np.random.default_rng(0).normal(size=(60, 4))
BINARY = (X[:, 0] > 0).astype(int)
THREE = np.digitize(X[:, 0] + X[:, 1], [-0.5, 0.5])
NUMBER = X[:, 0] * X[:, 1]


class Doubling(TransformerMixin, BaseEstimator):
    """A step of one's own."""

    def fit(self, rows, labels=None):
        self.factors_ = np.full(rows.shape[1], 2.0)
        return self

    def transform(self, rows):
        return rows * self.factors_


class Halving(LogisticRegression):
    """A class of one's own that does not predict as its parent."""

    def predict(self, rows):
        return super().predict(rows / 2)


def test_a_pipeline_is_the_sum_of_its_steps_with_a_row_each():
    model = make_pipeline(StandardScaler(), PCA(2), LogisticRegression()).fit(X, THREE)
    cost = measure(model, X, seconds=0.001)

    assert [
        (row.name, row.kind, row.parameters, row.macs, row.operations, row.output_shape) for row in cost.layers
    ] == [
        ("standardscaler", "StandardScaler", 8, 0, 8, (1, 4)),
        ("pca", "PCA", 4 + 8, 8, 4, (1, 2)),
        ("logisticregression", "LogisticRegression", 9, 6, 0, (1, 3)),
    ]
    assert (cost.macs, cost.flops, cost.parameters) == (14, 28 + 12, 29)
    assert cost.activation_peak_bytes == 8 * 8  # the scaler's input and output
    assert cost.latency_ms > 0
    assert cost.contract["latency_ms"]["convention"].startswith("wall-clock time of model.predict")


def test_a_network_in_a_pipeline_keeps_its_layers():
    model = Pipeline([("scale", MinMaxScaler()), ("net", MLPClassifier((3,), max_iter=400, tol=1.0, random_state=0))])
    cost = measure(model.fit(X, THREE), latency=False)

    assert [row.name for row in cost.layers] == ["scale", "net.coefs_[0]", "net.coefs_[1]"]
    assert cost.macs == 4 + 4 * 3 + 3 * 3


def test_a_pipeline_without_a_model_is_timed_as_it_transforms():
    cost = measure(make_pipeline(StandardScaler(), "passthrough", PCA(2)).fit(X), X, seconds=0.001)

    assert cost.contract["latency_ms"]["convention"].startswith("wall-clock time of model.transform")
    assert cost.macs == 8


def test_a_step_of_ones_own_is_named_as_uncounted_and_its_arrays_still_count():
    model = make_pipeline(Doubling(), LogisticRegression()).fit(X, BINARY)
    cost = measure(model, X, seconds=0.001)

    assert cost.uncounted == {f"{__name__}.Doubling": 1}
    assert (cost.macs, cost.flops, cost.macs_at_least) == (None, None, 4)
    assert cost.unknown["macs"] == f"no formula for {__name__}.Doubling x1"
    assert cost.parameters == 4 + 5
    assert [(row.name, row.macs, row.operations) for row in cost.layers] == [
        ("doubling", None, None),
        ("logisticregression", 4, 0),
    ]
    assert cost.latency_ms > 0
    assert "macs" not in cost.as_metrics()


def test_a_class_that_predicts_in_its_own_way_is_not_counted_as_its_parent():
    cost = measure(Halving().fit(X, BINARY), latency=False)

    assert cost.uncounted == {f"{__name__}.Halving": 1}


def test_an_estimator_without_a_formula_still_has_its_stored_numbers_and_its_latency():
    model = GaussianMixture(2, random_state=0).fit(X)
    cost = measure(model, X, seconds=0.001)

    assert (cost.macs, cost.macs_at_least) == (None, None)
    assert cost.unknown["macs"] == "no formula for GaussianMixture x1"
    assert cost.parameters >= 2 * (1 + 4 + 16 + 16)  # weights, means, covariances, precisions
    assert cost.size_bytes >= 8 * cost.parameters - 8
    assert cost.latency_ms > 0


def test_columns_go_each_their_own_way():
    frame = pd.DataFrame({"x": X[:, 0], "y": X[:, 1], "colour": np.take(["red", "green", "blue"], THREE), "id": 1})
    columns = ColumnTransformer([
        ("numbers", StandardScaler(), ["x", "y"]), ("words", OneHotEncoder(), ["colour"]), ("id", "drop", ["id"])
    ])  # fmt: skip
    cost = measure(make_pipeline(columns, LogisticRegression()).fit(frame, BINARY), frame, seconds=0.001)

    assert [(row.name, row.macs, row.operations) for row in cost.layers] == [
        ("columntransformer.numbers", 0, 4),
        ("columntransformer.words", 0, 2),
        ("logisticregression", 5, 0),
    ]
    assert cost.flops == 2 * 5 + 4 + 2
    assert cost.size_bytes == 8 * 4 + 3 * len("green") + 8 * 6
    assert cost.latency_ms > 0


def test_a_union_of_features_does_all_of_its_parts():
    model = FeatureUnion([("scaled", StandardScaler()), ("turned", PCA(3))]).fit(X)
    weighted = FeatureUnion(model.transformer_list, transformer_weights={"turned": 0.5}).fit(X)

    assert measure(model, latency=False).macs == 12
    assert measure(weighted, latency=False).uncounted == {"transformer_weights": 1}


def test_a_text_pipeline_takes_the_first_text_and_knows_what_it_does_not_know():
    texts = ["a heavy stone", "a light feather"] * 5
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, [1, 0] * 5)
    cost = measure(model, texts, seconds=0.001)

    assert cost.uncounted == {"TfidfVectorizer": 1}
    assert cost.macs_at_least == 4  # heavy, stone, light, feather
    assert cost.latency_ms > 0


@pytest.mark.parametrize(
    ("model", "labels"),
    [
        (GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2), BINARY),
        (FrozenEstimator(LogisticRegression().fit(X, BINARY)), BINARY),
        (RANSACRegressor(random_state=0), NUMBER),
        (TransformedTargetRegressor(LinearRegression()), NUMBER),
    ],
    ids=["search", "frozen", "ransac", "target"],
)
def test_what_wraps_one_linear_model_costs_what_it_costs(model, labels):
    cost = measure(model.fit(X, labels), X, seconds=0.001)

    assert (cost.macs, cost.flops, cost.parameters) == (4, 8, 5)
    assert cost.latency_ms > 0


def test_the_inverse_of_a_targets_transformer_is_named_as_uncounted():
    model = TransformedTargetRegressor(LinearRegression(), transformer=StandardScaler()).fit(X, NUMBER)

    assert measure(model, latency=False).uncounted == {"inverse of StandardScaler": 1}


def test_features_that_are_left_out_cost_nothing():
    assert measure(RFE(LogisticRegression(), n_features_to_select=3).fit(X, BINARY), latency=False).macs == 3


def test_one_machine_for_each_class_or_pair_of_classes():
    rest = measure(OneVsRestClassifier(LogisticRegression()).fit(X, THREE), latency=False)
    pairs = measure(OneVsOneClassifier(LogisticRegression()).fit(X, THREE), latency=False)

    assert (rest.macs, rest.flops) == (3 * 4, 24)
    assert (pairs.macs, pairs.flops) == (3 * 4, 24 + 3)  # and three votes
    assert [(row.kind, row.macs) for row in rest.layers] == [("3 LogisticRegression", 12)]


def test_several_outputs_and_chains_run_each_model_once():
    outputs = measure(MultiOutputRegressor(Ridge()).fit(X, X[:, :2]), latency=False)
    chain = measure(
        ClassifierChain(LogisticRegression()).fit(X, np.stack([BINARY, X[:, 1] > 0], axis=1)), latency=False
    )

    assert outputs.macs == 2 * 4
    assert chain.macs == 4 + 5  # the second sees what the first said


def test_bagging_adds_the_probabilities_of_its_models():
    cost = measure(
        BaggingClassifier(LogisticRegression(), n_estimators=4, random_state=0).fit(X, THREE), latency=False
    )

    assert (cost.macs, cost.flops) == (4 * 12, 2 * 48 + 4 * 3 + 3)


def test_a_vote_adds_classes_or_probabilities_and_weights_make_macs_of_it():
    linear, tree = LogisticRegression(), DecisionTreeClassifier(max_depth=2, random_state=0)
    path = sklearn_trees.tree(tree.fit(X, THREE), "predict").operations

    def vote(**options):
        model = VotingClassifier([("linear", linear), ("tree", tree), ("none", "drop")], **options)
        return measure(model.fit(X, THREE), latency=False)

    assert vote().flops == round(24 + path + 2)
    assert vote(voting="soft").flops == round(24 + path + 2 * 3 + 3)
    assert vote(voting="soft", weights=[1, 2, 3]).macs == 12 + 2 * 3
    assert [row.name for row in vote().layers] == ["linear", "tree", "VotingClassifier"]
    assert measure(VotingRegressor([("one", Ridge())]).fit(X, NUMBER), latency=False).flops == 8 + 1 + 1


def test_a_stack_asks_all_and_then_the_last():
    model = StackingClassifier([("one", LogisticRegression()), ("two", LogisticRegression(C=0.1))], cv=2).fit(
        X, THREE
    )
    cost = measure(model, X, seconds=0.001)

    assert [(row.name, row.macs) for row in cost.layers] == [("one", 12), ("two", 12), ("final_estimator_", 6 * 3)]
    assert cost.latency_ms > 0


def test_calibration_is_a_line_and_an_exponential_or_a_search_in_steps():
    sigmoid = CalibratedClassifierCV(LogisticRegression(), cv=2).fit(X, BINARY)
    steps = CalibratedClassifierCV(LogisticRegression(), cv=2, method="isotonic").fit(X, BINARY)
    heat = CalibratedClassifierCV(LogisticRegression(), cv=2, method="temperature").fit(X, BINARY)
    searched = sum(
        int(np.ceil(np.log2(len(fold.calibrators[0].X_thresholds_)))) for fold in steps.calibrated_classifiers_
    )

    assert measure(sigmoid, latency=False).flops == 2 * (2 * 4 + 2 * 1) + 2 * 1 + 3 * 2
    assert measure(steps, latency=False).flops == 2 * (2 * 4 + 2 * 1) + searched + 3 * 2
    assert set(measure(heat, latency=False).uncounted) == {"calibration by _TemperatureScaling"}


def test_the_rows_of_the_table_add_up_to_the_whole():
    numbers = Pipeline([("scale", StandardScaler()), ("turn", PCA(2))])
    model = make_pipeline(
        ColumnTransformer([("numbers", numbers, [0, 1, 2]), ("rest", MinMaxScaler(), [3])]),
        RandomForestClassifier(3, max_depth=2, random_state=0),
    ).fit(X, THREE)
    cost = measure(model, latency=False)

    assert sum(row.macs for row in cost.layers) == cost.macs
    assert sum(row.parameters for row in cost.layers) == cost.parameters
    assert 2 * cost.macs + sum(row.operations for row in cost.layers) == cost.flops
    assert cost.layers[1].name == "columntransformer.numbers.turn"


def test_an_unfitted_step_is_refused_by_its_name():
    with pytest.raises(UnsupportedModel, match="expected a fitted StandardScaler"):
        measure(make_pipeline(StandardScaler(), LogisticRegression()))
