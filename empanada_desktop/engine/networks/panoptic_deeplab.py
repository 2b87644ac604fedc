"""Panoptic-DeepLab (Cheng et al., arXiv 1911.10194) with PointRend."""

from __future__ import annotations

import torch

from empanada_desktop.engine.networks.deeplab_decoder import DeepLabDecoder, PyramidPooling
from empanada_desktop.engine.networks.encoders import build_encoder
from empanada_desktop.engine.networks.panoptic import PanopticNetwork
from empanada_desktop.io.weights import NetworkConfig


class PanopticDeepLab(PanopticNetwork):
    """Pyramid pooling decoders for classes and instances, one encoder."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config, build_encoder(config.encoder, config.encoder_channels, config.stage4_stride))
        self.semantic_decoder = self._decoder(1.0)
        self.instance_decoder = self._decoder(config.instance_ratio) if config.instance_decoder else None
        self.add_heads(config.decoder_channels)

    def _decoder(self, ratio: float) -> DeepLabDecoder:
        config = self.config
        pooled = config.aspp_channels or config.decoder_channels
        pooling = PyramidPooling(self.encoder.widths[-1], pooled, config.atrous_rates, config.aspp_dropout)
        reduced = [int(channels * ratio) for channels in config.low_level_channels]
        stages = config.low_level_stages
        return DeepLabDecoder(self.encoder.widths, stages, reduced, config.decoder_channels, pooling, pooled)

    def decode(self, maps: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """The encoder's five maps to semantic and instance features, both (N, channels, H / 4, W / 4)."""
        semantic = self.semantic_decoder(maps)
        return semantic, semantic if self.instance_decoder is None else self.instance_decoder(maps)
