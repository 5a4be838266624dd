"""`measure` on models that compare a row with stored rows, against predictions worked out number by number."""

import math

import numpy as np
import pytest
from scipy import sparse
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, Matern, PairwiseKernel, WhiteKernel
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.kernel_ridge import KernelRidge
from sklearn.naive_bayes import BernoulliNB, CategoricalNB, GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, NearestNeighbors
from sklearn.svm import SVC, SVR, NuSVC, NuSVR, OneClassSVM

from tests.client.costs.arithmetic import Arithmetic
from trimtab.costs import measure, sklearn_kernels

X = np.random.default_rng(0).normal(size=(40, 5))
BINARY = (X[:, 0] > 0).astype(int)
THREE = np.digitize(X[:, 0] + X[:, 1], [-0.5, 0.5])
NUMBER = X[:, 0] * X[:, 1]
ROW = np.random.default_rng(1).normal(size=5)


def agrees(cost, work):
    return (cost.macs, cost.flops) == (work.macs, work.flops)


@pytest.mark.parametrize("model", [SVR(gamma=0.3), NuSVR(gamma=0.3), OneClassSVM(gamma=0.3)])
def test_support_vectors_for_numbers_are_a_kernel_and_a_product_each(model):
    model.fit(X, NUMBER)
    work, total = Arithmetic(), float(model.intercept_[0])
    for vector, weight in zip(model.support_vectors_, model.dual_coef_[0], strict=True):
        total = work.mac(total, weight, work.rbf(ROW, vector, gamma=0.3))
    said = model.decision_function([ROW]) if hasattr(model, "decision_function") else model.predict([ROW])

    assert total == pytest.approx(said[0])
    assert agrees(measure(model, latency=False), work)


@pytest.mark.parametrize("kind", [SVC, NuSVC])
def test_support_vectors_of_three_classes_serve_in_two_machines_each(kind):
    model = kind(gamma=0.3, decision_function_shape="ovo").fit(X, THREE)
    ends = np.cumsum([0, *model.n_support_])
    work, decisions = Arithmetic(), []
    kernels = [work.rbf(ROW, vector, gamma=0.3) for vector in model.support_vectors_]
    for one in range(3):
        for other in range(one + 1, 3):
            total = float(model.intercept_[len(decisions)])
            for at in range(ends[one], ends[one + 1]):
                total = work.mac(total, model.dual_coef_[other - 1, at], kernels[at])
            for at in range(ends[other], ends[other + 1]):
                total = work.mac(total, model.dual_coef_[one, at], kernels[at])
            decisions.append(work.other(total))  # and the machine votes

    assert decisions == pytest.approx(model.decision_function([ROW])[0])
    cost = measure(model, X, seconds=0.001)
    assert agrees(cost, work)
    assert cost.macs_nonzero == cost.macs
    assert cost.latency_ms > 0


@pytest.mark.parametrize(
    ("kernel", "macs", "operations"),
    [("linear", 5, 0), ("poly", 6, 1), ("sigmoid", 6, 1), ("rbf", 5, 7)],
)
def test_each_kernel_has_its_price(kernel, macs, operations):
    model = SVC(kernel=kernel).fit(X, BINARY)
    vectors = len(model.support_)
    cost = measure(model, latency=False)

    assert cost.macs == vectors * macs + vectors
    assert cost.flops == 2 * cost.macs + vectors * operations


def test_the_bytes_of_a_support_vector_machine_are_its_vectors_coefficients_and_counts():
    model = SVC().fit(X, THREE)
    vectors = len(model.support_)
    cost = measure(model, latency=False)

    assert cost.parameters == vectors * 5 + 2 * vectors + 3
    assert cost.size_bytes == 8 * cost.parameters + 4 * 3  # n_support_ is int32
    assert cost.layers[0].kind == f"{vectors} support vectors, rbf kernel"


def test_a_kernel_of_ones_own_and_sparse_support_vectors_are_named_as_uncounted():
    def mine(left, right):
        return left @ right.T

    own = measure(SVC(kernel=mine).fit(X, BINARY), latency=False)
    thin = measure(SVC().fit(sparse.csr_matrix(X), BINARY), latency=False)

    assert own.macs is None
    assert "no formula for kernel mine" in own.unknown["macs"]
    assert thin.uncounted == {"SVC with sparse support vectors": 1}
    assert thin.size_bytes > 0

    ridge = measure(KernelRidge().fit(sparse.csr_matrix(X), NUMBER), latency=False)
    assert ridge.uncounted == {"linear kernel of sparse rows": 1}
    assert ridge.parameters == 40 * 5 + 40


def test_kernel_ridge_and_nystroem_compare_with_every_row_they_keep():
    ridge = KernelRidge(kernel="rbf", gamma=0.3).fit(X, NUMBER)
    work, total = Arithmetic(), 0.0
    for row, weight in zip(ridge.X_fit_, ridge.dual_coef_, strict=True):
        total = work.mac(total, weight, work.rbf(ROW, row, gamma=0.3))

    assert total == pytest.approx(ridge.predict([ROW])[0])
    assert agrees(measure(ridge, latency=False), work)

    map_ = Nystroem(gamma=0.3, n_components=6, random_state=0).fit(X)
    work = Arithmetic()
    kernels = [work.rbf(ROW, row, gamma=0.3) for row in map_.components_]
    out = [work.dot(kernels, weights) for weights in map_.normalization_]

    assert out == pytest.approx(map_.transform([ROW])[0])
    assert agrees(measure(map_, latency=False), work)


def test_random_fourier_features_are_a_product_and_a_cosine_each():
    cost = measure(RBFSampler(n_components=8, random_state=0).fit(X), latency=False)

    assert (cost.macs, cost.flops) == (5 * 8, 2 * 40 + 8)


def test_a_gaussian_process_is_the_kernel_with_every_training_row_times_alpha():
    model = GaussianProcessRegressor(RBF(1.0), optimizer=None, alpha=0.1).fit(X, NUMBER)
    work, total = Arithmetic(), 0.0
    for row, weight in zip(X, model.alpha_, strict=True):
        total = work.mac(total, weight, work.rbf(ROW, row, gamma=0.5))
    cost = measure(model, X, seconds=0.001)

    assert total == pytest.approx(model.predict([ROW])[0])
    assert agrees(cost, work)
    assert cost.parameters == 40 * 5 + 40


def test_kernels_of_gaussian_processes_add_up_and_one_without_a_formula_has_none():
    n = 5
    assert sklearn_kernels.covariance(ConstantKernel() * RBF() + WhiteKernel(), n) == (n, n + 4)
    assert sklearn_kernels.covariance(Matern(nu=2.5) + DotProduct() ** 2, n) == (2 * n, n + 8 + 2 + 1)
    assert sklearn_kernels.covariance(Matern(nu=0.7), n) is None

    model = GaussianProcessRegressor(PairwiseKernel(metric="rbf"), optimizer=None, alpha=0.1).fit(X, NUMBER)
    assert measure(model, latency=False).macs is None


def test_a_gaussian_process_on_words_is_named_as_uncounted_by_its_kernel():
    class SameLength(RBF):
        requires_vector_input = False

        def __call__(self, left, right=None, eval_gradient=False):
            right = left if right is None else right
            return np.array([[float(len(a) == len(b)) for b in right] for a in left])

    words = np.array(["red", "green", "blue", "brown"])
    cost = measure(
        GaussianProcessRegressor(SameLength(), optimizer=None, alpha=0.5).fit(words, range(4)), latency=False
    )

    assert cost.macs is None
    assert list(cost.uncounted) == ["kernel SameLength(length_scale=1)"]
    assert cost.parameters == 4 + 4


def test_a_gaussian_process_classifier_is_a_process_for_each_class():
    two = GaussianProcessClassifier(RBF(1.0), optimizer=None).fit(X, BINARY)
    three = GaussianProcessClassifier(RBF(1.0), optimizer=None).fit(X, THREE)

    assert measure(two, latency=False).macs == 40 * 5 + 40
    assert measure(three, latency=False).macs == 3 * (40 * 5 + 40)


def test_brute_force_neighbours_are_a_distance_and_a_comparison_for_every_stored_row():
    model = KNeighborsRegressor(3, algorithm="brute").fit(X, NUMBER)
    work = Arithmetic()
    distances = [work.other(work.squared_distance(ROW, row)) for row in X]
    nearest = np.argsort(distances)[:3]
    total = sum(work.other(NUMBER[at]) for at in nearest)
    cost = measure(model, X, seconds=0.001)

    assert total / 3 == pytest.approx(model.predict([ROW])[0])
    assert agrees(cost, work)
    assert (cost.parameters, cost.size_bytes) == (40 * 5 + 40, 8 * 240)


@pytest.mark.parametrize(
    ("metric", "macs", "operations"),
    [("manhattan", 0, 10), ("chebyshev", 0, 10), ("minkowski", 0, 15)],
)
def test_each_distance_has_its_price(metric, macs, operations):
    model = KNeighborsClassifier(2, algorithm="brute", metric=metric, p=3).fit(X, THREE)
    cost = measure(model, latency=False)

    assert (cost.macs, cost.flops) == (macs, 40 * (operations + 1) + 2)


def test_weighing_by_distance_divides_once_for_each_neighbour():
    near, far = (
        KNeighborsClassifier(4, algorithm="brute", weights=how).fit(X, THREE) for how in ("uniform", "distance")
    )

    assert measure(far, latency=False).flops == measure(near, latency=False).flops + 4


@pytest.mark.parametrize("algorithm", ["kd_tree", "ball_tree"])
def test_a_tree_of_neighbours_has_a_lower_bound_only_and_says_so(algorithm):
    cost = measure(KNeighborsClassifier(3, algorithm=algorithm).fit(X, THREE), X, seconds=0.001)
    brute = measure(KNeighborsClassifier(3, algorithm="brute").fit(X, THREE), latency=False)

    assert (cost.macs, cost.macs_at_least) == (None, 3 * 5)
    assert cost.uncounted == {f"query of a {algorithm}": 1}
    assert cost.size_bytes > brute.size_bytes  # the order of the rows, the nodes and their bounds
    assert cost.latency_ms > 0


def test_neighbours_of_other_distances_weights_and_sparse_rows_are_named_as_uncounted():
    cosine = KNeighborsClassifier(metric="cosine").fit(X, THREE)
    weighed = KNeighborsClassifier(algorithm="brute", weights=np.exp).fit(X, THREE)
    thin = KNeighborsClassifier().fit(sparse.csr_matrix(X), THREE)

    assert measure(cosine, latency=False).uncounted == {"distance cosine": 40}
    assert measure(weighed, latency=False).uncounted == {"weights of its own": 1}
    assert measure(thin, latency=False).uncounted == {"distance of sparse rows": 40}


def test_a_search_for_neighbours_without_a_vote_is_timed_as_such():
    cost = measure(NearestNeighbors(n_neighbors=2, algorithm="brute").fit(X), X, seconds=0.001)

    assert cost.flops == 40 * (2 * 5 + 5 + 1)
    assert cost.latency_ms > 0


@pytest.mark.parametrize("kind", [KMeans, MiniBatchKMeans])
def test_k_means_is_a_distance_and_a_comparison_for_every_centre(kind):
    model = kind(4, n_init=1, random_state=0).fit(X)
    work = Arithmetic()
    distances = [work.other(work.squared_distance(ROW, centre)) for centre in model.cluster_centers_]
    cost = measure(model, X, seconds=0.001)

    assert np.argmin(distances) == model.predict([ROW])[0]
    assert agrees(cost, work)
    assert cost.parameters == 4 * 5


def test_gaussian_naive_bayes_is_a_scaled_square_for_every_class_and_feature():
    model = GaussianNB().fit(X, THREE)
    work, scores = Arithmetic(), []
    for mean, variance, prior in zip(model.theta_, model.var_, model.class_prior_, strict=True):
        total = 0.0
        for at in range(5):
            difference = work.other(ROW[at] - mean[at])
            total = work.mac(total, work.other(difference**2), 1 / variance[at])
        scores.append(math.log(prior) - 0.5 * np.log(2 * math.pi * variance).sum() - 0.5 * total)

    assert scores == pytest.approx(model.predict_joint_log_proba([ROW])[0])
    assert agrees(measure(model, latency=False), work)


def test_naive_bayes_of_counts_is_a_product_and_of_bits_compares_first():
    counts = np.abs(X).round()
    product = measure(MultinomialNB().fit(counts, THREE), latency=False)
    bits = measure(BernoulliNB().fit(X, THREE), latency=False)

    assert (product.macs, product.flops, product.parameters) == (15, 30, 18)
    assert (bits.macs, bits.flops) == (15, 35)
    assert measure(BernoulliNB(binarize=None).fit(counts > 0, THREE), latency=False).flops == 30


def test_naive_bayes_of_categories_adds_one_number_for_each_feature_and_class():
    cost = measure(CategoricalNB().fit((X > 0).astype(int), THREE), latency=False)

    assert (cost.macs, cost.flops, cost.parameters) == (0, 15, 5 * 2 * 3 + 3)


def test_quadratic_discriminant_analysis_turns_and_squares_for_every_class():
    model = QuadraticDiscriminantAnalysis().fit(X, THREE)
    work, scores = Arithmetic(), []
    for mean, turn, scale, prior in zip(model.means_, model.rotations_, model.scalings_, model.priors_, strict=True):
        centred = [work.other(value) for value in ROW - mean]
        turned = [work.dot(centred, column) for column in (turn / np.sqrt(scale)).T]
        scores.append(math.log(prior) - 0.5 * (work.dot(turned, turned) + np.log(scale).sum()))

    assert scores == pytest.approx(model.decision_function([ROW])[0])
    assert agrees(measure(model, latency=False), work)
