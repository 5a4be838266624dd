"""MACs of torch models against hand counts, torch's own counter and fvcore's."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from tests.frameworks import nets
from trimtab.costs import measure

NETS = {"resnet18": nets.resnet18_like, "mobilenet_v2": nets.mobilenet_v2_like}


def count(model, *example, training=False):
    model.train(training)
    return measure(model, example, latency=False, training=training)


@pytest.mark.parametrize("name", NETS)
def test_a_convolutional_net_agrees_to_the_digit_with_two_other_counters(name) -> None:
    net, picture = NETS[name](), torch.randn(nets.PICTURE)
    with FlopCounterMode(display=False) as flops, torch.no_grad():
        net(picture)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fvcore is of 2022
        from fvcore.nn import FlopCountAnalysis

        analysis = FlopCountAnalysis(net, picture)
        analysis.unsupported_ops_warnings(False)
        by_operator = analysis.by_operator()
    cost = measure(net, picture, latency=False)
    assert cost.macs == flops.get_total_flops() / 2 == by_operator["conv"] + by_operator["linear"]
    assert cost.flops == 2 * cost.macs
    assert cost.uncounted == {}
    assert sum(layer.macs for layer in cost.layers) == cost.macs
    assert sum(layer.parameters for layer in cost.layers) == cost.parameters
    assert cost.parameters == sum(one.numel() for one in net.parameters())


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize(
    ("model", "example", "macs"),
    [
        (nn.Conv2d(3, 16, 3, padding=1), (1, 3, 10, 10), 43_200),
        (nn.Sequential(nn.Conv2d(3, 3, 3, padding=1, groups=3), nn.Conv2d(3, 16, 1)), (1, 3, 10, 10), 7_500),
        (nn.Conv2d(4, 8, 3, stride=2, dilation=2, groups=2), (1, 4, 11, 11), 9 * 2 * 8 * 4 * 4),
        (nn.Conv1d(4, 6, 5), (1, 4, 20), 5 * 4 * 6 * 16),
        (nn.Conv3d(2, 3, 2), (1, 2, 4, 4, 4), 8 * 2 * 3 * 27),
        (nn.ConvTranspose2d(3, 5, 4, stride=2, padding=1), (1, 3, 7, 7), 16 * 3 * 5 * 49),
        (nn.Linear(7, 5), (3, 7), 3 * 35),
        (nn.LSTM(8, 16), (5, 1, 8), 7_680),
        (nn.LSTM(8, 16, proj_size=4), (5, 1, 8), 5 * (64 * (8 + 4) + 16 * 4)),
        (nn.GRU(8, 16, 2, bidirectional=True), (5, 1, 8), 2 * 5 * 3 * 16 * (8 + 16 + 32 + 16)),
        (nn.RNN(8, 16), (5, 1, 8), 5 * 16 * 24),
        (nn.TransformerEncoderLayer(32, 4, 64, batch_first=True), (1, 10, 32), 88_320),
        (nn.Sequential(nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(), nn.GELU()), (2, 3, 8, 8), 0),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else None,
)
def test_a_layer_is_counted_as_by_hand(model, example, macs, training) -> None:
    cost = count(model, torch.randn(example), training=training)
    assert cost.uncounted == {}
    assert cost.macs == macs
    assert cost.macs_nonzero == cost.macs
    assert cost.contract["macs"]["mode"] == ("train" if training else "eval")


def test_what_torch_has_no_formula_for_is_named() -> None:
    cost = measure(nn.Bilinear(3, 4, 5).eval(), (torch.randn(2, 3), torch.randn(2, 4)), latency=False)
    assert (cost.macs, cost.uncounted) == (None, {"_trilinear": 1})


def test_an_embedding_looks_up_and_multiplies_nothing() -> None:
    cost = measure(nn.Embedding(100, 8).eval(), torch.arange(5), latency=False)
    assert (cost.macs, cost.parameters) == (0, 800)


def test_attention_is_counted_with_its_projections_and_both_products() -> None:
    attention = nn.MultiheadAttention(32, 4, batch_first=True).eval()
    x = torch.randn(1, 10, 32)
    cost = measure(attention, (x, x, x), latency=False)
    assert cost.macs == 4 * 10 * 32 * 32 + 2 * 10 * 10 * 32


def test_a_fused_attention_in_a_model_of_ones_own_is_counted() -> None:
    class Own(nn.Module):
        def forward(self, x):
            return nn.functional.scaled_dot_product_attention(x, x, x)

    assert measure(Own().eval(), torch.randn(1, 2, 6, 8), latency=False).macs == 2 * 2 * 6 * 6 * 8


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # torch.ao says that it will go
def test_an_int8_linear_is_named_as_uncounted_and_its_bytes_are_counted() -> None:
    model = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 3)).eval()
    cost = measure(torch.ao.quantization.quantize_dynamic(model, {nn.Linear}), torch.randn(1, 10))
    assert cost.uncounted == {"quantized.linear_dynamic": 2}
    assert cost.macs is cost.flops is cost.macs_nonzero is None
    assert "quantized.linear_dynamic x2" in cost.unknown["macs"]
    assert "macs" not in cost.as_metrics()
    assert cost.bytes_by_dtype["qint8"] == 260
    assert cost.parameters == 260


def test_an_operation_of_somebodys_own_is_named() -> None:
    torch.library.define("trimtab_tests::twice", "(Tensor x) -> Tensor")
    torch.library.impl("trimtab_tests::twice", "cpu", lambda x: 2 * x)

    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 4)

        def forward(self, x):
            return torch.ops.trimtab_tests.twice(torch.fft.fft(self.fc(x)).real)

    cost = measure(Own().eval(), torch.randn(1, 4), latency=False)
    assert cost.macs is None
    assert cost.macs_at_least == 16
    assert set(cost.uncounted) == {"trimtab_tests.twice", "_fft_r2c"}


def test_a_pruned_net_keeps_its_dense_macs_and_tells_the_others_beside_them() -> None:
    from torch.nn.utils import prune

    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 64, 10)).eval()
    dense = measure(net, torch.randn(1, 3, 10, 10), latency=False)
    prune.l1_unstructured(net[0], "weight", amount=0.5)
    prune.l1_unstructured(net[2], "weight", amount=0.75)
    cost = measure(net, torch.randn(1, 3, 10, 10), latency=False)
    assert cost.macs == dense.macs == dense.macs_nonzero
    assert cost.macs_nonzero == 216 // 2 * 64 + 5120 // 4
    for layer in (net[0], net[2]):
        prune.remove(layer, "weight")
    baked = measure(net, torch.randn(1, 3, 10, 10), latency=False)
    assert baked.macs_nonzero == cost.macs_nonzero
    assert baked.parameters_nonzero == dense.parameters - 108 - 3840


def test_the_whole_batch_is_counted_and_the_contract_says_so() -> None:
    cost = measure(nn.Linear(4, 2).eval(), torch.randn(5, 4), latency=False)
    assert cost.macs == 40
    assert cost.contract["macs"]["input_shape"] == [5, 4]
    assert cost.contract["macs"]["dtype"] == "float32"
    assert torch.__version__ in cost.contract["macs"]["counter"]


def test_a_net_is_counted_before_it_is_allocated() -> None:
    with torch.device("meta"):
        net, picture = nets.resnet18_like(), torch.randn(nets.PICTURE)
    cost = measure(net, picture)
    assert cost.macs == measure(nets.resnet18_like(), torch.randn(nets.PICTURE), latency=False).macs
    assert cost.latency_ms is None
    assert cost.unknown["latency_ms"] == "the model lies on the meta device"


def test_a_packed_sequence_is_one_argument_and_costs_its_real_steps() -> None:
    padded = torch.randn(2, 5, 8)
    packed = nn.utils.rnn.pack_padded_sequence(padded, [5, 3], batch_first=True)
    lstm = nn.LSTM(8, 16, batch_first=True).eval()
    assert measure(lstm, packed, latency=False).macs == 4 * 16 * (8 + 16) * (5 + 3)
    assert measure(lstm, (packed,), latency=False).macs == 4 * 16 * (8 + 16) * (5 + 3)


def test_a_linear_layer_takes_a_single_vector() -> None:
    assert measure(nn.Linear(8, 3, bias=False).eval(), torch.randn(8), latency=False).macs == 24


def test_a_layer_without_weights_costs_nothing() -> None:
    layer = nn.Linear(1, 3, bias=False).eval()
    layer.weight = nn.Parameter(torch.empty(3, 0))
    cost = measure(layer, torch.randn(2, 0), latency=False)
    assert cost.macs == cost.macs_nonzero == 0
