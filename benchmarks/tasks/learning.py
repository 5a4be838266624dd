"""Models of scikit-learn to be tuned on its built-in data: each loss is the mean over folds that never change.

A loss depends on the params and on scikit-learn's version alone, so what was once computed is kept in a database.
"""

from __future__ import annotations

import json
import math
import sqlite3
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from benchmarks.tasks.task import Losses, Params, Task, choice, decimal, whole

KEPT = Path(__file__).parents[1] / "out" / "learning.sqlite"
"""Where the losses are kept."""
_WORST_LOG_LOSS = 5.0

Array = np.ndarray[Any, Any]
Fold = tuple[Array, Array, Array, Array]
"""Inputs and targets to learn from, inputs and targets to be tested on."""


@cache
def _data(name: str) -> tuple[Array, Array]:
    """Standardised inputs (n, p) and targets (n,); of the digits, 600 drawn by class."""
    match name:
        case "digits":
            X, y = load_digits(return_X_y=True)
            X, _, y, _ = train_test_split(X, y, train_size=600, stratify=y, random_state=0)
        case "cancer":
            X, y = load_breast_cancer(return_X_y=True)
        case _:
            X, y = load_diabetes(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def _folds(name: str, count: int) -> Iterator[Fold]:
    X, y = _data(name)
    kind = KFold if name == "diabetes" else StratifiedKFold
    for train, test in kind(count, shuffle=True, random_state=0).split(X, y):
        yield X[train], y[train], X[test], y[test]


def svc_digits(params: Params) -> Losses:
    """Error rate of a support vector machine, 3 folds of 600 digits."""
    errors = [
        1 - SVC(**params, max_iter=3000, cache_size=100).fit(X, y).score(unseen, truth)
        for X, y, unseen, truth in _folds("digits", 3)
    ]
    return (float(np.mean(errors)),)


def mlp_cancer(params: Params) -> Losses:
    """Log loss of a net after 15 epochs, 3 folds of the breast cancer data; at most 5, also where it diverges."""
    nets = {
        "hidden_layer_sizes": (params["hidden"],) * params["layers"],
        "activation": params["act"],
        "alpha": params["alpha"],
        "learning_rate_init": params["lr"],
        "batch_size": params["batch"],
        "beta_1": params["beta1"],
    }
    losses = []
    for X, y, unseen, truth in _folds("cancer", 3):
        try:
            shares = MLPClassifier(**nets, max_iter=15, random_state=0).fit(X, y).predict_proba(unseen)
        except ValueError:  # scikit-learn's word for weights that are no longer finite
            losses.append(_WORST_LOG_LOSS)
            continue
        shares = np.clip(np.nan_to_num(shares, nan=1 / shares.shape[1]), 1e-6, 1)
        shares /= shares.sum(axis=1, keepdims=True)
        losses.append(min(float(log_loss(truth, shares)), _WORST_LOG_LOSS))
    return (float(np.mean(losses)),)


def gb_diabetes(params: Params) -> Losses:
    """Root mean squared error of boosted trees, 3 folds of the diabetes data."""
    trees = {
        "learning_rate": params["lr"],
        "n_estimators": params["n_est"],
        "max_depth": params["depth"],
        "subsample": params["subsample"],
        "max_features": params["max_features"],
        "min_samples_leaf": params["min_leaf"],
        "loss": params["loss"],
    }
    squares = [
        np.mean((GradientBoostingRegressor(**trees, random_state=0).fit(X, y).predict(unseen) - truth) ** 2)
        for X, y, unseen, truth in _folds("diabetes", 3)
    ]
    return (math.sqrt(float(np.mean(squares))),)


def momlp_digits(params: Params) -> Losses:
    """Error rate of a net of one or two hidden layers, 2 folds of 600 digits, and log10 of its parameters."""
    hidden = tuple(width for width in (params["h1"], params["h2"]) if width > 0)
    nets = {"activation": params["act"], "alpha": params["alpha"], "learning_rate_init": params["lr"]}
    errors = []
    for X, y, unseen, truth in _folds("digits", 2):
        net = MLPClassifier(hidden, **nets, batch_size=64, max_iter=20, random_state=0)
        try:
            errors.append(1 - net.fit(X, y).score(unseen, truth))
        except ValueError:  # scikit-learn's word for weights that are no longer finite
            errors.append(1.0)
    widths = (64, *hidden, 10)
    size = sum((before + 1) * after for before, after in pairwise(widths))
    return float(np.mean(errors)), math.log10(size)


def quietly(task: Callable[[Params], Losses], params: Params) -> Losses:
    """The losses, without the warnings of fits that were stopped early, which is what these tasks are about."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return task(params)


def kept(task: Callable[[Params], Losses], path: Path = KEPT) -> Callable[[Params], Losses]:
    """The same losses, each computed once and then read from the SQLite database at the path."""

    def losses(params: Params) -> Losses:
        key = json.dumps([task.__name__, sklearn.__version__, dict(sorted(params.items()))])
        path.parent.mkdir(exist_ok=True)
        with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as database:
            database.execute("CREATE TABLE IF NOT EXISTS losses (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID")
            found = database.execute("SELECT value FROM losses WHERE key = ?", (key,)).fetchone()
            if found is None:
                found = (json.dumps(quietly(task, params)),)
                database.execute("INSERT OR REPLACE INTO losses VALUES (?, ?)", (key, *found))
        return tuple(json.loads(found[0]))

    return losses


_RATES = {"lr": decimal(1e-4, 1e-1, log=True), "alpha": decimal(1e-6, 1e1, log=True)}
_ACTIVATION = choice("relu", "tanh", "logistic")

LEARNING = (
    Task(
        "svc_digits",
        {
            "C": decimal(1e-3, 1e4, log=True),
            "gamma": decimal(1e-6, 1e1, log=True),
            "kernel": choice("rbf", "poly", "sigmoid"),
            "degree": whole(2, 5),
            "coef0": decimal(0, 1),
        },
        kept(svc_digits),
    ),
    Task(
        "mlp_cancer",
        {
            "hidden": whole(4, 64, log=True),
            "layers": whole(1, 3),
            "alpha": _RATES["alpha"],
            "lr": _RATES["lr"],
            "batch": whole(16, 128, log=True),
            "act": _ACTIVATION,
            "beta1": decimal(0.5, 0.99),
        },
        kept(mlp_cancer),
    ),
    Task(
        "gb_diabetes",
        {
            "lr": decimal(0.005, 0.5, log=True),
            "n_est": whole(10, 150, log=True),
            "depth": whole(1, 6),
            "subsample": decimal(0.3, 1),
            "max_features": decimal(0.15, 1),
            "min_leaf": whole(1, 40),
            "loss": choice("squared_error", "absolute_error", "huber"),
        },
        kept(gb_diabetes),
    ),
    Task(
        "momlp_digits",
        {
            "h1": whole(2, 96, log=True),
            "h2": whole(0, 32),
            "lr": _RATES["lr"],
            "alpha": _RATES["alpha"],
            "act": _ACTIVATION,
        },
        kept(momlp_digits),
        reference=(1.0, 4.2),
    ),
)
