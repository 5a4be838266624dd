"""Multiply-accumulates of single ONNX operators, counted by hand."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from tests.frameworks.onnx_graphs import model, node, ones
from trimtab.costs import measure
from trimtab.costs.onnx_operators import FORMULAS, FREE

U8, I8 = np.uint8, np.int8


def byte(*shape: int) -> np.ndarray:
    return np.ones(shape, U8)


CASES = {
    "the worked example": (
        model([node("Conv", "x w", "y", pads=[1] * 4)], {"x": (1, 3, 10, 10)}, weights={"w": ones(16, 3, 3, 3)}),
        (43_200, 432),
    ),
    "the worked example, separable": (
        model(
            [node("Conv", "x d", "h", group=3, pads=[1] * 4), node("Conv", "h p", "y")],
            {"x": (1, 3, 10, 10)},
            weights={"d": ones(3, 1, 3, 3), "p": ones(16, 3, 1, 1)},
        ),
        (7_500, 75),
    ),
    "stride, dilation, groups, bias and batch": (
        model(
            [node("Conv", "x w b", "y", strides=[2, 2], dilations=[2, 2], group=2)],
            {"x": (5, 4, 11, 11)},
            weights={"w": ones(8, 2, 3, 3), "b": ones(8)},
        ),
        (5 * 9 * 2 * 8 * 4 * 4, 9 * 2 * 8 + 8),
    ),
    "one axis": (
        model([node("Conv", "x w", "y")], {"x": (1, 4, 20)}, weights={"w": ones(6, 4, 5)}),
        (5 * 4 * 6 * 16, 120),
    ),
    "three axes": (
        model([node("Conv", "x w", "y")], {"x": (1, 2, 4, 4, 4)}, weights={"w": ones(3, 2, 2, 2, 2)}),
        (8 * 2 * 3 * 27, 48),
    ),
    "transposed": (
        model(
            [node("ConvTranspose", "x w b", "y", strides=[2, 2], pads=[1] * 4)],
            {"x": (2, 3, 7, 7)},
            weights={"w": ones(3, 5, 4, 4), "b": ones(5)},
        ),
        (2 * 16 * 3 * 5 * 49, 245),
    ),
    "Gemm": (
        model([node("Gemm", "x w b", "y", transB=1)], {"x": (3, 7)}, weights={"w": ones(5, 7), "b": ones(5)}),
        (3 * 35, 40),
    ),
    "Gemm with its first factor turned": (
        model([node("Gemm", "x w", "y", transA=1)], {"x": (7, 3)}, weights={"w": ones(7, 5)}),
        (3 * 35, 35),
    ),
    "MatMul at every position": (
        model([node("MatMul", "x w", "y")], {"x": (2, 3, 7)}, weights={"w": ones(7, 5)}),
        (2 * 3 * 35, 35),
    ),
    "MatMul of two inputs, one spread over the other": (
        model([node("MatMul", "x z", "y")], {"x": (2, 4, 3, 7), "z": (4, 7, 5)}),
        (2 * 4 * 3 * 35, 0),
    ),
    "MatMul of vectors": (model([node("MatMul", "x z", "y")], {"x": (7,), "z": (7,)}), (7, 0)),
    "MatMulInteger": (
        model([node("MatMulInteger", "x w", "y")], {"x": byte(3, 7)}, weights={"w": np.ones((7, 5), I8)}),
        (105, 35),
    ),
    "ConvInteger": (
        model([node("ConvInteger", "x w", "y")], {"x": byte(1, 3, 12, 12)}, weights={"w": byte(16, 3, 3, 3)}),
        (43_200, 432),
    ),
    "QLinearConv": (
        model(
            [node("QLinearConv", "x s z w ws wz s z b", "y", pads=[1] * 4)],
            {"x": byte(1, 3, 10, 10)},
            weights={
                "s": np.float32(0.1),
                "z": U8(3),
                "w": np.full((16, 3, 3, 3), 7, I8),
                "b": ones(16, dtype="int32"),
                "ws": ones(16),
                "wz": np.zeros(16, I8),
            },
        ),
        (43_200, 432 + 16),
    ),
    "QLinearMatMul": (
        model(
            [node("QLinearMatMul", "x s z w s z s z", "y")],
            {"x": byte(3, 7)},
            weights={"s": np.float32(0.1), "z": U8(3), "w": byte(7, 5)},
        ),
        (105, 35),
    ),
    "LSTM from 8 to 16 over 5 steps": (
        model(
            [node("LSTM", "x w r b", "y", hidden_size=16)],
            {"x": (5, 1, 8)},
            weights={"w": ones(1, 64, 8), "r": ones(1, 64, 16), "b": ones(1, 128)},
        ),
        (7_680, 4 * 16 * (8 + 16 + 2)),
    ),
    "LSTM that only gives its last state, of a batch of 3, with batches first": (
        model(
            [node("LSTM", "x w r", "- y", hidden_size=16, layout=1)],
            {"x": (3, 5, 8)},
            weights={"w": ones(1, 64, 8), "r": ones(1, 64, 16)},
        ),
        (3 * 7_680, 4 * 16 * 24),
    ),
    "GRU in both directions": (
        model(
            [node("GRU", "x w r", "y", hidden_size=16, direction="bidirectional")],
            {"x": (5, 1, 8)},
            weights={"w": ones(2, 48, 8), "r": ones(2, 48, 16)},
        ),
        (2 * 5 * 3 * 16 * 24, 2 * 3 * 16 * 24),
    ),
    "RNN": (
        model(
            [node("RNN", "x w r", "y", hidden_size=16)],
            {"x": (5, 1, 8)},
            weights={"w": ones(1, 16, 8), "r": ones(1, 16, 16)},
        ),
        (5 * 16 * 24, 16 * 24),
    ),
    "Attention of four axes, values of another size": (
        model([node("Attention", "q k v", "y")], {"q": (2, 4, 10, 8), "k": (2, 4, 6, 8), "v": (2, 4, 6, 5)}),
        (2 * 4 * 10 * 6 * (8 + 5), 0),
    ),
    "Attention of three axes, keys and values shared by two heads each": (
        model(
            [node("Attention", "q k v", "y", q_num_heads=4, kv_num_heads=2)],
            {"q": (1, 10, 32), "k": (1, 10, 16), "v": (1, 10, 16)},
        ),
        (2 * 10 * 10 * 32, 0),
    ),
    "Attention to what was kept": (
        model(
            [node("Attention", "q k v - pk pv", "y nk nv")],
            {
                **dict.fromkeys("qkv", (1, 4, 1, 8)),
                **dict.fromkeys(("pk", "pv"), (1, 4, 9, 8)),
            },
        ),
        (2 * 4 * 10 * 8, 0),
    ),
    "Einsum of matrices": (
        model([node("Einsum", "x w", "y", equation="bik, kj -> bij")], {"x": (2, 3, 7)}, weights={"w": ones(7, 5)}),
        (2 * 3 * 35, 35),
    ),
    "Einsum with leading axes and no written output": (
        model([node("Einsum", "x z", "y", equation="...ik,...kj")], {"x": (2, 4, 3, 7), "z": (1, 4, 7, 5)}),
        (2 * 4 * 3 * 35, 0),
    ),
    "Einsum that sums nothing": (
        model([node("Einsum", "x z", "y", equation="ij,ij->ij")], {"x": (3, 7), "z": (3, 7)}),
        (0, 0),
    ),
    "Einsum that turns": (model([node("Einsum", "x", "y", equation="ij->ji")], {"x": (3, 7)}), (0, 0)),
}


@pytest.mark.parametrize("name", CASES)
def test_an_operator_is_counted_as_by_hand(name) -> None:
    net, (macs, parameters) = CASES[name]
    cost = measure(net, latency=False)

    assert (cost.macs, cost.flops, cost.macs_nonzero) == (macs, 2 * macs, macs)
    assert (cost.parameters, cost.parameters_nonzero) == (parameters, parameters)
    assert cost.uncounted == {}
    assert sum(layer.macs for layer in cost.layers) == macs
    assert sum(layer.parameters for layer in cost.layers) == parameters


def test_an_encoder_layer_of_width_32_is_88320_macs() -> None:
    wide = {"q": (32, 32), "k": (32, 32), "v": (32, 32), "o": (32, 32), "up": (32, 64), "down": (64, 32)}
    net = model(
        [
            *(node("MatMul", f"x {name}", f"x{name}") for name in "qkv"),
            node("Attention", "xq xk xv", "a", q_num_heads=4, kv_num_heads=4),
            *(node("MatMul", "a o", "ao"), node("Add", "x ao", "s1")),
            *(node("LayerNormalization", "s1 g h", "n1"), node("MatMul", "n1 up", "u"), node("Relu", "u", "r")),
            *(node("MatMul", "r down", "d"), node("Add", "n1 d", "s2"), node("LayerNormalization", "s2 g h", "y")),
        ],
        {"x": (1, 10, 32)},
        weights={name: ones(*shape) for name, shape in wide.items()} | {"g": ones(32), "h": ones(32)},
    )
    assert measure(net, latency=False).macs == 88_320


def test_microsofts_attention_and_quantised_products_are_counted() -> None:
    net = model(
        [node("Attention", "x w b - p", "y kept", "com.microsoft", num_heads=4)],
        {"x": (2, 10, 32), "p": (2, 2, 4, 6, 8)},
        weights={"w": ones(32, 96), "b": ones(96)},
    )
    cost = measure(net, latency=False)
    assert cost.macs == 2 * 10 * 32 * 96 + 2 * 2 * 10 * 16 * 32
    assert cost.parameters == 32 * 96 + 96

    turned = model(
        [node("QGemm", "x s z w s z b s z", "y", "com.microsoft", transB=1)],
        {"x": byte(3, 7)},
        weights={"s": np.float32(0.1), "z": U8(3), "w": byte(5, 7), "b": ones(5, dtype="int32")},
    )
    cost = measure(turned, latency=False)
    assert (cost.macs, cost.macs_nonzero, cost.parameters) == (105, 105, 40)

    split = model(
        [node("MultiHeadAttention", "q k v", "y", "com.microsoft", num_heads=4)],
        {"q": (2, 10, 32), "k": (2, 6, 32), "v": (2, 6, 16)},
    )
    assert measure(split, latency=False).macs == 2 * 10 * 6 * (32 + 16)


@pytest.mark.parametrize(
    ("net", "named"),
    [
        (model([node("Det", "x", "y")], {"x": (3, 3)}), "Det"),
        (model([node("Twice", "x", "y", "somebodys.own")], {"x": (3, 3)}), "somebodys.own.Twice"),
        (model([node("Einsum", "x x x", "y", equation="ij,jk,kl->il")], {"x": (3, 3)}), "Einsum"),
        (
            model(
                [node("Twice", "x", "h", "somebodys.own"), node("MatMul", "h w", "y")],
                {"x": (3, 3)},
                weights={"w": ones(3, 3)},
            ),
            "MatMul of unknown shape",
        ),
    ],
    ids=["no formula", "of another domain", "three operands", "behind what nobody knows"],
)
def test_what_has_no_formula_is_named_and_nothing_is_told_of_the_sum(net, named) -> None:
    cost = measure(net, latency=False)

    assert cost.uncounted[named] == 1
    assert (cost.macs, cost.flops, cost.macs_nonzero) == (None, None, None)
    assert f"{named} x1" in cost.unknown["macs"]
    assert "macs" not in cost.as_metrics()


def test_what_could_be_counted_beside_is_a_lower_bound() -> None:
    net = model([node("MatMul", "x w", "h"), node("Det", "h", "y")], {"x": (3, 3)}, weights={"w": ones(3, 3)})
    cost = measure(net, latency=False)

    assert (cost.macs, cost.macs_at_least, cost.uncounted) == (None, 27, {"Det": 1})
    assert {layer.kind: layer.macs for layer in cost.layers} == {"MatMul": 27, "Det": None}


def test_every_operator_of_onnx_is_counted_free_or_one_of_these() -> None:
    own = {one.name for one in onnx.defs.get_all_schemas() if one.domain == ""}
    unnamed = {
        *("CausalConvWithState", "DFT", "DeformConv", "Det", "If", "ImageDecoder", "LinearAttention", "Loop"),
        *("MelWeightMatrix", "NonMaxSuppression", "STFT", "Scan", "SequenceMap", "TfIdfVectorizer"),
    }
    assert own - FREE - set(FORMULAS) <= unnamed
    assert FREE & set(FORMULAS) == set()


def test_a_function_of_the_model_is_counted_by_what_it_does() -> None:
    twice = helper.make_function(
        *("own", "Projected", ["a", "b"], ["c"]),
        [node("MatMul", "a b", "h"), node("Relu", "h", "c")],
        [helper.make_opsetid("", 23)],
    )
    net = model(
        [node("Projected", "x w", "h", "own"), node("Projected", "h w", "y", "own")],
        {"x": (2, 4)},
        weights={"w": ones(4, 4)},
        functions=[twice],
    )
    cost = measure(net, latency=False)
    assert (cost.macs, cost.parameters, cost.uncounted) == (2 * 2 * 16, 16, {})


def test_a_branch_that_multiplies_nothing_is_free_and_another_is_named() -> None:
    def branching(op):
        branches = {
            f"{name}_branch": helper.make_graph([node(op, "x w", name)], name, [], [onnx.ValueInfoProto(name=name)])
            for name in ("then", "else")
        }
        return model(
            [node("If", "c", "y", **branches)],
            {"c": np.array(True), "x": (3, 3)},
            weights={"w": ones(3, 3)},
        )

    free, multiplying = measure(branching("Add"), latency=False), measure(branching("MatMul"), latency=False)
    assert (free.macs, free.uncounted, free.parameters) == (0, {}, 9)
    assert (multiplying.macs, multiplying.uncounted, multiplying.parameters) == (None, {"If": 1}, 9)
    assert multiplying.unknown["activation_peak_bytes"] == "If runs a graph of its own"
