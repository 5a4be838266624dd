"""Estimators that are made of others: pipelines, searches, votes, stacks, one machine for each class.

A part's own formula counts it; here stands which parts there are, how they are used, and what is done with what they
say. Probabilities, decisions and classes of one estimator count alike: what turns one into another counts 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from trimtab.costs.sklearn_counts import Count, Formula, Parts, total, values

_VOTES = "votes and means of the parts"


def pipeline(model: Any, use: str) -> Parts:
    """Every step transforms, but the last does what is asked of the whole."""
    last = len(model.steps) - 1
    return Parts([
        (name, step, use if at == last else "transform")
        for at, (name, step) in enumerate(model.steps)
        if not _is_left_out(step)
    ])  # fmt: skip


def column_transformer(model: Any, use: str) -> Parts:
    """Every transformer of columns; those that are dropped or passed through cost nothing."""
    parts = [(name, step, "transform") for name, step, columns in model.transformers_ if not _is_left_out(step)]
    return Parts(parts, own=Count())


def feature_union(model: Any, use: str) -> Parts:
    """Every transformer; transformer_weights= multiply their columns, one MAC each, which is not counted further."""
    own = Count(uncounted={"transformer_weights": 1}) if model.transformer_weights else Count()
    return Parts(
        [(name, step, "transform") for name, step in model.transformer_list if not _is_left_out(step)], own=own
    )


def the_best(model: Any, use: str) -> Parts:
    """GridSearchCV and its like: the estimator that it refitted."""
    return Parts([("best_estimator_", model.best_estimator_, use)])


def the_inner(model: Any, use: str) -> Parts:
    """RANSACRegressor, RFE, SelfTrainingClassifier, a chosen threshold: the estimator inside."""
    return Parts([("estimator_", model.estimator_, use)])


def frozen(model: Any, use: str) -> Parts:
    """FrozenEstimator: the estimator as it came."""
    return Parts([("estimator", model.estimator, use)])


def target(model: Any, use: str) -> Parts:
    """TransformedTargetRegressor: the regressor, then the inverse of the target's transformer, which has no formula
    unless it does nothing."""
    undone = model.transformer_
    nothing = type(undone).__name__ == "FunctionTransformer" and undone.inverse_func is None
    own = Count(peak=0) if nothing else Count(uncounted={f"inverse of {type(undone).__name__}": 1})
    return Parts([("regressor_", model.regressor_, "predict")], own=own)


def one_each(model: Any, use: str) -> Parts:
    """OneVsRestClassifier, MultiOutput*, ClassifierChain, RegressorChain: each estimator once."""
    return _alike(model.estimators_, Count())


def one_vs_one(model: Any, use: str) -> Parts:
    """k(k - 1)/2 estimators once each, and a vote each; scikit-learn asks each twice, for its class and how sure."""
    return _alike(model.estimators_, _voted(len(model.estimators_)))


def bagging(model: Any, use: str) -> Parts:
    """Bagging*: each estimator's values are added, then divided by how many they are."""
    wide = getattr(model, "n_classes_", 1)
    return _alike(model.estimators_, _voted((len(model.estimators_) + 1) * wide))


def voting(model: Any, use: str) -> Parts:
    """Voting*: hard: one addition for each estimator; soft: one for each of its k classes, then k divisions;
    regression: one for each, then a division. weights= make the additions MACs."""
    many = len(model.estimators_)
    hard = getattr(model, "voting", "") == "hard"
    wide = 1 if hard else len(getattr(model, "classes_", [0]))
    divided = 0 if hard else wide
    weights = model._weights_not_none
    if use == "transform":
        own = Count()
    elif weights is None:
        own = _voted(many * wide + divided)
    else:
        own = Count(macs=many * wide, parameters=many, arrays=values(weights)) + _voted(divided)
    return Parts(list(zip(_names(model), model.estimators_, ["predict"] * many, strict=True)), own=own)


def stacking(model: Any, use: str) -> Parts:
    """Stacking*: every estimator, then the final one on what they say."""
    parts = [(name, one, "predict") for name, one in zip(_names(model), model.estimators_, strict=True)]
    final = [] if use == "transform" else [("final_estimator_", model.final_estimator_, "predict")]
    return Parts([*parts, *final], own=Count())


def ada_boost_classifier(model: Any, use: str) -> Parts:
    """AdaBoostClassifier: T estimators vote with their weight for or against each of k classes: T·k additions, and k
    divisions by the sum of weights."""
    many = len(model.estimators_)
    weights = values(model.estimator_weights_[:many])
    own = Count(parameters=many, arrays=weights) + _voted((many + 1) * model.n_classes_)
    return _alike(model.estimators_, own)


def ada_boost_regressor(model: Any, use: str) -> Parts:
    """AdaBoostRegressor: the weighted median of T predictions: T·ceil(log2 T) comparisons to sort, T additions of
    weights, T comparisons with half of their sum."""
    many = len(model.estimators_)
    weights = values(model.estimator_weights_[:many])
    sorting = many * math.ceil(math.log2(many)) if many else 0
    return _alike(model.estimators_, Count(parameters=many, arrays=weights) + _voted(sorting + 2 * many))


def calibrated(model: Any, use: str) -> Parts:
    """CalibratedClassifierCV: every calibrated classifier, then the mean of their k probabilities.

    Of each class sigmoid: a·f + b, 1 MAC and an exponential; isotonic: ceil(log2 points) comparisons to find the
    piece, then 1 MAC along it. Other methods have no formula.
    """
    folds = model.calibrated_classifiers_
    mean = _voted((len(folds) + 1) * len(model.classes_) if len(folds) > 1 else 0)
    own = total([mean, *(_calibrator(one) for fold in folds for one in fold.calibrators)])
    return _alike([fold.estimator for fold in folds], own)


def constant(model: Any, use: str) -> Count:
    """Dummy*: the same answer to every row."""
    return Count(kind="constant")


def _calibrator(one: Any) -> Count:
    kind = type(one).__name__
    does = frozenset({"exponentials and comparisons of calibrators"})
    if kind == "_SigmoidCalibration":
        return Count(macs=1, operations=1, parameters=2, arrays=values(one.a_, one.b_), does=does)
    if kind == "IsotonicRegression":
        points = values(one.X_thresholds_, one.y_thresholds_)
        return Count(
            macs=1, operations=math.ceil(math.log2(points[0].size)), parameters=2 * points[0].size, arrays=points,
            does=does,
        )  # fmt: skip
    return Count(uncounted={f"calibration by {kind}": 1})


def _alike(models: Sequence[Any], own: Count) -> Parts:
    """Parts that share one row of the table of layers."""
    kinds = sorted({type(one).__name__ for one in models})
    together = f"{len(models)} {' or '.join(kinds)}"
    return Parts(
        [(f"estimators_[{at}]", one, "predict") for at, one in enumerate(models)], own=own, together=together
    )


def _voted(operations: int) -> Count:
    return Count(operations=operations, does=frozenset({_VOTES}) if operations else frozenset())


def _names(model: Any) -> list[str]:
    return [name for name, one in model.estimators if not _is_left_out(one)]


def _is_left_out(step: Any) -> bool:
    return step is None or (isinstance(step, str) and step in ("drop", "passthrough"))


FORMULAS: dict[str, Formula] = {
    "Pipeline": pipeline,
    "ColumnTransformer": column_transformer,
    "FeatureUnion": feature_union,
    "BaseSearchCV": the_best,
    "RFE": the_inner,
    "RANSACRegressor": the_inner,
    "SelfTrainingClassifier": the_inner,
    "BaseThresholdClassifier": the_inner,
    "FrozenEstimator": frozen,
    "TransformedTargetRegressor": target,
    "OneVsRestClassifier": one_each,
    "_MultiOutputEstimator": one_each,
    "_BaseChain": one_each,
    "OneVsOneClassifier": one_vs_one,
    "BaseBagging": bagging,
    "_BaseVoting": voting,
    "_BaseStacking": stacking,
    "AdaBoostClassifier": ada_boost_classifier,
    "AdaBoostRegressor": ada_boost_regressor,
    "CalibratedClassifierCV": calibrated,
    "DummyClassifier": constant,
    "DummyRegressor": constant,
}
"""Class of scikit-learn -> formula; classes that inherit from it are counted alike."""
