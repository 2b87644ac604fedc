"""The small convolutions at the end that turn features into one kind of map each."""

from __future__ import annotations

import torch
from torch import nn

from empanada_desktop.engine.networks.blocks import fill_small_normal, separable_conv_bn_act


class MapHead(nn.Module):
    """A separable 5 x 5 convolution and a pointwise one (Panoptic-DeepLab, arXiv 1911.10194)."""

    def __init__(self, channels: int, n_maps: int) -> None:
        super().__init__()
        self.head = nn.Sequential(separable_conv_bn_act(channels, channels, 5), nn.Conv2d(channels, n_maps, 1))
        self.apply(fill_small_normal)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, channels, h, w) to (N, n_maps, h, w)."""
        out: torch.Tensor = self.head(x)
        return out
