"""Sizes, memory and manners of measuring a torch model: nothing is changed, and what does not fit is refused."""

from __future__ import annotations

import contextlib
import copy
import gc
import io
import warnings
import weakref

import pytest
import torch
from torch import nn

from tests.frameworks import nets
from trimtab import compress
from trimtab.costs import InTraining, InvalidExample, UnsupportedModel, measure


def test_parameters_are_counted_once_and_those_that_are_frozen_are_not_trainable() -> None:
    shared = nn.Linear(6, 6)
    model = nn.Sequential(shared, nn.ReLU(), shared, nn.Linear(6, 2)).eval()
    model[3].requires_grad_(False)
    cost = measure(model, torch.randn(1, 6), latency=False)
    assert cost.parameters == 42 + 14
    assert cost.trainable_parameters == 42
    assert cost.size_bytes == 4 * 56
    assert cost.macs == 36 + 36 + 12


def test_bytes_are_told_by_dtype_with_the_buffers() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8)).half().eval()
    cost = measure(model)
    assert cost.bytes_by_dtype == {"float16": 2 * (216 + 4 * 8), "int64": 8}
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    assert cost.serialized_bytes == len(file.getvalue())
    assert cost.unknown["macs"] == "no example_input was given"


def test_the_peak_of_a_chain_is_the_example_and_two_neighbours() -> None:
    model = nn.Sequential(nn.Linear(10, 100), nn.Linear(100, 50), nn.Linear(50, 5)).eval()
    assert measure(model, torch.randn(1, 10), latency=False).activation_peak_bytes == 4 * (10 + 100 + 50)


def test_a_way_around_a_layer_keeps_its_tensor_alive() -> None:
    class Around(nn.Module):
        def __init__(self):
            super().__init__()
            self.up, self.down = nn.Linear(100, 100), nn.Linear(100, 100)

        def forward(self, x):
            before = self.up(x)
            return before + self.down(self.down(before))

    assert measure(Around().eval(), torch.randn(1, 100), latency=False).activation_peak_bytes == 4 * 400


def test_rows_cut_from_a_larger_tensor_take_their_own_bytes() -> None:
    rows = torch.randn(1000, 10)
    assert measure(nn.Linear(10, 5).eval(), rows[:2], latency=False).activation_peak_bytes == 4 * (20 + 10)
    pair = (rows[:1], rows[1:2])
    assert measure(nn.Bilinear(10, 10, 5).eval(), pair, latency=False).activation_peak_bytes >= 4 * (20 + 5)


def test_an_activation_that_is_changed_in_place_takes_its_bytes_once() -> None:
    chain = nn.Sequential(nn.Linear(10, 100), nn.ReLU(), nn.Linear(100, 5)).eval()
    assert measure(chain, torch.randn(1, 10), latency=False).activation_peak_bytes == 4 * (10 + 100 + 100)
    chain[1].inplace = True
    assert measure(chain, torch.randn(1, 10), latency=False).activation_peak_bytes == 4 * (10 + 100 + 5)


def test_a_model_in_training_is_refused_with_both_ways_out() -> None:
    with pytest.raises(InTraining, match=r"Sequential in training mode \(the model\); call model\.eval\(\), or pass"):
        measure(nn.Sequential(nn.Linear(2, 2)), torch.randn(1, 2))
    half = nn.Sequential(nn.Linear(2, 2), nn.Dropout()).eval()
    half[1].train()
    with pytest.raises(InTraining, match=r"in training mode \(1\)"):
        measure(half, torch.randn(1, 2))


@pytest.mark.parametrize("training", [True, False])
def test_nothing_of_the_model_is_changed(training) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), nn.Flatten(), nn.Linear(256, 2))
    model.train(training)
    before, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    fast = torch.backends.mha.get_fastpath_enabled()
    measure(model, torch.randn(2, 3, 10, 10), latency=False, training=training)
    torch.set_rng_state(state)
    measure(model, torch.ones(2, 3, 10, 10), latency=False, training=training)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert [module.training for module in model.modules()] == [training] * 6
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.backends.mha.get_fastpath_enabled() == fast
    assert torch.backends.mkldnn.enabled
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_an_example_that_does_not_fit_is_refused_with_the_layer_and_the_shape() -> None:
    with pytest.raises(InvalidExample, match=r"got \[1, 9\] of float32 on cpu; in 0 \(Linear\(in_features=8.*mat1"):
        measure(nn.Sequential(nn.Linear(8, 2)).eval(), torch.randn(1, 9))
    with pytest.raises(InvalidExample, match=r"in the model \(Linear"):
        measure(nn.Linear(8, 2).eval(), (torch.randn(1, 8), torch.randn(1, 8)))


class Tries(nn.Module):
    """Calls a layer that may fail, goes on, and calls another."""

    def __init__(self, features):
        super().__init__()
        self.first, self.second = nn.Linear(9, 9), nn.Linear(features, 2)

    def forward(self, x):
        with contextlib.suppress(RuntimeError):
            self.first(x)
        return self.second(x)


def test_an_error_that_the_model_catches_is_not_blamed() -> None:
    assert measure(Tries(4).eval(), torch.randn(1, 4), latency=False).macs == 8
    with pytest.raises(InvalidExample, match=r"in second \(Linear\(in_features=5"):
        measure(Tries(5).eval(), torch.randn(1, 4))


def test_an_example_of_another_kind_is_refused_with_what_python_said() -> None:
    class ByName(nn.Module):
        def forward(self, batch):
            return batch["pixels"]

    with pytest.raises(InvalidExample, match=r"in the model \(ByName\(\)\): IndexError"):
        measure(ByName().eval(), torch.randn(1, 4))


def test_what_keeps_its_layers_or_weights_to_itself_is_refused() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that scripts will go
        scripted = torch.jit.script(nn.Linear(2, 2))
    with pytest.raises(
        UnsupportedModel, match="got TorchScript \\(the model\\); pass the module that it was made from"
    ):
        measure(scripted.eval(), torch.randn(1, 2))
    lazy = nn.Sequential(nn.ReLU(), nn.LazyLinear(3)).eval()
    with pytest.raises(UnsupportedModel, match=r"got LazyLinear \(1\), which has seen no input yet; call model"):
        measure(lazy, torch.randn(1, 2))
    lazy(torch.randn(1, 2))
    assert measure(lazy, torch.randn(1, 2), latency=False).macs == 6


def test_a_model_that_is_partly_in_training_says_so_in_its_contract() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout()).train()
    model[1].eval()
    cost = measure(model, torch.randn(1, 2), latency=False, training=True)
    assert cost.contract["macs"]["mode"] == "mixed"


@pytest.mark.parametrize("example", [[[1.0, 2.0]], "x", 3, {}])
def test_an_example_without_a_tensor_is_refused(example) -> None:
    with pytest.raises(InvalidExample, match=r"expected a torch\.Tensor, a tuple"):
        measure(nn.Linear(2, 2).eval(), example)


def test_keywords_are_passed_by_name() -> None:
    attention = nn.MultiheadAttention(8, 2).eval()
    x = torch.randn(3, 1, 8)
    cost = measure(attention, {"query": x, "key": x, "value": x, "need_weights": False}, latency=False)
    assert cost.macs == 4 * 3 * 64 + 2 * 9 * 8


def test_the_stopwatch_runs_the_model() -> None:
    cost = measure(nn.Linear(4, 2).eval(), torch.randn(1, 4), seconds=0.01)
    assert cost.latency_ms > 0
    assert cost.stderr["latency_ms"] >= 0


def test_a_compressed_net_comes_back_as_a_net(tmp_path) -> None:
    net = nets.resnet18_like(8)
    report = compress(net, prune=0.8, bits=4)
    small = report.restored_model
    assert report.rate > 10
    state = net.state_dict()
    for name, tensor in small.state_dict().items():
        assert tensor.dtype == state[name].dtype
        assert tensor.shape == state[name].shape
        if tensor.dim() < 2:
            assert torch.equal(tensor, state[name])
    assert measure(small, latency=False).parameters_nonzero < 0.25 * measure(net, latency=False).parameters
    assert small(torch.randn(nets.PICTURE)).shape == (1, 10)


class Remembers(nn.Module):
    """Counts its calls in place, lets a buffer grow, keeps its input, shortens its words; one buffer is read-only."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 2)
        self.register_buffer("calls", torch.zeros(1))
        self.register_buffer("seen", torch.zeros(1))
        self.register_buffer("places", torch.arange(3).expand(2, 3))
        self.words = nn.Embedding(3, 2, max_norm=0.1)

    def forward(self, x):
        self.calls += 1
        self.seen = torch.cat([self.seen[-3:], x[0, :1]])
        self.last = x
        self.words(torch.tensor([1]))
        return {"out": self.linear(x), "nothing": None}


@pytest.mark.parametrize("latency", [True, False])
def test_what_a_model_remembers_of_its_calls_is_afterwards_as_before(latency) -> None:
    model = Remembers().eval()
    words = model.words.weight.detach().clone()
    assert measure(model, torch.randn(1, 4), latency=latency, seconds=0.01).macs == 8
    assert model.calls.tolist() == [0]
    assert model.seen.tolist() == [0]
    assert not hasattr(model, "last")
    assert torch.equal(model.words.weight, words)


def test_the_stopwatch_moves_no_running_mean_and_no_random_numbers() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout()).train()
    x, before, state = torch.randn(5, 4), copy.deepcopy(model.state_dict()), torch.get_rng_state()
    measure(model, x, training=True, seconds=0.01)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)


def test_an_example_that_lives_on_does_not_keep_the_model() -> None:
    x, model = torch.randn(1, 4), nn.Linear(4, 2).eval()
    measure(model, x, latency=False)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None
