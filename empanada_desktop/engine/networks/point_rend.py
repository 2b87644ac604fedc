"""PointRend: a semantic map made finer where it is in doubt (Kirillov et al., arXiv 1912.08193)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from empanada_desktop.engine.networks.blocks import fill_kaiming, fill_normal


def uncertainty(logits: torch.Tensor) -> torch.Tensor:
    """(N, C, ...) to (N, ...): the higher, the closer the decision between the two likeliest classes."""
    if logits.shape[1] == 1:
        return -logits[:, 0].abs()
    top = logits.topk(2, dim=1).values
    return top[:, 1] - top[:, 0]


def sample_points(maps: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Bilinear values of (N, C, H, W) at points (N, P, 2) as x, y in 0..1 of the image's sides: (N, C, P)."""
    grid = (2.0 * points - 1.0).unsqueeze(2).to(maps.dtype)
    return functional.grid_sample(maps, grid, mode="bilinear", align_corners=False).squeeze(3)


def training_points(logits: torch.Tensor, n_points: int, oversample: int, importance: float) -> torch.Tensor:
    """Random points (N, n_points, 2), a share `importance` of them the most uncertain of `oversample` times as many."""
    batch = logits.shape[0]
    candidates = torch.rand(batch, n_points * oversample, 2, device=logits.device)
    n_uncertain = int(importance * n_points)
    doubt = uncertainty(sample_points(logits, candidates))
    chosen = doubt.topk(n_uncertain, dim=1).indices.unsqueeze(2).expand(-1, -1, 2)
    others = torch.rand(batch, n_points - n_uncertain, 2, device=logits.device)
    return torch.cat([candidates.gather(1, chosen), others], dim=1)


def uncertain_pixels(logits: torch.Tensor, n_points: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The most uncertain pixels of (N, C, H, W): flat indices (N, P), and their centres (N, P, 2) as x, y in 0..1."""
    height, width = logits.shape[-2:]
    doubt = uncertainty(logits).flatten(1)
    indices = doubt.topk(min(n_points, height * width), dim=1).indices
    x = (indices % width + 0.5) / width
    y = (torch.div(indices, width, rounding_mode="floor") + 0.5) / height
    return indices, torch.stack([x, y], dim=2)


class PointHead(nn.Module):
    """A perceptron for single points, shown the coarse prediction again at every layer."""

    def __init__(self, channels: int, n_classes: int, n_layers: int) -> None:
        super().__init__()
        joined = channels + n_classes
        self.fc_layers = nn.ModuleList(
            nn.Sequential(nn.Conv1d(joined, channels, 1), nn.ReLU(inplace=True)) for _ in range(n_layers)
        )
        self.predictor = nn.Conv1d(joined, n_classes, 1)
        self.apply(_fill)
        fill_normal(self.predictor.weight, 0.001)

    def forward(self, features: torch.Tensor, coarse: torch.Tensor) -> torch.Tensor:
        """Features (N, channels, P) and coarse logits (N, C, P) to logits (N, C, P)."""
        x = features
        for layer in self.fc_layers:
            x = layer(torch.cat([x, coarse], dim=1))
        out: torch.Tensor = self.predictor(torch.cat([x, coarse], dim=1))
        return out


def _fill(module: nn.Module) -> None:
    if isinstance(module, nn.Conv1d):
        fill_kaiming(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class PointRend(nn.Module):
    """The point head with its two ways of choosing points: at random to train, on a growing grid to predict."""

    def __init__(
        self,
        channels: int,
        n_classes: int,
        n_layers: int,
        n_training: int,
        oversample: int,
        importance: float,
        n_subdivision: int,
    ) -> None:
        super().__init__()
        self.point_head = PointHead(channels, n_classes, n_layers)
        self.n_training = n_training
        self.oversample = oversample
        self.importance = importance
        self.n_subdivision = n_subdivision

    def predict_points(self, coarse: torch.Tensor, features: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Logits (N, C, P) at points (N, P, 2)."""
        logits: torch.Tensor = self.point_head(sample_points(features, points), sample_points(coarse, points))
        return logits

    def forward(self, coarse: torch.Tensor, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (N, C, P) at fresh random points, and those points (N, P, 2) as x, y in 0..1."""
        with torch.no_grad():
            points = training_points(coarse, self.n_training, self.oversample, self.importance)
        return self.predict_points(coarse, features, points), points

    def refine(self, coarse: torch.Tensor, features: torch.Tensor, steps: int) -> torch.Tensor:
        """Double the side of (N, C, h, w) logits `steps` times, predicting the most uncertain pixels anew each time."""
        logits = coarse
        for _ in range(steps):
            logits = functional.interpolate(logits, scale_factor=2.0, mode="bilinear", align_corners=False).contiguous()
            indices, points = uncertain_pixels(logits, self.n_subdivision)
            refined = self.predict_points(coarse, features, points)
            where = indices.unsqueeze(1).expand(-1, logits.shape[1], -1)
            logits = logits.flatten(2).scatter(2, where, refined.to(logits.dtype)).view_as(logits)
        return logits
