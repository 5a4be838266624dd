"""Networks in the manner of ResNet-18 and MobileNetV2, of the paper's layers but for small pictures."""

from __future__ import annotations

import torch
from torch import Tensor, nn

PICTURE = (1, 3, 32, 32)
"""The shape that both nets are shown: one picture of three channels."""


class Residual(nn.Module):
    """Two 3 x 3 convolutions and a way around them (He et al. 2016, figure 2)."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inside, outside, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(outside),
            nn.ReLU(inplace=True),
            nn.Conv2d(outside, outside, 3, padding=1, bias=False),
            nn.BatchNorm2d(outside),
        )
        self.around: nn.Module = nn.Identity()
        if stride != 1 or inside != outside:
            self.around = nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) + self.around(x))


class InvertedResidual(nn.Module):
    """1 x 1 wider, 3 x 3 depthwise, 1 x 1 narrower (Sandler et al. 2018, figure 4)."""

    def __init__(self, inside: int, outside: int, stride: int, expand: int) -> None:
        super().__init__()
        wide = inside * expand
        widen = [nn.Conv2d(inside, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU6(inplace=True)]
        self.body = nn.Sequential(
            *(widen if expand != 1 else []),
            nn.Conv2d(wide, wide, 3, stride, padding=1, groups=wide, bias=False),
            nn.BatchNorm2d(wide),
            nn.ReLU6(inplace=True),
            nn.Conv2d(wide, outside, 1, bias=False),
            nn.BatchNorm2d(outside),
        )
        self.skips = stride == 1 and inside == outside

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x) if self.skips else self.body(x)


def resnet18_like(width: int = 64, classes: int = 10) -> nn.Module:
    """The 18 layers of He et al. 2016, table 1, each stage `width` times 1, 2, 4, 8 channels wide; in eval mode."""
    stages, inside = [], width
    for factor, stride in ((1, 1), (2, 2), (4, 2), (8, 2)):
        outside = width * factor
        stages += [Residual(inside, outside, stride), Residual(outside, outside, 1)]
        inside = outside
    return nn.Sequential(
        nn.Conv2d(3, width, 7, 2, padding=3, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, padding=1),
        *stages,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(inside, classes),
    ).eval()


def mobilenet_v2_like(classes: int = 10) -> nn.Module:
    """The 17 blocks of Sandler et al. 2018, table 2; in eval mode."""
    blocks: list[nn.Module] = []
    inside = 32
    for expand, outside, repeats, stride in (
        *((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2)),
        *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
    ):
        for repeat in range(repeats):
            blocks.append(InvertedResidual(inside, outside, stride if repeat == 0 else 1, expand))
            inside = outside
    return nn.Sequential(
        *(nn.Conv2d(3, 32, 3, 2, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU6(inplace=True)),
        *blocks,
        *(nn.Conv2d(inside, 1280, 1, bias=False), nn.BatchNorm2d(1280), nn.ReLU6(inplace=True)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(1280, classes)),
    ).eval()
