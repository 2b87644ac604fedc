"""A network made for prediction only: every batch norm folded into the convolution before it."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils import fuse_conv_bn_weights

from empanada_desktop.engine.networks.blocks import SeparableConv2d

Convolution = nn.Conv2d | nn.ConvTranspose2d


def fuse_batch_norms(network: nn.Module) -> nn.Module:
    """Fold all batch norms of a network in eval mode into its convolutions, in place; it predicts the same, faster.

    The result cannot train, and its state dict is of no use to others.
    """
    network.requires_grad_(False)
    for module in list(network.modules()):
        for (_, child), (name, following) in pairwise(list(module.named_children())):
            conv = _convolution(child)
            if isinstance(following, nn.BatchNorm2d) and conv is not None:
                _fold(conv, following)
                setattr(module, name, nn.Identity())
    return network


def _convolution(module: nn.Module) -> Convolution | None:
    if isinstance(module, SeparableConv2d):
        return _convolution(module.sepconv[1])
    return module if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)) else None


def _fold(conv: Convolution, norm: nn.BatchNorm2d) -> None:
    if norm.running_mean is None or norm.running_var is None:
        raise TypeError("a batch norm without running statistics")
    statistics = (norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias)
    is_transposed = isinstance(conv, nn.ConvTranspose2d)
    conv.weight, conv.bias = fuse_conv_bn_weights(conv.weight, conv.bias, *statistics, transpose=is_transposed)
    conv.weight.data = conv.weight.data.contiguous(memory_format=torch.channels_last)
