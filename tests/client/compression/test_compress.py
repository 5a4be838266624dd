"""`trimtab.compress`: the figures of Deep Compression, what must always hold, and what is refused."""

from __future__ import annotations

import copy
import math
import subprocess
import sys
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDRegressor
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

import trimtab
from trimtab import compress
from trimtab.compression import InvalidCompression, InvalidWeights
from trimtab.costs import UnsupportedModel


def lenet():
    """The weights of a 784-300-100-10 net, as He et al. initialise them."""
    rng = np.random.default_rng(0)
    sizes = [(784, 300), (300, 100), (100, 10)]
    return {f"fc{n}": rng.normal(0, math.sqrt(2 / a), (a, b)).astype(np.float32) for n, (a, b) in enumerate(sizes)}


@pytest.mark.parametrize(
    ("keep", "clusters", "index_bits", "quantized", "huffman", "bound"),
    [
        (0.08, 64, 5, 32_188, 26_836, 26_368),
        (0.08, 16, 5, 25_899, 23_161, 22_841),
        (0.10, 32, 4, 37_066, 31_254, 30_760),
    ],
)
def test_a_reference_net_takes_the_expected_bytes(keep, clusters, index_bits, quantized, huffman, bound) -> None:
    report = compress(lenet(), prune=1 - keep, clusters=clusters, index_bits=index_bits)
    stages = {stage.name: stage for stage in report.stages}
    assert stages["original"].bytes == 1_064_800
    assert stages["quantized"].bytes == quantized  # no k-means in it
    assert stages["huffman"].bytes == pytest.approx(huffman, rel=0.05)
    assert stages["huffman"].entropy_bound == pytest.approx(bound, rel=0.05)
    assert report.stored_bytes <= 1.01 * stages["huffman"].bytes


@pytest.mark.parametrize(("clusters", "rate"), [(16, 7.996), (32, 6.395), (64, 5.327), (256, 3.985)])
def test_shared_values_alone_have_the_rate_of_the_formula(clusters, rate) -> None:
    flat = np.concatenate([array.ravel() for array in lenet().values()])
    stage = compress(flat, clusters=clusters, huffman=False).stages[-1]
    n, b = flat.size, 32
    assert flat.size == 266_200
    assert stage.rate == n * b / (n * math.log2(clusters) + clusters * b)
    assert stage.rate == pytest.approx(rate, abs=1e-3)
    assert stage.bits_per_weight == pytest.approx(32 / rate, rel=1e-3)


def test_the_papers_four_by_four_layer_shrinks_3_2_times() -> None:
    layer = np.random.default_rng(0).normal(size=(4, 4)).astype(np.float32)
    assert compress(layer, clusters=4, huffman=False).stages[-1].rate == 3.2


@pytest.mark.parametrize("options", [{"bits": 4}, {"bits": 4, "prune": 0.9}, {"bits": 5, "quantizer": "uniform"}])
def test_no_stage_undercuts_its_bound_and_overhead_never_raises_the_rate(options) -> None:
    report = compress(lenet(), **options)
    for stage in report.stages[2 if "prune" in options else 1 :]:
        assert stage.bytes >= stage.entropy_bound
    coded = report.layers["fc0"]
    payload = 4 * len(coded.symbols) + coded.index_bits * len(coded.symbols)
    assert coded.bits["quantized"] > payload or options["bits"] != 4
    assert report.stages[-1].rate > report.stages[-2].rate


def test_the_best_index_width_is_taken_when_none_is_given() -> None:
    tried = [compress(lenet(), prune=0.92, bits=4, index_bits=bits).stages[-1].bytes for bits in range(2, 9)]
    assert compress(lenet(), prune=0.92, bits=4).stages[-1].bytes <= min(tried)


def test_exactly_the_share_that_was_asked_for_is_left() -> None:
    restored = compress(lenet(), prune=0.9).restored
    for name, array in lenet().items():
        assert np.count_nonzero(restored[name]) == round(0.1 * array.size)
        kept = restored[name] != 0
        assert np.array_equal(restored[name][kept], array[kept])


def test_what_is_no_matrix_is_stored_as_it_is() -> None:
    weights = {"w": np.random.default_rng(0).normal(size=(20, 20)), "b": np.arange(3.0), "n": np.array([1, 2])}
    restored = compress(weights, prune=0.5, bits=2).restored
    assert np.array_equal(restored["b"], weights["b"])
    assert np.array_equal(restored["n"], weights["n"])
    only = compress(weights, bits=1, only=["b"]).restored
    assert np.array_equal(only["w"], weights["w"])
    assert len(np.unique(only["b"])) == 2


def test_what_comes_back_has_the_form_of_what_was_given() -> None:
    one = np.ones((2, 3), np.float16)
    assert compress(one, bits=1).restored.dtype == np.float16
    assert [array.shape for array in compress([one, one], bits=1).restored] == [(2, 3), (2, 3)]
    assert compress({"a": one}, bits=1).restored_model is None


def test_names_that_are_no_texts_come_back_as_they_were() -> None:
    one = np.ones((2, 3))
    assert list(compress({1: one, ("a", 2): one}, bits=1).restored) == [1, ("a", 2)]
    with pytest.raises(InvalidWeights, match=r"differ as texts, got \[1, '1'\]"):
        compress({1: one, "1": one}, bits=1)


def test_what_comes_back_belongs_to_the_caller() -> None:
    report = compress(lenet(), prune=0.9, bits=4)
    for array in report.restored.values():
        array[:] = 0
    assert all(array.any() for array in report.restored.values())


def test_without_settings_the_weights_are_stored_as_they_are() -> None:
    report = compress(lenet())
    assert [stage.name for stage in report.stages] == ["original"]
    assert all(np.array_equal(report.restored[name], array) for name, array in lenet().items())


@pytest.mark.parametrize("prune", [np.float32(0.5), np.float64(0.5)])
def test_numpys_numbers_are_numbers(prune) -> None:
    assert np.count_nonzero(compress(SOME, prune=prune, bits=np.int64(3)).restored) == 6


def test_the_table_says_what_each_stage_takes() -> None:
    text = str(compress(lenet(), prune=0.92, clusters=64, index_bits=5))
    assert [line.split()[0] for line in text.splitlines()] == [
        *("stage", "original", "pruned", "quantized", "huffman", "stored")
    ]
    assert "32,188   33.08x" in text


def test_the_metrics_are_the_stored_bytes_and_what_is_left() -> None:
    report = compress(lenet(), prune=0.92, bits=4)
    told = report.as_metrics()
    assert told["size_bytes"]["value"] == report.stored_bytes == len(report.data)
    assert told["parameters_nonzero"]["value"] == round(0.08 * 235_200) + 2_400 + 80
    assert told["size_bytes"]["contract"]["stages"]["original"] == 1_064_800


def test_yesterdays_codebook_is_stale_when_the_weights_have_moved() -> None:
    weights = np.random.default_rng(0).normal(size=(100, 100))
    report = compress(weights, bits=3)
    assert report.staleness(weights) == pytest.approx(0, abs=1e-9)
    assert 0 < report.staleness(weights * 0.8) < report.staleness(weights * 0.5)


def test_a_pruned_code_is_fresh_for_its_own_weights_and_stale_for_others() -> None:
    report = compress(lenet(), prune=0.9, bits=4)
    assert report.staleness(report.restored) == pytest.approx(0, abs=1e-9)
    assert report.staleness({name: 0.7 * array for name, array in report.restored.items()}) > 0.1


@pytest.mark.parametrize("today", [{}, {"w": np.ones((3, 2))}, {"w": np.full((2, 3), np.nan)}])
def test_staleness_is_asked_of_the_same_layers_only(today) -> None:
    report = compress({"w": np.arange(6.0).reshape(2, 3)}, bits=2)
    with pytest.raises(InvalidWeights, match=r"expected finite weights of shape \(2, 3\) for 'w', got "):
        report.staleness(today)


def test_a_level_without_a_word_makes_the_code_infinitely_stale() -> None:
    report = compress({"w": np.array([[0.0, 0.0, 0.1, 3.0]])}, clusters=4)
    assert report.staleness({"w": np.array([[2.0, 2.0, 2.0, 2.0]])}) == math.inf


# --- Models and retraining ------------------------------------------------------------------------------------------


def digits():
    images, labels = load_digits(return_X_y=True)
    images, held, labels, held_labels = train_test_split(images / 16, labels, random_state=0, stratify=labels)
    return images, labels, held, held_labels


@pytest.fixture(scope="module")
def net():
    images, labels, _, _ = digits()
    model = MLPClassifier((300, 100), max_iter=60, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(images, labels)


def test_size_without_accuracy_is_no_result_and_retraining_brings_it_back(net) -> None:
    images, labels, held, held_labels = digits()
    before = net.score(held, held_labels)
    plain = compress(net, prune=0.92)

    def again(weights, stage):
        model = copy.deepcopy(net)
        kept = {name: weights[name] != 0 for name in weights if name.startswith("coefs_")}
        model.coefs_ = [weights[name] for name in kept]
        model.intercepts_ = [weights[name] for name in weights if name not in kept]
        del model._optimizer  # which still moves the weights that net has
        order = np.random.default_rng(0)
        for batch in (part for _ in range(30) for part in np.array_split(order.permutation(len(images)), 14)):
            model.partial_fit(images[batch], labels[batch])
            for array, mask in zip(model.coefs_, kept.values(), strict=True):
                array *= mask
        return dict(zip(weights, [*model.coefs_, *model.intercepts_], strict=True))

    retrained = compress(net, prune=0.92, bits=5, retrain=again)
    assert before > 0.975
    assert plain.restored_model.score(held, held_labels) < 0.7
    assert retrained.restored_model.score(held, held_labels) > 0.965
    assert retrained.stages[-1].rate > 40  # its own weights are of 8 bytes
    for name in ("coefs_0", "coefs_1", "coefs_2"):
        assert np.count_nonzero(retrained.restored[name]) <= round(0.08 * plain.restored[name].size)
    assert net.score(held, held_labels) == before  # the model that was given is untouched


def test_shared_values_become_the_mean_of_the_retrained_weights() -> None:
    weights = np.array([[0.0, 0.2, 10.0, 10.4]])
    report = compress(
        weights, clusters=2, retrain=lambda given, stage: {"weights": given["weights"] + [[1, 3, 0, 0]]}
    )
    assert report.restored == pytest.approx(np.array([[2.1, 2.1, 10.2, 10.2]]))


def test_training_the_restored_model_changes_no_report(net) -> None:
    images, labels, _, _ = digits()
    report = compress(net, prune=0.5, bits=3)
    told = report.as_metrics()
    report.restored_model.partial_fit(images, labels)
    assert report.as_metrics() == told
    assert len(np.unique(report.restored["coefs_0"])) <= 8


def test_the_intercept_of_a_linear_model_is_kept() -> None:
    images, labels, _, _ = digits()
    for model in (LinearRegression().fit(images, labels), SGDRegressor(random_state=0).fit(images, labels)):
        small = compress(model, prune=0.5, clusters=8).restored_model
        assert np.array_equal(small.intercept_, model.intercept_)
        assert small.predict(images[:5]).shape == (5,)


def test_a_linear_model_comes_back_as_a_model() -> None:
    images, labels, held, held_labels = digits()
    model = LogisticRegression(max_iter=2000).fit(images, labels)
    small = compress(model, bits=8).restored_model
    assert abs(small.score(held, held_labels) - model.score(held, held_labels)) < 0.02
    assert set(compress(model, bits=8).restored) == {"coef_", "intercept_"}


# --- What is refused ------------------------------------------------------------------------------------------------

SOME = np.arange(1.0, 13).reshape(3, 4)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({}, "at least one array"),
        ({"w": np.zeros((0, 3))}, r"at least one weight, got shape \(0, 3\) for 'w'"),
        ({"w": np.array([[1.0, np.nan]])}, "got 1 of 2 NaN or infinite in 'w'"),
        ({"w": np.array([[np.inf, -np.inf]])}, "got 2 of 2 NaN or infinite in 'w'"),
        ({"w": np.array([[1e300, 1]])}, "float32 can hold, got 1e"),
        ({"w": [1.0, 2.0]}, "expected numpy arrays, got builtins.list as 'w'"),
        ({"w": np.array(["a"])}, "expected arrays of numbers"),
    ],
)
def test_weights_that_make_no_sense_are_refused(weights, message) -> None:
    with pytest.raises(InvalidWeights, match=message):
        compress(weights, bits=2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prune": 1}, "below 1, got 1"),
        ({"prune": -0.1}, "got -0.1"),
        ({"prune": math.nan}, "got nan"),
        ({"prune": True}, "got True"),
        ({"clusters": 0}, "from 1 to 65,536, got 0"),
        ({"clusters": 13}, "at most 12 clusters for 'weights', got 13"),
        ({"clusters": 1, "prune": 0.5}, "at least 2 clusters"),
        ({"bits": 0}, "from 1 to 16, got 0"),
        ({"bits": 17}, "got 17"),
        ({"bits": 2.0}, "got 2.0"),
        ({"bits": 2, "clusters": 4}, "got both: 2 and 4"),
        ({"index_bits": 0, "prune": 0.5}, "got 0"),
        ({"quantizer": "uniform"}, "takes bits"),
        ({"quantizer": "nearest", "bits": 2}, "got 'nearest'"),
        ({"bits": 2, "channel_axis": 0}, "goes with quantizer='uniform'"),
        ({"bits": 2, "quantizer": "uniform", "channel_axis": 2}, r"an axis of 'weights', shape \(3, 4\), got 2"),
        ({"per": "net"}, "'layer' or 'model', got 'net'"),
        ({"only": ["bias"]}, r"got \['bias'\]"),
        ({"only": "weights"}, r"a list of names, got the text 'weights'"),
        ({"bits": 2, "symmetric": False}, "goes with quantizer='uniform'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, message) -> None:
    with pytest.raises(InvalidCompression, match=message):
        compress(SOME, **options)


@pytest.mark.parametrize("back", [{}, {"weights": np.zeros(3)}], ids=["nothing", "another shape"])
def test_a_retraining_that_loses_the_weights_is_refused(back) -> None:
    with pytest.raises(InvalidWeights, match="every array in its shape, got none such for 'weights'"):
        compress(SOME, prune=0.5, retrain=lambda weights, stage: back)


def test_a_retraining_that_diverges_is_refused() -> None:
    with pytest.raises(InvalidWeights, match="NaN or infinite"):
        compress(SOME, prune=0.5, retrain=lambda weights, stage: {"weights": weights["weights"] * np.nan})


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(UnsupportedModel, match=r"got builtins\.str"):
        compress("model.pt", bits=2)
    with pytest.raises(UnsupportedModel, match="MLPClassifier"):
        compress(MLPClassifier(), bits=2)
    images, labels, _, _ = digits()
    with pytest.raises(UnsupportedModel, match="SVC"):  # its coef_ is computed from the support vectors
        compress(SVC(kernel="linear").fit(images[:50], labels[:50]), bits=2)


def test_whole_numbers_are_not_compressed_by_name() -> None:
    with pytest.raises(InvalidWeights, match="expected floats to compress, got dtype int64 for 'n'"):
        compress({"w": SOME, "n": np.ones((2, 2), np.int64)}, bits=2, only=["n"])


def test_without_numpy_the_extra_is_named() -> None:
    script = "import sys; sys.modules['numpy'] = None; import trimtab; trimtab.compress([])"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.stderr.strip().endswith('compressing needs numpy: pip install "trimtab[measure]"')


def test_a_notebook_shows_the_table() -> None:
    report = compress(SOME, bits=2)
    assert report._repr_html_() == f"<pre>{report}</pre>"


def test_compress_is_a_function_whatever_was_imported_first() -> None:
    assert trimtab.compress is compress
    assert trimtab.compression.compress is compress


def test_the_order_of_bytes_outlives_pruning() -> None:
    weights = np.arange(1, 7, dtype=">f4").reshape(2, 3)
    assert compress(weights, prune=0.5).restored.dtype.str == ">f4"


def test_what_has_no_floats_is_not_pruned_in_silence() -> None:
    for options in ({"prune": 0.5, "per": "model"}, {"bits": 3}):
        with pytest.raises(InvalidCompression, match=r"expected an array of floats .* got none among \['steps'\]"):
            compress({"steps": np.arange(5)}, **options)


def test_a_retraining_that_returns_nothing_is_refused() -> None:
    with pytest.raises(InvalidWeights, match=r"expected retrain to return \{name: weights\}, got NoneType"):
        compress(np.eye(3), prune=0.5, retrain=lambda weights, stage: None)


def test_channels_lie_along_a_whole_axis() -> None:
    with pytest.raises(InvalidCompression, match="channel_axis must be an axis"):
        compress(np.eye(3), bits=3, quantizer="uniform", channel_axis=0.5)
