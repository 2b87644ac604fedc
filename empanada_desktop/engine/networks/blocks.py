"""Convolution, batch norm and activation in the few combinations that the networks are made of."""

from __future__ import annotations

import torch
from torch import nn


def conv_bn(
    in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, groups: int = 1, dilation: int = 1
) -> list[nn.Module]:
    """A "same" convolution without bias, followed by batch norm."""
    padding = dilation * (kernel - 1) // 2
    conv = nn.Conv2d(in_channels, out_channels, kernel, stride, padding, dilation, groups, bias=False)
    return [conv, nn.BatchNorm2d(out_channels)]


def conv_bn_relu(
    in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, groups: int = 1, dilation: int = 1
) -> nn.Sequential:
    """A "same" convolution, batch norm and ReLU."""
    layers = conv_bn(in_channels, out_channels, kernel, stride=stride, groups=groups, dilation=dilation)
    return nn.Sequential(*layers, nn.ReLU(inplace=True))


class SeparableConv2d(nn.Module):
    """A depthwise convolution and a pointwise one after it, both without bias."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        self.sepconv = nn.Sequential(
            nn.Conv2d(in_channels, in_channels, kernel, padding=kernel // 2, groups=in_channels, bias=False),
            nn.Conv2d(in_channels, out_channels, 1, bias=False),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to (N, out_channels, H, W)."""
        out: torch.Tensor = self.sepconv(x)
        return out


def separable_conv_bn_act(
    in_channels: int, out_channels: int, kernel: int, activation: nn.Module | None = None
) -> nn.Sequential:
    """A separable convolution, batch norm and an activation (ReLU unless given)."""
    activation = activation if activation is not None else nn.ReLU(inplace=True)
    return nn.Sequential(SeparableConv2d(in_channels, out_channels, kernel), nn.BatchNorm2d(out_channels), activation)


class Resample(nn.Module):
    """Bring a map to another number of channels or a coarser grid; nothing at all where both fit already."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        needed = in_channels != out_channels or stride > 1
        layers = conv_bn(in_channels, out_channels, 1, stride=stride) if needed else []
        self.conv = nn.Sequential(*layers) if needed else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, H, W) to (N, out_channels, H / stride, W / stride)."""
        out: torch.Tensor = self.conv(x)
        return out


def fill_batch_norm(module: nn.Module) -> None:
    """Start a batch norm at scale 1 and shift 0; leave other modules alone."""
    if isinstance(module, nn.BatchNorm2d):
        nn.init.ones_(module.weight)
        nn.init.zeros_(module.bias)


def fill_small_normal(module: nn.Module) -> None:
    """Start convolutions at a normal distribution of deviation .001 (Panoptic-DeepLab, arXiv 1911.10194)."""
    fill_batch_norm(module)
    if isinstance(module, nn.Conv2d):
        fill_normal(module.weight, 0.001)


def fill_normal(weight: torch.Tensor, deviation: float) -> None:
    """Draw normal numbers, but none for a network without memory: torch would load its compiler for that, seconds."""
    if not weight.is_meta:
        nn.init.normal_(weight, std=deviation)


def fill_kaiming(weight: torch.Tensor) -> None:
    """Draw normal numbers for a convolution with a ReLU behind it (He et al., arXiv 1502.01852), by its fan-out."""
    fill_normal(weight, (2.0 / (weight.shape[0] * weight[0, 0].numel())) ** 0.5)
