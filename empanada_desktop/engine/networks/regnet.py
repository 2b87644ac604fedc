"""RegNet encoders for one grey channel (Radosavovic et al., arXiv 2003.13678; Dollar et al., arXiv 2103.06877)."""

from __future__ import annotations

import torch
from torch import nn

from empanada_desktop.engine.networks.blocks import Resample, conv_bn, conv_bn_relu, fill_batch_norm, fill_kaiming
from empanada_desktop.io.weights.encoders import REGNETS

STEM_CHANNELS = 32


class SqueezeExcite(nn.Module):
    """A gate per channel *and pixel*: there is no pooling in it, in keeping with weights that exist."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = channels // 4
        self.se = nn.Sequential(
            nn.Conv2d(channels, squeezed, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(squeezed, channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to the same shape."""
        gate: torch.Tensor = self.se(x)
        return x * gate


class Bottleneck(nn.Module):
    """1 x 1, grouped 3 x 3 and 1 x 1 convolutions."""

    def __init__(self, in_channels: int, channels: int, groups: int, stride: int, squeeze: bool) -> None:
        super().__init__()
        self.a = conv_bn_relu(in_channels, channels, 1)
        self.b = conv_bn_relu(channels, channels, 3, stride=stride, groups=groups)
        self.se = SqueezeExcite(channels) if squeeze else None
        self.c = nn.Sequential(*conv_bn(channels, channels, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, H, W) to (N, channels, H / stride, W / stride)."""
        x = self.b(self.a(x))
        out: torch.Tensor = self.c(x if self.se is None else self.se(x))
        return out


class Block(nn.Module):
    """A bottleneck beside a shortcut."""

    def __init__(self, in_channels: int, channels: int, groups: int, stride: int, squeeze: bool) -> None:
        super().__init__()
        self.bottleneck = Bottleneck(in_channels, channels, groups, stride, squeeze)
        self.downsample = Resample(in_channels, channels, stride)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, H, W) to (N, channels, H / stride, W / stride)."""
        out: torch.Tensor = self.act(self.bottleneck(x) + self.downsample(x))
        return out


class Stem(nn.Module):
    """The first convolution, to half the side."""

    def __init__(self) -> None:
        super().__init__()
        self.cbr = conv_bn_relu(1, STEM_CHANNELS, 3, stride=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 1, H, W) to (N, 32, H / 2, W / 2)."""
        out: torch.Tensor = self.cbr(x)
        return out


class RegNet(nn.Module):
    """A RegNet without its classifier, giving the map after the stem and after each of four stages."""

    def __init__(self, name: str, output_stride: int = 32) -> None:
        super().__init__()
        rule = REGNETS[name]
        self.widths, depths, groups = rule.stages()
        self.stem_names = ("stem",)
        self.stage_names = ("stage1", "stage2", "stage3", "stage4")
        strides = (2, 2, 2, 1 if output_stride == 16 else 2)
        self.stem = Stem()
        for i, stage in enumerate(self.stage_names):
            before = self.widths[i - 1] if i else STEM_CHANNELS
            self.add_module(stage, _stage(before, self.widths[i], depths[i], groups[i], strides[i], rule.squeeze))
        self.apply(_fill)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """(N, 1, H, W) to five maps at 1/2, 1/4, 1/8, 1/16 and 1/32 (1/16 with output_stride 16) of the sides."""
        maps = [self.stem(x)]
        for stage in self.stage_names:
            maps.append(self.get_submodule(stage)(maps[-1]))
        return maps


def _stage(in_channels: int, channels: int, depth: int, groups: int, stride: int, squeeze: bool) -> nn.Sequential:
    stage = nn.Sequential()
    stage.add_module("block1", Block(in_channels, channels, groups, stride, squeeze))
    for i in range(1, depth):
        stage.add_module(f"block{i + 1}", Block(channels, channels, groups, 1, squeeze))
    return stage


def _fill(module: nn.Module) -> None:
    fill_batch_norm(module)
    if isinstance(module, nn.Conv2d):
        fill_kaiming(module.weight)
