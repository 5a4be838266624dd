"""Linear models, perceptrons, projections and the naive Bayes models that are matrix products.

All are chains of products: W_1 (n_0, n_1), … W_L (n_{L-1}, n_L), biases b_l (n_l,): Σ n_{l-1}·n_l MACs. A linear
model has L = 1. Biases and activations count 0, as in every network.
"""

from __future__ import annotations

from typing import Any

from trimtab.costs.arrays import Array
from trimtab.costs.cost import Layer
from trimtab.costs.sklearn_counts import STATISTICS, WEIGHTS, Count, Formula, nonzero, size, values


def linear(model: Any, use: str) -> Count:
    """Features x outputs MACs. A sparse coef_ multiplies what it stores, and stores the places besides."""
    biases = values(model.intercept_) if getattr(model, "fit_intercept", True) else ()
    return _product(model.coef_, biases)  # without an intercept scikit-learn keeps a zero that predict doesn't need


def one_class(model: Any, use: str) -> Count:
    """SGDOneClassSVM: features MACs, and the offset as its bias."""
    return _product(model.coef_, values(model.offset_))


def perceptron(model: Any, use: str) -> Count:
    """Σ n_{l-1}·n_l MACs."""
    pairs = list(zip(model.coefs_, model.intercepts_, strict=True))
    return Count(
        macs=size(model.coefs_),
        macs_nonzero=nonzero(model.coefs_),
        parameters=sum(size(pair) for pair in pairs),
        parameters_nonzero=sum(nonzero(pair) for pair in pairs),
        arrays=tuple(array for pair in pairs for array in pair),
        peak=max(sum(weight.shape) for weight in model.coefs_),
        holds=frozenset({WEIGHTS}),
        layers=tuple(
            Layer(f"coefs_[{at}]", "linear", size(pair), pair[0].size, (1, pair[0].shape[1]))
            for at, pair in enumerate(pairs)
        ),
    )


def partial_least_squares(model: Any, use: str) -> Count:
    """predict: (x - mean)·coef_ᵀ + intercept_. transform: (x - mean)/scale · x_rotations_."""
    if use == "transform":
        return _centred(model.x_rotations_.T, model._x_mean, model._x_std)
    return _centred(model.coef_, model._x_mean, biases=values(model.intercept_))


def discriminant(model: Any, use: str) -> Count:
    """LinearDiscriminantAnalysis. predict is linear; transform projects on `_max_components` columns of scalings_."""
    if use != "transform":
        return linear(model, use)
    return _centred(model.scalings_[:, : model._max_components].T, getattr(model, "xbar_", None))


def projection(model: Any, use: str) -> Count:
    """Features x components MACs, after subtracting the mean where there is one, and dividing by scales if whitened.

    PCA subtracts the projected mean, which is the same number by another way.
    """
    whitened = getattr(model, "whiten", False) is True and hasattr(model, "explained_variance_")
    scale = model.explained_variance_ if whitened else None
    return _centred(model.components_, getattr(model, "mean_", None), scale)


def boltzmann(model: Any, use: str) -> Count:
    """BernoulliRBM's transform: features x components MACs."""
    return _product(model.components_, values(model.intercept_hidden_))


def log_probabilities(model: Any, use: str) -> Count:
    """Multinomial, complement and Bernoulli naive Bayes: features x classes MACs, the prior as bias.

    Bernoulli turns features into bits first: one comparison each, unless binarize is None. Its weights
    log p - log(1 - p) and its bias Σ log(1 - p) are constants of the model.
    """
    product = _product(model.feature_log_prob_, values(model.class_log_prior_))
    if getattr(model, "binarize", None) is None:
        return product
    return Count(operations=model.n_features_in_, does=frozenset({"comparisons with a threshold"}), peak=0) + product


def _product(coef: Any, biases: tuple[Array, ...]) -> Count:
    """coef: (outputs, inputs) or (inputs,), dense or sparse."""
    sparse = hasattr(coef, "tocsr")
    weights = coef.data if sparse else coef
    rows, columns = (1, coef.shape[0]) if len(coef.shape) == 1 else coef.shape
    places = [getattr(coef, name) for name in ("indices", "indptr", "row", "col") if hasattr(coef, name)]
    return Count(
        macs=weights.size,
        macs_nonzero=nonzero([weights]),
        parameters=weights.size + size(biases),
        parameters_nonzero=nonzero([weights, *biases]),
        arrays=(weights, *(places if sparse else ()), *biases),
        peak=rows + columns,
        holds=frozenset({WEIGHTS}),
        outputs=rows,
    )


def _centred(coef: Any, mean: Array | None, scale: Array | None = None, biases: tuple[Array, ...] = ()) -> Count:
    """A product with what is subtracted before and divided by: one operation for each element."""
    statistics = values(mean, scale)
    shift = Count(
        operations=size(statistics),
        parameters=size(statistics),
        parameters_nonzero=nonzero(statistics),
        arrays=statistics,
        peak=0,
        holds=frozenset({STATISTICS}) if statistics else frozenset(),
        does=frozenset({"subtractions of means, divisions by scales"}) if statistics else frozenset(),
    )
    return shift + _product(coef, biases)


FORMULAS: dict[str, Formula] = {
    "LinearModel": linear,
    "LinearClassifierMixin": linear,
    "_GeneralizedLinearRegressor": linear,
    "BaseSGDRegressor": linear,
    "SGDOneClassSVM": one_class,
    "BaseMultilayerPerceptron": perceptron,
    "_PLS": partial_least_squares,
    "LinearDiscriminantAnalysis": discriminant,
    "_BasePCA": projection,
    "TruncatedSVD": projection,
    "FastICA": projection,
    "BaseRandomProjection": projection,
    "BernoulliRBM": boltzmann,
    "MultinomialNB": log_probabilities,
    "ComplementNB": log_probabilities,
    "BernoulliNB": log_probabilities,
}
"""Class of scikit-learn -> formula; classes that inherit from it are counted alike."""
