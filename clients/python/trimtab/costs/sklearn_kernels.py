"""Support vectors, Gaussian processes and other models that compare a row with stored rows by a kernel.

n: features. A kernel of two rows costs (MACs, other operations):

    linear          <x, z>                     n, 0
    poly            (γ<x, z> + c)^d            n + 1, 1
    sigmoid         tanh(γ<x, z> + c)          n + 1, 1
    rbf             exp(-γ|x - z|²)            n, n + 2
    laplacian       exp(-γ|x - z|₁)            0, 2n + 2

where a subtraction, a power, an exponential and a product with γ are 1 each. Products with stored rows are MACs in
full, zeros too: a training row is data, not a weight that pruning could remove. Scaling a row by a length counts 0.
"""

from __future__ import annotations

from typing import Any

from trimtab.costs.sklearn_counts import Count, Formula, Parts, size, values

SUPPORT = "stored rows and their coefficients"
KERNEL = "subtractions, powers and exponentials of kernels"

_Work = tuple[int, int]
"""MACs and other operations of one kernel value."""


def support_vectors(model: Any, use: str) -> Count:
    """SVC, NuSVC, SVR, NuSVR, OneClassSVM.

    Every support vector's kernel, then n_SV·(k - 1) MACs for a classifier of k classes, since each vector sits in
    k - 1 of the k(k - 1)/2 machines, which then vote: one addition each. Regression and one class: n_SV MACs.
    """
    kernel = model.kernel if isinstance(model.kernel, str) else getattr(model.kernel, "__name__", "of its own")
    vectors, features = model.support_vectors_.shape
    if hasattr(model.support_vectors_, "tocsr"):
        return _sparse(
            f"{type(model).__name__} with sparse support vectors", model.support_vectors_, model.dual_coef_
        )
    arrays = values(model.support_vectors_, model.dual_coef_, model.intercept_, model._n_support)
    if kernel == "precomputed":
        arrays = values(model.support_, *arrays[1:])
    machines = model.intercept_.size
    voting = Count(operations=machines, does=frozenset({"votes"})) if machines > 1 else Count()
    weighing = Count(
        macs=model.dual_coef_.size,
        parameters=size(arrays[:3]) if kernel != "precomputed" else size(arrays[1:3]),
        arrays=arrays,
        holds=frozenset({SUPPORT}),
        kind=f"{vectors} support vectors, {kernel} kernel",
    )
    return weighing + _kernels(kernel, features, vectors) + voting


def kernel_ridge(model: Any, use: str) -> Count:
    """KernelRidge: the kernel with every training row, then rows x targets MACs."""
    return _pairwise(model.X_fit_, model.dual_coef_, model.kernel)


def nystroem(model: Any, use: str) -> Count:
    """Nystroem: the kernel with every component, then components² MACs."""
    return _pairwise(model.components_, model.normalization_, model.kernel)


def gaussian_process(model: Any, use: str) -> Count:
    """GaussianProcessRegressor's mean, K(x, X)·alpha (Rasmussen & Williams 2006, alg. 2.1, line 4): the kernel with
    every training row, then rows x targets MACs. The standard deviation is not part of predict's default."""
    return _process(model, model.alpha_, values(model.X_train_, model.alpha_))


def laplace(model: Any, use: str) -> Count:
    """The binary classifier inside GaussianProcessClassifier (Rasmussen & Williams 2006, alg. 3.2, line 4):
    K(x, X)·(y - pi), rows MACs."""
    return _process(model, model.pi_, values(model.X_train_, model.y_train_, model.pi_))


def gaussian_process_classifier(model: Any, use: str) -> Parts:
    """One binary classifier, or one against each or the rest."""
    return Parts([("base_estimator_", model.base_estimator_, use)])


def _process(model: Any, weights: Any, arrays: tuple[Any, ...]) -> Count:
    rows = len(model.X_train_)
    features = arrays[0].size // rows
    kernel = type(model.kernel_).__name__
    count = Count(
        macs=weights.size,
        parameters=size(arrays),
        arrays=arrays,
        holds=frozenset({SUPPORT}),
        kind=f"{rows} training rows, {kernel} kernel",
    )
    work = covariance(model.kernel_, features)
    if work is None:
        return count + Count(uncounted={f"kernel {model.kernel_}": rows})
    return count + _work(work, rows)


def covariance(kernel: Any, n: int) -> _Work | None:
    """What one value of a Gaussian process's kernel costs; None without a formula for it.

    RBF, Matern with nu = 1/2 or infinity: n, n + 2. Matern 3/2: n, n + 5. Matern 5/2: n, n + 8.
    RationalQuadratic: n, n + 3. ExpSineSquared: n, n + 7. DotProduct: n, 1. ConstantKernel, WhiteKernel: 0, 0, the
    latter since it is 0 between different rows. A sum, a product and a power of kernels: 1 besides its own.
    """
    kind = type(kernel).__name__
    if kind in ("Sum", "Product"):
        left, right = covariance(kernel.k1, n), covariance(kernel.k2, n)
        return None if left is None or right is None else (left[0] + right[0], left[1] + right[1] + 1)
    if kind == "Exponentiation":
        inner = covariance(kernel.kernel, n)
        return None if inner is None else (inner[0], inner[1] + 1)
    if kind == "Matern":
        besides = {0.5: 2, 1.5: 5, 2.5: 8, float("inf"): 2}.get(kernel.nu)
        return None if besides is None else (n, n + besides)
    return {
        "RBF": (n, n + 2),
        "RationalQuadratic": (n, n + 3),
        "ExpSineSquared": (n, n + 7),
        "DotProduct": (n, 1),
        "ConstantKernel": (0, 0),
        "WhiteKernel": (0, 0),
    }.get(kind)


def _pairwise(rows: Any, weights: Any, kernel: Any) -> Count:
    named = kernel if isinstance(kernel, str) else getattr(kernel, "__name__", "of its own")
    if hasattr(rows, "tocsr"):
        return _sparse(f"{named} kernel of sparse rows", rows, weights)
    arrays = (rows, weights)
    count = Count(
        macs=weights.size,
        parameters=size(arrays),
        arrays=arrays,
        holds=frozenset({SUPPORT}),
        kind=f"{rows.shape[0]} rows, {named} kernel",
    )
    return count + _kernels(named, rows.shape[1], rows.shape[0])


def _sparse(operation: str, *stored: Any) -> Count:
    """How many products there are hangs on where both rows have entries."""
    numbers = tuple(one.data if hasattr(one, "tocsr") else one for one in stored)
    places = tuple(part for one in stored if hasattr(one, "tocsr") for part in (one.indices, one.indptr))
    return Count(
        parameters=size(numbers), arrays=numbers + places, uncounted={operation: 1}, holds=frozenset({SUPPORT})
    )


def _kernels(kernel: str, n: int, rows: int) -> Count:
    """The kernel with so many rows of n features."""
    works: dict[str, _Work] = {
        "linear": (n, 0),
        "poly": (n + 1, 1),
        "polynomial": (n + 1, 1),
        "sigmoid": (n + 1, 1),
        "rbf": (n, n + 2),
        "laplacian": (0, 2 * n + 2),
        "precomputed": (0, 0),
    }
    work = works.get(kernel)
    return Count(uncounted={f"kernel {kernel}": rows}) if work is None else _work(work, rows)


def _work(work: _Work, rows: int) -> Count:
    macs, operations = work
    return Count(
        macs=macs * rows, operations=operations * rows, does=frozenset({KERNEL}) if operations else frozenset()
    )


FORMULAS: dict[str, Formula] = {
    "BaseLibSVM": support_vectors,
    "KernelRidge": kernel_ridge,
    "Nystroem": nystroem,
    "GaussianProcessRegressor": gaussian_process,
    "_BinaryGaussianProcessClassifierLaplace": laplace,
    "GaussianProcessClassifier": gaussian_process_classifier,
}
"""Class of scikit-learn -> formula; classes that inherit from it are counted alike."""
