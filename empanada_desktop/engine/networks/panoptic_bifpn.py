"""The lighter panoptic network: a bidirectional feature pyramid in place of the pyramid pooling, with PointRend."""

from __future__ import annotations

import torch

from empanada_desktop.engine.networks.bifpn import BiFPN, BiFPNDecoder
from empanada_desktop.engine.networks.blocks import Resample
from empanada_desktop.engine.networks.encoders import build_encoder
from empanada_desktop.engine.networks.panoptic import PanopticNetwork
from empanada_desktop.io.weights import NetworkConfig


class PanopticBiFPN(PanopticNetwork):
    """Feature pyramids for classes and instances, one encoder."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config, build_encoder(config.encoder, config.encoder_channels))
        channels = config.fpn_channels
        self.p2_resample = Resample(self.encoder.widths[0], channels)
        self.semantic_fpn = self._pyramid()
        self.semantic_decoder = BiFPNDecoder(channels)
        self.instance_fpn = self._pyramid() if config.instance_decoder else None
        self.instance_decoder = BiFPNDecoder(channels) if config.instance_decoder else None
        self.add_heads(channels)

    def _pyramid(self) -> BiFPN:
        config = self.config
        return BiFPN(self.encoder.widths[1:], config.fpn_channels, config.fpn_layers, config.fpn_depthwise)

    def decode(self, maps: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """The encoder's five maps to semantic and instance features, both (N, channels, H / 4, W / 4)."""
        finest = self.p2_resample(maps[1])
        semantic = self.semantic_decoder([finest, *self.semantic_fpn(maps[2:])])
        if self.instance_fpn is None or self.instance_decoder is None:
            return semantic, semantic
        return semantic, self.instance_decoder([finest, *self.instance_fpn(maps[2:])])
