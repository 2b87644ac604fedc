"""RegNet encoders for one grey channel (Radosavovic et al., arXiv 2003.13678; Dollar et al., arXiv 2103.06877)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from empanada_desktop.engine.networks.blocks import Resample, conv_bn, conv_bn_relu, fill_batch_norm

STEM_CHANNELS = 32


class RegNetRule(NamedTuple):
    """The numbers that a RegNet grows from: depth, first width, slope, width multiplier, width of a group."""

    depth: int
    first_width: int
    slope: float
    multiplier: float
    group_width: int
    squeeze: bool = False

    def stages(self) -> tuple[list[int], list[int], list[int]]:
        """Width, depth and number of groups of each stage: eqn. 2 to 4 of arXiv 2003.13678, widths in eights."""
        linear = self.first_width + np.arange(self.depth) * self.slope
        power = np.round(np.log(linear / self.first_width) / np.log(self.multiplier))
        rounded = 8 * np.round(self.first_width * self.multiplier**power / 8).astype(int)
        widths, depths = np.unique(rounded, return_counts=True)
        group_widths = [min(self.group_width, int(width)) for width in widths]
        groups = [max(1, round(int(width) / group)) for width, group in zip(widths, group_widths, strict=True)]
        fitted = [count * group for count, group in zip(groups, group_widths, strict=True)]
        return fitted, [int(depth) for depth in depths], groups


# The smaller Y networks are without squeeze-and-excitation, as in the weights that exist under these names.
REGNETS: dict[str, RegNetRule] = {
    "regnetx_6p4gf": RegNetRule(17, 184, 60.83, 2.07, 56),
    "regnety_200mf": RegNetRule(13, 24, 36.44, 2.49, 8),
    "regnety_800mf": RegNetRule(14, 56, 38.84, 2.4, 16),
    "regnety_3p2gf": RegNetRule(21, 80, 42.63, 2.66, 24),
    "regnety_4gf": RegNetRule(22, 96, 31.41, 2.24, 64),
    "regnety_6p4gf": RegNetRule(25, 112, 33.22, 2.27, 72, squeeze=True),
    "regnety_8gf": RegNetRule(17, 192, 76.82, 2.19, 56, squeeze=True),
    "regnety_16gf": RegNetRule(18, 200, 106.23, 2.48, 112, squeeze=True),
}


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
        fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
        nn.init.normal_(module.weight, std=(2.0 / fan_out) ** 0.5)
