"""Rows, their labels, and small perceptrons fitted to them."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

X = np.random.default_rng(0).normal(size=(60, 7))
BINARY = (X[:, 0] > 0).astype(int)
THREE = np.digitize(X[:, 0], [-0.5, 0.5])


def a_perceptron(hidden=(5, 4), labels=THREE, kind=MLPClassifier, rows=X):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return kind(hidden_layer_sizes=hidden, max_iter=3, random_state=0).fit(rows, labels)
