"""`measure` on trees and ensembles of trees, against paths that the training rows really take."""

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier

from trimtab.costs import measure, sklearn_trees

X = np.random.default_rng(0).normal(size=(80, 5))
THREE = np.digitize(X[:, 0] + X[:, 1], [-0.5, 0.5])
NUMBER = X[:, 0] * X[:, 1]


def comparisons(tree, rows):
    """How many nodes each row asks on its way: the nodes of its path without the leaf."""
    return np.asarray(tree.decision_path(rows).sum(axis=1)).ravel() - 1


def of(model, rows=X, labels=THREE):
    return model.fit(rows, labels)


@pytest.mark.parametrize(
    "model",
    [
        DecisionTreeClassifier(random_state=0),
        DecisionTreeClassifier(max_leaf_nodes=7, random_state=0),
        DecisionTreeClassifier(ccp_alpha=0.02, random_state=0),
        DecisionTreeRegressor(max_depth=4, random_state=0),
        ExtraTreeClassifier(random_state=0),
    ],
    ids=["grown to the end", "best first", "cut back", "regression", "random splits"],
)
def test_a_tree_takes_the_mean_number_of_comparisons_that_its_training_rows_take(model):
    tree = of(model)
    taken = comparisons(tree, X)
    count = sklearn_trees.tree(tree, "predict")

    assert count.operations == pytest.approx(taken.mean())
    assert count.operations_at_most == taken.max()


def test_a_tree_multiplies_nothing_and_yet_is_not_free():
    tree = of(DecisionTreeClassifier(random_state=0))
    cost = measure(tree, latency=False)

    assert (cost.macs, cost.macs_nonzero) == (0, 0)
    assert cost.flops == round(comparisons(tree, X).mean()) > 1
    assert "comparisons on a tree's path, the mean over the rows" in cost.contract["flops"]["convention"]
    assert f"{tree.get_depth()} at most" in cost.contract["flops"]["convention"]


def test_a_trees_parameters_are_its_thresholds_and_the_values_of_its_leaves():
    tree = of(DecisionTreeClassifier(random_state=0))
    leaves = tree.get_n_leaves()

    assert measure(tree, latency=False).parameters == (leaves - 1) + 3 * leaves


def test_a_zero_in_a_leaf_is_not_taken_for_a_pruned_weight():
    cost = measure(of(DecisionTreeClassifier(random_state=0)), latency=False)

    assert cost.parameters_nonzero is None
    assert "a zero is a value like another" in cost.unknown["parameters_nonzero"]


def test_the_bytes_of_a_tree_are_its_nodes_and_values_as_stored_by_the_types_of_their_fields():
    tree = of(DecisionTreeClassifier(random_state=0))
    state = tree.tree_.__getstate__()
    cost = measure(tree, latency=False)

    assert cost.size_bytes == state["nodes"].nbytes + state["values"].nbytes
    assert cost.bytes_by_dtype == {
        "int64": 4 * 8 * tree.tree_.node_count,
        "float64": 3 * 8 * tree.tree_.node_count + state["values"].nbytes,
        "uint8": tree.tree_.node_count,
        "padding": 7 * tree.tree_.node_count,
    }


def test_a_tree_of_one_leaf_asks_nothing():
    cost = measure(DecisionTreeClassifier().fit(X, np.ones(len(X))), latency=False)

    assert (cost.flops, cost.parameters) == (0, 1)


def test_a_forest_adds_what_its_trees_say():
    forest = of(RandomForestClassifier(7, max_depth=4, random_state=0))
    paths = [
        comparisons(tree, X[np.unique(rows)]).mean()
        for tree, rows in zip(forest.estimators_, forest.estimators_samples_, strict=True)
    ]
    cost = measure(forest, X, seconds=0.001)

    assert cost.flops == round(sum(paths) + 7 * 3 + 3)  # 7 trees x 3 classes added, 3 divisions
    assert cost.macs == 0
    assert cost.latency_ms > 0
    assert [(row.name, row.kind) for row in cost.layers] == [("RandomForestClassifier", "7 trees")]
    assert cost.layers[0].operations == cost.flops
    assert cost.layers[0].parameters == cost.parameters


def test_a_forest_for_several_numbers_adds_as_many_from_each_tree():
    forest = ExtraTreesRegressor(4, random_state=0).fit(X, X[:, :2])
    paths = sum(comparisons(tree, X).mean() for tree in forest.estimators_)

    assert measure(forest, latency=False).flops == round(paths + 4 * 2 + 2)


def test_boosted_trees_are_a_multiply_accumulate_each_besides_their_comparisons():
    model = of(GradientBoostingClassifier(n_estimators=5, random_state=0))
    paths = sum(comparisons(tree, X).mean() for tree in model.estimators_.ravel())
    cost = measure(model, latency=False)

    assert cost.macs == 5 * 3
    assert cost.flops == round(2 * 15 + paths)


def test_an_estimator_that_boosting_starts_from_is_counted_with_it():
    model = GradientBoostingRegressor(n_estimators=3, init=LinearRegression(), random_state=0).fit(X, NUMBER)
    cost = measure(model, latency=False)

    assert cost.macs == 3 + 5
    assert [(row.name, row.macs) for row in cost.layers] == [("init_", 5), ("GradientBoostingRegressor", 3)]


def walked(predictor, row):
    """The comparisons of one row on its way through a tree of HistGradientBoosting."""
    at, steps = 0, 0
    while not predictor.nodes[at]["is_leaf"]:
        node = predictor.nodes[at]
        at = node["left"] if row[node["feature_idx"]] <= node["num_threshold"] else node["right"]
        steps += 1
    return steps


def test_histogram_boosting_takes_the_comparisons_that_its_training_rows_take_and_an_addition_a_tree():
    model = of(HistGradientBoostingClassifier(max_iter=4, min_samples_leaf=3))
    trees = [tree for stage in model._predictors for tree in stage]
    paths = sum(np.mean([walked(tree, row) for row in X]) for tree in trees)
    cost = measure(model, X, seconds=0.001)

    assert len(trees) == 12
    assert (cost.macs, cost.flops) == (0, round(paths + 12))
    assert cost.size_bytes == sum(tree.nodes.nbytes for tree in trees) + 3 * 8


def test_histogram_boosting_looks_its_categories_up_first():
    frame = pd.DataFrame({"colour": pd.Categorical(np.take(["red", "green", "blue"], THREE)), "x": X[:, 0]})
    model = HistGradientBoostingRegressor(max_iter=2, categorical_features="from_dtype").fit(frame, NUMBER)
    cost = measure(model, frame, seconds=0.001)

    assert [row.name for row in cost.layers] == ["encoder", "HistGradientBoostingRegressor"]
    assert cost.layers[0].operations == 2  # ceil(log2 3)
    assert cost.latency_ms > 0


def test_an_isolation_forest_adds_depth_and_correction_of_each_tree_then_divides_and_raises():
    model = IsolationForest(n_estimators=6, max_samples=1.0, bootstrap=False, random_state=0).fit(X)
    paths = sum(comparisons(tree, X).mean() for tree in model.estimators_)

    assert measure(model, latency=False).flops == round(paths + 2 * 6 + 2)


def test_ada_boost_weighs_the_votes_of_its_trees():
    model = of(AdaBoostClassifier(DecisionTreeClassifier(max_depth=2), n_estimators=4, random_state=0))
    many = len(model.estimators_)
    ones = [measure(tree, latency=False) for tree in model.estimators_]
    paths = sum(sklearn_trees.tree(tree, "predict").operations for tree in model.estimators_)
    cost = measure(model, latency=False)

    assert cost.flops == round(paths + (many + 1) * 3)
    assert cost.parameters == sum(one.parameters for one in ones) + many
    assert [row.kind for row in cost.layers] == [f"{many} DecisionTreeClassifier"]


def test_ada_boost_for_numbers_sorts_what_its_trees_say():
    model = AdaBoostRegressor(n_estimators=4, random_state=0).fit(X, NUMBER)
    paths = sum(sklearn_trees.tree(tree, "predict").operations for tree in model.estimators_)

    assert len(model.estimators_) == 4
    assert measure(model, latency=False).flops == round(paths + 4 * 2 + 2 * 4)


def test_a_deeper_forest_costs_more_and_one_that_says_the_same_to_all_nothing():
    shallow, deep = (RandomForestRegressor(5, max_depth=depth, random_state=0).fit(X, NUMBER) for depth in (2, 6))

    assert measure(shallow, latency=False).flops < measure(deep, latency=False).flops
    assert measure(of(DummyClassifier()), latency=False).flops == 0
