"""ResNet encoders for one grey channel (He et al., arXiv 1512.03385), the stride on the 3 x 3 convolution."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

from empanada_desktop.engine.networks.blocks import conv_bn, fill_batch_norm, fill_kaiming
from empanada_desktop.io.weights.encoders import RESNETS


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut: ResNet18 and ResNet34."""

    expansion: ClassVar[int] = 1

    def __init__(self, in_channels: int, channels: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv_bn(in_channels, channels, 3, stride=stride, dilation=dilation)
        self.conv2, self.bn2 = conv_bn(channels, channels, 3, dilation=dilation)
        self.downsample = _shortcut(in_channels, channels, stride)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, H, W) to (N, channels, H / stride, W / stride)."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x if self.downsample is None else self.downsample(x)
        summed: torch.Tensor = self.relu(out)
        return summed


class Bottleneck(nn.Module):
    """A 3 x 3 convolution between two 1 x 1 ones beside a shortcut: ResNet50 and ResNet101."""

    expansion: ClassVar[int] = 4

    def __init__(self, in_channels: int, channels: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv_bn(in_channels, channels, 1)
        self.conv2, self.bn2 = conv_bn(channels, channels, 3, stride=stride, dilation=dilation)
        self.conv3, self.bn3 = conv_bn(channels, channels * self.expansion, 1)
        self.downsample = _shortcut(in_channels, channels * self.expansion, stride)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, H, W) to (N, 4 channels, H / stride, W / stride)."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += x if self.downsample is None else self.downsample(x)
        summed: torch.Tensor = self.relu(out)
        return summed


def _shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and in_channels == out_channels:
        return None
    return nn.Sequential(*conv_bn(in_channels, out_channels, 1, stride=stride))


class ResNet(nn.Module):
    """A ResNet without its classifier, giving the map after the stem and after each of four stages."""

    def __init__(self, name: str, channels: int = 64, output_stride: int = 32) -> None:
        super().__init__()
        shape = RESNETS[name]
        block: type[BasicBlock] | type[Bottleneck] = Bottleneck if shape.is_bottleneck else BasicBlock
        depths = shape.depths
        self.stem_names = ("conv1", "bn1")
        self.stage_names = ("layer1", "layer2", "layer3", "layer4")
        self.widths = shape.widths(channels)
        self.conv1 = nn.Conv2d(1, channels, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        deep_stride, dilation = (1, 2) if output_stride == 16 else (2, 1)
        self.layer1 = _stage(block, channels, channels, depths[0], 1, 1)
        self.layer2 = _stage(block, self.widths[0], channels * 2, depths[1], 2, 1)
        self.layer3 = _stage(block, self.widths[1], channels * 4, depths[2], 2, 1)
        self.layer4 = _stage(block, self.widths[2], channels * 8, depths[3], deep_stride, dilation)
        self.apply(_fill)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """(N, 1, H, W) to five maps at 1/4, 1/4, 1/8, 1/16 and 1/32 (1/16 with output_stride 16) of the sides."""
        maps = [self.maxpool(self.relu(self.bn1(self.conv1(x))))]
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            maps.append(stage(maps[-1]))
        return maps


def _stage(
    block: type[BasicBlock] | type[Bottleneck], in_channels: int, channels: int, depth: int, stride: int, dilation: int
) -> nn.Sequential:
    first = block(in_channels, channels, stride, dilation)
    others = [block(channels * block.expansion, channels, 1, dilation) for _ in range(depth - 1)]
    return nn.Sequential(first, *others)


def _fill(module: nn.Module) -> None:
    fill_batch_norm(module)
    if isinstance(module, nn.Conv2d):
        fill_kaiming(module.weight)
