"""Decision trees, forests and boosted trees.

A tree multiplies nothing: its work is one comparison at each node on the way to a leaf. How many depends on the row;
counted is the mean over the training rows, Σ over inner nodes of n_node_samples/n_root, which equals Σ over leaves of
(n_node_samples/n_root)·depth. The worst row takes as many as the tree is deep; the contract of flops says so.
A tree's parameters are the thresholds of its inner nodes and the values of its leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from trimtab.costs.arrays import Array
from trimtab.costs.sklearn_counts import Count, Formula, Parts, total, values

THRESHOLDS = "thresholds and leaf values of trees"
COMPARISONS = "comparisons on a tree's path, the mean over the rows that it was trained on"
ADDED = "additions of the trees' values"


def tree(model: Any, use: str) -> Count:
    """DecisionTree*, ExtraTree*: Σ n_node_samples/n_root comparisons over the inner nodes."""
    grown = model.tree_
    state = grown.__getstate__()
    inner = grown.children_left != -1
    outputs = int(np.prod(grown.value.shape[1:]))
    return _path(
        inner,
        grown.n_node_samples,
        grown.max_depth,
        leaf_values=outputs,
        arrays=(state["nodes"], state["values"]),
    )


def forest(model: Any, use: str) -> Count:
    """RandomForest*, ExtraTrees*: T trees, whose values are added (T additions each) and divided by T.

    A value is n_outputs x n_classes numbers for a classifier, n_outputs for a regressor.
    """
    wide = int(np.prod(model.estimators_[0].tree_.value.shape[1:]))
    trees = model.estimators_
    return _several(trees, Count(operations=(len(trees) + 1) * wide, does=frozenset({ADDED})))


def gradient_boosting(model: Any, use: str) -> Parts:
    """GradientBoosting*: in each of the stages K trees, each one MAC: raw += learning_rate·value.

    The start is a constant, unless init= names an estimator, which is then a part.
    """
    trees = list(model.estimators_.ravel())
    grown = _several(trees, Count(macs=len(trees)))
    constant = isinstance(model.init_, str) or type(model.init_).__name__.startswith("Dummy")
    return Parts([] if constant else [("init_", model.init_, "predict")], own=grown)


def histogram_boosting(model: Any, use: str) -> Parts:
    """HistGradientBoosting*: in each of the iterations K trees, each one addition; leaves hold the rate already.

    Categories, where there are any, are encoded first, and a node asks for one by a bit: one comparison.
    """
    trees = [tree for stage in model._predictors for tree in stage]
    paths = [
        _path(
            tree.nodes["is_leaf"] == 0,
            tree.nodes["count"],
            int(tree.nodes["depth"].max()),
            leaf_values=1,
            arrays=(tree.nodes, tree.raw_left_cat_bitsets, tree.binned_left_cat_bitsets),
        )
        for tree in trees
    ]
    start = values(model._baseline_prediction)
    added = Count(
        operations=len(trees),
        parameters=start[0].size,
        arrays=start,
        does=frozenset({ADDED}),
        kind=f"{len(trees)} trees",
    )
    own = total([added, *paths])
    if model._preprocessor is None:
        return Parts([], own=own)
    return Parts([("encoder", model._preprocessor.named_transformers_["encoder"], "transform")], own=own)


def isolation_forest(model: Any, use: str) -> Count:
    """IsolationForest: score 2^(-E[h]/c) (Liu, Ting & Zhou 2008, eq. 2): T trees, each two additions, for the depth
    and for what the leaf left unsplit; then a division and a power."""
    trees = model.estimators_
    scoring = Count(operations=2 * len(trees) + 2, does=frozenset({ADDED, "the score's power"}))
    lengths = tuple(np.asarray(one) for one in (*model._decision_path_lengths, *model._average_path_length_per_tree))
    return _several(trees, scoring + Count(arrays=lengths))


def embedding(model: Any, use: str) -> Count:
    """RandomTreesEmbedding: the comparisons of its trees; a leaf's column is its place."""
    return _several(model.estimators_, Count())


def _several(trees: Sequence[Any], besides: Count) -> Count:
    return total([besides, Count(kind=f"{len(trees)} trees", peak=0), *(tree(one, "predict") for one in trees)])


def _path(inner: Array, samples: Array, depth: int, leaf_values: int, arrays: tuple[Array, ...]) -> Count:
    """One tree. inner: which nodes have children. samples: training rows at each node, the root first."""
    nodes = int(np.count_nonzero(inner))
    return Count(
        operations=float(samples[inner].sum() / samples[0]),
        operations_at_most=float(depth),
        parameters=nodes + (inner.size - nodes) * leaf_values,
        arrays=arrays,
        holds=frozenset({THRESHOLDS}),
        does=frozenset({COMPARISONS}),
    )


FORMULAS: dict[str, Formula] = {
    "BaseDecisionTree": tree,
    "ForestClassifier": forest,
    "ForestRegressor": forest,
    "RandomTreesEmbedding": embedding,
    "BaseGradientBoosting": gradient_boosting,
    "BaseHistGradientBoosting": histogram_boosting,
    "IsolationForest": isolation_forest,
}
"""Class of scikit-learn -> formula; classes that inherit from it are counted alike."""
