"""A good start for the last layer of a fresh network."""

import math

import numpy as np
import torch
from torch import nn

from empanada_desktop.engine.targets import class_map
from empanada_desktop.io.datasets import TrainingSet, load_pair


def class_fractions(planes: TrainingSet, class_ids: tuple[int, ...], label_divisor: int) -> tuple[float, ...]:
    """Share of the pixels of each class in a training set."""
    counts = np.zeros(len(class_ids) + 1, np.int64)
    for item in planes.images:
        _, mask = load_pair(item, class_ids, label_divisor)
        counts += np.bincount(class_map(mask, class_ids, label_divisor).ravel(), minlength=len(counts))
    return tuple(float(share) for share in counts[1:] / max(1, counts.sum()))


@torch.no_grad()
def set_class_prior(network: nn.Module, fractions: tuple[float, ...]) -> None:
    """Set the biases of the semantic head to the classes' shares of the pixels (one per foreground class).

    So the first steps are not spent on learning that most pixels are background (Lin et al., arXiv 1708.02002, 4.1).
    """
    bias = network.semantic_head.head[-1].bias  # type: ignore[union-attr, index]
    shares = [max(fraction, 1e-4) for fraction in fractions]
    background = max(1 - sum(shares), 1e-4)
    odds = [math.log(share / background) for share in shares]
    bias.copy_(torch.tensor(odds if bias.numel() == 1 else [0.0, *odds]))
