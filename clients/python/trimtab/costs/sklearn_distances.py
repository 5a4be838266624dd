"""Nearest neighbours, k-means and the classifiers that model each class by a Gaussian.

n: features. A distance of two rows costs (MACs, other operations), by its definition:

    euclidean       Σ (x - z)²       n, n        the root is left out: it changes no order
    manhattan       Σ |x - z|        0, 2n
    chebyshev       max |x - z|      0, 2n
    minkowski       Σ |x - z|^p      0, 3n

Products with stored rows are MACs in full, zeros too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from trimtab.costs.sklearn_counts import STATISTICS, Count, Formula, size, values

ROWS = "stored training rows and their targets"
DISTANCES = "subtractions and additions of distances, comparisons of distances"


def neighbours(model: Any, use: str) -> Count:
    """KNeighbors*, NearestNeighbors. Brute force: every stored row's distance, a comparison each to find the k
    nearest, and k additions for their vote or mean, k divisions more when it is weighted by distance.

    A k-d or ball tree passes over rows that can't be near; how many hangs on the row and the data. What is certain
    is k distances, so there the count is a lower bound, and the query is named as uncounted.
    """
    rows, n = model._fit_X.shape
    k = model.n_neighbors
    held = _stored_rows(model)
    metric = model.effective_metric_ if isinstance(model.effective_metric_, str) else "of its own"
    work = {"euclidean": (n, n), "manhattan": (0, 2 * n), "chebyshev": (0, 2 * n), "minkowski": (0, 3 * n)}.get(
        metric
    )
    if work is None or (model.effective_metric_params_ or {}).get("w") is not None:
        return held + Count(uncounted={f"distance {metric}": rows})
    if hasattr(model._fit_X, "tocsr"):
        return held + Count(uncounted={"distance of sparse rows": rows})
    vote = _vote(model) if use == "predict" else Count()
    if model._fit_method != "brute":
        nearest = Count(macs=work[0] * k, operations=work[1] * k, uncounted={f"query of a {model._fit_method}": 1})
        return held + nearest + vote
    distances = Count(macs=work[0] * rows, operations=(work[1] + 1) * rows, does=frozenset({DISTANCES}))
    return held + distances + vote


def k_means(model: Any, use: str) -> Count:
    """KMeans, MiniBatchKMeans: predict: k distances and a comparison each; transform: a root each instead."""
    points = model.cluster_centers_
    k, n = points.shape
    return Count(
        macs=k * n,
        operations=k * (n + 1),
        parameters=k * n,
        arrays=(points,),
        holds=frozenset({"centres"}),
        does=frozenset({DISTANCES}),
        kind=f"{k} centres",
        outputs=k if use == "transform" else None,
    )


def gaussian_naive_bayes(model: Any, use: str) -> Count:
    """GaussianNB: Σ (x - theta)²·(1/var) for each class: classes x n MACs, and a subtraction and a square each.

    The logarithms of variances and priors are constants of the model.
    """
    arrays = values(model.theta_, model.var_, model.class_prior_)
    return Count(
        macs=model.theta_.size,
        operations=2 * model.theta_.size,
        parameters=size(arrays),
        arrays=arrays,
        holds=frozenset({STATISTICS}),
        does=frozenset({"subtractions and squares of densities"}),
    )


def categorical_naive_bayes(model: Any, use: str) -> Count:
    """CategoricalNB: the logarithm of a feature's category is looked up and added: classes x n additions."""
    arrays = values(*model.feature_log_prob_, model.class_log_prior_)
    return Count(
        operations=model.class_log_prior_.size * len(model.feature_log_prob_),
        parameters=size(arrays),
        arrays=arrays,
        holds=frozenset({"logarithms of probabilities"}),
        does=frozenset({"additions of logarithms"}),
    )


def quadratic_discriminant(model: Any, use: str) -> Count:
    """QuadraticDiscriminantAnalysis: for each class |(x - mean)·R·S^(-1/2)|²: n subtractions, then n·r MACs of the
    rotation R (n, r), whose scaling is a constant of the model, and r MACs for the square."""
    rotations = list(model.rotations_)
    arrays = values(model.means_, *rotations, *model.scalings_, model.priors_)
    return Count(
        macs=size(rotations) + sum(one.shape[1] for one in rotations),
        operations=model.means_.size,
        parameters=size(arrays),
        arrays=arrays,
        holds=frozenset({STATISTICS}),
        does=frozenset({"subtractions of means"}),
    )


def _stored_rows(model: Any) -> Count:
    """The training rows, their targets, and what a tree of them keeps besides: its order, nodes and bounds."""
    rows = model._fit_X
    stored = (rows.data, rows.indices, rows.indptr) if hasattr(rows, "tocsr") else (rows,)
    targets = values(getattr(model, "_y", None))
    tree = () if model._tree is None else model._tree.__getstate__()
    besides = [part for part in tree if isinstance(part, np.ndarray) and not np.may_share_memory(part, stored[0])]
    return Count(
        parameters=stored[0].size + size(targets),
        arrays=(*stored, *targets, *besides),
        holds=frozenset({ROWS}),
        kind=f"{rows.shape[0]} rows, {model._fit_method}",
    )


def _vote(model: Any) -> Count:
    weighted = {"uniform": 0, None: 0, "distance": model.n_neighbors}
    if not isinstance(model.weights, str | None):
        return Count(uncounted={"weights of its own": 1})
    outputs = 1 if model._y.ndim == 1 else model._y.shape[1]
    return Count(
        operations=model.n_neighbors * outputs + weighted[model.weights],
        does=frozenset({"votes of the nearest rows"}),
    )


FORMULAS: dict[str, Formula] = {
    "KNeighborsClassifier": neighbours,
    "KNeighborsRegressor": neighbours,
    "NearestNeighbors": neighbours,
    "KMeans": k_means,
    "MiniBatchKMeans": k_means,
    "GaussianNB": gaussian_naive_bayes,
    "CategoricalNB": categorical_naive_bayes,
    "QuadraticDiscriminantAnalysis": quadratic_discriminant,
}
"""Class of scikit-learn -> formula; classes that inherit from it are counted alike."""
