"""A bidirectional feature pyramid (EfficientDet, arXiv 1911.09070) and its decoder to 1/4 of the side."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from empanada_desktop.engine.networks.blocks import (
    Resample,
    SeparableConv2d,
    conv_bn_relu,
    fill_batch_norm,
    separable_conv_bn_act,
)

# Keeps the fusion weights' normalisation away from 0 / 0.
EPSILON = 1e-4


def _halve(x: torch.Tensor) -> torch.Tensor:
    return functional.max_pool2d(x, 3, stride=2, padding=1)


def _double(x: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


class FusionPass(nn.Module):
    """One direction through the pyramid: resampling, fusion weights and one convolution that all levels share."""

    def __init__(self, in_channels: Sequence[int], channels: int, depthwise: bool) -> None:
        super().__init__()
        self.resamplings = nn.ModuleList(Resample(before, channels) for before in in_channels)
        if depthwise:
            shared = separable_conv_bn_act(channels, channels, 3, nn.SiLU(inplace=True))
        else:
            shared = conv_bn_relu(channels, channels, 3)
        # One module under several names, so that state dicts repeat it as published ones do.
        self.after_combines = nn.ModuleList([shared] * len(in_channels))
        self.weights = nn.Parameter(torch.ones(len(in_channels) + 1))

    def shares(self) -> torch.Tensor:
        """The fusion weights, none below 0, as shares of their sum."""
        positive = functional.relu(self.weights)
        return positive / (positive.sum() + EPSILON)

    def fuse(self, level: int, parts: Sequence[torch.Tensor], shares: torch.Tensor) -> torch.Tensor:
        """Weighted mean of maps of one shape, then the convolution; `shares[level:]` weigh the parts."""
        used = shares[level : level + len(parts)]
        scaled = used / (used.sum() + EPSILON)
        mean = scaled[0] * parts[0]
        for share, part in zip(scaled[1:], parts[1:], strict=True):
            mean = torch.addcmul(mean, part, share)
        out: torch.Tensor = self.after_combines[level](mean)
        return out


class TopDown(FusionPass):
    """From the coarsest level to the finest."""

    def forward(self, maps: list[torch.Tensor]) -> list[torch.Tensor]:
        """Maps coarsest first; the result in the same order, the first one as it came."""
        shares = self.shares()
        fused = [maps[0]]
        for level, resample in enumerate(self.resamplings):
            fused.append(self.fuse(level, (_double(fused[-1]), resample(maps[level + 1])), shares))
        return fused


class BottomUp(FusionPass):
    """From the finest level to the coarsest."""

    def forward(self, maps: list[torch.Tensor], top_down: list[torch.Tensor]) -> list[torch.Tensor]:
        """Maps without the finest level, and the top-down result, all finest first, to all levels, finest first."""
        shares = self.shares()
        fused = [top_down[0]]
        for level, resample in enumerate(self.resamplings):
            parts = [_halve(fused[-1]), resample(maps[level])]
            if level < len(self.resamplings) - 1:
                parts.append(top_down[level + 1])
            fused.append(self.fuse(level, parts, shares))
        return fused


class BiFPNLayer(nn.Module):
    """Once down and once up again."""

    def __init__(self, in_channels: Sequence[int], channels: int, depthwise: bool) -> None:
        super().__init__()
        self.top_down_fpn = TopDown(in_channels[-2::-1], channels, depthwise)
        self.bottom_up_fpn = BottomUp(in_channels[1:], channels, depthwise)

    def forward(self, maps: list[torch.Tensor]) -> list[torch.Tensor]:
        """Maps finest first, each half the side of the one before; the same grids come out."""
        top_down = self.top_down_fpn(maps[::-1])
        out: list[torch.Tensor] = self.bottom_up_fpn(maps[1:], top_down[::-1])
        return out


class BiFPN(nn.Module):
    """Encoder maps at 1/8, 1/16 and 1/32 to five fused ones at 1/8 to 1/128 of the image's side."""

    def __init__(self, widths: Sequence[int], channels: int, n_layers: int, depthwise: bool) -> None:
        """`widths` are the channels of the encoder's stages 2 to 4."""
        super().__init__()
        self.p6_resample = Resample(widths[-1], channels)
        first = [*widths, channels, channels]
        inputs = [first] + [[channels] * len(first)] * (n_layers - 1)
        self.bifpns = nn.ModuleList(BiFPNLayer(before, channels, depthwise) for before in inputs)

    def forward(self, maps: list[torch.Tensor]) -> list[torch.Tensor]:
        """Three maps finest first to five maps of `channels` channels, finest first."""
        p6 = _halve(self.p6_resample(maps[-1]))
        pyramid = [*maps, p6, _halve(p6)]
        for layer in self.bifpns:
            pyramid = layer(pyramid)
        return pyramid


class BiFPNDecoder(nn.Module):
    """Upsample from the coarsest level to 1/4 of the side, joining each level in."""

    def __init__(self, channels: int, n_levels: int = 5) -> None:
        super().__init__()
        self.upsamplings = nn.ModuleList(
            _upsampling(channels if level == 0 else 2 * channels, channels) for level in range(n_levels)
        )
        self.fusion = separable_conv_bn_act(2 * channels, channels, 5)
        self.apply(_fill)

    def forward(self, maps: list[torch.Tensor]) -> torch.Tensor:
        """Six maps finest first to (N, channels, H / 4, W / 4)."""
        x = maps[-1]
        for upsample, skip in zip(self.upsamplings, maps[-2::-1], strict=True):
            x = torch.cat([upsample(x), skip], dim=1)
        out: torch.Tensor = self.fusion(x)
        return out


def _upsampling(in_channels: int, out_channels: int) -> nn.Sequential:
    conv = nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True))


def _fill(module: nn.Module) -> None:
    fill_batch_norm(module)
    if isinstance(module, SeparableConv2d):
        for conv in module.sepconv:
            nn.init.uniform_(conv.get_parameter("weight"), *_glorot_limits(conv))


def _glorot_limits(conv: nn.Module) -> tuple[float, float]:
    """Glorot's uniform range with the fans of one group."""
    weight = conv.get_parameter("weight")
    area = weight.shape[2] * weight.shape[3]
    groups = conv.groups if isinstance(conv, nn.Conv2d) else 1
    fans = area * (weight.shape[1] + weight.shape[0] // groups)
    limit = (6.0 / max(2, fans)) ** 0.5
    return -limit, limit
