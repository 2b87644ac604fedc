"""What both panoptic networks share: heads, the training forward, prediction, and frozen parts that stay frozen."""

from __future__ import annotations

from typing import Self

import torch
from torch import nn
from torch.nn import functional

from empanada_desktop.engine.networks.encoders import Encoder
from empanada_desktop.engine.networks.heads import MapHead
from empanada_desktop.engine.networks.point_rend import PointRend
from empanada_desktop.io.weights import NetworkConfig


class PanopticNetwork(nn.Module):
    """From one grey image: semantic logits, a heatmap of instance centres, and offsets from pixels to their centre.

    Images are (N, 1, H, W), normalised, their sides divisible by `config.size_factor`. Offsets are (y, x) in pixels
    of the full image. Nothing here applies a sigmoid or softmax.
    """

    def __init__(self, config: NetworkConfig, encoder: Encoder) -> None:
        super().__init__()
        self.config = config
        self.encoder = encoder

    def add_heads(self, channels: int) -> None:
        """Put the heads behind decoders that give `channels` channels; last, so that keys come in the known order."""
        config = self.config
        self.semantic_head = MapHead(channels, config.n_classes)
        self.ins_center = MapHead(channels, 1)
        self.ins_xy = MapHead(channels, 2)
        self.semantic_pr = PointRend(
            channels,
            config.n_classes,
            config.point_layers,
            config.training_points,
            config.oversample_ratio,
            config.importance_ratio,
            config.subdivision_points,
        )

    def decode(self, maps: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """The encoder's five maps to semantic and instance features, both (N, channels, H / 4, W / 4)."""
        raise NotImplementedError

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """What the losses need, at full resolution.

        "semantic_logits" (N, C, H, W), "centre_heatmap" (N, 1, H, W), "offsets" (N, 2, H, W); in train mode also
        "point_logits" (N, C, P) and "point_coordinates" (N, P, 2), as x, y in 0..1 of the sides.
        """
        semantic, instance = self.decode(self.encoder(images))
        coarse = self.semantic_head(semantic)
        outputs = {
            "semantic_logits": quadruple(coarse),
            "centre_heatmap": quadruple(self.ins_center(instance)),
            "offsets": quadruple(self.ins_xy(instance)),
        }
        if self.training:
            outputs["point_logits"], outputs["point_coordinates"] = self.semantic_pr(coarse, semantic)
        return outputs

    @torch.inference_mode()
    def predict(
        self, images: torch.Tensor, render_steps: int = 2, interpolate_instances: bool = False
    ) -> dict[str, torch.Tensor]:
        """Segment: "semantic_logits" (N, C, side H/4 * 2^render_steps), "centre_heatmap" (N, 1), "offsets" (N, 2).

        Heatmap and offsets come at H/4, or interpolated to H. Call `.eval()` first: batch norms follow the mode.
        """
        semantic, instance = self.decode(self.encoder(images))
        logits = self.semantic_pr.refine(self.semantic_head(semantic), semantic, render_steps)
        heatmap, offsets = self.ins_center(instance), self.ins_xy(instance)
        if interpolate_instances:
            heatmap, offsets = quadruple(heatmap), quadruple(offsets)
        return {"semantic_logits": logits, "centre_heatmap": heatmap, "offsets": offsets}

    def train(self, mode: bool = True) -> Self:
        """As usual, but batch norms whose parameters are frozen keep their running statistics as they are."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d) and not module.weight.requires_grad:
                module.eval()
        return self


def quadruple(maps: torch.Tensor) -> torch.Tensor:
    """Maps at a quarter of the image's side, (N, C, h, w), interpolated to its own; the corners stay the corners."""
    return functional.interpolate(maps, scale_factor=4.0, mode="bilinear", align_corners=True)
