"""Batch norms that came out of a folded network: give them statistics of real images before they train."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn


class _Moments:
    """Sum and sum of squares per channel of everything that a batch norm is given."""

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        self.count = 0
        self.total = torch.zeros_like(norm.weight, dtype=torch.float64)
        self.squares = self.total.clone()

    def add(self, _: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        """Take (N, C, H, W) in."""
        values = inputs[0].detach().double()
        self.count += values.numel() // values.shape[1]
        self.total += values.sum((0, 2, 3))
        self.squares += values.square().sum((0, 2, 3))

    def mean_and_variance(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Per channel, over all that was taken in."""
        mean = self.total / self.count
        return mean, (self.squares / self.count - mean.square()).clamp_min(0)


@torch.no_grad()
def settle_batch_norms(network: nn.Module, batches: Iterable[torch.Tensor]) -> int:
    """Measure the inputs of unfolded batch norms and restate them so that training starts where prediction left off.

    An unfolded batch norm passes its input on plus a bias; it knows no statistics. Trained like that it would normalise
    by each batch and so scale away what the network has learnt. Here mean and variance over `batches` (N, 1, H, W,
    normalised like the training images) become its running statistics, and scale and bias make up for them exactly:
    outputs in eval mode do not change, those in train mode come close. Returns how many batch norms were restated; 0
    means that the network has statistics of its own.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    fresh = {norm: _Moments(norm) for norm in norms if _is_unfolded(norm)}
    hooks = [module.register_forward_pre_hook(moments.add) for module, moments in fresh.items()]
    was_training = network.training
    network.eval()
    try:
        for images in batches if fresh else ():
            network(images)
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
    measured = [(module, moments) for module, moments in fresh.items() if moments.count]
    for module, moments in measured:
        _restate(module, *moments.mean_and_variance())
    return len(measured)


def _is_unfolded(norm: nn.BatchNorm2d) -> bool:
    mean, variance = _statistics(norm)
    is_neutral = bool((mean == 0).all()) and bool((norm.weight == 1).all())
    return is_neutral and bool(((variance - 1).abs() <= 2 * norm.eps).all())


def _restate(norm: nn.BatchNorm2d, mean: torch.Tensor, variance: torch.Tensor) -> None:
    """Give a neutral batch norm these statistics, and the scale and bias that leave its function as it is."""
    running_mean, running_variance = _statistics(norm)
    norm.bias.add_(mean)
    norm.weight.copy_(torch.sqrt(variance + norm.eps))
    running_mean.copy_(mean)
    running_variance.copy_(variance)


def _statistics(norm: nn.BatchNorm2d) -> tuple[torch.Tensor, torch.Tensor]:
    if norm.running_mean is None or norm.running_var is None:
        raise TypeError("a batch norm without running statistics")
    return norm.running_mean, norm.running_var
