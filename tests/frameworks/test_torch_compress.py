"""`trimtab.compress` on torch modules: what is stored of them, and the module that comes back."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from trimtab import compress
from trimtab.compression import InvalidWeights, decode


class Tied(nn.Module):
    """A table of words that is used on the way in and on the way out."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(50, 8)
        self.out = nn.Linear(8, 50, bias=False)
        self.out.weight = self.table.weight

    def forward(self, words: Tensor) -> Tensor:
        out: Tensor = self.out(self.table(words))
        return out


def a_net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(128, 4)
    ).eval()


def test_a_module_comes_back_with_the_weights_of_the_stream() -> None:
    net, pictures = a_net(), torch.randn(5, 3, 6, 6)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    report = compress(net, prune=0.5, bits=4)
    back = report.restored_model
    assert set(decode(report.data)) == set(before)
    for name, tensor in back.state_dict().items():
        assert torch.equal(tensor, torch.from_numpy(report.restored[name]))
        assert tensor.dtype == before[name].dtype
        if tensor.ndim < 2:  # biases, norms and how many batches the norm has seen
            assert torch.equal(tensor, before[name])
    assert int((back[0].weight != 0).sum()) <= back[0].weight.numel() // 2
    assert not back.training
    assert back(pictures).shape == (5, 4)
    assert all(torch.equal(net.state_dict()[name], tensor) for name, tensor in before.items())


def test_eight_bits_change_next_to_nothing() -> None:
    net, pictures = a_net(), torch.randn(5, 3, 6, 6)
    back = compress(net, bits=8, quantizer="uniform", channel_axis=0).restored_model
    assert torch.allclose(back(pictures), net(pictures), atol=0.02)


def test_tied_weights_are_stored_once_and_stay_tied() -> None:
    model = Tied()
    report = compress(model, bits=4)
    back = report.restored_model
    assert report.stages[0].bytes == 4 * 50 * 8
    assert list(report.restored) == ["table.weight"]
    assert back.out.weight is back.table.weight
    assert torch.equal(back.out.weight, torch.from_numpy(report.restored["table.weight"]))


def test_training_the_restored_module_changes_no_report() -> None:
    report = compress(a_net(), bits=4)
    back = report.restored_model
    with torch.no_grad():
        back[0].weight.zero_()
    assert report.restored["0.weight"].any()


@pytest.mark.parametrize(
    ("model", "came"),
    [
        (nn.Linear(3, 3).to(torch.bfloat16), r"got torch\.bfloat16 as 'weight'"),
        (nn.Linear(3, 3, device="meta"), r"got torch\.float32 as 'weight'"),
    ],
    ids=["bfloat16", "meta"],
)
def test_tensors_that_numpy_cannot_hold_are_refused_by_name(model, came) -> None:
    with pytest.raises(InvalidWeights, match=f"expected tensors that numpy can hold, {came}"):
        compress(model, bits=4)
