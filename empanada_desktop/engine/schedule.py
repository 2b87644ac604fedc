"""One-cycle learning rate and the optimiser's parameter groups."""

import math
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class OneCycle:
    """Rise to `peak` over the first `rise` of the run, then fall to almost nothing, both along half a cosine.

    Momentum (AdamW's first beta) goes the opposite way, between `momentum` (low, high). Smith & Topin 2017,
    arXiv 1708.07120; the same figures as torch.optim.lr_scheduler.OneCycleLR with its defaults.
    """

    peak: float = 0.003
    rise: float = 0.3
    start_divisor: float = 25.0
    end_divisor: float = 1e4
    momentum: tuple[float, float] = (0.85, 0.95)

    def at(self, fraction: float) -> tuple[float, float]:
        """Learning rate and momentum when `fraction` (0 to 1) of the run is done."""
        low, high = self.momentum
        start, end = self.peak / self.start_divisor, self.peak / self.start_divisor / self.end_divisor
        if fraction < self.rise:
            return _cosine(start, self.peak, fraction / self.rise), _cosine(high, low, fraction / self.rise)
        fallen = min(1.0, (fraction - self.rise) / max(1 - self.rise, 1e-9))
        return _cosine(self.peak, end, fallen), _cosine(low, high, fallen)


def _cosine(first: float, last: float, fraction: float) -> float:
    return last + (first - last) * (1 + math.cos(math.pi * fraction)) / 2


def make_optimiser(network: nn.Module, weight_decay: float) -> torch.optim.AdamW:
    """AdamW over the parameters that train; biases and normalisation layers are not decayed."""
    training = [(name, value) for name, value in network.named_parameters() if value.requires_grad]
    kept_small = [value for _, value in training if value.dim() > 1]
    free = [value for _, value in training if value.dim() <= 1]
    groups = [{"params": kept_small, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=1e-3)


def set_rate(optimiser: torch.optim.Optimizer, rate: float, momentum: float) -> None:
    """Give every group the learning rate and first beta of this step."""
    for group in optimiser.param_groups:
        group["lr"] = rate
        group["betas"] = (momentum, group["betas"][1])
