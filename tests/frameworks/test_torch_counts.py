"""MACs of torch models against hand counts, torch's own counter and fvcore's."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode, register_flop_formula

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
    class Distances(nn.Module):
        def forward(self, x):
            return torch.cdist(x, x)

    cost = measure(Distances().eval(), torch.randn(3, 4), latency=False)
    assert (cost.macs, cost.uncounted) == (None, {"_cdist_forward": 1})
    assert cost.layers[0].macs is None


def test_a_bilinear_layer_uses_every_weight_once_for_every_row() -> None:
    cost = measure(nn.Bilinear(3, 4, 5).eval(), (torch.randn(2, 3), torch.randn(2, 4)), latency=False)
    assert cost.macs == 2 * 3 * 4 * 5


class Of(nn.Module):
    """A model that computes one function of its inputs."""

    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *inputs):
        return self.function(self, *inputs)


@pytest.mark.parametrize(
    ("function", "shapes", "macs"),
    [
        (lambda _, a, x: a @ x, [(3, 4), (4,)], 12),
        (lambda _, x, y: torch.dot(x, y), [(4,), (4,)], 4),
        (lambda _, a, x: torch.addmv(torch.zeros(3), a, x), [(3, 4), (4,)], 12),
        (lambda _, a, b: torch.addbmm(torch.zeros(3, 5), a, b), [(2, 3, 4), (2, 4, 5)], 120),
        (lambda _, a, b: torch.einsum("bij,bjk->bik", a, b), [(2, 3, 4), (2, 4, 5)], 120),
        (lambda _, x: torch.linalg.vector_norm(x.sort().values.cumsum(0)), [(4,)], 0),
        (lambda _, x: torch.relu_(x + 1).unsqueeze_(0).mul_(2).clamp_(0, 1), [(4,)], 0),
    ],
    ids=["mv", "dot", "addmv", "addbmm", "einsum", "free", "free in place"],
)
def test_products_of_vectors_and_batches_are_counted_as_by_hand(function, shapes, macs) -> None:
    cost = measure(Of(function).eval(), tuple(torch.randn(shape) for shape in shapes), latency=False)
    assert (cost.macs, cost.uncounted) == (macs, {})


def test_inference_mode_hides_no_layer() -> None:
    @torch.inference_mode()
    def inside(self, x):
        return self.encoder(x)

    encoder = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
    x = torch.randn(1, 10, 32)
    assert measure(Of(inside, encoder=encoder).eval(), x, latency=False).macs == 88_320
    with torch.inference_mode():
        assert measure(encoder.eval(), x, latency=False).macs == 88_320


def test_an_operation_of_higher_order_is_named_and_not_refused() -> None:
    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda x: self.layer(x), lambda x: x, (x,))

    cost = measure(Of(forward, layer=nn.Linear(4, 4)).eval(), torch.ones(2, 4), latency=False)
    assert (cost.macs, cost.uncounted) == (None, {"cond": 1})


def test_a_formula_that_is_registered_with_torch_is_used() -> None:
    torch.library.define("trimtab_tests::thrice", "(Tensor x) -> Tensor")
    torch.library.impl("trimtab_tests::thrice", "cpu", lambda x: 3 * x)
    register_flop_formula(torch.ops.trimtab_tests.thrice)(lambda shape, **_: 2 * 7 * shape[0])
    cost = measure(Of(lambda _, x: torch.ops.trimtab_tests.thrice(x)).eval(), torch.randn(5), latency=False)
    assert cost.macs == 35


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
def test_sparse_and_nested_products_are_named() -> None:
    sparse = nn.Parameter(torch.eye(4).to_sparse())
    cost = measure(Of(lambda self, x: torch.sparse.mm(self.weight, x), weight=sparse).eval(), torch.randn(4, 2))
    assert (cost.macs, cost.uncounted) == (None, {"_sparse_addmm": 1})
    assert cost.bytes_by_dtype == {"int64": 2 * 4 * 8, "float32": 4 * 4}
    assert (cost.parameters, cost.parameters_nonzero) == (16, 4)
    nested = torch.nested.nested_tensor([torch.randn(2, 4), torch.randn(3, 4)])
    cost = measure(nn.Linear(4, 3).eval(), nested, latency=False)
    assert (cost.macs, cost.uncounted) == (None, {"linear": 1})


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
    assert cost.parameters == 260 + 23
    table = [(layer.name, layer.kind, layer.parameters, layer.macs) for layer in cost.layers]
    assert table == [("0", "Linear", 220, None), ("1", "ReLU", 0, 0), ("2", "Linear", 63, None)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_weights_that_torch_has_packed_out_of_sight_are_unknown_and_never_none() -> None:
    model = torch.ao.quantization.quantize_dynamic(nn.ModuleDict({"lstm": nn.LSTM(20, 4)}).eval(), {nn.LSTM})
    cost = measure(model)
    assert cost.parameters is cost.parameters_nonzero is cost.size_bytes is None
    assert "lstm._all_weight_values.0.param" in cost.unknown["size_bytes"]
    assert cost.serialized_bytes > 0


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
    weight = net[0].weight
    cost = measure(net, torch.randn(1, 3, 10, 10), latency=False)
    assert net[0].weight is weight
    assert cost.macs == dense.macs == dense.macs_nonzero
    assert cost.parameters_nonzero == dense.parameters - 108 - 3840
    assert cost.size_bytes == 2 * dense.size_bytes - 4 * 18  # the masks are stored beside the whole weights
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
    assert cost.contract["macs"]["device_type"] == "cpu"
    assert torch.__version__ in cost.contract["macs"]["counter"]


def test_a_net_is_counted_before_it_is_allocated() -> None:
    with torch.device("meta"):
        net, picture = nets.resnet18_like(), torch.randn(nets.PICTURE)
    cost = measure(net, picture)
    assert cost.macs == measure(nets.resnet18_like(), torch.randn(nets.PICTURE), latency=False).macs
    assert cost.latency_ms is None
    for unknown in ("latency_ms", "macs_nonzero", "parameters_nonzero", "serialized_bytes"):
        assert cost.unknown[unknown] == "the model lies on the meta device"


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


class Tied(nn.Module):
    """An embedding whose weights are those of the last layer, a parameter of its own, attention and a product."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(20, 8)
        self.places = nn.Parameter(torch.randn(3, 8))
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.out = nn.Linear(8, 20, bias=False)
        self.out.weight = self.words.weight

    def forward(self, words):
        x = self.words(words) + self.places
        x, _ = self.attention(x, x, x)
        return self.out(x @ x.mT @ x)


def test_the_table_adds_up_with_shared_weights_parts_that_are_not_called_and_products_between_layers() -> None:
    cost = measure(Tied().eval(), torch.tensor([[1, 2, 3]]), latency=False)
    table = {layer.name: (layer.kind, layer.parameters, layer.macs, layer.output_shape) for layer in cost.layers}
    assert table == {
        "": ("Tied", 24, 2 * 3 * 3 * 8, (1, 3, 20)),
        "words": ("Embedding", 160, 0, (1, 3, 8)),
        "attention": ("MultiheadAttention", 4 * 72, 4 * 3 * 64 + 2 * 9 * 8, (1, 3, 8)),
        "out": ("Linear", 0, 3 * 160, (1, 3, 20)),
    }
    assert sum(layer.parameters for layer in cost.layers) == cost.parameters
    assert sum(layer.macs for layer in cost.layers) == cost.macs


def test_a_recurrent_net_with_zeros_in_its_weights_counts_them_at_every_step() -> None:
    lstm = nn.LSTM(8, 16).eval()
    with torch.no_grad():
        lstm.weight_hh_l0[:, :4] = 0
    cost = measure(lstm, torch.randn(5, 1, 8), latency=False)
    assert cost.macs == 7_680
    assert cost.macs_nonzero == 5 * 64 * (8 + 12)
