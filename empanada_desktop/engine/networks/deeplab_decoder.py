"""Panoptic-DeepLab's decoder with atrous spatial pyramid pooling (arXiv 1911.10194, 1706.05587)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from empanada_desktop.engine.networks.blocks import conv_bn_relu, fill_small_normal, separable_conv_bn_act


class ImagePooling(nn.Module):
    """What the whole image is like, the same at every pixel."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.aspp_pooling = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.ReLU(inplace=True)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, H, W) to (N, out_channels, H, W)."""
        pooled: torch.Tensor = self.aspp_pooling(x)
        return pooled.expand(-1, -1, *x.shape[-2:])


class PyramidPooling(nn.Module):
    """Convolutions of four reaches and the image pooling, side by side, then joined."""

    def __init__(self, in_channels: int, out_channels: int, rates: Sequence[int], dropout: float) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            [
                conv_bn_relu(in_channels, out_channels, 1),
                *(conv_bn_relu(in_channels, out_channels, 3, dilation=rate) for rate in rates),
                ImagePooling(in_channels, out_channels),
            ]
        )
        joined = conv_bn_relu(len(self.convs) * out_channels, out_channels, 1)
        self.project = nn.Sequential(*joined, nn.Dropout(dropout))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, H, W) to (N, out_channels, H, W)."""
        out: torch.Tensor = self.project(torch.cat([conv(x) for conv in self.convs], dim=1))
        return out


class DeepLabDecoder(nn.Module):
    """Pyramid pooling on the deepest map, then encoder stages joined in, deepest first."""

    def __init__(
        self,
        widths: Sequence[int],
        stages: Sequence[int],
        stage_channels: Sequence[int],
        channels: int,
        pooling: PyramidPooling,
        pooling_channels: int,
    ) -> None:
        """`widths` are the channels of the encoder's stages 1 to 4; `stages` count from 1."""
        super().__init__()
        self.aspp = pooling
        self.stages = tuple(stages)
        before = [pooling_channels] + [channels] * (len(stages) - 1)
        self.project = nn.ModuleList(
            conv_bn_relu(widths[stage - 1], reduced, 1) for stage, reduced in zip(stages, stage_channels, strict=True)
        )
        self.fuse = nn.ModuleList(
            separable_conv_bn_act(deep + reduced, channels, 5)
            for deep, reduced in zip(before, stage_channels, strict=True)
        )
        self.apply(fill_small_normal)

    def forward(self, maps: list[torch.Tensor]) -> torch.Tensor:
        """Five encoder maps to (N, channels, h, w) on the grid of the last stage joined in."""
        x: torch.Tensor = self.aspp(maps[-1])
        for stage, project, fuse in zip(self.stages, self.project, self.fuse, strict=True):
            detail = project(maps[stage])
            x = functional.interpolate(x, size=detail.shape[-2:], mode="bilinear", align_corners=True)
            x = fuse(torch.cat([x, detail], dim=1))
        return x
