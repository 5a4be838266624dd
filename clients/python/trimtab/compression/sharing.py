"""Weights that share values: k-means in one dimension, from a linear start (Han et al. 2015, section 3).

values: (n,) floats. centroids: (k,) increasing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

ROUNDS = 100
"""Lloyd's algorithm ends when no value changes its cluster, or after so many rounds."""


def centroids(values: Array, clusters: int) -> Array:
    """The k centroids, evenly spread over the values' range at first (section 3.2), then moved by Lloyd's algorithm.

    In one dimension a cluster is a run of the sorted values, so a round takes k searches and k differences of prefix
    sums, however many values there are. A cluster that has no value stays where it is.
    """
    ordered = np.sort(values).astype(np.float64)
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    middle = np.linspace(ordered[0], ordered[-1], clusters)
    edges = np.empty(0, np.int64)
    for _ in range(ROUNDS):
        before, edges = edges, _edges(ordered, middle)
        if np.array_equal(before, edges):
            break
        sizes = np.diff(edges)
        means = np.diff(sums[edges]) / np.maximum(sizes, 1)
        first, last = ordered[np.minimum(edges[:-1], len(ordered) - 1)], ordered[np.maximum(edges[1:] - 1, 0)]
        middle = np.where(
            sizes > 0, np.clip(means, first, np.maximum(first, last)), middle
        )  # whatever round-off does
    return middle


def nearest(values: Array, middle: Array) -> Array:
    """The index (n,) of the centroid that is nearest to each value, as uint16."""
    return np.searchsorted(middle[1:] / 2 + middle[:-1] / 2, values).astype(np.uint16)


def _edges(ordered: Array, middle: Array) -> Array:
    """Where in the sorted values each cluster begins, and the end: (k + 1,)."""
    inner = np.searchsorted(ordered, (middle[1:] + middle[:-1]) / 2)
    return np.concatenate([[0], inner, [len(ordered)]])
