"""ONNX models as a whole: exported nets, what counts as a parameter, bytes, live memory, examples, and refusals."""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from torch import nn

from tests.frameworks import nets
from tests.frameworks.onnx_graphs import model, node, ones
from trimtab.costs import InvalidExample, UnsupportedModel, measure

LINEAR = {"w": np.array([[1, 0], [0, 0], [5, 6]], "float32"), "b": np.array([0, 1], "float32")}


def exported(net: nn.Module, example, path: Path, **options) -> Path:
    """The net in a file, no norm folded into a convolution. No two arrays are alike: the export would share them."""
    with torch.no_grad():
        for one in (*net.parameters(), *net.buffers()):
            if one.is_floating_point():
                one.uniform_(0.5, 1.0)
    options = {"training": torch.onnx.TrainingMode.PRESERVE, "do_constant_folding": False} | options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that this exporter is the older one
        torch.onnx.export(net.eval(), example, path, dynamo=False, **options)
    return path


@pytest.mark.parametrize("build", [nets.resnet18_like, nets.mobilenet_v2_like])
def test_an_exported_convolutional_net_costs_what_torch_counts(build, tmp_path: Path) -> None:
    net, picture = build(), torch.randn(nets.PICTURE)
    file = exported(net, (picture,), tmp_path / "net.onnx")
    ours, torchs = measure(file, picture, latency=False), measure(net, picture, latency=False)

    assert (ours.macs, ours.flops, ours.uncounted) == (torchs.macs, torchs.flops, {})
    assert ours.macs_nonzero == ours.macs
    assert ours.parameters == ours.parameters_nonzero == torchs.parameters
    bounds = 2 * 4 * sum(isinstance(one, nn.ReLU6) for one in net.modules())
    assert ours.bytes_by_dtype["float32"] == torchs.bytes_by_dtype["float32"] + bounds
    assert ours.serialized_bytes == file.stat().st_size
    assert sum(layer.macs for layer in ours.layers) == ours.macs
    assert sum(layer.parameters for layer in ours.layers) == ours.parameters


def test_folding_the_norms_into_the_convolutions_changes_no_macs(tmp_path: Path) -> None:
    net, picture = nets.mobilenet_v2_like(), torch.randn(nets.PICTURE)
    options = {"training": torch.onnx.TrainingMode.EVAL, "do_constant_folding": True}
    folded = measure(exported(net, (picture,), tmp_path / "net.onnx", **options), picture, latency=False)

    assert folded.macs == measure(net, picture, latency=False).macs
    assert "BatchNormalization" not in {layer.kind for layer in folded.layers}


@pytest.mark.parametrize("folding", [False, True])
@pytest.mark.parametrize(
    ("net", "shapes", "macs"),
    [
        (nn.LSTM(8, 16), [(5, 1, 8)], 7_680),
        (nn.LSTM(8, 16, 2, bidirectional=True), [(5, 1, 8)], 46_080),
        (nn.GRU(8, 16), [(5, 1, 8)], 5 * 3 * 16 * 24),
        (nn.RNN(8, 16), [(5, 1, 8)], 5 * 16 * 24),
        (nn.MultiheadAttention(32, 4, batch_first=True), [(1, 10, 32)] * 3, 4 * 10 * 32 * 32 + 2 * 10 * 10 * 32),
        (nn.ConvTranspose2d(3, 5, 4, stride=2, padding=1), [(1, 3, 7, 7)], 16 * 3 * 5 * 49),
        (nn.Sequential(nn.Linear(8, 4), nn.LayerNorm(4), nn.GELU(), nn.Linear(4, 1)), [(2, 5, 8)], 2 * 5 * 36),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else None,
)
def test_an_exported_layer_is_counted_as_in_torch(net, shapes, macs, folding, tmp_path: Path) -> None:
    example = tuple(torch.randn(shape) for shape in shapes)
    file = exported(net, example, tmp_path / "net.onnx", do_constant_folding=folding)
    cost = measure(file, example, latency=False)

    assert (cost.macs, cost.uncounted) == (macs, {})
    assert cost.macs == measure(net, example, latency=False).macs
    assert cost.parameters == sum(one.numel() for one in net.parameters())


def test_shapes_that_are_worked_out_from_other_shapes_are_followed() -> None:
    net = model(
        [
            *(node("Shape", "x", "s"), node("Gather", "s zero", "n"), node("Div", "n two", "half")),
            *(node("Unsqueeze", "half axes", "h"), node("Concat", "h minus", "to", axis=0)),
            *(node("Reshape", "x to", "r"), node("MatMul", "r w", "y")),
        ],
        {"x": ("n", 4)},
        weights={
            "zero": np.int64(0),
            "two": np.int64(2),
            "axes": np.array([0]),
            "minus": np.array([-1]),
            "w": ones(8, 3),
        },
    )
    cost = measure(net, ones(6, 4), latency=False)
    assert (cost.macs, cost.parameters) == (3 * 8 * 3, 24)


def test_statistics_scales_bounds_shapes_states_and_factors_are_stored_but_no_parameters() -> None:
    net = model(
        [
            node("BatchNormalization", "x g h mean var", "n"),
            *(node("Clip", "n low high", "c"), node("Mul", "c half", "m"), node("Reshape", "m to", "r")),
            node("LSTM", "r W R - - h0", "y", hidden_size=2),
        ],
        {"x": (1, 3, 4, 4)},
        weights={
            **{name: ones(3) * number for number, name in enumerate(("g", "h", "mean", "var"), 1)},
            "low": np.float32(0),
            "high": np.float32(6),
            "half": np.float32([0.5]),
            "to": np.array([16, 1, 3]),
            "W": ones(1, 8, 3),
            "R": ones(1, 8, 2),
            "h0": ones(1, 1, 2),
        },
    )
    cost = measure(net, latency=False)

    assert cost.parameters == 2 * 3 + 8 * 3 + 8 * 2
    assert cost.bytes_by_dtype == {"float32": 4 * (4 * 3 + 2 + 1 + 24 + 16 + 2), "int64": 24}
    assert cost.size_bytes == sum(cost.bytes_by_dtype.values())
    assert "running statistics" in cost.contract["parameters"]["convention"]


def test_a_shared_array_is_counted_once_and_an_unused_one_is_only_stored() -> None:
    net = model(
        [node("MatMul", "x w", "h"), node("MatMul", "h w", "y")],
        {"x": (2, 4)},
        weights={"w": ones(4, 4), "unused": ones(100)},
    )
    cost = measure(net, latency=False)

    assert (cost.parameters, cost.macs, cost.size_bytes) == (16, 64, 464)
    assert [(layer.parameters, layer.macs) for layer in cost.layers] == [(16, 32), (0, 32)]


def test_weights_in_constant_nodes_count_like_initialisers() -> None:
    held = node("Constant", "", "w", value=numpy_helper.from_array(ones(4, 3)))
    bias = node("Constant", "", "b", value_floats=[1.0, 2.0, 3.0])
    net = model([held, bias, node("MatMul", "x w", "h"), node("Add", "h b", "y")], {"x": (2, 4)})

    cost = measure(net, latency=False)
    assert (cost.parameters, cost.macs, cost.size_bytes) == (15, 24, 60)


def test_a_table_of_vectors_multiplies_nothing_and_is_a_parameter() -> None:
    net = model([node("Gather", "w i", "y")], {"i": np.zeros(5, "int64")}, weights={"w": ones(100, 8)})
    cost = measure(net, latency=False)
    assert (cost.macs, cost.parameters) == (0, 800)


@pytest.mark.parametrize(
    ("dtype", "name", "size"),
    [
        *(("float16", "float16", 24), ("float64", "float64", 96), ("int8", "int8", 12), ("uint8", "uint8", 12)),
        (ml_dtypes.bfloat16, "bfloat16", 24),
        (ml_dtypes.float8_e4m3fn, "float8e4m3fn", 12),
        *((ml_dtypes.int4, "int4", 6), (ml_dtypes.uint4, "uint4", 6)),
    ],
)
def test_bytes_are_those_of_the_stored_type(dtype, name, size) -> None:
    narrow = node("DequantizeLinear", "w s", "v") if "int" in name else node("Cast", "w", "v", to=1)
    weights = {"w": ones(4, 3).astype(dtype)} | ({"s": np.float32(2)} if "int" in name else {})
    cost = measure(model([narrow, node("MatMul", "x v", "y")], {"x": (2, 4)}, weights=weights), latency=False)

    assert cost.bytes_by_dtype[name] == size
    assert (cost.parameters, cost.macs, cost.macs_nonzero) == (12, 24, 24)
    assert [layer.kind for layer in cost.layers] == ["MatMul"]


def test_zeros_are_counted_apart_from_the_dense_figures() -> None:
    net = model([node("Gemm", "x w b", "y")], {"x": (10, 3)}, weights=LINEAR)
    cost = measure(net, latency=False)

    assert (cost.parameters, cost.parameters_nonzero) == (8, 4)
    assert (cost.macs, cost.macs_nonzero) == (60, 30)


@pytest.mark.parametrize(
    ("weights", "attributes", "left"),
    [
        ({"w": np.array([[3, 3], [3, 4], [9, 3]], "uint8"), "z": np.uint8(3)}, {}, 2),
        ({"w": np.array([[3, 0], [3, 4], [9, 0]], "uint8"), "z": np.array([3, 0], "uint8")}, {"axis": 1}, 2),
        (
            {"w": np.array([[3, 0], [3, 4], [9, 0]], "uint8"), "z": np.array([[3, 0], [9, 4]], "uint8")},
            {"axis": 0, "block_size": 2},
            2,
        ),
    ],
    ids=["one", "per channel", "per block"],
)
def test_in_quantised_weights_the_zero_point_stands_for_zero(weights, attributes, left) -> None:
    scale = np.full_like(weights["z"], 2, "float32")
    net = model(
        [node("DequantizeLinear", "w s z", "v", **attributes), node("MatMul", "x v", "y")],
        {"x": (10, 3)},
        weights=weights | {"s": scale},
    )
    cost = measure(net, latency=False)

    assert (cost.parameters, cost.parameters_nonzero) == (6, left)
    assert (cost.macs, cost.macs_nonzero) == (60, 10 * left)


def test_weights_cut_out_of_a_larger_array_are_parameters_whose_zeros_cannot_be_told_apart() -> None:
    net = model(
        [node("Split", "w", "a b", num_outputs=2), node("MatMul", "x a", "h"), node("MatMul", "h b", "y")],
        {"x": (1, 4)},
        weights={"w": ones(8, 4)},
    )
    cost = measure(net, latency=False)

    assert (cost.macs, cost.parameters, cost.macs_nonzero) == (32, 32, None)
    assert "cut out" in cost.unknown["macs_nonzero"]


def test_a_sparse_array_is_stored_small_and_counted_dense() -> None:
    values = numpy_helper.from_array(np.array([1, 2], "float32"), "w")
    sparse = helper.make_sparse_tensor(values, numpy_helper.from_array(np.array([0, 5])), [4, 3])
    net = model([node("MatMul", "x w", "y")], {"x": (2, 4)}, sparse=[sparse])

    cost = measure(net, ones(2, 4), latency=False)
    assert (cost.parameters, cost.parameters_nonzero, cost.size_bytes) == (12, 2, 24)


def test_an_array_beside_the_file_is_read_and_counted_with_it(tmp_path: Path) -> None:
    net = model([node("Gemm", "x w b", "y")], {"x": (1, 3)}, weights=LINEAR)
    onnx.save(net, tmp_path / "net.onnx", save_as_external_data=True, location="net.bin", size_threshold=0)
    sizes = [(tmp_path / name).stat().st_size for name in ("net.onnx", "net.bin")]
    cost = measure(tmp_path / "net.onnx", latency=False)

    assert cost.serialized_bytes == sum(sizes)
    assert (cost.parameters, cost.parameters_nonzero, cost.macs) == (8, 4, 6)
    alone = measure(onnx.load(tmp_path / "net.onnx", load_external_data=False), latency=False)
    assert (alone.parameters, alone.size_bytes, alone.parameters_nonzero, alone.macs_nonzero) == (8, 32, None, None)
    assert "not read" in alone.unknown["parameters_nonzero"]

    (tmp_path / "net.bin").unlink()
    with pytest.raises(UnsupportedModel, match=r"external data of net\.onnx can't be read"):
        measure(tmp_path / "net.onnx")


def test_the_most_memory_at_once_is_that_of_the_values_that_are_still_needed() -> None:
    net = model(
        [
            *(node("MatMul", "x w", "wide"), node("Relu", "wide", "bent"), node("MatMul", "bent v", "back")),
            node("Add", "back x", "y"),
        ],
        {"x": (1, 4)},
        weights={"w": ones(4, 100), "v": ones(100, 4)},
    )
    assert measure(net, latency=False).activation_peak_bytes == 4 * (4 + 100 + 100)
    plain = model(list(net.graph.node)[:-1], {"x": (1, 4)}, "back", {"w": ones(4, 100), "v": ones(100, 4)})
    assert measure(plain, latency=False).activation_peak_bytes == 4 * (100 + 100)


def test_the_example_sets_the_symbolic_axes() -> None:
    net = model([node("Gemm", "x w b", "y")], {"x": ("batch", 3)}, weights=LINEAR)

    for example in (ones(7, 3), (ones(7, 3),), {"x": ones(7, 3)}, [[1, 2, 3]] * 7, torch.ones(7, 3)):
        cost = measure(net, example, latency=False)
        assert (cost.macs, cost.contract["macs"]["input_shape"], cost.layers[0].output_shape) == (42, [7, 3], (7, 2))


def test_without_an_example_symbolic_axes_leave_the_macs_unknown_and_fixed_ones_do_not() -> None:
    symbolic = measure(model([node("Gemm", "x w b", "y")], {"x": ("batch", 3)}, weights=LINEAR))
    assert (symbolic.macs, symbolic.activation_peak_bytes, symbolic.parameters) == (None, None, 8)
    assert symbolic.unknown["macs"] == "input 'x' has the shape (batch, 3), which an example_input sets"
    assert symbolic.uncounted == {}

    fixed = measure(model([node("Gemm", "x w b", "y")], {"x": (4, 3)}, weights=LINEAR))
    assert (fixed.macs, fixed.latency_ms) == (24, None)
    assert fixed.unknown["latency_ms"] == "no example_input was given"
    assert "trainable_parameters" in fixed.unknown


def test_several_inputs_are_told_in_their_order() -> None:
    net = model([node("MatMul", "a b", "y")], {"a": ("n", 4), "b": (4, "n")})
    cost = measure(net, (ones(3, 4), ones(4, 3)), latency=False)

    assert (cost.macs, cost.contract["macs"]["input_shape"]) == (36, [[3, 4], [4, 3]])


@pytest.mark.parametrize(
    ("example", "sentence"),
    [
        (ones(3, 5), "expected the inputs 'a' (n, 4), 'b' (4, n), got 1 array"),
        ({"a": ones(3, 4)}, "expected the inputs 'a' (n, 4), 'b' (4, n), got 'a'"),
        ({"a": ones(3, 4), "b": ones(4, 3), "c": ones(1)}, "got 'a', 'b', 'c'"),
        ((ones(3, 5), ones(4, 3)), "input 'a': expected the shape (n, 4) with n=3, got (3, 5)"),
        ((ones(3, 4), ones(4, 2)), "input 'b': expected the shape (4, n) with n=3, got (4, 2)"),
        ((ones(3, 4, 1), ones(4, 3)), "input 'a': expected the shape (n, 4) with n=3, got (3, 4, 1)"),
        ((ones(3, 4, dtype="float64"), ones(4, 3)), "input 'a': expected float32 of shape (n, 4), got float64"),
        (("text", ones(4, 3)), "input 'a': expected an array of float32, got 'text'"),
    ],
)
def test_an_example_that_does_not_fit_is_refused_with_the_input_and_both_shapes(example, sentence) -> None:
    net = model([node("MatMul", "a b", "y")], {"a": ("n", 4), "b": (4, "n")})

    with pytest.raises(InvalidExample) as caught:
        measure(net, example)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "has no graph with outputs, no version of the format, no set of operators"),
        (b"not a model at all, but some text", "is no ONNX model"),
        (b"PK\x03\x04" + bytes(60), "is no ONNX model"),
    ],
    ids=["empty", "text", "zip"],
)
def test_a_file_that_is_no_model_is_refused(content, sentence, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(content)
    with pytest.raises(UnsupportedModel, match=r"net\.onnx is no ONNX model, or is not whole") as caught:
        measure(tmp_path / "net.onnx")
    assert sentence in str(caught.value)


def test_every_truncation_of_a_file_is_refused_or_leaves_the_counts_as_they_are(tmp_path: Path) -> None:
    whole = model([node("Gemm", "x w b", "y")], {"x": (1, 3)}, weights=LINEAR).SerializeToString()
    for length in range(len(whole)):
        (tmp_path / "net.onnx").write_bytes(whole[:length])
        with pytest.raises(UnsupportedModel):
            measure(tmp_path / "net.onnx")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (b"net", b"n\xfft", "a name in the ONNX graph is no text"),
        (b"\x10\x01", b"\x10\x7d", "125 stands for no type of elements"),
    ],
)
def test_a_file_with_garbled_names_or_types_is_refused(old, new, sentence, tmp_path: Path) -> None:
    net = model([node("MatMul", "x weight", "y")], {"x": (1, 3)}, weights={"weight": ones(3, 2)})
    whole = net.SerializeToString()
    assert old in whole
    (tmp_path / "net.onnx").write_bytes(whole.replace(old, new))
    with pytest.raises(UnsupportedModel, match=sentence):
        measure(tmp_path / "net.onnx")


def test_an_array_that_is_shorter_than_its_shape_is_refused() -> None:
    short = onnx.TensorProto(name="w", data_type=1, dims=[3, 2], raw_data=bytes(20))
    with pytest.raises(UnsupportedModel, match="array 'w' does not hold what its shape"):
        measure(model([node("MatMul", "x w", "y")], {"x": (1, 3)}, weights={"w": short}))


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.onnx", tmp_path):
        with pytest.raises(UnsupportedModel, match=r"expected an \.onnx file, got .*, where there is none"):
            measure(path)


def test_a_part_of_a_model_is_refused() -> None:
    net = model([node("Relu", "x", "y")], {"x": (1,)})
    with pytest.raises(UnsupportedModel, match=r"expected an onnx\.ModelProto or an \.onnx file, got .*GraphProto"):
        measure(net.graph)


@pytest.mark.parametrize("operator", ["MatMul", "Gemm"])
def test_shapes_that_contradict_each_other_are_not_counted_in_silence(operator) -> None:
    net = model([node(operator, "x w", "y")], {"x": (2, 3)}, weights={"w": ones(4, 2)})
    cost = measure(net, latency=False)
    assert (cost.macs, cost.uncounted) == (None, {f"{operator} of unknown shape": 1})


def test_zero_points_that_do_not_fit_their_weights_are_refused() -> None:
    net = model(
        [node("DequantizeLinear", "w s z", "v"), node("MatMul", "x v", "y")],
        {"x": (1, 3)},
        weights={"w": ones(3, 2, dtype="uint8"), "s": ones(5), "z": ones(5, dtype="uint8")},
    )
    with pytest.raises(UnsupportedModel, match=r"array 'w' of shape \(3, 2\) has zero points of shape \(5,\)"):
        measure(net)


def test_an_operator_that_keeps_numbers_of_its_own_leaves_the_parameters_unknown() -> None:
    tree = node("LinearRegressor", "x", "y", "ai.onnx.ml", coefficients=[0.5] * 3, intercepts=[1.0])
    cost = measure(model([tree], {"x": (1, 3)}), latency=False)

    assert (cost.parameters, cost.size_bytes, cost.parameters_nonzero, cost.macs) == (None,) * 4
    assert cost.unknown["parameters"] == "ai.onnx.ml.LinearRegressor may keep parameters of its own"
    assert cost.uncounted == {"ai.onnx.ml.LinearRegressor": 1}
    assert cost.serialized_bytes is not None


def test_the_latency_is_onnxruntimes_or_the_package_that_is_missing_is_named() -> None:
    cost = measure(model([node("Gemm", "x w b", "y")], {"x": (4, 3)}, weights=LINEAR), ones(4, 3), seconds=0.05)

    if importlib.util.find_spec("onnxruntime") is None:
        assert cost.unknown["latency_ms"] == "onnxruntime is not installed: pip install onnxruntime"
        assert cost.latency_ms is None
    else:
        assert cost.latency_ms > 0
        assert "InferenceSession.run of onnxruntime" in cost.contract["latency_ms"]["convention"]


def test_the_model_is_left_as_it_was() -> None:
    net = model([node("Gemm", "x w b", "y")], {"x": ("batch", 3)}, weights=LINEAR)
    before = net.SerializeToString()
    measure(net, ones(7, 3), latency=False)
    assert net.SerializeToString() == before
