"""What the networks are trained to make small."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class LossWeights:
    """Share of each term in the sum, and the share of pixels that the semantic term looks at."""

    semantic: float = 1.0
    heatmap: float = 200.0
    offsets: float = 0.01
    points: float = 1.0
    overlap: float = 0.0
    """Weight of the soft Dice term, which the published weights were trained without."""
    hardest_fraction: float = 0.2
    """The semantic cross-entropy is averaged over this share of pixels, those with the largest loss."""


def pixel_cross_entropy(logits: Tensor, classes: Tensor) -> Tensor:
    """Cross-entropy of each pixel or point: logits (N, C, ...) against class indices (N, ...); C = 1 is binary."""
    if logits.shape[1] == 1:
        return F.binary_cross_entropy_with_logits(logits[:, 0], (classes > 0).to(logits.dtype), reduction="none")
    return F.cross_entropy(logits, classes, reduction="none")


def bootstrapped_cross_entropy(logits: Tensor, classes: Tensor, hardest_fraction: float) -> Tensor:
    """Mean cross-entropy of the share of pixels where it is largest, over the whole batch."""
    losses = pixel_cross_entropy(logits, classes).flatten()
    if hardest_fraction >= 1:
        return losses.mean()
    count = max(1, int(hardest_fraction * losses.numel()))
    return torch.topk(losses, count, sorted=False).values.mean()


def soft_dice(logits: Tensor, classes: Tensor) -> Tensor:
    """One minus the soft Dice overlap of each foreground class over the whole batch, averaged over classes."""
    if logits.shape[1] == 1:
        probabilities, truth = torch.sigmoid(logits), (classes > 0)[:, None].to(logits.dtype)
    else:
        probabilities = torch.softmax(logits, dim=1)[:, 1:]
        truth = F.one_hot(classes, logits.shape[1])[..., 1:].movedim(-1, 1).to(logits.dtype)
    axes = [axis for axis in range(logits.dim()) if axis != 1]
    shared = (probabilities * truth).sum(axes)
    return 1 - ((2 * shared + 1) / (probabilities.sum(axes) + truth.sum(axes) + 1)).mean()


def foreground_offsets(predicted: Tensor, wanted: Tensor, classes: Tensor) -> Tensor:
    """L1 distance of the offsets (N, 2, H, W), in pixels, summed over y and x and averaged over the foreground."""
    inside = (classes > 0)[:, None].to(predicted.dtype)
    return ((predicted - wanted).abs() * inside).sum() / inside.sum().clamp(min=1)


def classes_at(classes: Tensor, coordinates: Tensor) -> Tensor:
    """Read the class (N, P) of the pixel under each point; coordinates (N, P, 2) are x, y as fractions of the sides."""
    height, width = classes.shape[1:]
    x = (coordinates[..., 0] * width).long().clamp(0, width - 1)
    y = (coordinates[..., 1] * height).long().clamp(0, height - 1)
    return torch.gather(classes.flatten(1), 1, y * width + x)


def panoptic_loss(
    outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor], weights: LossWeights
) -> tuple[Tensor, dict[str, Tensor]]:
    """Weigh and add the terms of Panoptic-DeepLab and PointRend.

    `outputs` are those of a network's training forward; `targets` has "classes" (N, H, W), "heatmap" (N, 1, H, W) and
    "offsets" (N, 2, H, W). Returns the sum and each unweighted term, detached.
    """
    classes, logits = targets["classes"], outputs["semantic_logits"].float()
    terms = {
        "semantic": bootstrapped_cross_entropy(logits, classes, weights.hardest_fraction),
        "heatmap": F.mse_loss(outputs["centre_heatmap"].float(), targets["heatmap"]),
        "offsets": foreground_offsets(outputs["offsets"].float(), targets["offsets"], classes),
    }
    if "point_logits" in outputs:
        truth = classes_at(classes, outputs["point_coordinates"])
        terms["points"] = pixel_cross_entropy(outputs["point_logits"].float(), truth).mean()
    if weights.overlap:
        terms["overlap"] = soft_dice(logits, classes)
    total = torch.stack([getattr(weights, name) * term for name, term in terms.items()]).sum()
    return total, {name: term.detach() for name, term in terms.items()}
